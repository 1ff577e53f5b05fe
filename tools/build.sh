#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/build.sh PRESET
# Configures and builds a preset in build/PRESET; silent when all is well.  The
# release is optimized by a profile (a tenth of the time): the first time the
# preset profile is built for it and run; `make clean` forgets it.
set -eu
cd "$(dirname "$0")/.."

build() {
	log=build/$1/configure.log
	if [ ! -d "build/$1" ]; then
		echo "building build/$1 ..." >&2
		mkdir -p "build/$1"
	fi
	cmake --preset "$1" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
	cmake --build "build/$1" -j "${JOBS:-$(nproc)}" -- --quiet
}

[ "$1" != release ] || [ -d build/profile/data ] || tools/profile.sh
build "$1"
