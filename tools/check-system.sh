#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/check-system.sh
# Runs tests/system/*.sh, the tests that need more than the clone (the corpus
# beside it, namespaces, real peers), on the release binary.  A test that
# lacks what it needs says so and exits 77.
set -u
cd "$(dirname "$0")/.." || exit 1
build=build/release
SRC=$PWD BUILD=$PWD/$build PICKET=$PWD/$build/picket
CORPUS=$PWD/../shared/corpus RESULTS=$PWD/build/system
export SRC BUILD PICKET CORPUS RESULTS
rm -rf "$RESULTS"
mkdir -p "$RESULTS"
for test in tests/system/*.sh; do
	[ -f "$test" ] || continue
	name=system.$(basename "$test" .sh)
	tests/one.sh "$name" timeout 1800 "$test" >"$RESULTS/$name.out" 2>&1
	! grep -q '^fail' "$RESULTS/$name" || tail -n 60 "$RESULTS/$name.out"
	rm -f "$RESULTS/$name.out"
done
tools/tally.sh system build/system/tally "$RESULTS"/system.*
