#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The generator tools/traffic: the same seed gives the same octets, and the
# labels say what the flows are; counted by jq over the tagged flows.
# BUILD: where the generator lies.
. "$(dirname "$0")/lib/say.sh"
traffic=${BUILD:?}/traffic
[ -x "$traffic" ] || { echo "no traffic binary: skipped"; exit 77; }

all='relay:count=3,hops=2,jitter=20,pad=20 relay:kind=udp router-originates
    beacon:count=2 strobe:rate=0.2 long-connection:length=5000 ssf
    socks-exposed reverse-shell websocket-proxy ssh-tunnel
    dns-tunnel:queries=300 exfil scan:count=2 scan:kind=distributed
    user-enumeration bruteforce spray kerberoast asrep-roast share-sweep
    mgmt-exposed bystander'
for spec in $all; do
	set -- "$@" --do "$spec"
done
# make NAME ARGS...: all outputs at once
make() {
	_made=$1
	shift
	"$traffic" --hosts 8 --hours 3 --start 1772438400 --cap 2000 --tag \
	    --zeek "$dir/$_made.json" --netflow5 "$dir/$_made.v5" --netflow9 \
	    "$dir/$_made.v9" --pcap "$dir/$_made.pcap" \
	    --labels "$dir/$_made.labels" "$@"
}
make one --seed 7 "$@" || exit 1
same() {
	make two --seed 7 "$@" && make other --seed 8 "$@" || return 1
	for kind in json v5 v9 pcap labels; do
		cmp "$dir/one.$kind" "$dir/two.$kind" || return 1
		! cmp -s "$dir/one.$kind" "$dir/other.$kind" || {
			echo "$kind is the same with another seed"
			return 1; }
	done
}
case_is "same seed, same octets; another seed, others" same "$@"
alone() {	# an output does not depend on which others there are
	"$traffic" --hosts 8 --hours 3 --start 1772438400 --cap 2000 --tag \
	    --zeek - --seed 7 "$@" >"$dir/alone" && cmp "$dir/alone" \
	    "$dir/one.json"
}
case_is "the flows are the same with one output" alone "$@"

jq -c 'select(._path == "conn")' "$dir/one.json" >"$dir/conn"
jq -c 'select(.label) | [.label + "-" + (.label_id | tostring), .ts,
    .ts + (.duration // 0), .["id.orig_h"], .["id.resp_h"]]' "$dir/conn" \
    >"$dir/tagged"

every() {	# each behaviour of the table is there
	"$traffic" --list | sed -n 's/^\([a-z][a-z-]*\):.*/\1/p' |
	    sort >"$dir/listed"
	jq -r 'select(.type == "label") | .behaviour' "$dir/one.labels" |
	    sort -u | diff "$dir/listed" -
}
case_is "every behaviour makes a label" every
counts() {
	jq -es --slurpfile labels "$dir/one.labels" '
	(group_by(.[0]) | map({ key: .[0][0], value: length }) | from_entries)
	    == ($labels | map(select(.type == "label") |
		{ key: .id, value: .flows }) | from_entries)' "$dir/tagged"
}
case_is "labels count the flows that jq counts" counts
total() {
	jq -es --slurpfile labels "$dir/one.labels" '
	(map(select(.label == null)) | length) as $benign | length == $labels[0]
	    .flows and $benign == $labels[0].benign_flows and $benign > 5000
	' "$dir/conn"
}
case_is "and the harmless ones" total
spans() {	# to 10 microseconds: jq counts in floating point
	jq -es --slurpfile labels "$dir/one.labels" '
	def us: (.[0:19] + "Z" | fromdate) + (.[20:26] | tonumber) / 1e6;
	def near($x; $y): ($x - $y) | . < 1e-5 and . > -1e-5;
	(group_by(.[0]) | map({ key: .[0][0], value:
	    { from: (map(.[1]) | min), to: (map(.[2]) | max) } }) |
	    from_entries) as $seen |
	$labels | map(select(.type == "label")) |
	all(.[]; near(.first | us; $seen[.id].from) and
	    near(.last | us; $seen[.id].to))' "$dir/tagged"
}
case_is "labels begin and end with their flows" spans
named() {	# both ends of a labelled flow; where many, one of them
	jq -es --slurpfile labels "$dir/one.labels" '
	($labels | map(select(.type == "label") | { key: .id, value:
	    ([.entities[][]] | map({ key: ., value: 1 }) | from_entries) }) |
	    from_entries) as $who |
	all(.[]; . as $f | $who[$f[0]][$f[3]] or $who[$f[0]][$f[4]])' \
	    "$dir/tagged"
}
case_is "labels name an end of each of their flows" named
sane() {	# no count that went below nothing
	jq -es 'all(.[]; .orig_ip_bytes < 1e11 and .resp_ip_bytes < 1e11 and
	    .orig_pkts > 0 and (.duration // 0) < 86400)' "$dir/conn"
}
case_is "counts are such as can be" sane
inert() {	# RFC 1918, 5737, 2544 only
	jq -es 'map(.["id.orig_h"], .["id.resp_h"]) | unique | all(.[];
	    test("^(10|192\\.0\\.2|198\\.51\\.100|203\\.0\\.113|198\\.1[89])\\."))' \
	    "$dir/conn"
}
case_is "no address is anybody's" inert

# -- parameters ----------------------------------------------------------------

make beacon --benign 0 --do beacon:period=120,jitter=10,up=1000 --hours 5 \
    --do beacon:period=60,sleep=later,jitter=50
beacon() {
	jq -es 'map(select(._path == "conn")) | group_by(.label_id) |
	map(map(.ts) | sort | . as $t | [range(1; length) as $i |
	    $t[$i] - $t[$i - 1]]) |
	(.[0] | length > 140 and min > 107.9 and max < 132.1 and
	    (add / length | . > 118 and . < 122)) and
	(.[1] | min > 59.9 and max < 90.1)' "$dir/beacon.json"
}
case_is "a beacon keeps its period and jitter" beacon
make chain --benign 0 --hours 12 --do \
    relay:count=9,nat=0,sessions=5,jitter=30,pad=25,chaff=20
chain() {	# two links each, in order, the second as large within bounds
	jq -es 'map(select(._path == "conn" and .label == "relay")) |
	group_by(.label_id) | length == 9 and all(.[];
	  sort_by(.ts) | length == 10 and ([range(0; 10; 2) as $i |
	    [.[$i], .[$i + 1]]] | all(.[]; . as [$a, $b] |
	      $a["id.resp_h"] == $b["id.orig_h"] and
	      $b.ts - $a.ts < 10 and
	      ($b.orig_bytes / $a.orig_bytes | . > 0.85 and . < 1.75))))' \
	    "$dir/chain.json"
}
case_is "a relay passes on what comes, soon and about as much" chain
plain() {	# nothing in 3 hours of eight people is a finding
	"$PICKET" hunt --quiet --format ndjson --no-default-rules --detector \
	    kerberoast --detector ssf --detector share-sweep --detector \
	    log4shell "$dir/harmless.json" >"$dir/out" &&
	    has "$dir/out" 'length == 1 and .[0].findings == 0 and
	    .[0].records > 3000'
}
make harmless
case_is "harmless traffic is" plain

# -- the wire ------------------------------------------------------------------

packets() {	# conversations and their ports, as picket sees them in packets
	"$PICKET" hunt --quiet --no-default-rules --events "$dir/events" \
	    --kinds conn "$dir/one.pcap" >"$dir/out" &&
	jq -rc 'select(.proto == "tcp" and .dst_port == 8011) |
	    [.src_ip, .dst_ip, .src_port]' "$dir/events" | sort \
	    >"$dir/seen" &&
	jq -rc 'select(.proto == "tcp" and .["id.resp_p"] == 8011) |
	    [.["id.orig_h"], .["id.resp_h"], .["id.orig_p"]]' "$dir/conn" |
	    sort | diff - "$dir/seen" && [ -s "$dir/seen" ]
}
case_is "packets are the flows" packets
bounded() {	# memory follows the hosts, not the flows
	for n in 40000 400000; do
		"$BUILD/measure" "$traffic" --flows "$n" --zeek /dev/null \
		    >"$dir/cost" || return 1
		read -r user sys wall kib rest <"$dir/cost"
		echo "$n flows: $user + $sys s, $wall s, $kib KiB, $rest"
		[ "$kib" -lt 40000 ] || return 1
	done
}
case "$(grep -c '__[at]san_init' "$traffic")" in
0) case_is "ten times the flows take little memory too" bounded ;;
esac
wrong() {
	for bad in "--do nothing" "--do relay:kind=x" "--do relay:speed=1" \
	    "--do relay:lag=x" "--hosts 0" "--flows x" "--nothing"; do
		# shellcheck disable=SC2086 # two words
		"$traffic" $bad >"$dir/out" 2>&1
		[ $? = 2 ] || { echo "taken: $bad"; return 1; }
	done
}
case_is "wrong options are refused" wrong
exit "$failed"
