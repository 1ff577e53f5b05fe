#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Linux logs and Sigma: each log source of product linux is met by a log of its
# kind, and everyday logs meet few rules.  The samples are made here and do
# nothing.  With ausearch(8), what it makes of an audit log gives the same
# events; with the public rules, one real rule of each source fires.
. "$(dirname "$0")/lib/say.sh"
export PICKET_SHARE="$SRC/share"

# -- samples ----------------------------------------------------------------------

at='msg=audit(1700000000'
call='success=yes exit=0 a0=3 a1=2 a2=10 a3=0 items=2'
who='auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3'
x=0
record() {	# TYPE FIELDS: of the event at hand
	echo "type=$1 $at.123:$x): $2"
}
run() {		# EXE ARG...: an execve of it
	exe=$1
	shift
	x=$((x + 1))
	record SYSCALL "arch=c000003e syscall=59 $call ppid=900 pid=$((1000 + x)) $who comm=\"x\" exe=\"$exe\" key=\"run\""
	n=0 args=
	for arg; do
		args="$args a$n=\"$arg\""
		n=$((n + 1))
	done
	record EXECVE "argc=$n$args"
	record CWD 'cwd="/root"'
	record PATH "item=0 name=\"$exe\" inode=1 nametype=NORMAL"
}
{
	run /usr/bin/base64 base64 -d notes.txt
	run /usr/bin/chattr chattr -i /etc/notes
	run /usr/bin/nmap nmap -sn 192.0.2.0
	x=$((x + 1))
	record SYSCALL "arch=c000003e syscall=42 $call ppid=1 pid=77 $who comm=\"nc\" exe=\"/usr/bin/nc\" key=\"network_connect_4\""
	record SOCKADDR 'saddr=0200115CC63364090000000000000000'
	x=$((x + 1))
	record SYSCALL "arch=c000003e syscall=257 $call ppid=1 pid=78 $who comm=\"wget\" exe=\"/usr/bin/wget\" key=(null)"
	record CWD 'cwd="/tmp"'
	record PATH 'item=0 name="/tmp" inode=1 nametype=PARENT'
	record PATH 'item=1 name="notes.sh" inode=2 nametype=CREATE'
	x=$((x + 1))
	record SERVICE_STOP "pid=1 uid=0 msg='unit=firewalld comm=\"systemd\" exe=\"/usr/lib/systemd/systemd\" hostname=? addr=? terminal=? res=success'"
} >"$dir/audit.log"

stamp=2026-11-23T14:50:00Z
cat >"$dir/messages" <<EOF
$stamp vm sshd[9]: error: Corrupted MAC on input.
$stamp vm sudo:    alice : TTY=pts/0 ; PWD=/tmp ; USER=#-1 ; COMMAND=/usr/bin/tail -f notes
$stamp vm crontab[12]: (root) REPLACE (root)
$stamp vm clamd[13]: /tmp/notes: Trojan.Sample FOUND
$stamp vm guacd[14]: User "@1" joined connection "\$2" (2 users now present)
$stamp vm named[15]: zone x.example: client 192.0.2.4 denied AXFR from 192.0.2.4
$stamp vm pkexec[16]: alice: The value for environment variable XAUTHORITY contains suspicious content [USER=root] [TTY=/dev/pts/0] [CWD=/tmp]
$stamp vm useradd[17]: new user: name=zed, UID=0, GID=1002, home=/home/zed, shell=/bin/sh
$stamp r1 45: %BGP: IP-TCP-3-BADAUTH from 192.0.2.7:179
$stamp r1 46: %LDP: SOCKET_TCP_PACKET_MD5_AUTHEN_FAIL
$stamp r1 47: alice command: no aaa new-model
EOF
echo 'Mon Nov 23 14:50:00 2026 [pid 2] [bob] WARNING: "Bad HTTP verb."' \
    >"$dir/vsftpd.log"

sysmon() {	# ID DATA...: name=value
	printf '%s vm sysmon: <Event><System><Provider Name="Linux-Sysmon"/><EventID>%s</EventID><TimeCreated SystemTime="%s"/><Channel>Linux-Sysmon/Operational</Channel><Computer>vm</Computer></System><EventData>' "$stamp" "$1" "$stamp"
	shift
	for data; do
		printf '<Data Name="%s">%s</Data>' "${data%%=*}" "${data#*=}"
	done
	echo '</EventData></Event>'
}
{
	sysmon 1 ProcessId=900 Image=/usr/bin/base64 \
	    'CommandLine=base64 -d notes.txt' User=root
	sysmon 3 ProcessId=901 Image=/usr/bin/nc Initiated=true \
	    DestinationIp=198.51.100.9 DestinationPort=4444
	sysmon 11 ProcessId=902 Image=/usr/bin/wget TargetFilename=/tmp/notes.sh
} >"$dir/sysmon.log"

# -- rules of our own -------------------------------------------------------------

mkdir "$dir/rules"
n=0
rule() {	# NAME LOGSOURCE DETECTION
	n=$((n + 1))
	printf 'title: %s\nid: 00000000-0000-4000-8000-%012d\nlogsource: {%s}\ndetection:\n  s:\n%s\n  condition: s\nlevel: low\n' \
	    "$1" "$n" "$2" "$3" >"$dir/rules/$1.yml"
}
l='product: linux'
rule process "$l, category: process_creation" \
    "    Image|endswith: '/base64'
    CommandLine|contains: ' -d '
    User: root"
rule network "$l, category: network_connection" \
    "    Initiated: 'true'
    DestinationPort: 4444
    Image|endswith: '/nc'
    DestinationIp|cidr: '198.51.100.0/24'"
rule file "$l, category: file_event" \
    "    Image|endswith: '/wget'
    TargetFilename: '/tmp/notes.sh'"
rule auditd "$l, service: auditd" \
    "    type: EXECVE
    a0: chattr
    a1: '-i'"
rule audit-key "$l, service: auditd" \
    "    type: SYSCALL
    SYSCALL: connect
    a0: 3
    key: network_connect_4"
rule audit-stop "$l, service: auditd" \
    "    type: SERVICE_STOP
    unit: firewalld"
rule sshd "$l, service: sshd" "    - 'Corrupted MAC'"
rule sudo "$l, service: sudo" "    USER: '#-*'"
rule cron "$l, service: cron" "    - REPLACE"
rule clamav "$l, service: clamav" "    - 'Trojan*FOUND'"
rule guacamole "$l, service: guacamole" "    - '(2 users now present)'"
rule syslog "$l, service: syslog" "    - ' denied AXFR from '"
rule auth "$l, service: auth" "    '|all': [pkexec, 'USER=root']"
rule vsftpd "$l, service: vsftpd" "    - 'Bad HTTP verb.'"
rule any "$l" "    '|all': ['new user', 'UID=0,']"
rule aaa "product: cisco, service: aaa" "    - 'no aaa new-model'"
rule bgp "product: cisco, service: bgp" "    '|all': [':179', BADAUTH]"
rule ldp "product: cisco, service: ldp" "    - MD5_AUTHEN_FAIL"

fired() {	# LOG TITLE...: these and no others
	log=$1
	shift
	hunt 0 --quiet --no-default-rules --format ndjson \
	    --rules "$dir/rules" "$dir/$log" || return 1
	jq -r 'select(.type == "finding") | .rule.title' "$dir/out" |
	    sort >"$dir/got"
	printf '%s\n' "$@" | sort | diff - "$dir/got"
}
case_is "audit.log" fired audit.log process network file auditd audit-key \
    audit-stop
case_is "syslog" fired messages sshd sudo cron clamav guacamole syslog auth \
    any aaa bgp ldp
case_is "vsftpd's own log" fired vsftpd.log vsftpd
case_is "Sysmon for Linux" fired sysmon.log process network file

# -- another program's reading ----------------------------------------------------

events() {	# FILE OUT: what the records say, in one order
	"$PICKET" hunt --quiet --no-default-rules --events "$dir/ev" \
	    --kinds auditd,process,auth "$1" >/dev/null &&
	jq -Sc 'del(.source, .record, .offset) |
	    map_values(if type == "array" then sort else . end)' "$dir/ev" |
	    sort >"$2"
}
if command -v ausearch >/dev/null; then
	same() {
		ausearch -if "$dir/audit.log" >"$dir/as.log" 2>/dev/null &&
		events "$dir/audit.log" "$dir/a" &&
		events "$dir/as.log" "$dir/b" && [ -s "$dir/a" ] &&
		diff "$dir/a" "$dir/b"
	}
	case_is "the same from ausearch" same
	translated() {	# names in place of numbers, but the same processes
		TZ=UTC LC_ALL=C ausearch -i -if "$dir/audit.log" \
		    >"$dir/as.log" 2>/dev/null &&
		events "$dir/as.log" "$dir/b" &&
		jq -Sc 'select(.kind == "process")' "$dir/a" >"$dir/a1" &&
		jq -Sc 'select(.kind == "process")' "$dir/b" |
		    diff "$dir/a1" - &&
		jq -r '.SYSCALL // empty' "$dir/a" >"$dir/a1" &&
		jq -r '.SYSCALL // empty' "$dir/b" | sort |
		    diff - "$dir/a1"
	}
	case_is "the same from ausearch -i" translated
else
	echo "ok - the same from ausearch # SKIP no ausearch"
fi

# -- times without a year ---------------------------------------------------------

year() {	# DATE-OF-FILE WANTED
	printf 'Dec 31 23:00:00 vm a: x\nJan  1 01:00:00 vm a: y\n' \
	    >"$dir/messages.1"
	touch -d "$1" "$dir/messages.1"
	hunt 0 --quiet --no-default-rules --events "$dir/ev" --format ndjson \
	    "$dir/messages.1" && has "$dir/ev" "map(.time) == $2" &&
	has "$dir/out" 'any(.[]; .name == "syslog-no-year")'
}
case_is "the year is that of the file" year 2024-03-01T00:00:00Z \
    '["2023-12-31T23:00:00Z", "2024-01-01T01:00:00Z"]'
in_tar() {
	touch -d 2022-06-01T00:00:00Z "$dir/messages.1"
	tar -C "$dir" -cf "$dir/logs.tar" messages.1
	touch -d 2025-06-01T00:00:00Z "$dir/logs.tar"
	hunt 0 --quiet --no-default-rules --events "$dir/ev" --format ndjson \
	    "$dir/logs.tar" && has "$dir/ev" \
	    'map(.time[0:4]) == ["2021", "2022"]'
}
case_is "in an archive as that says" in_tar
piped() {
	"$PICKET" hunt --quiet --no-default-rules --events "$dir/ev" - \
	    <"$dir/messages.1" >/dev/null && has "$dir/ev" 'length == 2'
}
case_is "from a file as standard input" piped

# -- a real one -------------------------------------------------------------------

otrf=$corpus/otrf/atomic/linux/discovery/host/sh_arp_cache.zip
if [ -f "$otrf" ]; then
	arp() {
		hunt 0 --quiet --no-default-rules --kinds process,auditd \
		    --events "$dir/ev" "$otrf" && has "$dir/ev" \
		    'map(.CommandLine // empty) == ["arp -a", "grep -v ^?"] and
		    map(.["audit.serial"] // empty) == [92733, 92734]'
	}
	case_is "a recorded arp -a" arp
fi

# -- the public rules -------------------------------------------------------------

[ -d "$corpus/sigma/rules/linux" ] || {
	echo "ok - public rules # SKIP $corpus/sigma is not there"
	exit "$failed"
}
wanted='Decode Base64 Encoded Text
Linux Network Service Scanning - Auditd
Disable System Firewall
Remove Immutable File Attribute - Auditd
Wget Creating Files in Tmp Directory
Potentially Suspicious Malware Callback Communication - Linux
Suspicious OpenSSH Daemon Error
Sudo Privilege Escalation CVE-2019-14287 - Builtin
Modifying Crontab
Relevant ClamAV Message
Guacamole Two Users Sharing Session Anomaly
Suspicious Named Error
PwnKit Local Privilege Escalation
Privileged User Has Been Created
Suspicious VSFTPD Error Messages
Cisco BGP Authentication Failures
Cisco LDP Authentication Failures'
public() {
	hunt 0 --quiet --no-default-rules --format ndjson \
	    --rules "$corpus/sigma/rules" \
	    --rules "$corpus/sigma/rules-emerging-threats" \
	    "$dir/audit.log" "$dir/messages" "$dir/vsftpd.log" \
	    "$dir/sysmon.log" || return 1
	jq -r 'select(.type == "finding") | .rule.title' "$dir/out" |
	    sort -u >"$dir/got"
	echo "$wanted" | sort | comm -23 - "$dir/got" >"$dir/missing"
	[ ! -s "$dir/missing" ] || { cat "$dir/missing" "$dir/got"; return 1; }
}
case_is "a public rule of each source fires" public
exit "$failed"
