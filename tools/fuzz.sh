#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/fuzz.sh [TARGET [SECONDS]]
# Runs one target (decoder_dns, source_pcap, ...), or all one after the other,
# for SECONDS each.  New inputs go to build/fuzz/found/TARGET, what crashed
# or hung to build/fuzz/crash/TARGET-*; the seeds are in fuzz/corpus.
set -u
cd "$(dirname "$0")/.." || exit 1
build=build/fuzz
rm -rf "$build/results" "$build/tally"
mkdir -p "$build/crash" "$build/results"
for program in "$build"/fuzz/fuzz_${1:-*}; do
	if ! [ -f "$program" ] || ! [ -x "$program" ]; then
		continue
	fi
	target=${program##*/fuzz_}
	log=$build/results/$target.log
	seeds=fuzz/corpus/$target
	[ -d "$seeds" ] || seeds=fuzz/corpus/${target#*_}
	mkdir -p "$build/found/$target"
	if "$program" -max_total_time="${2:-10}" -max_len=65536 -timeout=10 \
	    -rss_limit_mb=2048 -artifact_prefix="$build/crash/$target-" \
	    "$build/found/$target" "$seeds" >"$log" 2>&1; then
		echo "$target: $(tail -n 1 "$log")"
		printf 'pass\tfuzz %s\t\n' "$target" >"$build/results/$target"
	else
		tail -n 40 "$log"
		printf 'fail\tfuzz %s\tsee %s/crash\n' "$target" "$build" \
		    >"$build/results/$target"
	fi
	rm -f "$log"
done
tools/tally.sh fuzz "$build/tally" "$build/results"/*
