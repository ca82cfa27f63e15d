#!/bin/bash
# completion in a real interactive bash: the test types keys, such as TAB, and reads the screen
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

command -v tmux >/dev/null || skip_all 'tmux is not installed'

# A folder with a sweep of 12 jobs, and another folder with another sweep

cat >grid.yaml <<'END'
name: grid
params: {seed: {from: 1, to: 12, step: 1}, lr: 0.01}
run: [./train, "{seed}", "{lr}"]
END
mkdir -p sub other 'a study' empty
cp grid.yaml sub/plane.yaml
sed 's/grid/flow/' grid.yaml >other/flow.yaml
for d in . other 'a study'; do slurmq init "$d" >/dev/null; done
slurmq expand grid.yaml >/dev/null
slurmq -C other expand flow.yaml >/dev/null
slurmq -C 'a study' expand ../other/flow.yaml >/dev/null 2>&1 ||
	(cd 'a study' && slurmq expand ../other/flow.yaml >/dev/null)

# A terminal

export TMUX_TMPDIR=$TEST_TMP/.tap
export SHELL=/bin/bash # not the user's login shell
unset TMUX
tm() {
	tmux -L test -f /dev/null "$@"
}
at_exit tm kill-server
cat >.tap/rc <<END
PS1='> ' HISTFILE=
bind 'set bell-style none'
bind 'set completion-query-items 0'
bind 'set page-completions off'
. '$TEST_TOP/completions/slurmq.bash'
END
tm new-session -d -x 100 -y 40 bash --norc --noprofile -i 2>/dev/null ||
	skip_all 'tmux has no terminal here'

screen() {
	tm capture-pane -p
}
shows() {
	screen | grep -Eq -e "$1"
}
# type_in TEXT KEY...: types on an empty screen
type_in() {
	local text=$1
	shift
	tm send-keys C-u C-l
	tm send-keys -l -- "$text"
	tm send-keys "$@"
}
# completes TEXT RESULT [NAME]: types TEXT and one TAB
completes() {
	type_in "$1" Tab
	ok_within 5 "${3-$1 becomes $2}" shows "^> ${2//./\\.}$" || note "$(screen)"
}
# offers TEXT REGEX NAME: types TEXT and two TABs
offers() {
	type_in "$1" Tab Tab
	ok_within 5 "$3" shows "$2" || note "$(screen)"
}

tm send-keys -l -- ". .tap/rc"
tm send-keys Enter
ok_within 10 'an interactive bash' shows '^>'

completes 'slurmq sta' 'slurmq status'
completes 'slurmq --ver' 'slurmq --version'
completes 'slurmq help sub' 'slurmq help submit'
completes 'slurmq list --st' 'slurmq list --state'
completes 'slurmq retry --fr' 'slurmq retry --from-step'
completes 'slurmq list -s fai' 'slurmq list -s failed'
completes 'slurmq list -s failed,time' 'slurmq list -s failed,timeout' 'a state after a comma'
completes 'slurmq list --state=canc' 'slurmq list --state=cancelled' 'a state after ='
completes 'slurmq config res' 'slurmq config reserve'
completes 'slurmq config --unset li' 'slurmq config --unset limit'
completes 'slurmq status gr' 'slurmq status grid'
completes 'slurmq delete gr' 'slurmq delete grid'
completes 'slurmq retry -s oom gr' 'slurmq retry -s oom grid'
completes 'slurmq cancel al' 'slurmq cancel all'
completes 'slurmq release se' 'slurmq release seed=' 'a parameter, and no blank after it'
completes 'slurmq release seed=1' 'slurmq release seed=1' 'values begin with it'
offers 'slurmq release seed=1' '^1 +10 +11 +12 *$' 'values of a parameter, in their order'
completes 'slurmq release lr=0.0' 'slurmq release lr=0.01'
completes 'slurmq release lr=0.5,0.0' 'slurmq release lr=0.5,0.01' 'a value after a comma'
completes 'slurmq list hel' 'slurmq list held' 'a state as a word'
completes 'slurmq list --sort se' 'slurmq list --sort seed'
completes 'slurmq list --columns id,prio' 'slurmq list --columns id,priority'
completes 'slurmq list --color ne' 'slurmq list --color never'
completes 'slurmq expand sub/pl' 'slurmq expand sub/plane.yaml'
completes 'slurmq init su' 'slurmq init sub/'
completes 'slurmq -C oth' 'slurmq -C other/'
completes 'slurmq -C other list fl' 'slurmq -C other list flow' 'sweeps of the folder after -C'
completes 'slurmq -C a\ study list fl' 'slurmq -C a\\ study list flow' 'a folder with a blank in its name'
completes 'slurmq log 12' 'slurmq log 12'

offers 'slurmq log 1' '^12 +11 +10 +1 *$' 'ids with that prefix'
offers 'slurmq list ' '(^| )seed= ' 'selectors'
type_in 'slurmq ' Tab Tab
ok_within 5 'the commands' shows '^init +[a-z]+ +[a-z]+' || note "$(screen)"
missing() {
	local name
	for name in $(slurmq help --list-commands); do
		screen | grep -Eq "(^| )$name( |\$)" || printf '%s\n' "$name"
	done
}
is "$(missing)" '' 'all of them'

# Without a store, or with one that cannot be read: no candidate and no message

# nothing TEXT NAME
nothing() {
	type_in "$1" Tab Tab
	tm send-keys -l -- '#'
	ok_within 5 "$2: the line stays" shows "^> $1#\$" || note "$(screen)"
	is "$(screen | grep -vc '^$')" 1 "$2: nothing is printed"
}
tm send-keys C-u
tm send-keys -l -- "cd empty && export SLURMQ_DIR=$TEST_TMP/nowhere"
tm send-keys Enter
nothing 'slurmq status ' 'no store'
nothing 'slurmq frobnicate ' 'no such command'
nothing 'slurmq pause ' 'a command without arguments'
completes 'slurmq sub' 'slurmq submit' 'commands are offered without a store'
tm send-keys C-u
tm send-keys -l -- "unset SLURMQ_DIR; cd ../other && printf x >.slurmq/jobs.db"
tm send-keys Enter
nothing 'slurmq status ' 'a broken store'
is "$(find empty)" empty 'no file is made'

# The output of the hidden command for programs

cd "$TEST_TMP" || exit 1
run slurmq help --complete -- list -s held,que
is_status 0
is_out 'held,queued'
run slurmq help --complete -- show 1
is_out $'12\n11\n10\n1'
run slurmq help --complete --
is_status 0
run slurmq -C empty help --complete -- expand ''
is_out :files
is_err ''
run slurmq help --complete -- init ''
is_out :dirs

done_testing
