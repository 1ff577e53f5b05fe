#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/score.sh [--quick] [DETECTOR...]
# Scores detectors on traffic that tools/traffic.c makes: for each row of the
# grid below and each seed a run, labels joined with findings.  Writes the
# table of doc/detectors.md between its markers, and what it does to standard
# error.  With names, only these detectors, and the table goes to standard
# output.
#
# --quick  one seed and the rows that have floors; TAP lines, for the tests
#
# PICKET   the program (build/release/picket)
# TRAFFIC  the generator; MEASURE: tools/measure.c; built when not given
# CORPUS   real captures for false alarms (../shared/corpus)
# SEEDS    "1 2"
# HOSTS, HOURS  of the network around each behaviour (40, 24; packets: a third
#          of the hours)
#
# How labels are joined: a finding of the detector is right when it names one
# of the addresses that a label is about, in the label's time (an hour to
# both sides); a label is found when one such finding is there; a finding
# that fits no label for this detector is a false alarm.
set -u
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 1
picket=${PICKET:-build/release/picket}
corpus=${CORPUS:-../shared/corpus}
seeds=${SEEDS:-1 2}
hosts=${HOSTS:-40} hours=${HOURS:-24}
quick=0
[ "${1:-}" != --quick ] || { quick=1; shift; seeds=1; }
only=" $* "
export PICKET_SHARE="${PICKET_SHARE:-$PWD/share}"
[ -x "$picket" ] || { echo "score: no $picket: make build" >&2; exit 1; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

traffic=${TRAFFIC:-} measure=${MEASURE:-}
if [ -z "$traffic" ]; then
	traffic=$work/traffic
	${CC:-cc} -O2 -o "$traffic" tools/traffic.c tools/lib/*.c -lm || exit 1
fi
if [ -z "$measure" ]; then
	measure=$work/measure
	${CC:-cc} -O2 -o "$measure" tools/measure.c || exit 1
fi

# -- the grid ----------------------------------------------------------------
#
# row DETECTOR INPUT FLOOR SPEC...   INPUT: zeek, netflow5, netflow9, pcap.
# FLOOR: the percentage of labels that --quick insists on, generously below
# what is measured; - : not in --quick.  Together with a floor goes that there
# is no false alarm.
grid() {
	for kind in ssh tls socks udp; do
		row relay zeek 95 "relay:kind=$kind,count=20"
		row relay zeek 95 "relay:kind=$kind,count=20,traffic=bulk"
		row relay zeek 95 \
		    "relay:kind=$kind,count=20,jitter=30,pad=25,chaff=20"
		row relay zeek 95 \
	    "relay:kind=$kind,count=20,hops=2,jitter=30,pad=25,chaff=20"
		row relay netflow9 - \
	    "relay:kind=$kind,count=20,hops=2,jitter=30,pad=25,chaff=20"
	done
	row relay zeek 95 "relay:count=10,where=inside"
	for kind in peer vpn database balancer forward; do
		row relay zeek 95 "relay:count=5" \
		    "bystander:kind=$kind,count=8"
	done
	# hours of silence, a day of sign-ins: not in --quick's six hours
	row relay zeek - "router-originates:count=10"
	row beacon zeek 90 "beacon:count=20,period=60,jitter=0"
	row beacon zeek 90 "beacon:count=20,period=300,jitter=10"
	row beacon zeek 90 "beacon:count=20,period=300,jitter=30"
	row beacon zeek 90 "beacon:count=20,period=300,jitter=50"
	# 24 calls, half a strobe's day: not in --quick's six hours
	row beacon zeek - "beacon:count=20,period=900,jitter=20,sleep=normal"
	row beacon zeek - "beacon:count=20,period=900,jitter=37,sleep=later"
	row beacon zeek 90 "beacon:count=20,period=300,jitter=20,loss=20"
	row beacon netflow9 - "beacon:count=20,period=300,jitter=10"
	row beacon zeek - "strobe:count=2"
	row beacon zeek - "long-connection:count=10"
	row beacon pcap - "long-connection:count=10,length=21600"
	row ssf pcap 90 "ssf:count=20"
	row ssf pcap - "ssf:count=20,port=443,upload=3"
	row socks-exposed zeek - "socks-exposed:count=10"
	row socks-exposed pcap - "socks-exposed:count=10"
	row reverse-shell zeek - "reverse-shell:count=10"
	row reverse-shell pcap - "reverse-shell:count=10"
	row web-socket-proxy pcap 80 "websocket-proxy:count=5"
	row ssh-tunnel zeek - "ssh-tunnel:count=10"
	row ssh-tunnel pcap - "ssh-tunnel:count=10"
	row ssh-tunnel pcap - "ssh-tunnel:count=10,kind=reverse"
	for type in txt null cname a; do
		row dns-tunnel zeek 90 "dns-tunnel:count=5,type=$type"
	done
	row dns-tunnel pcap - "dns-tunnel:count=5"
	# dnscat2 at rest; a beacon; a day's worth, little by little
	row dns-tunnel zeek 90 \
	    "dns-tunnel:count=5,label=18,answer=18,queries=60"
	row dns-tunnel zeek 90 "dns-tunnel:count=5,rate=0.02,label=24"
	row dns-tunnel zeek - "dns-tunnel:count=5,rate=0.002,label=32"
	row dns-tunnel zeek - \
	    "dns-tunnel:count=5,type=a,rate=0.05,queries=1200,label=28"
	row dns-tunnel zeek - "dns-tunnel:count=5,type=a,rate=0.005,label=44"
	row exfil zeek 90 "exfil:count=4,volume=500"
	row exfil zeek - "exfil:count=10,volume=200,pieces=40,pause=400"
	row exfil zeek - "exfil:count=10,volume=60,port=22"
	row exfil zeek 70 "exfil:count=4,volume=300,of=workstation"
	row exfil zeek - "exfil:count=8,volume=300,of=workstation,turns=8"
	row exfil zeek - "exfil:count=5,volume=300,of=server"
	row exfil zeek 90 "exfil:count=4,volume=500,after=10"
	row exfil netflow9 - "exfil:count=10,volume=500"
	row exfil netflow9 - "exfil:count=10,volume=300,of=workstation"
	for kind in vertical horizontal slow distributed; do
		row scan zeek 90 "scan:count=5,kind=$kind"
	done
	row scan zeek 90 "scan:count=5,kind=horizontal,from=inside"
	row scan zeek 90 "scan:count=5,kind=vertical,proto=udp"
	row scan zeek 90 "scan:count=5,kind=horizontal,proto=icmp"
	row scan netflow5 - "scan:count=5,kind=horizontal"
	row scan zeek 90 "user-enumeration:count=5"
	for service in ssh rdp smb ldap kerberos; do
		row bruteforce zeek 90 "bruteforce:count=5,service=$service"
	done
	row bruteforce zeek 90 "spray"
	row bruteforce zeek - "spray:service=ssh,accounts=100,sources=40"
	row kerberoast pcap 90 "kerberoast:count=10"
	row kerberoast pcap - "kerberoast:count=10,etype=18,tickets=30"
	row kerberoast zeek - "kerberoast:count=10"
	row asrep-roast pcap 90 "asrep-roast:count=10"
	row share-sweep pcap 90 "share-sweep:count=10"
	row share-sweep zeek - "share-sweep:count=10"
	row share-sweep pcap - "share-sweep:count=10,share=data,gap=30"
	for port in https ssh telnet tr069 snmp; do
		row mgmt-exposed zeek 90 "mgmt-exposed:count=4,port=$port"
	done
	row orb-node zeek - "relay:kind=socks,count=20"
	row orb-source zeek - "spray"
}

# -- one run -----------------------------------------------------------------

# shellcheck disable=SC2016 # jq's variables
# Findings of detector $d (a finding's id begins with it) against labels.
join='
def t: .[0:19] + "Z" | fromdate;
($labels | map(select(.type == "label" and (.detectors | index($d)))
  | { id, behaviour, from: ((.first | t) - 3600), to: ((.last | t) + 3600),
      about: (.about | map({ key: ., value: 1 }) | from_entries) })) as $l
| [ $findings[] | select(.type == "finding" and (.rule.id == $d or
      (.rule.id | startswith($d + "-"))))
    | { a: [.entities | .src_ip, .dst_ip, .host | strings],
        from: (.time // "1970-01-01T00:00:00Z" | t),
        to: (.last_time // .time // "2100-01-01T00:00:00Z" | t) }
    | . as $f | [ $l[] | . as $x | select($f.to >= .from and
        $f.from <= .to and any($f.a[]; $x.about[.])) | .id ] ] as $hits
| "\($l | length) \([$hits[][]] | unique | length) " +
  "\([$hits[] | select(length == 0)] | length) " +
  "\($labels[0].flows) " +
  "\([$findings[] | select(.type == "summary") | .records] | add)"'

# run DETECTOR INPUT SEED SPEC...: "labels found false flows records seconds"
run() {
	_detector=$1 _input=$2 _seed=$3
	shift 3
	_file=$work/in.$_input
	[ "$_input" != zeek ] || _file=$work/in.json
	for _spec; do
		shift
		set -- "$@" --do "$_spec"
	done
	_hours=$hours	# packets are many: a third of the time
	[ "$_input" != pcap ] || _hours=$(((hours + 2) / 3))
	"$traffic" --seed "$_seed" --hosts "$hosts" --hours "$_hours" \
	    --start 1772438400 --cap 5000 "$@" "--$_input" "$_file" --labels "$work/labels" ||
	    return 1
	# Whose the devices are that are seen from outside, for those who ask.
	_home=""
	case $_detector in
	mgmt-exposed | socks-exposed)
		_home="--home 10.0.0.0/8,192.0.2.0/24,198.19.252.0/22" ;;
	esac
	# shellcheck disable=SC2086 # two words or none
	"$measure" -t 600 -o "$work/found" "$picket" hunt --quiet --format \
	    ndjson --no-default-rules --detector "$_detector" $_home "$_file" \
	    >"$work/cost" || return 1
	read -r _user _sys _rest <"$work/cost"
	rm -f "$_file"
	printf '%s %s\n' "$(jq -rn --arg d "$_detector" \
	    --slurpfile labels "$work/labels" \
	    --slurpfile findings "$work/found" "$join")" \
	    "$(echo "$_user $_sys" | awk '{ print $1 + $2 }')"
}

"$picket" list --format ndjson detectors | jq -r .name | tr _ - \
    >"$work/there" || exit 1
is_there() {
	grep -qx -- "$1" "$work/there"
}

# -- rows --------------------------------------------------------------------

words() {	# the parameters for people: "count" is not one
	echo "$*" | sed 's/count=[0-9]*,*//g; s/,\( \|$\)/\1/g; s/:\( \|$\)/\1/g
	    s/:/: /g; s/,/, /g'
}

row_table() {
	detector=$1 input=$2
	shift 3
	# shellcheck disable=SC2016 # quotes of Markdown
	printf '| `%s` | %s | %s | ' "$detector" "$(words "$@")" "$input"
	if ! is_there "$detector"; then
		echo "not there | | | |"
		return
	fi
	echo "score: $detector, $input, $*" >&2
	: >"$work/runs"
	for seed in $seeds; do
		run "$detector" "$input" "$seed" "$@" >>"$work/runs" || :
	done
	awk -v seeds="$seeds" '
	{ l += $1; hit += $2; wrong += $3; flows += $4; n += $5; s += $6 }
	END {
		if (!l) { print "did not run | | | |"; exit }
		printf "%d of %d (%.0f %%) | %d (%.2f) | %.0f | %s |\n",
		    hit, l, 100 * hit / l, wrong, wrong * 1e6 / flows,
		    s * 1e9 / (n ? n : 1), seeds
	}' "$work/runs"
}

row_quick() {
	detector=$1 input=$2 floor=$3
	shift 3
	[ "$floor" != - ] && is_there "$detector" || return 0
	name="$detector: $* from $input"
	run "$detector" "$input" 1 "$@" >"$work/runs"
	if awk -v floor="$floor" 'NR == 1 && $1 > 0 &&
	    $2 * 100 >= floor * $1 && $3 == 0 { ok = 1 }
	    END { exit !ok }' "$work/runs"; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		echo "# labels found false flows records seconds:" \
		    "$(cat "$work/runs")"
		failed=1
	fi
}

row() {
	case $only in *" $1 "*|"  ") ;; *) return 0 ;; esac
	if [ "$quick" = 1 ]; then row_quick "$@"; else row_table "$@"; fi
}

# Findings by detector where nothing is to be found: a file, its name, what
# its records are.  The longest name of a detector that fits is counted.
harmless() {
	# shellcheck disable=SC2046 # many words are wanted
	"$measure" -t 900 -o "$work/found" "$picket" hunt --quiet --format \
	    ndjson --no-default-rules $(sed 's/^/--detector /' \
	    "$work/there") "$1" >"$work/cost" || return 0
	read -r user sys rest <"$work/cost"
	jq -rn --slurpfile f "$work/found" --rawfile d "$work/there" '
	($d | split("\n") | map(select(. != "")) | sort_by(-length)) as $d |
	([$f[] | select(.type == "finding") | .rule.id as $id |
	  $d | map(select(. as $n | $id == $n or ($id | startswith($n + "-"))))
	  | .[0] // $id] | group_by(.) | map("\(.[0]) \(length)") |
	  join(", ") | if . == "" then "none" else . end) as $by |
	([$f[] | select(.type == "summary") | .records] | add) as $n |
	([$f[] | select(.type == "finding")] | length) as $all |
	"\($n)|\($all)|\($by)"' | {
		IFS='|' read -r n all by
		awk -v name="$2" -v n="$n" -v all="$all" -v by="$by" \
		    -v s="$user $sys" -v what="$3" 'BEGIN {
			split(s, t, " ")
			printf "| %s | %d %s | %d (%.2f) | %s | %.0f |\n",
			    name, n, what, all, n ? all * 1e6 / n : 0, by,
			    n ? (t[1] + t[2]) * 1e9 / n : 0
		}'
	}
}

harmless_rows() {
	for seed in $seeds; do
		"$traffic" --seed "$seed" --hosts 200 --hours 24 \
		    --zeek "$work/in.json" --labels "$work/labels"
		harmless "$work/in.json" \
		    "generator, 200 hosts, 24 h, seed $seed, Zeek" rows
		rm -f "$work/in.json"
	done
	"$traffic" --seed 1 --hosts 40 --hours 12 --start 1772438400 \
	    --cap 20000 --pcap "$work/in.pcap"
	harmless "$work/in.pcap" "generator, 40 hosts, 12 h, seed 1, packets" \
	    packets
	rm -f "$work/in.pcap"
	for part in zeek-traces arkime ja4 netflow; do
		[ ! -d "$corpus/$part" ] ||
		    harmless "$corpus/$part" "corpus: $part" records
	done
}

if [ "$quick" = 1 ]; then
	failed=0 hosts=10 hours=6
	grid
	exit "$failed"
fi

table() {
	cat <<-END
	Made by \`make score\` ($hosts hosts, $hours hours around the behaviours,
	in packets a third of that, seeds $seeds). Found: labels for which there is a right finding. False:
	findings that fit no label, and in brackets per million flows of the
	input. Cost: processor time of the whole run with this detector alone,
	reading and decoding included, in nanoseconds a record of the input.
	\`doc/traffic.md\` has the behaviours and how labels are joined.

	| detector | behaviour and parameters | input | found | false (per million) | ns a record | seeds |
	| --- | --- | --- | --- | --- | --- | --- |
	END
	grid
	[ "$only" = "  " ] || return 0
	cat <<-END

	All detectors on traffic in which nothing was done, or which others
	recorded (attacks of theirs are in it, so not every finding is false):

	| traffic | records | findings (per million) | by detector | ns a record |
	| --- | --- | --- | --- | --- |
	END
	harmless_rows
}

table >"$work/table" || exit 1
if [ "$only" != "  " ]; then
	cat "$work/table"
	exit
fi
page=doc/detectors.md
[ -f "$page" ] || printf '%s\n' '# How well the detectors find' '' \
    '<!-- score begin -->' '<!-- score end -->' >"$page"
awk -v table="$work/table" '
/<!-- score end -->/ { inside = 0 }
!inside { print }
/<!-- score begin -->/ {
	inside = 1
	while ((getline line <table) > 0)
		print line
}' "$page" >"$work/page" && cat "$work/page" >"$page"
