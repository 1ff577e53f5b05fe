#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# --carve: what a log holds is found in an image of any bytes, as chunks, as
# records without their chunk's header, and behind the records that a chunk
# counts.
. "$(dirname "$0")/lib/say.sh"
log=$example/Security-WEB01.evtx

# events OPTION FILE: without what says where they lay, in order of record
events() {
	"$PICKET" hunt --quiet --no-default-rules --events "$dir/events" \
	    ${1:+"$1"} "$2" >"$dir/out" 2>"$dir/err" || return 1
	jq -c 'select(.type == "event") | del(.source, .record, .offset)' \
	    "$dir/events" | sort -u
}
junk() {
	printf '\001\000**\000ElfChnk'
	head -c "$1" /dev/zero
	printf '**\000\000\034\000\000\000'
}
same() {
	events "" "$log" >"$dir/want" && events --carve "$1" >"$dir/got" &&
	[ -s "$dir/want" ] && cmp "$dir/want" "$dir/got"
}

case_is "a log gives the same events" same "$log"
{ junk 1000; tail -c +4097 "$log"; junk 9; } >"$dir/chunks"
case_is "chunks at odd offsets" same "$dir/chunks"
nothing() {
	events "" "$dir/chunks" >"$dir/none"
	[ ! -s "$dir/none" ]
}
case_is "without the option they are not looked for" nothing

# One chunk's records, from byte 512 of it on.
{ junk 77; tail -c +4609 "$log" | head -c 65024; } >"$dir/records"
{ head -c 69632 "$log"; } >"$dir/one.evtx"
headless() {
	log=$dir/one.evtx
	same "$dir/records"
}
case_is "records whose chunk has lost its header" headless

# The chunk's header says that it ends after its first record.
slack() {
	python3 - "$dir/one.evtx" "$dir/slack.evtx" <<-'EOF' || return 1
	import struct, sys, zlib
	d = bytearray(open(sys.argv[1], "rb").read())
	c = 4096
	size, = struct.unpack_from("<I", d, c + 516)
	struct.pack_into("<II", d, c + 44, 512, 512 + size)
	struct.pack_into("<I", d, c + 52, zlib.crc32(d[c + 512:c + 512 + size]))
	crc = zlib.crc32(d[c:c + 120])
	struct.pack_into("<I", d, c + 124, zlib.crc32(d[c + 128:c + 512], crc))
	open(sys.argv[2], "wb").write(d)
	EOF
	events "" "$dir/slack.evtx" >"$dir/counted" &&
	[ "$(wc -l <"$dir/counted")" = 1 ] && headless_slack
}
headless_slack() {
	log=$dir/one.evtx
	same "$dir/slack.evtx"
}
case_is "records behind those that the chunk counts" slack

lone() {
	python3 - "$dir/one.evtx" "$dir/lone" <<-'EOF' || return 1
	import struct, sys
	d = open(sys.argv[1], "rb").read()
	size, = struct.unpack_from("<I", d, 4096 + 516)
	open(sys.argv[2], "wb").write(b"some" + d[4608:4608 + size] + b"bytes")
	EOF
	events --carve "$dir/lone" >"$dir/got" &&
	[ "$(wc -l <"$dir/got")" = 1 ] && cmp "$dir/counted" "$dir/got"
}
case_is "one record that brings its template" lone
exit "$failed"
