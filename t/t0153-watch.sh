#!/bin/bash
# status -w: in a real terminal it draws in place and leaves the terminal as it was; elsewhere it prints
# changes
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"
. "$TEST_LIB/fake.sh"

command -v tmux >/dev/null || skip_all 'tmux is not installed'
# shellcheck disable=SC2119
fake_start
slurmq init >/dev/null || bail_out 'no folder'
slurmq config sentinel off >/dev/null
printf 'name: a-sweep-with-a-long-name-%s\nparams: {n: {from: 1, to: 10000, step: 1}}\nrun: "true {n}"\n' \
	"$(printf 'x%.0s' {1..30})" >long.yaml
printf 'name: fit\nparams: {n: [1, 2, 3]}\nrun: "test {n} != 2"\n' >fit.yaml
slurmq expand long.yaml fit.yaml >/dev/null || bail_out 'no jobs'
slurmq hold -w 'sweep~a-*' --yes >/dev/null

# Without a terminal: a line for each change, until no work is left that can go on

run slurmq status -w --json
is_status 2
is_err 'slurmq status: --watch and --json exclude each other'
slurmq status -w fit >changes &
watcher=$!
appears() {
	grep -q "$1" changes
}
ok_within 20 'the state at the start' appears '^[0-9:]\{8\}  fit 0/3  3 pending$'
run slurmq status --exit-code
is_status 75 'nothing goes on by itself'
slurmq submit >/dev/null
ok 'the jobs end' fake_quiet 60
ok_within 20 'a change' appears '^[0-9:]\{8\}  fit 2/3  1 failed$'
is "$(grep -c ' fit 2/3  1 failed$' changes)" 1 'once'
run slurmq status --exit-code
is_status 1 'a job failed'
wait $watcher
is $? 0 'the end, when no work is left'
run slurmq status
like_out '^! 1 job of fit failed \(1 EXIT\): slurmq list failed fit; then: slurmq retry fit$'
run slurmq status --exit-code fit
is_status 1

# A terminal

export TMUX_TMPDIR=$TEST_TMP/.tap SHELL=/bin/bash
unset TMUX
tm() {
	tmux -L test -f /dev/null "$@"
}
at_exit tm kill-server
printf "PS1='> ' HISTFILE=\n" >.tap/rc
tm new-session -d -x 80 -y 24 'bash --norc --noprofile -i' 2>/dev/null || skip_all 'tmux has no terminal here'
screen() {
	tm capture-pane -p
}
shows() {
	screen | grep -Eq -e "$1"
}
tm send-keys -l -- "PS1='> '; clear; stty -g >before"
tm send-keys Enter
tm send-keys -l -- 'echo "what was here"; slurmq status -w'
tm send-keys Enter
ok_within 20 'the status' shows '^fit +\['
ok 'the keys' shows '^q quits$'
ok 'nothing of before' eval '! shows "what was"'
is "$(screen | awk 'length > 80')" '' 'no line is longer than 80'
tm resize-window -x 160 -y 50
wide() {
	[ "$(screen | wc -l)" -gt 40 ] && shows '^fit +\[' && screen | tail -n 1 | grep -q '^q quits'
}
ok_within 20 'resized: it fills the terminal' wide
tm resize-window -x 60 -y 10
small() {
	[ "$(screen | wc -l)" -le 10 ] && shows '^q quits$' && shows '^fit '
}
ok_within 20 'a small terminal' small
is "$(screen | awk 'length > 60')" '' 'no line is longer than 60'
tm resize-window -x 80 -y 24
tm send-keys q
ok_within 20 'q: what was there before' shows 'what was here'
ok_within 20 'and the prompt' eval 'screen | grep -v "^$" | tail -n 1 | grep -q "^> *$"'
tm send-keys -l -- 'stty -g >after; slurmq status -w; echo "status $?"'
tm send-keys Enter
ok_within 20 'again' shows '^q quits$'
tm send-keys C-c
ok_within 20 'Ctrl-C ends it' shows '^status 130$'
settings() {
	[ -s after ] && diff before after >/dev/null
}
ok_within 20 'the settings of the terminal are as before' settings
tm send-keys -l -- 'slurmq status -w'
tm send-keys Enter
ok_within 20 'again' shows '^q quits$'
tm send-keys C-z
ok_within 20 'Ctrl-Z stops it' shows 'Stopped'
tm send-keys -l -- 'fg'
tm send-keys Enter
ok_within 20 'fg continues it' shows '^q quits$'
tm send-keys q
ok_within 20 'q' eval '! shows "^q quits$"'

done_testing
