#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/build.sh PRESET
# Configures and builds a preset in build/PRESET; silent when all is well.
set -eu
cd "$(dirname "$0")/.."
log=build/$1/configure.log
if [ ! -d "build/$1" ]; then
	echo "building build/$1 ..." >&2
	mkdir -p "build/$1"
fi
cmake --preset "$1" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
cmake --build "build/$1" -j "${JOBS:-$(nproc)}" -- --quiet
