#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/lint.sh
# The linters, each counted as one test: clang-tidy, cppcheck, shellcheck,
# mandoc.
set -u
cd "$(dirname "$0")/.." || exit 1
out=build/lint
rm -rf "$out"
mkdir -p "$out"
jobs=${JOBS:-$(nproc)}

lint() {
	name=$1
	shift
	if "$@" >"$out/$name.log" 2>&1; then
		printf 'pass\t%s\t\n' "$name" >"$out/$name"
	else
		grep -v '^[0-9]* warnings* generated' "$out/$name.log"
		printf 'fail\t%s\t\n' "$name" >"$out/$name"
	fi
}

# With the commands of the fuzz preset, as those are clang's.
tidy() {
	cmake --preset fuzz >/dev/null || return 1
	find src -name '*.c' -print0 | xargs -0 -n 2 -P "$jobs" \
	    timeout 300 clang-tidy -p build/fuzz --quiet
}

# The suppressed ones guess at pointers of which one of two is always there, at
# arrays that are filled up to n, at what realloc gave; the sanitizers know.
check_c() {
	set --
	for room in src/*/; do
		set -- "$@" -I "$room"
	done
	cppcheck --quiet -j "$jobs" --std=c11 --error-exitcode=1 \
	    --inline-suppr --suppress=nullPointer --suppress=uninitvar \
	    --suppress=nullPointerRedundantCheck --suppress=autoVariables \
	    --suppress=memleakOnRealloc \
	    --enable=warning,portability \
	    -D_GNU_SOURCE -D__GNUC__ -D__x86_64__ \
	    "$@" src
}

# Functions may be called by name (SC2317).
check_sh() {
	find . \( -name .git -o -path ./build \) -prune -o -type f \
	    \( -name '*.sh' -o -path ./try -o -path ./check \
	    -o -path './.ci/run' -o -path ./bench/run \) -print0 |
	    xargs -0 shellcheck -x -P SCRIPTDIR -e SC2317
}

check_man() {
	find man -type f -name '*.[158]' -exec mandoc -T lint -W warning {} +
}

lint clang-tidy tidy
lint cppcheck check_c
lint shellcheck check_sh
[ ! -d man ] || lint mandoc check_man
tools/tally.sh lint "$out/tally" "$out"/*[!g]
