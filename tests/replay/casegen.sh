#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The generator makes examples/case-study-1 again, byte for byte.
# SRC: the source tree; CASEGEN: the generator's binary.  77: skipped.
set -eu

[ -x "${CASEGEN:-}" ] || { echo "no casegen binary: skipped"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM
"$CASEGEN" "$dir/case-study-1"
diff -r "$dir/case-study-1" "${SRC:?}/examples/case-study-1" || {
	echo "examples/case-study-1 is not what casegen makes"
	exit 1
}
