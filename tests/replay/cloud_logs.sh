#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Log sources of cloud services and products that log JSON: a rule of ours per
# service fires on its own event and on no other's; with the corpus, SigmaHQ's
# rules do as well, and every log source that they name has a way in.
# Samples: one event each, made by hand in the shape that the service's
# documentation shows.
. "$(dirname "$0")/lib/say.sh"
export PICKET_SHARE="$SRC/share"

# service, one of SigmaHQ's rules that must fire, event
cat >"$dir/samples" <<'SAMPLES'
aws/cloudtrail a840e606-7c8c-4684-9bc1-eb6b6155127f {"Records":[{"eventVersion":"1.08","eventTime":"2023-11-14T22:13:20Z","eventSource":"iam.amazonaws.com","eventName":"ListUsers","awsRegion":"us-east-1","userAgent":"TruffleHog","userIdentity":{"type":"IAMUser"}}]}
azure/activitylogs 72af37e2-ec32-47dc-992b-bc288a2708cb {"records":[{"time":"2023-11-14T22:13:20Z","resourceId":"/S/1","operationName":"MICROSOFT.PORTAL/CONSOLES/WRITE","category":"Administrative"}]}
azure/auditlogs 0ddcff6d-d262-40b0-804b-80eb592de8e3 {"time":"2023-11-14T22:13:20Z","operationName":"Add service principal","category":"AuditLogs","properties":{"activityDisplayName":"Add service principal","loggedByService":"Core Directory"}}
azure/auditlogs aeaef14c-e5bf-4690-a9c8-835caad458bd {"time":"2023-11-14T22:13:20Z","operationName":"Disable PIM Alert","category":"AuditLogs","properties":{"activityDisplayName":"Disable PIM Alert","loggedByService":"PIM"}}
azure/signinlogs 2b7d6fc0-71ac-4cf7-8ed1-b5788ee5257a {"value":[{"TimeGenerated":"2023-11-14T22:13:20Z","ResultType":"50053","AppDisplayName":"x"}]}
azure/riskdetection adf9f4d2-559e-4f5c-95be-c28dff0b1476 {"activityDateTime":"2023-11-14T22:13:20Z","riskEventType":"newCountry"}
azure/pim e402c26a-267a-45bd-9615-bd9ceda6da85 {"createdDateTime":"2023-11-14T22:13:20Z","properties":{"riskEventType":"staleSignInAlertIncident"}}
bitbucket/audit 70ed1d26-0050-4b38-a599-92c53d57d45a {"timestamp":"2023-11-14T22:13:20Z","auditType":{"category":"Authentication","action":"User login failed"}}
cisco/duo 6f7e1c10-2dc9-4312-adb6-9574ff09a5c8 {"authlogs":[{"isotimestamp":"2023-11-14T22:13:20+00:00","txid":"1","event_type":"authentication","reason":"bypass_user"}]}
fortigate/event ddbbe845-1d74-43a8-8231-2156d180234d {"timestamp":1700000000,"devname":"fw","action":"Add","cfgpath":"user.local"}
gcp/gcp.audit 99980a85-3a61-43d3-ac0f-b68d6b4797b1 {"timestamp":"2023-11-14T22:13:20Z","logName":"l","protoPayload":{"serviceName":"compute.googleapis.com","methodName":"compute.vpnTunnels.insert"}}
gcp/google_workspace.admin bf638ef7-4d2d-44bb-a1dc-a238252e6267 {"timestamp":"2023-11-14T22:13:20Z","protoPayload":{"serviceName":"admin.googleapis.com","metadata":{"event":[{"eventName":"REMOVE_PRIVILEGE"}]}}}
gcp/google_workspace.login eafe6f2b-cfec-4612-aec2-49563c33a087 {"timestamp":"2023-11-14T22:13:20Z","protoPayload":{"serviceName":"login.googleapis.com","metadata":{"event":[{"eventName":"gov_attack_warning"}]}}}
github/audit 0c46d4f4-a2bf-4104-9597-8d653fc2bb55 {"@timestamp":1700000000000,"action":"repo.pages_public","actor":"a","org":"o"}
kubernetes/audit 58d31a75-a4f8-4c40-985b-373d58162ca2 {"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{"auditID":"1","requestReceivedTimestamp":"2023-11-14T22:13:20.000000Z","verb":"create","objectRef":{"resource":"secrets"}}]}
kubernetes/audit eeb3e9e1-b685-44e4-9232-6bb701f925b5 {"auditID":"2","requestReceivedTimestamp":"2023-11-14T22:13:20Z","verb":"list","objectRef":{"resource":"secrets"}}
m365/audit d3577be1-42c9-44a7-b56e-2e8de97349d3 {"CreationTime":"2023-11-14T22:13:20","Workload":"Exchange","Operation":"New-InboxRule","Parameters":[{"Name":"MoveToFolder","Value":"x"}]}
m365/exchange 42127bdd-9133-474f-a6f1-97b6c08a4339 {"CreationTime":"2023-11-14T22:13:20","eventSource":"Exchange","eventName":"Add-FederatedDomain","status":"success"}
m365/threat_detection a3501e8e-af9e-43c6-8cd6-9360bdaae498 {"CreationTime":"2023-11-14T22:13:20","Workload":"SecurityComplianceCenter","Name":"Activity from suspicious IP addresses","ResultStatus":"Success"}
m365/threat_management d7eab125-5f94-43df-8710-795b80fa1189 {"CreationTime":"2023-11-14T22:13:20","eventSource":"SecurityComplianceCenter","eventName":"Impossible travel activity","status":"success"}
okta/okta b6c718dd-8f53-4b9f-98d8-93fdca966969 {"published":"2023-11-14T22:13:20Z","eventType":"user.lifecycle.create","actor":{"id":"1","alternateId":"a@example"}}
okta/okta 19951c21-229d-4ccb-8774-b993c3ff3c5c {"@timestamp":"2023-11-14T22:13:20Z","okta":{"event_type":"system.api_token.create"}}
onelogin/onelogin.events 62fff148-278d-497e-8ecd-ad6083231a35 {"status":{"error":false},"data":[{"created_at":"2023-11-14T22:13:20Z","event_type_id":3}]}
opencanary/ 22777c9e-873a-4b49-855f-6072ab861a52 {"utc_time":"2023-11-14 22:13:20.000000","logtype":5000,"node_id":"n"}
paloalto/globalprotect bcd95697-e3e7-4c6f-8584-8e3503e6929f {"time":1700000000,"serial":"1","TargetFilename":"/opt/panlogs/tmp/device_telemetry/minute/base64"}
rpc_firewall/ 10018e73-06ec-46ec-8107-9172f1e04ff2 {"time":1700000000,"EventLog":"RPCFW","EventID":3,"InterfaceUuid":"367abb81-9844-35f1-ad32-98f038001003","OpNum":1}
SAMPLES
cut -d ' ' -f 3- "$dir/samples" >"$dir/samples.ndjson"

one_event_each() {
	hunt 0 --quiet --no-default-rules --events "$dir/events" \
	    "$dir/samples.ndjson" &&
	jq -s -e --argjson n "$(wc -l <"$dir/samples")" 'length == $n and
	    all(.[]; .kind == "json" and
	    (.time | startswith("2023-11-14T22:13:20")))' "$dir/events"
}
case_is "envelopes come off, times are found" one_event_each

# Any event of the service: its gate alone decides.
mkdir "$dir/gates"
cut -d ' ' -f 1 "$dir/samples" | sort -u | while IFS=/ read -r product service
do
	cat >"$dir/gates/$product-$service.yml" <<-RULE
	title: any event of $product $service
	id: $product/$service
	logsource:
	    product: $product
	    ${service:+service: $service}
	detection:
	    never:
	        nothing: here
	    condition: not never
	level: low
	RULE
done

# Services of one vendor may share events; vendors may not.
gates() {
	hunt 0 --quiet --no-default-rules --raw --format ndjson --rules \
	    "$dir/gates" "$dir/samples.ndjson" &&
	jq -r 'select(.type == "finding") |
	    "\(.evidence[0].record) \(.rule.id)"' "$dir/out" |
	    sort -u >"$dir/got" &&
	awk 'NR == FNR { want[NR] = $1; split($1, p, "/"); vendor[NR] = p[1]
		next }
	    { split($2, p, "/")
		if (p[1] != vendor[$1]) { print "crossed: " $0; bad = 1 }
		if ($2 == want[$1]) met[$1] = 1 }
	    END { for (i in want) if (!met[i]) {
		print "no way in: " want[i]; bad = 1 }
		exit bad }' "$dir/samples" "$dir/got"
}
case_is "a service's rules see its events and no other vendor's" gates

need sigma/rules
cd "$corpus" || exit 1

fires() {
	hunt 0 --quiet --no-default-rules --raw --format ndjson --rules \
	    sigma/rules --rules sigma/rules-emerging-threats --rules \
	    sigma/rules-threat-hunting "$dir/samples.ndjson" || return 1
	jq -r 'select(.type == "finding") |
	    "\(.evidence[0].record) \(.rule.id)"' "$dir/out" | sort -u \
	    >"$dir/got"
	awk '{ print NR, $2 }' "$dir/samples" | sort >"$dir/want"
	comm -23 "$dir/want" "$dir/got" >"$dir/missing"
	cat "$dir/missing"
	[ ! -s "$dir/missing" ]
}
case_is "SigmaHQ's rules fire on the events of their services" fires

# "category/product/service" of each rule; "-" where it names none.
triples() {
	find sigma/rules* -name '*.yml' -exec awk '
	    function tell() { if (open) print c "/" p "/" s; open = 0 }
	    FNR == 1 { tell() }
	    /^logsource:/ { tell(); open = 1; c = p = s = "-"; next }
	    /^[a-z]/ { tell() }
	    open && $1 == "category:" { c = $2 }
	    open && $1 == "product:" { p = $2 }
	    open && $1 == "service:" { s = $2 }
	    END { tell() }' {} + | tr -d "'\"" | sort | uniq -c
}

# The map's entries in the same form, with what opens them.
entries() {
	awk 'function tell() { if (c p s != "---") print c "/" p "/" s, win }
	    /^  [^ ].*:$/ { tell(); c = p = s = "-"; win = 1; next }
	    $1 == "category:" && /^    c/ { c = $2 }
	    $1 == "product:" && /^    p/ { p = $2 }
	    $1 == "service:" && /^    s/ { s = $2 }
	    $1 == "kind:" || $1 == "alone:" { win = $1 == "alone:" }
	    END { tell() }' "$SRC/share/sigma/extended.yml"
}

# sigma_map.c's rule: what an entry names the rule names, a rule without
# product is for all, a product alone is for rules that name nothing else.
covered() {
	entries >"$dir/entries"
	triples >"$dir/triples"
	[ "$(wc -l <"$dir/triples")" -gt 100 ] || return 1
	awk 'NR == FNR { split($1, a, "/"); n++; c[n] = a[1]; p[n] = a[2]
		s[n] = a[3]; win[n] = $2; next }
	    { split($2, a, "/"); ok = 0
		for (i = 1; i <= n && !ok; i++)
			ok = (c[i] == "-" || c[i] == a[1]) &&
			    (p[i] == "-" || a[2] == "-" || p[i] == a[2]) &&
			    (s[i] == "-" || s[i] == a[3]) &&
			    !(c[i] == "-" && s[i] == "-" && win[i] &&
			    (a[1] != "-" || a[3] != "-"))
		if (!ok) print $2 }' "$dir/entries" "$dir/triples" |
	    sort >"$dir/uncovered"
	cat "$dir/uncovered"
	[ ! -s "$dir/uncovered" ]
}
case_is "every log source of SigmaHQ has a way in" covered
exit "$failed"
