#!/bin/bash
# export: a table that other programs read with the values as they were recorded
. "${BASH_SOURCE[0]%/*}/lib/memory.sh"
. "${BASH_SOURCE[0]%/*}/lib/tap.sh"

command -v sqlite3 >/dev/null || skip_all 'sqlite3 is not installed'
command -v jq >/dev/null || skip_all 'jq is not installed'
unset SLURMQ_DIR

sql() {
	sqlite3 .slurmq/jobs.db "$@"
}
# ended FIRST LAST: the jobs of these ids have run and are completed
ended() {
	sql "BEGIN;
		INSERT INTO submission(id, version, first, ntasks, slurm_job, answer, created) VALUES($1, 1, $1, $2 - $1 + 1, 900 + $1, 1, 1000);
		INSERT INTO attempt(id, job, prev, submission, slurm_id, closed, completed, node, started, ended, maxrss_kib, cpu_ms)
			SELECT id, id, 0, $1, 900 + id, 3, 1, 'n1', 1700000000000 + id, 1700000000000 + id + 1500, 2048, 60 FROM job WHERE id BETWEEN $1 AND $2;
		UPDATE job SET state = 4, tries = 1, attempt = id WHERE id BETWEEN $1 AND $2;
		COMMIT"
}
# result ATTEMPT NAME VALUE
result() {
	sql "INSERT OR IGNORE INTO result_name(name) VALUES('$2');
		INSERT OR REPLACE INTO result(attempt, name, value, origin, seq)
			VALUES($1, (SELECT id FROM result_name WHERE name = '$2'), '${3//\'/\'\'}', $1, 0)"
}

# No jobs: only the header

slurmq init >/dev/null
fixed='state,reason,tries,started,ended,seconds,node,exit_code,max_rss_kib,cpu_seconds'
run slurmq export
is_status 0
is_out "id,sweep,$fixed"
is_err ''
run slurmq export --json
is_out ''

# Columns and their names

cat >s.yaml <<'END'
name: s
params: {lr: [0.1, 1e-2], state: ["a,b", 'say "x"']}
run: [echo, "{lr}", "{state}"]
END
slurmq expand s.yaml >/dev/null
run slurmq export 1-2
is_out "id,sweep,lr,param.state,$fixed
1,s,0.1,\"a,b\",pending,,0,,,,,,,
2,s,0.1,\"say \"\"x\"\"\",pending,,0,,,,,,," 'a parameter with the name of a column has a prefix'
ended 1 3
result 1 loss 0.50
result 1 seconds 7
result 1 lr 3
result 2 val/x $'two\nlines'
result 3 note ''
run slurmq export
is_out "id,sweep,lr,param.state,$fixed,loss,result.seconds,result.lr,val/x,note
1,s,0.1,\"a,b\",completed,,1,2023-11-14T22:13:20.001Z,2023-11-14T22:13:21.501Z,1.500,n1,0,2048,0.060,0.50,7,3,,
2,s,0.1,\"say \"\"x\"\"\",completed,,1,2023-11-14T22:13:20.002Z,2023-11-14T22:13:21.502Z,1.500,n1,0,2048,0.060,,,,\"two
lines\",
3,s,1e-2,\"a,b\",completed,,1,2023-11-14T22:13:20.003Z,2023-11-14T22:13:21.503Z,1.500,n1,0,2048,0.060,,,,,
4,s,1e-2,\"say \"\"x\"\"\",pending,,0,,,,,,,,,,,," 'a result with the name of a column or parameter has a prefix'
run slurmq export --csv 2 --state completed
is "$(head -n 1 <<<"$out")" "id,sweep,lr,param.state,$fixed,val/x" 'columns are those of the selected jobs'
run slurmq export --json -w 'result.lr=3 or param.state~say*'
is "$(jq -c '[.id, .lr, ."param.state", .seconds, .exit_code, .loss, ."val/x"]' <<<"$out" | paste -sd' ')" \
	'[1,"0.1","a,b",1.5,0,"0.50",null] [2,"0.1","say \"x\"",1.5,0,null,"two\nlines"] [4,"1e-2","say \"x\"",null,null,null,null]' \
	'--json: the columns are members'
is "$(jq -c 'keys | length' <<<"$out" | sort -u)" 18 '--json: each document has every column'
run slurmq export -w 'no=1'
is_status 2
is_out ''
run slurmq export --csv --json
is_status 2
is_err 'slurmq export: use either --csv or --json'

# A failed job, and one that a signal ended

sql "UPDATE attempt SET completed = 0, reason = 1, exit_code = 3 WHERE id = 1; UPDATE job SET state = 5, reason = 1 WHERE id = 1;
	UPDATE attempt SET completed = 0, reason = 2, signal = 9, maxrss_kib = 0 WHERE id = 2; UPDATE job SET state = 5, reason = 2 WHERE id = 2"
is "$(slurmq export 1-2 --json | jq -c '[.state, .reason, .exit_code, .max_rss_kib, .cpu_seconds]' | paste -sd' ')" \
	'["failed","EXIT",3,2048,0.06] ["failed","SIGNAL",null,null,null]' 'how jobs failed'

# -o FILE

slurmq export >want.csv
run slurmq export -o out.csv
is_status 0
is_out ''
ok '-o: the file has the table' cmp -s out.csv want.csv
printf 'old\n' >old.csv
chmod 640 old.csv
ln -s old.csv link.csv
slurmq export -o link.csv
ok '-o: the file that a link names is replaced' cmp -s old.csv want.csv
is "$(readlink link.csv) $(stat -c %a old.csv)" 'old.csv 640' '-o: the link and the modes stay'
slurmq export -o /dev/stdout >piped.csv
ok '-o: a file that is none' cmp -s piped.csv want.csv
run slurmq export -o none/out.csv
is_status 1
is_err "slurmq export: cannot write 'none/out.csv': No such file or directory"
run slurmq export -o /dev/full
is_status 1
like_err "^slurmq export: cannot write '/dev/full': No space left on device"
# the table is written in parts of some KiB
case $TEST_BUILD in
*/san-*) skip 3 'not under the sanitizers: a preload comes first' ;;
*)
	printf 'old\n' >out.csv
	SLURMQ_FAULT=enospc:1:write,sync SLURMQ_FAULT_UNDER=$TEST_TMP LD_PRELOAD=$TEST_BUILD/t/fault.so run slurmq export -o out.csv
	is_status 1 'a full disk'
	like_err "^slurmq export: cannot write '.*out.csv': No space left on device"
	is "$(<out.csv) $(find . -name 'out.csv*')" 'old ./out.csv' 'a full disk: the file is as before, and no other file is left'
	;;
esac
run bash -c 'slurmq export >/dev/full'
is_status 1
like_err 'cannot write to standard output'

# Variants

cat >v.yaml <<'END'
name: v
params: {a: [1]}
variants:
  - {name: one}
  - {name: two, params: {b: [2]}}
run: [echo, "{a}"]
END
slurmq expand v.yaml >/dev/null 2>&1
is "$(slurmq export v | cut -d, -f 2-5 | paste -sd' ')" 'sweep,variant,a,b v,one,1, v,two,1,2' 'a column for the variant'

# Ten thousand jobs with odd values: Python, pandas and R read what was recorded

rm -rf .slurmq
slurmq init >/dev/null
cat >big.yaml <<'END'
name: big
params:
  n: {from: 1, to: 2000, step: 1}
  text: ["a,b", 'say "x"', "ünï €", "  two blanks ", "it's; #1"]
run: [echo, "{n}", "{text}"]
END
slurmq expand big.yaml >/dev/null
ended 1 10000
sql "BEGIN;
	INSERT INTO result_name(id, name) VALUES(1, 'whole'), (2, 'real'), (3, 'flag'), (4, 'odd'), (5, 'rare'), (6, 'zeros');
	CREATE TEMP TABLE odd(i INTEGER PRIMARY KEY, v TEXT);
	INSERT INTO odd VALUES(0, 'plain'), (1, 'a,b,,c'), (2, '\"'), (3, 'say \"no\", twice \"\"'), (4, char(10)), (5, 'one' || char(10) || 'two' || char(10)),
		(6, char(10) || '\"' || char(10) || ','), (7, ' x '), (8, 'tab' || char(9) || 'here'), (9, 'ünï €😀'), (10, ''''), (11, '#no comment'),
		(12, '1,5'), (13, '\\n\\\"'), (14, '=1+1'), (15, '-'), (16, 'a;b'), (17, '\"quoted\"'), (18, 'ends with \"'), (19, 'x' || char(10) || char(10) || 'y');
	INSERT INTO result(attempt, name, value, origin, seq) SELECT id, 1, id - 5000, id, 0 FROM job;
	INSERT INTO result(attempt, name, value, origin, seq) SELECT id, 2,
		CASE id % 6 WHEN 0 THEN '1e-3' WHEN 1 THEN '0.' || id WHEN 2 THEN '-12.50' WHEN 3 THEN id || 'e5' WHEN 4 THEN 'NaN' ELSE '3.141592653589793' END, id, 0 FROM job;
	INSERT INTO result(attempt, name, value, origin, seq) SELECT id, 3, CASE id % 2 WHEN 0 THEN 'true' ELSE 'false' END, id, 0 FROM job;
	INSERT INTO result(attempt, name, value, origin, seq) SELECT job.id, 4, odd.v || (CASE WHEN job.id % 3 THEN '' ELSE job.id END), job.id, 0
		FROM job JOIN odd ON odd.i = job.id % 20;
	INSERT INTO result(attempt, name, value, origin, seq) SELECT id, 5, 'x' || id, id, 0 FROM job WHERE id % 7 = 0;
	INSERT INTO result(attempt, name, value, origin, seq) SELECT id, 6, printf('%05d', id), id, 0 FROM job;
	COMMIT"
run slurmq export -o big.csv
is_status 0
run slurmq export --json -o big.jsonl
is_status 0
# column NAME: the values in the database, each with a record separator at its end
column() {
	sql -newline $'\x1e' "SELECT value FROM result r JOIN result_name n ON n.id = r.name WHERE n.name = '$1' ORDER BY attempt"
}
jq -j '.odd + "\u001e"' big.jsonl >odd.jq
column odd >odd.db
ok 'jq: the texts are those that were recorded' cmp -s odd.jq odd.db
is "$(jq -r '[.zeros, .real] | join(" ")' big.jsonl | sed -n '6p;7p')" $'00006 1e-3\n00007 0.7' 'jq: numbers are texts'

cat >check.py <<'END'
import csv, sys
rows = list(csv.DictReader(open("big.csv", newline="", encoding="utf-8")))
assert len(rows) == 10000, len(rows)
texts = ["a,b", 'say "x"', "ünï €", "  two blanks ", "it's; #1"]
assert [r["text"] for r in rows] == texts * 2000
assert all(r["n"] == str(i // 5 + 1) for i, r in enumerate(rows))
want = open("odd.db", encoding="utf-8", newline="").read().split("\x1e")[:-1]
assert [r["odd"] for r in rows] == want
assert [r["rare"] for r in rows] == [f"x{i}" if i % 7 == 0 else "" for i in range(1, 10001)]
assert [r["zeros"] for r in rows] == ["%05d" % i for i in range(1, 10001)]
END
cat >check-pandas.py <<'END'
import pandas
t = pandas.read_csv("big.csv")
want = open("odd.db", encoding="utf-8", newline="").read().split("\x1e")[:-1]
assert len(t) == 10000
assert list(t.odd) == want
assert list(t.text) == ["a,b", 'say "x"', "ünï €", "  two blanks ", "it's; #1"] * 2000
assert t.whole.dtype == "int64" and list(t.whole) == [i - 5000 for i in range(1, 10001)]
assert t.n.dtype == "int64" and t.id.dtype == "int64"
assert t.flag.dtype == "bool" and list(t.flag) == [i % 2 == 0 for i in range(1, 10001)]
def real(i):
    return ["1e-3", f"0.{i}", "-12.50", f"{i}e5", "NaN", "3.141592653589793"][i % 6]
assert t.real.dtype == "float64"
for i, x in enumerate(t.real, 1):
    y = float(real(i))
    assert x == y or (x != x and y != y), (i, x, y)
assert t.rare.notna().sum() == 1428 and t.rare[6] == "x7"
assert t.exit_code.dtype == "int64" and t.seconds.dtype == "float64" and t.seconds[0] == 1.5
# what the page says
assert t.zeros[6] == 7
assert pandas.read_csv("big.csv", dtype={"zeros": str}).zeros[6] == "00007"
assert str(pandas.read_csv("big.csv", parse_dates=["started", "ended"]).ended.dtype).startswith("datetime64")
open("na.csv", "w").write("id,x\n1,NA\n2,null\n3,None\n4,N/A\n5,nan\n6,x\n")
assert pandas.read_csv("na.csv").x.isna().sum() in (4, 5)
assert list(pandas.read_csv("na.csv", keep_default_na=False).x) == ["NA", "null", "None", "N/A", "nan", "x"]
END
cat >check.R <<'END'
t <- read.csv("big.csv")
stopifnot(nrow(t) == 10000, is.integer(t$whole), all(t$whole == (1:10000) - 5000), is.integer(t$n), is.integer(t$exit_code))
stopifnot(is.character(t$flag), all((t$flag == "true") == ((1:10000) %% 2 == 0)))
real <- function(i) switch(i %% 6 + 1, "1e-3", paste0("0.", i), "-12.50", paste0(i, "e5"), "NaN", "3.141592653589793")
stopifnot(is.numeric(t$real), identical(t$real, as.numeric(vapply(1:10000, real, ""))))
stopifnot(t$seconds[1] == 1.5, t$rare[7] == "x7", sum(t$rare != "") == 1428)
stopifnot(identical(t$text, rep(c("a,b", 'say "x"', "\u00fcn\u00ef \u20ac", "  two blanks ", "it's; #1"), 2000)))
con <- file("odd.R", "wb")
writeLines(t$odd, con, sep = "\x1e", useBytes = TRUE)
close(con)
stopifnot(t$zeros[7] == 7, read.csv("big.csv", colClasses = c(zeros = "character"))$zeros[7] == "00007")
writeLines(c("id,x,y", "1,TRUE,T", "2,FALSE,F"), "na.csv")
stopifnot(is.logical(read.csv("na.csv")$x), is.logical(read.csv("na.csv")$y))
writeLines(c("id,val/x", "1,NA", "2,null"), "na.csv")
stopifnot(names(read.csv("na.csv"))[2] == "val.x", names(read.csv("na.csv", check.names = FALSE))[2] == "val/x")
stopifnot(is.na(read.csv("na.csv")$val.x[1]), read.csv("na.csv", na.strings = "")$val.x[1] == "NA")
END
if command -v /usr/bin/python3 >/dev/null; then
	run /usr/bin/python3 check.py
	is_status 0 'Python: the values are those that were recorded'
else
	skip 1 'python3 is not installed'
fi
if /usr/bin/python3 -c 'import pandas' 2>/dev/null; then
	run /usr/bin/python3 check-pandas.py
	is_status 0 'pandas: the values and types are those that were recorded'
else
	skip 1 'pandas is not installed'
fi
if command -v Rscript >/dev/null; then
	run Rscript --vanilla check.R
	is_status 0 'R: the values and types are those that were recorded'
	ok 'R: the texts are those that were recorded' cmp -s odd.R odd.db
else
	skip 2 'R is not installed'
fi

done_testing
