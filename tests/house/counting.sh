#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What counts the tests counts right: one.sh and tally.sh on made-up tests, the
# golden runner on a made-up picket.
set -u
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
export RESULTS="$scratch/results"

# counts WHAT TALLY COMMAND...: the command is counted as "PASSED FAILED".
counts() {
	what=$1 wanted=$2
	shift 2
	rm -rf "$RESULTS"
	"$SRC/tests/one.sh" made-up "$@" >/dev/null
	"$SRC/tools/tally.sh" x "$scratch/tally" "$RESULTS"/* >/dev/null
	got=$(cat "$scratch/tally")
	[ "$got" = "$wanted" ] || echo "# $got instead of $wanted"
	[ "$got" = "$wanted" ] || printf 'not '
	echo "ok - $what"
}

counts 'a program that ends well' '1 0' true
counts 'a program that fails' '0 1' false
counts 'a program that is not there' '0 1' "$scratch/nothing"
counts 'a program that lacks something' '0 0' sh -c 'echo why; exit 77'
counts 'a program that is killed' '0 1' sh -c 'kill -9 $$'
counts 'cases' '2 1' printf '1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c\n'
counts 'cases, then a crash' '1 1' sh -c 'echo ok 1 - a; kill -9 $$'
counts 'skipped as cmocka says it' '1 0' printf 'ok 1 - a\nnot ok 2 # SKIP b\n'

# golden WHAT STATUS WANTED GOT: got lines against wanted lines.
golden() {
	folder=$scratch/golden/decoders/x
	mkdir -p "$folder"
	echo input >"$folder/case.bin"
	printf '%s' "$3" >"$folder/case.want"
	printf '%s' "$4" >"$scratch/got"
	cat >"$scratch/picket" <<-EOT
		#!/bin/sh
		while [ "\$1" != --events ]; do shift; done
		cp "$scratch/got" "\$2"
	EOT
	chmod +x "$scratch/picket"
	PICKET=$scratch/picket "$SRC/tests/golden/run.sh" "$folder" >/dev/null
	[ $? = "$2" ] || printf 'not '
	echo "ok - golden: $1"
}

a='{"kind":"dns","q":{"name":"a","id":1}}
' b='{"kind":"dns","q":{"name":"b","id":2}}
' c='{"kind":"conn","n":1}
'
golden 'the same' 0 "$a$b" "$a$b"
golden 'only the keys that matter' 0 '{"q":{"name":"a"},"kind":"dns"}' "$a"
golden 'other kinds do not matter' 0 "$a$b" "$c$a$c$b"
golden 'another value' 1 '{"kind":"dns","q":{"name":"z"}}' "$a"
golden 'a key that is not there' 1 '{"kind":"dns","z":1}' "$a"
golden 'another order' 1 "$b$a" "$a$b"
golden 'one too few' 1 "$a$b" "$a"
golden 'one too many' 1 "$a" "$a$b"
golden 'nothing wanted, something there' 1 '' "$c"
golden 'no JSON' 1 "$a" 'garbage'
