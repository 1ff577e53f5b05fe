#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Detectors on the generator's traffic: the rows of tools/score.sh that have
# a floor, one seed.
for tool in traffic measure; do
	[ -x "${BUILD:?}/$tool" ] || { echo "no $tool binary: skipped"; exit 77; }
done
command -v jq >/dev/null || { echo "no jq: skipped"; exit 77; }
TRAFFIC=$BUILD/traffic MEASURE=$BUILD/measure exec "$SRC/tools/score.sh" --quick
