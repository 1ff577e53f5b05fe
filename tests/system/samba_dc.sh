#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A real Samba domain controller and real clients (MIT Kerberos, smbclient,
# samba-tool) between network namespaces that go with this script.  Each of
# the things that one client does is captured by itself, and the detectors
# have to name it, and to be silent about a usual morning.
#
#   domain CORP.EXAMPLE: dc01 10.20.0.10; client 10.20.0.50
if [ "$(id -u)" != 0 ]; then echo "not root: skipped"; exit 77; fi
for tool in ip unshare tcpdump samba samba-tool kinit kvno smbclient \
    ldbsearch; do
	command -v $tool >/dev/null || { echo "no $tool: skipped"; exit 77; }
done
if [ -z "${SAMBA_TEST_INSIDE:-}" ]; then
	unshare -n -m true 2>/dev/null || { echo "no namespaces: skipped"
	    exit 77; }
	SAMBA_TEST_INSIDE=1 exec unshare -n -m "$0"
fi
. "$(dirname "$0")/../replay/lib/say.sh"
chmod 711 "$dir"
dc=10.20.0.10 client=10.20.0.50 password=Passw0rd.1
started=
stop() {
	# shellcheck disable=SC2086
	kill $started 2>/dev/null
	pkill -s 0 -x samba 2>/dev/null
	rm -rf "$dir"
}
trap stop EXIT

# -- the network and the domain ----------------------------------------------
mount -t tmpfs tmpfs /run && mkdir /run/netns || exit 1
ip link set lo up
ip netns add client || exit 1
ip link add eth0 type veth peer name eth0 netns client ||
    { echo "no virtual Ethernet here: skipped"; exit 77; }
ip addr add $dc/24 dev eth0 && ip link set eth0 up &&
    ip -n client addr add $client/24 dev eth0 &&
    ip -n client link set eth0 up && ip -n client link set lo up || exit 1

cat >"$dir/krb5.conf" <<END
[libdefaults]
	default_realm = CORP.EXAMPLE
	dns_lookup_kdc = false
	dns_lookup_realm = false
	dns_canonicalize_hostname = false
	rdns = false
	allow_weak_crypto = true
[realms]
	CORP.EXAMPLE = {
		kdc = $dc
	}
[domain_realm]
	.corp.example = CORP.EXAMPLE
END
export KRB5_CONFIG="$dir/krb5.conf" KRB5CCNAME="FILE:$dir/tickets"
echo "$dc dc01.corp.example dc01" >"$dir/hosts"
mount --bind "$dir/hosts" /etc/hosts || exit 1

smb=$dir/dc/etc/smb.conf
domain() {
	samba-tool "$@" -s "$smb" >>"$dir/log" 2>&1
}
samba-tool domain provision --server-role=dc --dns-backend=SAMBA_INTERNAL \
    --realm=CORP.EXAMPLE --domain=CORP --host-name=dc01 --host-ip=$dc \
    --adminpass=$password --targetdir="$dir/dc" \
    --option="posix:eadb=$dir/dc/eadb.tdb" --option="log file=$dir/log.%m" \
    --option="interfaces=lo eth0" --option="bind interfaces only=yes" \
    >"$dir/log" 2>&1 || { tail -n 5 "$dir/log"; exit 1; }
for user in alice bob carol dave erin frank grace heidi ivan judy; do
	domain user create $user $password || exit 1
done
for n in 1 2 3 4 5 6; do
	domain user create svc_$n $password &&
	    domain spn add "MSSQLSvc/sql0$n.corp.example:1433" svc_$n || exit 1
done
samba -F --no-process-group -s "$smb" >>"$dir/log" 2>&1 &
started="$started $!"

on() {		# COMMAND...: as the client
	timeout 30 ip netns exec client "$@" >>"$dir/log" 2>&1
}
sign_in() {	# ACCOUNT [PASSWORD]
	echo "${2:-$password}" | on kinit "$1"
}
try=0
until sign_in alice; do
	try=$((try + 1))
	if [ $try = 40 ]; then
		tail -n 20 "$dir/log"
		echo "not ok - the domain controller answers"
		exit 1
	fi
	sleep .5
done

# -- what is done, each in a capture of its own -------------------------------
capture() {	# NAME FUNCTION
	tcpdump -q -U -s 0 -i eth0 -w "$dir/$1.pcap" 2>/dev/null &
	_pid=$!
	sleep 1
	"$2"
	_status=$?
	sleep 1
	kill -INT $_pid
	wait $_pid
	if [ $_status != 0 ]; then
		tail -n 20 "$dir/log"
		echo "not ok - $1 went through"
		failed=1
	fi
}
morning() {
	sign_in alice && on kvno cifs/dc01.corp.example &&
	    on smbclient -k //dc01.corp.example/sysvol -c ls &&
	    ! sign_in bob wrong.1 && sign_in bob &&
	    on smbclient -k //dc01.corp.example/sysvol -c ls
}
roast() {
	sign_in alice || return 1
	for n in 1 2 3 4 5 6; do
		on kvno -e rc4-hmac "MSSQLSvc/sql0$n.corp.example:1433" ||
		    return 1
	done
}
guess() {
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do
		! sign_in alice "wrong.$n" || return 1
	done
}
spray() {
	for user in alice bob frank grace heidi ivan judy svc_1 svc_2 svc_3; do
		! sign_in "$user" Winter2026 || return 1
	done
}
search() {
	on ldbsearch -H ldap://dc01.corp.example -U "alice%$password" \
	    --option="client ldap sasl wrapping=sign" \
	    '(&(samAccountType=805306368)(servicePrincipalName=*))' dn &&
	    on ldbsearch -H ldap://dc01.corp.example -U "alice%$password" \
	    --option="client ldap sasl wrapping=sign" \
	    '(userAccountControl:1.2.840.113556.1.4.803:=4194304)' dn
}
replicate() {
	on samba-tool drs clone-dc-database --server=dc01.corp.example \
	    --targetdir="$dir/clone" --include-secrets \
	    -U "Administrator%$password" CORP.EXAMPLE
}
for what in morning roast guess spray search replicate; do
	capture $what $what
done

# -- what is found ------------------------------------------------------------
look() {	# NAME
	hunt 0 --quiet --format ndjson "$dir/$1.pcap"
}
silent() {
	look "$1" && has "$dir/out" \
	    'all(.[]; .type != "finding") and (.[-1].records > 100)'
}
found() {	# NAME DETECTOR CONDITION
	look "$1" && has "$dir/out" "[.[] | select(.type == \"finding\")] |
	    length == 1 and (.[0] | .rule.id == \"$2\" and
	    .entities.src_ip == \"$client\" and ($3))"
}
case_is "a usual morning" silent morning
case_is "kvno -e rc4-hmac for six services" found roast kerberoast \
    '(.message | contains("6 service")) and .severity == "high"'
case_is "one password after the other" found guess bruteforce \
    '.message | contains("alice")'
case_is "one password for all" found spray bruteforce-spray '.count == 10'
case_is "accounts worth attacking looked up" found search \
    admin-enumeration '.message | contains("SPN")'
case_is "secrets replicated by a client" found replicate \
    admin-enumeration '.severity == "high" and .count > 2'
exit "$failed"
