#!/bin/bash
# very many jobs: little memory, a progress bar on a terminal, and other commands can use the store
# meanwhile
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

n=200000
[ -z "${TEST_LONG-}" ] || n=1000000

# 64 MiB of address space, with all libraries: the sanitizers need more than that
limit=65536
(ulimit -v $limit && exec slurmq --version) >/dev/null 2>&1 || limit=unlimited
if [ $limit = unlimited ]; then
	note 'no limit on memory: this binary does not start within it'
	n=50000
fi
less=$((n < 200000 ? n : 200000))

slurmq init >/dev/null || bail_out 'init'
printf 'name: small\nparams: {i: [1, 2]}\nrun: [echo, "{i}"]\n' >small.yaml
slurmq expand small.yaml >/dev/null || bail_out 'expand'
printf 'name: many\nparams: {i: {from: 1, to: %d, step: 1}}\nrun: [echo, "{i}"]\n' $n >many.yaml
before=$(slurmq list --json | sha256sum)

# A dry run

run bash -c "ulimit -v $limit; exec slurmq expand --dry-run --json many.yaml"
is_status 0 "a dry run of $n jobs in 64 MiB"
is_out "{\"sweep\":\"many\",\"jobs\":$n,\"steps\":$n,\"added\":$n,\"unchanged\":0,\"changed\":0,\"missing\":0,\"kept\":0}"
is_err ''

# Into the store, while other commands read and write it

cat >.bin/limited <<END2
#!/bin/bash
ulimit -v $limit
exec slurmq expand many.yaml >out.many 2>err.many
END2
chmod +x .bin/limited
spawn .bin/limited
pid=$spawned

# meanwhile CMD...: checks that it succeeds within the ten seconds that a command waits for the
# database
worked=0 half=no
meanwhile() {
	timeout 10 "$@" >meanwhile.out 2>&1 && return
	fail "$* works meanwhile" "$(<meanwhile.out)"
}
larger_than() {
	[ "$(stat -c %s .slurmq/jobs.db)" -gt "$1" ]
}
wait_for 60 'the first slices' larger_than 1000000
while ! gone "$pid"; do
	meanwhile slurmq status || break
	! grep '^many ' meanwhile.out | grep -qv "/$n " || half=yes
	meanwhile slurmq hold 1 || break
	meanwhile slurmq release --no-submit 1 || break
	worked=$((worked + 1))
done
reap 300 "$pid" || fail 'it ends'
is_status 0 "$n jobs in 64 MiB"
is "$(<out.many)" "many: $n jobs added ($n steps); next: slurmq submit" 'all were added'
is "$(<err.many)" '' 'no error is printed'
ok "status, hold and release worked meanwhile ($worked times)" test $worked -ge 2
is "$half" no 'a reader sees all jobs or none'
like "$(slurmq status --json)" "\"jobs\":$n," 'all jobs are seen afterwards'

# An expand that is killed in the middle leaves no job

sed "s/^name: many/name: lost/; s/to: $n/to: $less/" many.yaml >lost.yaml
spawn slurmq expand lost.yaml
size=$(stat -c %s .slurmq/jobs.db)
wait_for 60 'the first slices' larger_than $((size + 1000000))
kill -KILL "$spawned"
reap 20 "$spawned"
unlike "$(slurmq status)" '^lost' 'killed in the middle: none of its jobs exists'
is "$(slurmq list small --json | sha256sum)" "$before" 'the other jobs are unchanged'
printf 'name: other\nrun: ["true"]\n' >other.yaml
run slurmq expand other.yaml
is_out 'other: 1 job added (1 step); next: slurmq submit' 'the next expand removes the leftovers'

# A progress bar

if command -v script >/dev/null; then
	sed "s/^name: many/name: shown/; s/to: $n/to: $less/" many.yaml >shown.yaml
	timeout 120 script -qec 'stty cols 80 rows 24; slurmq expand shown.yaml' typescript >/dev/null 2>&1 </dev/null
	like "$(tr '\r' '\n' <typescript)" '\[.*\] [0-9]+ jobs' 'a bar on a terminal'
	like "$(tr '\r' '\n' <typescript)" "^.*shown: $less jobs added" 'the result after the bar'
else
	skip 2 'no script(1)'
fi

done_testing
