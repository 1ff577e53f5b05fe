# shellcheck shell=sh disable=SC2034
# SPDX-License-Identifier: Apache-2.0
#
# What the scenarios share.  PICKET is the program, SRC the source tree; dir is
# a scratch folder that goes at the end.  Each case is a TAP line.
set -u
failed=0
case ${PICKET:?} in /*) ;; *) PICKET=$PWD/$PICKET ;; esac
command -v jq >/dev/null || { echo "no jq: skipped"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'chmod -R u+rwx "$dir" 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

# case_is NAME COMMAND...: passes when the command does; shows what it said
case_is() {
	_name=$1
	shift
	if "$@" >"$dir/said" 2>&1; then
		echo "ok - $_name"
	else
		sed 's/^/# /' "$dir/said" | head -n 40
		echo "not ok - $_name"
		failed=1
	fi
}

# hunt STATUS ARGS...: out and err in $dir; passes when the exit status is so
hunt() {
	_want=$1
	shift
	"$PICKET" hunt "$@" >"$dir/out" 2>"$dir/err"
	_got=$?
	[ "$_got" = "$_want" ] && return 0
	echo "exit status $_got, not $_want, of: picket hunt $*"
	tail -n 20 "$dir/err"
	return 1
}

# has FILE FILTER: the jq filter over all lines of NDJSON (as one array) holds
has() {
	jq -es "$2" "$1" >"$dir/jq" && return 0
	echo "does not hold: $2"
	head -c 2000 "$1"
	return 1
}

example=${SRC:?}/examples/case-study-1
corpus=${CORPUS:-$SRC/../shared/corpus}

# need FOLDER: skips the script when that part of the corpus is not there
need() {
	[ -d "$corpus/$1" ] && return 0
	echo "$corpus/$1 is not there: skipped"
	exit 77
}
