# fish completion for slurmq(1): asks the binary, and holds no list of its own

function __slurmq_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (command $words[1] help --complete -- $words[2..-1] 2>/dev/null)
    switch "$found[1]"
        case :files
            __fish_complete_path (commandline -ct)
        case :dirs
            __fish_complete_directories (commandline -ct) ''
        case '*'
            string join \n -- $found
    end
end

complete -c slurmq -f -k -a '(__slurmq_complete)'
