#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The detectors of hosts over all EVTX of the corpus: the files that show what
# they look for, and no other of more than 400.
. "$(dirname "$0")/lib/say.sh"
need evtx-attack
need evtx-odd
need sigma/regression_data

hunt 0 --quiet --format ndjson --no-default-rules --detector ssf-host \
    --detector service-account --detector jwt-hoard \
    --detector packet-capture --detector webserver-child \
    --detector world-writable-exec --detector share-sweep \
    "$corpus/evtx-attack" "$corpus/evtx-odd" \
    "$corpus/sigma/regression_data" || exit 1

files_of() {	# RULE: names of the files that it told something of
	jq -r --arg rule "$1" 'select(.type == "finding" and
	    .rule.id == $rule) | .evidence[].source | sub(".*/"; "")' \
	    "$dir/out" | sort -u >"$dir/files"
	diff - "$dir/files"
}
captures() {
	printf '%s\n' "ID-4688 Native Windows sniffer Pktmon usage.evtx" \
	    "ID7045-New service for Mimikatz +npcap.evtx" |
	    files_of packet-capture
}
case_is "packet captures: pktmon in 4688, npcap in 7045" captures
database_shell() {
	echo "ID4688-SQL Server payload injectection for reverse shell (MSF).evtx" |
	    files_of webserver-child &&
	has "$dir/out" '[.[] | select(.rule.id == "webserver-child")] |
	    length == 1 and .[0].count == 69 and .[0].severity == "high" and
	    .[0].entities.host == "mssql01.offsec.lan"'
}
case_is "the database's 69 shells are one finding" database_shell
writable() {	# Opera's updates from Windows\Temp and Windows' own are none
	# The event is there twice, also as JSON.
	printf '%s\n' 589ac73f-8e12-409c-964e-31a2f5775ae2.evtx \
	    589ac73f-8e12-409c-964e-31a2f5775ae2.json |
	    files_of world-writable-exec
}
case_is "execution from C:\\Users\\Public, and nothing else" writable
silent() {
	has "$dir/out" 'all(.[]; .type != "finding" or (.rule.id |
	    IN("ssf-host", "service-account", "jwt-hoard", "share-sweep") |
	    not))'
}
case_is "no tunnel, token hoard, share sweep or roaming service" silent
exit "$failed"
