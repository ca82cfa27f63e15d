#!/bin/bash
# completion in a real interactive zsh and fish
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

command -v tmux >/dev/null || skip_all 'tmux is not installed'

cat >grid.yaml <<'END'
name: grid
params: {seed: {from: 1, to: 3, step: 1}, lr: [0.1, 0.25], opt: [adam, "l amb"]}
run: [./train, "{seed}", "{lr}", "{opt}"]
END
{ slurmq init && slurmq expand grid.yaml; } >/dev/null || bail_out 'no jobs'
mkdir sub && cp grid.yaml sub/plane.yaml

export TMUX_TMPDIR=$TEST_TMP/.tap HOME=$TEST_TMP/.tap
unset TMUX
tm() {
	tmux -L test -f /dev/null "$@"
}
at_exit tm kill-server
screen() {
	tm capture-pane -p
}
shows() {
	screen | grep -Eq -e "$1"
}
# completes TEXT RESULT: types TEXT and a TAB
completes() {
	tm send-keys C-u C-l
	tm send-keys -l -- "$1"
	tm send-keys Tab
	ok_within 10 "$shell: $1 becomes $2" shows "^> ${2//./\\.} *\$" || note "$(screen)"
}
# offers TEXT REGEX
offers() {
	tm send-keys C-u C-l
	tm send-keys -l -- "$1"
	tm send-keys Tab Tab
	ok_within 10 "$shell: $1 offers $2" shows "$2" || note "$(screen)"
	tm send-keys Escape C-c
}
words() {
	completes 'slurmq sta' 'slurmq status'
	completes 'slurmq list --whe' 'slurmq list --where'
	completes 'slurmq list -s fai' 'slurmq list -s failed'
	completes 'slurmq cancel gr' 'slurmq cancel grid'
	completes 'slurmq cancel lr=0.2' 'slurmq cancel lr=0.25'
	completes 'slurmq cancel opt=ad' 'slurmq cancel opt=adam'
	completes 'slurmq expand sub/pl' 'slurmq expand sub/plane.yaml'
	offers 'slurmq cancel lr=' '0\.1.*0\.25'
}

mkdir -p .tap/zsh && cp "$TEST_TOP/completions/_slurmq" .tap/zsh/
cat >.tap/.zshrc <<END
PS1='> '
fpath=('$TEST_TMP/.tap/zsh' \$fpath)
autoload -U compinit && compinit -u -D
END
shell=zsh
if command -v zsh >/dev/null; then
	tm new-session -d -x 100 -y 30 'zsh -i' 2>/dev/null || skip_all 'tmux has no terminal here'
	ok_within 20 'an interactive zsh' shows '^>'
	words
	tm kill-server
else
	skip 9 'zsh is not installed'
fi

mkdir -p .tap/.config/fish/completions && cp "$TEST_TOP/completions/slurmq.fish" .tap/.config/fish/completions/
cat >.tap/.config/fish/config.fish <<'END'
set -g fish_greeting
set -g fish_autosuggestion_enabled 0
function fish_prompt
    echo -n '> '
end
END
shell=fish
if command -v fish >/dev/null; then
	tm new-session -d -x 100 -y 30 'fish -i' 2>/dev/null || skip_all 'tmux has no terminal here'
	ok_within 20 'an interactive fish' shows '^>'
	words
else
	skip 9 'fish is not installed'
fi

done_testing
