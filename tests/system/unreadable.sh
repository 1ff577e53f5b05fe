#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What may not be read is named with its reason, and the rest is read all the
# same.  Root reads everything, so picket runs as nobody here.
. "$(dirname "$0")/../replay/lib/say.sh"
[ "$(id -u)" = 0 ] || { echo "not root: skipped"; exit 77; }
command -v setpriv >/dev/null || { echo "no setpriv: skipped"; exit 77; }

# Where nobody can get at the program, wherever the clone lies.
cp "$PICKET" "$dir/picket"
mkdir -p "$dir/in/locked" "$dir/in/open"
cp "$example/access.log" "$dir/in/open"
cp "$example/access.log" "$dir/in/secret.log"
chmod 755 "$dir" "$dir/in" "$dir/in/open" "$dir/picket"
chmod 644 "$dir/in/open/access.log"
chmod 0 "$dir/in/locked" "$dir/in/secret.log"

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups \
	    "$dir/picket" hunt --quiet --format ndjson "$dir/in" \
	    >"$dir/out" 2>"$dir/err"
	got=$?
	[ "$got" = 3 ] || { echo "status $got"; cat "$dir/err"; return 1; }
	has "$dir/out" '.[-1] | .unreadable == 2 and .inputs == 1 and
	    (.unreadable_inputs | map(.source | sub(".*/"; "")) | sort) ==
	    ["locked", "secret.log"] and
	    (.unreadable_inputs | all(.[]; .reason |
	    test("Permission denied")))'
}
case_is "a folder and a file that may not be read" as_nobody
exit "$failed"
