#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Real relays between network namespaces that go with this script: socat,
# OpenSSH -L, -D and -R, a SOCKS5 proxy.  Each relay is a host of its own,
# captured at its interface by tcpdump; `relay` finds each of them, and
# nothing when one of the two legs is taken out of the capture or when the
# host has talks of its own on both sides.
#
#   client 203.0.113.9, second client 203.0.113.77, target 198.51.100.22,
#   relays 192.0.2.1 to .6
if [ "$(id -u)" != 0 ]; then echo "not root: skipped"; exit 77; fi
for tool in ip unshare tcpdump python3 ssh ssh-keygen; do
	command -v $tool >/dev/null || { echo "no $tool: skipped"; exit 77; }
done
[ -x /usr/sbin/sshd ] || { echo "no sshd: skipped"; exit 77; }
if [ -z "${RELAY_TEST_INSIDE:-}" ]; then
	unshare -n -m true 2>/dev/null || { echo "no namespaces: skipped"
	    exit 77; }
	RELAY_TEST_INSIDE=1 exec unshare -n -m "$0"
fi
. "$(dirname "$0")/../replay/lib/say.sh"
talk=$(dirname "$0")/lib/talk.py
client=203.0.113.9 second=203.0.113.77 target=198.51.100.22 port=8080
started=
trap 'kill $started 2>/dev/null; chmod -R u+rwx "$dir"; rm -rf "$dir"' EXIT

# -- the network: all hosts on one wire ---------------------------------------
mount -t tmpfs tmpfs /run && mkdir /run/sshd /run/netns || exit 1
ip link add wire type bridge || { echo "no bridges here: skipped"; exit 77; }
ip link set wire up
host() {	# NAME ADDRESS
	ip netns add "$1" && ip link add "$1" type veth peer name eth0 \
	    netns "$1" && ip link set "$1" master wire up &&
	    ip -n "$1" addr add "$2/32" dev eth0 &&
	    ip -n "$1" link set eth0 up && ip -n "$1" link set lo up &&
	    ip -n "$1" route add default dev eth0 || exit 1
}
host client $client
host second $second
host target $target
for n in 1 2 3 4 5 6; do
	host relay$n 192.0.2.$n
done
on() {		# HOST COMMAND...: in its namespace
	_host=$1
	shift
	ip netns exec "$_host" "$@"
}
start() {	# the same, in the background until the end
	on "$@" >>"$dir/log" 2>&1 &
	started="$started $!"
}

ssh-keygen -q -t ed25519 -N '' -f "$dir/key" && ssh-keygen -q -t ed25519 \
    -N '' -f "$dir/host" || exit 1
cat >"$dir/sshd" <<END
HostKey $dir/host
AuthorizedKeysFile $dir/key.pub
StrictModes no
PermitRootLogin yes
PidFile none
GatewayPorts yes
END
for n in 2 3 4; do
	start relay$n /usr/sbin/sshd -D -e -f "$dir/sshd"
done
start target python3 "$talk" serve $port
start relay6 python3 "$talk" serve $port
start relay5 python3 "$talk" proxy 1080
if command -v socat >/dev/null; then
	start relay1 socat TCP-LISTEN:4433,fork,reuseaddr TCP:$target:$port
fi
for n in 1 2 3 4 5 6; do
	start relay$n tcpdump -q -U -s 0 -i eth0 -w "$dir/$n.pcap" tcp
done
sleep 1

# -- the talks ----------------------------------------------------------------
to_relay() {	# NUMBER OPTION...: ssh that stays while something passes
	_relay=192.0.2.$1
	shift
	on client ssh -q -F none -i "$dir/key" -o StrictHostKeyChecking=no \
	    -o UserKnownHostsFile=/dev/null "$@" "root@$_relay" sleep 1
}
by_socat() {
	on client python3 "$talk" talk 192.0.2.1 4433 "$1"
}
by_local() {
	to_relay 2 -L "7002:$target:$port" &
	on client python3 "$talk" talk 127.0.0.1 7002 "$1"
	wait $!
}
by_dynamic() {
	to_relay 3 -D 7003 &
	on client python3 "$talk" socks "$target" "$port" "$1" \
	    127.0.0.1:7003
	wait $!
}
by_remote() {	# the client of the relay is the next hop
	to_relay 4 -R "7004:$target:$port" &
	on second python3 "$talk" talk 192.0.2.4 7004 "$1"
	wait $!
}
by_proxy() {
	on client python3 "$talk" socks "$target" "$port" "$1" \
	    192.0.2.5:1080
}
by_itself() {	# as often, as an application asks its data base
	on client python3 "$talk" talk 192.0.2.6 "$port" "$1" &
	sleep .4
	on relay6 python3 "$talk" talk "$target" "$port" "other $1" 5
	wait $!
}
talks() {
	for n in 1 2 3; do
		"$1" "$1 $n" >>"$dir/log" 2>&1 || echo "$1 $n: $?" >>"$dir/bad"
		sleep .3
	done
}
running=
for way in by_local by_dynamic by_remote by_proxy by_itself \
    $(command -v socat >/dev/null && echo by_socat); do
	talks "$way" &
	running="$running $!"
done
# shellcheck disable=SC2086
wait $running
sleep 1
# shellcheck disable=SC2086
kill -INT $started
sleep 1
if [ -s "$dir/bad" ]; then
	cat "$dir/bad"
	tail -n 20 "$dir/log"
	echo "not ok - the talks went through"
	exit 1
fi

# -- what is found ------------------------------------------------------------
look() {	# CAPTURE
	hunt 0 --quiet --format ndjson --no-default-rules --detector relay "$1"
}
found() {	# NUMBER SOURCE TARGET
	look "$dir/$1.pcap" || return 1
	has "$dir/out" "[.[] | select(.type == \"finding\")] | length == 1 and
	    .[0].rule.id == \"relay\" and .[0].entities.src_ip == \"$2\" and
	    .[0].entities.host == \"192.0.2.$1\" and
	    .[0].entities.dst_ip == \"$3\"" || return 1
	# one leg alone is nobody's relay
	for _leg in "$2" "$3"; do
		tcpdump -q -r "$dir/$1.pcap" -w "$dir/leg.pcap" "host $_leg" \
		    2>/dev/null && look "$dir/leg.pcap" || return 1
		has "$dir/out" 'all(.[]; .type != "finding")' || return 1
	done
}
if command -v socat >/dev/null; then
	case_is "socat" found 1 $client $target
else
	echo "ok - socat # SKIP no socat"
fi
case_is "OpenSSH -L" found 2 $client $target
case_is "OpenSSH -D" found 3 $client $target
case_is "OpenSSH -R, seen where it is called from" found 4 $second $client
case_is "a SOCKS5 proxy" found 5 $client $target
by_trade() {
	look "$dir/6.pcap" &&
	    has "$dir/out" 'all(.[]; .type != "finding") and
	    (.[-1].records > 100)'
}
case_is "a server that is also a client" by_trade
exit "$failed"
