/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traf_table: the behaviours by name, with the detectors that should find
 * them and their parameters.  A parameter whose text begins with words
 * between bars takes one of these words.
 */
#include "traf_bad.h"

#define COUNT		{ "count", "1", "how many of them" }
#define SESSIONS(n)	{ "sessions", n, "conversations in the run" }
#define LENGTH(s)	{ "length", s, "median seconds of a conversation" }

const struct behaviour behaviours[] = {
	{ "relay", "relay orb-node", "T1090 T1090.003 T1584.008",
	    "a hijacked router that passes conversations on", {
		COUNT,
		{ "kind", "ssh", "ssh|tls|socks|udp between source and relay" },
		{ "hops", "1", "1 or 2 relays" },
		{ "traffic", "typed", "typed|bulk is carried" },
		{ "lag", "40", "median milliseconds a hop adds" },
		{ "start", "300", "median milliseconds to the next link" },
		{ "jitter", "0", "percent of a gap that a burst is delayed" },
		{ "pad", "0", "percent by which a burst may grow" },
		{ "chaff", "0", "percent of bursts followed by a false one" },
		{ "ratio", "10", "percent by which volumes differ" },
		{ "where", "edge", "edge|inside of the network" },
		{ "nat", "30", "conversations an hour of people behind it" },
		LENGTH("600"),
		SESSIONS("4") }, begin_relay },
	{ "router-originates", "relay orb-node", "T1584.008 T1090",
	    "a router that begins to open conversations of its own", {
		COUNT,
		{ "where", "edge", "edge|inside of the network" },
		{ "rate", "20", "conversations an hour" },
		{ "after", "50", "percent of the run before it begins" } },
	    begin_router },
	{ "bystander", "", "",
	    "harmless: a middle box or a peer that looks like a relay", {
		COUNT,
		{ "kind", "peer", "peer|vpn|database|balancer|forward" },
		{ "rate", "40", "conversations an hour" } },
	    begin_bystander },
	{ "beacon", "beacon", "T1071.001 T1573",
	    "short conversations at a period", {
		COUNT,
		{ "period", "300", "seconds" },
		{ "jitter", "10", "percent of the period" },
		{ "sleep", "uniform", "uniform|normal|later|exponential" },
		{ "up", "700", "bytes" },
		{ "down", "1200", "bytes" },
		{ "size_jitter", "3", "percent of the bytes" },
		{ "tasks", "1", "percent that carry a result up" },
		{ "loss", "0", "percent that do not take place" } },
	    begin_beacon },
	{ "strobe", "beacon", "T1071.001",
	    "more conversations than a program needs, all day", {
		COUNT,
		{ "rate", "2", "a second" } }, begin_strobe },
	{ "long-connection", "beacon", "T1571 T1573",
	    "one conversation of many hours, with keep-alives in it", {
		COUNT,
		LENGTH("43200"),
		{ "period", "120", "seconds between keep-alives" },
		{ "jitter", "0", "percent of the period" },
		{ "chaff", "0", "percent of keep-alives doubled" },
		{ "port", "443", "of the server" },
		SESSIONS("1") }, begin_long },
	{ "ssf", "ssf beacon", "T1572 T1090",
	    "Secure Socket Funnelling by its TLS shape", {
		COUNT,
		{ "port", "8011", "of the server" },
		{ "upload", "0", "megabytes that go out besides" },
		LENGTH("7200"),
		SESSIONS("2") }, begin_ssf },
	{ "socks-exposed", "socks-exposed relay orb-node", "T1090.003",
	    "a SOCKS proxy that answers the world", {
		COUNT,
		{ "clients", "20", "different ones" },
		{ "rate", "60", "conversations an hour" } }, begin_socks },
	{ "reverse-shell", "reverse-shell beacon", "T1059.004 T1571",
	    "a server calls out and is typed at from there", {
		COUNT,
		{ "port", "4444", "of the far side" },
		LENGTH("900"),
		SESSIONS("3") }, begin_shell },
	{ "websocket-proxy", "web-socket-proxy", "T1090 T1505.003",
	    "a proxy in a WebSocket, with fan-out behind it", {
		COUNT,
		{ "fan", "6", "inner servers" },
		LENGTH("1200"),
		SESSIONS("2") }, begin_websocket },
	{ "ssh-tunnel", "ssh-tunnel beacon", "T1572",
	    "forwarding over SSH", {
		COUNT,
		{ "kind", "bulk", "bulk|reverse" },
		LENGTH("3600"),
		SESSIONS("2") }, begin_ssh_tunnel },
	{ "dns-tunnel", "dns-tunnel", "T1071.004 T1572",
	    "data in names and answers of the DNS", {
		COUNT,
		{ "type", "txt", "txt|null|cname|a is asked for" },
		{ "rate", "1", "queries a second" },
		{ "queries", "4000", "in all" },
		{ "label", "50", "characters of data in a name" },
		{ "answer", "200", "more bytes in a TXT or NULL answer" } },
	    begin_dns_tunnel },
	{ "exfil", "exfil", "T1041 T1567.002",
	    "a host that took begins to give", {
		COUNT,
		{ "volume", "500", "megabytes" },
		{ "pieces", "5", "conversations" },
		{ "speed", "1000", "kilobytes a second" },
		{ "pause", "300", "seconds between, on average" },
		{ "after", "75", "percent of the run before it begins" },
		{ "of", "quiet", "quiet|workstation|server is the victim" },
		{ "port", "443", "of the far side" },
		{ "turns", "1", "addresses that take turns" } },
	    begin_exfil },
	{ "scan", "scan", "T1046 T1595.001 T1018",
	    "probes; 0 takes the number that is usual for the kind", {
		COUNT,
		{ "kind", "vertical", "vertical|horizontal|slow|distributed" },
		{ "proto", "tcp", "tcp|udp|icmp" },
		{ "from", "outside", "outside|inside" },
		{ "targets", "0", "addresses" },
		{ "ports", "0", "of each" },
		{ "port", "445", "where there is one" },
		{ "sources", "0", "addresses that take turns" },
		{ "rate", "0", "probes a second" },
		{ "open", "3", "percent that answer" } }, begin_scan },
	{ "user-enumeration", "scan bruteforce", "T1087.002 T1589.003",
	    "names tried at Kerberos", {
		COUNT,
		{ "names", "500", "in all" },
		{ "rate", "5", "a second" },
		{ "known", "4", "percent that exist" } }, begin_enumerate },
	{ "bruteforce", "bruteforce", "T1110.001 T1110.003",
	    "many tries from one address", {
		COUNT,
		{ "service", "ssh", "ssh|rdp|smb|ldap|kerberos" },
		{ "tries", "200", "in all" },
		{ "accounts", "5", "taking turns" },
		{ "rate", "1", "tries a second" },
		{ "success", "0", "1: the last one is right" } },
	    begin_brute },
	{ "spray", "bruteforce orb-source", "T1110.003",
	    "one try an account a day, from rotating addresses", {
		COUNT,
		{ "service", "kerberos", "ssh|rdp|smb|ldap|kerberos" },
		{ "accounts", "300", "each tried once a day" },
		{ "sources", "80", "addresses that take turns" } },
	    begin_spray },
	{ "kerberoast", "kerberoast", "T1558.003",
	    "service tickets with weak encryption", {
		COUNT,
		{ "tickets", "8", "different services" },
		{ "etype", "23", "encryption type of the tickets" },
		{ "gap", "2", "seconds between, on average" } },
	    begin_roast },
	{ "asrep-roast", "asrep-roast", "T1558.004",
	    "replies for accounts without pre-authentication", {
		COUNT,
		{ "tickets", "5", "different accounts" },
		{ "gap", "2", "seconds between, on average" } },
	    begin_asrep },
	{ "share-sweep", "share-sweep", "T1021.002 T1135",
	    "one source opens many servers' shares", {
		COUNT,
		{ "servers", "12", "different ones" },
		{ "share", "admin", "admin|data" },
		{ "gap", "10", "seconds between, on average" } },
	    begin_sweep },
	{ "mgmt-exposed", "mgmt-exposed", "T1133",
	    "a router's management answers the world", {
		COUNT,
		{ "port", "https", "https|ssh|telnet|tr069|snmp|proxy" },
		{ "rate", "4", "conversations an hour" } }, begin_mgmt }
};
const size_t nbehaviours = sizeof(behaviours) / sizeof(behaviours[0]);
