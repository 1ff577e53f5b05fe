#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/profile.sh
# Makes build/profile/data, the profile for the release: an instrumented picket
# reads the examples and what the tests have of every format, with and without
# events as output.  Only how fast the release is depends on it.
set -eu
cd "$(dirname "$0")/.."
new=$PWD/build/profile/data
rm -rf "$new"
tools/build.sh profile

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
hunt() {
	build/profile/picket hunt --jobs 1 --quiet "$@" >"$work/out" ||
	    [ $? = 3 ]	# damaged ones among them
}
for _ in 1 2 3; do
	hunt examples/case-study-1
	hunt --format ndjson examples/case-study-1/*.evtx
	hunt --events "$work/events.ndjson" examples/case-study-1
	hunt --events "$work/again.ndjson" "$work/events.ndjson"
	hunt --events "$work/golden.ndjson" tests/golden
	hunt tests/golden
done
