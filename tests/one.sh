#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: one.sh NAME COMMAND...
# Runs one test and writes a line a case to $RESULTS/NAME:
#	pass|fail|skip <tab> case <tab> reason
# Cases are the TAP lines that the command prints (cmocka does; a script may:
# "ok - what", "not ok - what", "ok - what # SKIP why").  Without any, the exit
# status is the one case: 0 passed, 77 skipped (the last line says why).
set -u
name=$1
shift
mkdir -p "$RESULTS"
printf 'fail\t%s\tdid not come to its end\n' "$name" >"$RESULTS/$name"

CMOCKA_MESSAGE_OUTPUT=TAP "$@" >"$RESULTS/$name.log" 2>&1 </dev/null
status=$?
cat "$RESULTS/$name.log"

awk -v name="$name" -v status="$status" '
function put(how, what, why) { print how "\t" what "\t" why; n[how]++ }
/^(not )?ok( |$)/ {
	how = /^ok/ ? "pass" : "fail"
	what = $0
	sub(/^(not )?ok *[0-9]* *(- *)?/, "", what)
	if (match(what, /# SKIP/)) {	# cmocka has the name behind the word
		why = substr(what, RSTART + 7)
		what = substr(what, 1, RSTART - 1)
		if (what == "") { what = why; why = "" }
		how = "skip"
	}
	sub(/ *$/, "", what)
	put(how, name ": " what, why)
}
NF { last = $0 }
END {
	cases = n["pass"] + n["fail"] + n["skip"]
	if (status == 77 && !cases)
		put("skip", name, last)
	else if (status == 0 && !cases)
		put("pass", name, "")
	else if (status != 0 && status != 77 && !n["fail"])
		put("fail", name, "exit status " status)
	exit n["fail"] ? 1 : n["pass"] ? 0 : 77
}' "$RESULTS/$name.log" >"$RESULTS/$name.new"
status=$?
mv "$RESULTS/$name.new" "$RESULTS/$name"
exit "$status"
