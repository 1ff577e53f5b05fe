#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/readme.sh [PICKET]
# Puts what `picket hunt examples/case-study-1` prints now between the markers
# of README.md: the story and what fits after it, without the closing line,
# which has the run time.
set -eu
cd "$(dirname "$0")/.."
picket=${1:-build/release/picket}
lines=58
[ -x "$picket" ] || { echo "readme: no $picket: make build" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$picket" hunt --jobs 1 examples/case-study-1 >"$work/all"
sed '$d' "$work/all" | head -n "$lines" >"$work/head"
left=$(($(wc -l <"$work/all") - $(wc -l <"$work/head") - 1))
{
	sed '/<!-- try:begin -->/q' README.md
	echo '```'
	cat "$work/head"
	[ "$left" -le 0 ] || echo "… ($left more lines)"
	echo '```'
	sed -n '/<!-- try:end -->/,$p' README.md
} >"$work/new"
[ "$(grep -c '^<!-- try:' "$work/new")" = 2 ] ||
    { echo 'readme: README.md lacks a marker' >&2; exit 1; }
cat "$work/new" >README.md
