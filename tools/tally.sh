#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/tally.sh LABEL TALLY FILE...
# Adds up result files (lines pass|fail|skip <tab> case <tab> reason, see
# tests/one.sh).  Names what was skipped or failed, closes with
# "LABEL: N passed, N failed" and writes "N N" to TALLY.  Status 1 when one failed.
label=$1 tally=$2
shift 2
cat "$@" 2>/dev/null | grep -E '^(pass|fail|skip)	' |
awk -F '\t' -v label="$label" -v tally="$tally" '
$1 != "pass" {
	print label ": " ($1 == "skip" ? "skipped: " : "FAILED: ") $2 \
	    ($3 == "" ? "" : " (" $3 ")")
}
{ n[$1]++ }
END {
	printf "%s: %d passed, %d failed", label, n["pass"], n["fail"]
	printf n["skip"] ? ", %d skipped\n" : "\n", n["skip"]
	printf "%d %d\n", n["pass"], n["fail"] >tally
	exit n["fail"] > 0
}'
