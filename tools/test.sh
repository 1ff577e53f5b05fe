#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/test.sh PRESET
# Builds a preset and runs its tests.  Prints what the failed ones said, what was
# skipped and why, then "PRESET: N passed, N failed"; leaves "N N" in
# build/PRESET/tally.
set -u
cd "$(dirname "$0")/.." || exit 1
build=build/$1
results=$build/results
rm -rf "$results" "$build/tally"
mkdir -p "$results"

if ! tools/build.sh "$1"; then
	printf 'fail\tbuild of preset %s\t\n' "$1" >"$results/build"
else
	# gcc 12's tsan needs addresses that a kernel may randomise away.
	plain=
	[ "$1" != tsan ] || ! setarch -R true 2>/dev/null || plain="setarch -R"
	$plain ctest --test-dir "$build" -j "${JOBS:-$(nproc)}" \
	    --output-on-failure --timeout 900 >"$build/ctest.log" 2>&1
	status=$?
	if ! grep -qs '^fail' "$results"/*; then
		# Nothing counted as failed, so ctest must agree.
		[ "$status" = 0 ] ||
		    printf 'fail\tctest\texit status %s\n' "$status" \
		    >"$results/ctest"
		grep -qs '^pass' "$results"/* ||
		    printf 'fail\tno test ran\t\n' >"$results/ctest"
	fi
	grep -ls "^fail" "$results"/* | while read -r test; do
		echo "--- ${test##*/}"
		grep -v '^ok ' "$test.log" | tail -n 60
	done
fi
tools/tally.sh "$1" "$build/tally" "$results"/*
