#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What an analyst asks of a hunt: overviews, pivot lists, copies of events
# counted once, tuning, why a rule matched, and a rule folder of one's own.
. "$(dirname "$0")/lib/say.sh"
export XDG_DATA_HOME="$dir/data" PICKET_SHARE="$SRC/share"
rules=$SRC/share/rules
cd "$dir" || exit 1

# Three sign-ins that succeeded, two that failed, from two places.
logon() { # EventID time user ip type record
	printf '%s"winevent","time":"%s",' '{"type":"event","kind":' "$2"
	printf '"EventID":%s,"Channel":"Security","Computer":"DC01",' "$1"
	printf '"Provider_Name":"Microsoft-Windows-Security-Auditing",'
	printf '"EventRecordID":%s,"TargetUserName":"%s",' "$6" "$3"
	printf '"TargetDomainName":"CORP","IpAddress":"%s",' "$4"
	printf '"WorkstationName":"-","LogonType":%s,' "$5"
	printf '"AuthenticationPackageName":"NTLM"}\n'
}
{
	logon 4624 2022-07-11T09:00:00Z alice 10.1.1.9 3 1
	logon 4624 2022-07-11T09:05:00Z alice 10.1.1.9 3 2
	logon 4624 2022-07-11T08:00:00Z alice 10.1.1.9 10 3
	logon 4625 2022-07-11T10:00:00Z bob 10.1.1.77 3 4
	logon 4625 2022-07-11T10:00:01Z bob 10.1.1.77 3 5
} >logons.ndjson

logons() {
	hunt 0 --no-default-rules --summary logons --format ndjson \
	    logons.ndjson &&
	has out 'map(select(.type == "logons")) | length == 3 and
	    .[0].user == "CORP\\alice" and .[0].successful == 2 and
	    .[0].logon_type == "3 network" and .[0].failed == 0 and
	    .[0].src_ip == "10.1.1.9" and .[0].workstation == "" and
	    .[0].auth_package == "NTLM" and .[0].computer == "DC01" and
	    .[0].first_time == "2022-07-11T09:00:00Z" and
	    .[0].last_time == "2022-07-11T09:05:00Z" and
	    .[1].user == "CORP\\bob" and .[1].failed == 2 and
	    .[2].logon_type == "10 remote desktop"'
}
case_is "sign-ins by account, place and type" logons

computers_channels() {
	hunt 0 --no-default-rules --summary computers --summary channels \
	    --format ndjson logons.ndjson &&
	has out '(map(select(.type == "computers")) | length == 1 and
	    .[0].computer == "DC01" and .[0].events == 5 and
	    .[0].channels == ["Security"] and
	    .[0].first_time == "2022-07-11T08:00:00Z") and
	    (map(select(.type == "channels")) | length == 2 and
	    .[0].event_id == 4624 and .[0].events == 3 and
	    .[0].title == "Account signed in" and
	    .[1].event_id == 4625 and .[1].events == 2)'
}
case_is "computers and channels" computers_channels

# 6009: the version in parts, as Windows writes it at each start.
said_at_start() {
	printf '%s' '{"type":"event","kind":"winevent","time":"2022-07-11T'
	printf '%s"EventID":6009,"Channel":"System","Computer":"%s",' \
	    "$1Z\"," "$2"
	printf '"Data":["10.00.","%s","","Multiprocessor Free","0"]}\n' "$3"
}
systems() {
	{ said_at_start 08:00:00 A 17763; said_at_start 09:00:00 A 20348
	  said_at_start 09:00:00 B 19041; } >start.ndjson
	hunt 0 --no-default-rules --summary computers --format ndjson \
	    start.ndjson logons.ndjson &&
	has out 'map(select(.type == "computers") |
	    [.computer, .system, .events]) == [["A", "Windows 10.00.20348", 2],
	    ["B", "Windows 10.00.19041", 1], ["DC01", "", 5]]'
}
case_is "the system that a computer last said it runs" systems

in_text() {
	hunt 0 --no-default-rules --summary logons logons.ndjson &&
	grep -q '^Sign-ins' out && grep -q 'CORP.alice .* 10\.1\.1\.9' out
}
case_is "an overview as text" in_text

wrong_name() {
	hunt 2 --summary cookies logons.ndjson
}
case_is "an overview that there is none of" wrong_name

# -- findings

event() { # Image CommandLine time record user
	printf '%s"winevent","time":"%s",' '{"type":"event","kind":' "$3"
	printf '"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational",'
	printf '"Computer":"WEB01","EventRecordID":%s,"Image":"%s",' "$4" "$1"
	printf '"CommandLine":"%s","User":"%s",' "$2" "$5"
	printf '"Hashes":"MD5=00,SHA256=ABCDEF01,IMPHASH=2"}\n'
}
# shellcheck disable=SC1003 # it ends in a backslash
pub='C:\\Users\\Public\\'
{
	event "${pub}u.exe" 'u.exe sekurlsa::logonpasswords' \
	    2022-07-11T09:12:44.5Z 7 'CORP\\eve'
	event "${pub}u.exe" 'u.exe sekurlsa::logonpasswords' \
	    2022-07-11T09:13:44.5Z 8 'CORP\\eve'
} >one.ndjson
cp one.ndjson two.ndjson
# Two rules that ship hold; the detector that holds as well is left out.
but=--no-detector=world-writable-exec

copies() {
	hunt 0 "$but" --rules "$rules" --format ndjson one.ndjson two.ndjson &&
	has out 'map(select(.type == "finding")) | length >= 2 and
	    all(.count == 2) and all(.evidence | length == 2) and
	    all(.evidence[].source == "one.ndjson")' &&
	has out '.[-1].duplicates == 4' &&
	hunt 0 "$but" --raw --format ndjson one.ndjson two.ndjson &&
	has out '(map(select(.type == "finding")) | length == 8) and
	    .[-1].duplicates == 0'
}
case_is "a copy of an event counts once, but with --raw" copies

rules_and_pivot() {
	hunt 0 "$but" --summary rules --summary pivot --format ndjson one.ndjson &&
	has out 'map(select(.type == "rules")) | length == 2 and
	    .[0].severity == "high" and .[0].findings == 1 and
	    .[0].events == 2 and .[0].computers == 1 and
	    .[1].severity == "medium"' &&
	has out 'map(select(.type == "pivot") | [.entity, .value]) |
	    index([["user", "CORP\\eve"]]) != null and
	    index([["host", "WEB01"]]) != null and
	    index([["hash", "ABCDEF01"]]) != null and
	    index([["process", "C:\\Users\\Public\\u.exe"]]) != null'
}
case_is "rules that were met, and what else to look for" rules_and_pivot

same_for_any_jobs() {
	for jobs in 1 2 7; do
		"$PICKET" hunt --jobs "$jobs" --summary logons --summary rules \
		    --summary computers --summary channels --summary pivot \
		    --format ndjson logons.ndjson one.ndjson two.ndjson |
		    grep -v '"type":"summary"' >"jobs.$jobs"
	done
	[ -s jobs.1 ] && cmp jobs.1 jobs.2 && cmp jobs.1 jobs.7
}
case_is "overviews are the same for any number of workers" same_for_any_jobs

# -- tuning

cred=$(sed -n 's/^id: //p' "$rules/credential-tool-words.yml")
odd=$(sed -n 's/^id: //p' "$rules/program-in-odd-folder.yml")

tuned() { # WANT-FILTER, file on standard input
	cat >tune.yml
	hunt 0 "$but" --tune tune.yml --format ndjson one.ndjson && has out "$1"
}
tune_level() {
	tuned '(map(select(.type == "finding")) | map(.severity) | sort ==
	    ["low", "medium"]) and .[-1].tuned == 2' <<-T
	levels:
	  - {rule: $cred, level: low, reason: tests of our own}
	T
}
case_is "tuning changes a level" tune_level
tune_exclude() {
	tuned '(map(select(.type == "finding")) | length == 1) and
	    .[-1].tuned == 2' <<-T
	exclude:
	  - rule: [$cred]
	    reason: tests of our own
	T
}
case_is "tuning leaves a rule out" tune_exclude
tune_allow() {
	tuned 'map(select(.type == "finding")) | length == 0' <<-T
	allow:
	  - rule: any
	    user: ['corp\\*', 'nobody']
	    host: web0?
	    process: 'c:\\users\\public\\*'
	    command_line: '*sekurlsa*'
	    field: {EventID: 1}
	    reason: tests of our own
	T
}
case_is "tuning allows who is known" tune_allow
tune_other() {
	tuned '(map(select(.type == "finding")) | length == 2) and
	    .[-1].tuned == 0' <<-T
	allow:
	  - {rule: any, user: 'corp\\*', host: other, reason: x}
	  - {rule: any, src_ip: 10.0.0.0/8, reason: x}
	  - {rule: $odd, user: '*', until: 2022-07-11, reason: over by then}
	T
}
case_is "all conditions must hold, until its day" tune_other
tune_raw() {
	echo "exclude: [{rule: $cred, reason: x}]" >tune.yml
	hunt 0 "$but" --raw --tune tune.yml --format ndjson one.ndjson &&
	has out '(map(select(.type == "finding")) | length == 4) and
	    .[-1].tuned == 0'
}
case_is "--raw takes no notice of tuning" tune_raw
tune_detector() {
	echo "exclude: [{rule: ssf, reason: x}]" >tune.yml
	hunt 0 --format ndjson "$example" && cp out before &&
	hunt 0 --tune tune.yml --format ndjson "$example" &&
	has before 'map(select(.type == "finding" and
	    (.rule.id | startswith("ssf")))) | length > 0' &&
	has out 'map(select(.type == "finding" and
	    (.rule.id | startswith("ssf")))) | length == 0'
}
case_is "tuning leaves a detector out" tune_detector
tune_wrong() {
	printf 'allow:\n  - rule: any\n    host: x\n' >tune.yml
	hunt 2 --tune tune.yml one.ndjson &&
	grep -q '^tune.yml:2:5: no reason is given$' err || return 1
	printf 'levels:\n  - {rule: a, level: loud, reason: x}\n' >tune.yml
	hunt 2 --tune tune.yml one.ndjson &&
	grep -q '^tune.yml:2:.*: no level: loud$' err || return 1
	printf 'allow:\n  - {rule: any, src_ip: 10.0.0.0/40, reason: x}\n' \
	    >tune.yml
	hunt 2 --tune tune.yml one.ndjson &&
	grep -q 'no address and no network: 10.0.0.0/40' err || return 1
	printf 'allow: [\n' >tune.yml
	hunt 2 --tune tune.yml one.ndjson || return 1
	echo 'exclude: [{rule: no-such-rule, reason: x}]' >tune.yml
	hunt 0 "$but" --tune tune.yml one.ndjson &&
	grep -q 'tune.yml:1:.*no rule has this id: no-such-rule' err &&
	hunt 2 --tune missing.yml one.ndjson
}
case_is "what is wrong in a tuning file is said with its place" tune_wrong

# -- rules explain

explains() {
	"$PICKET" rules explain "$rules/credential-tool-words.yml" \
	    one.ndjson >said.txt || return 1
	grep -q 'yes  .*CommandLine contains sekurlsa::: it is u.exe' \
	    said.txt && grep -q '^matched' said.txt || return 1
	"$PICKET" rules explain "$rules/credential-editor.yml" one.ndjson \
	    >said.txt
	[ $? = 1 ] && grep -q 'no   .*Image ends with .wce.exe: it is' said.txt &&
	grep -q '^not matched$' said.txt || return 1
	"$PICKET" rules explain "$rules/proxyshell-request.yml" one.ndjson \
	    >said.txt
	[ $? = 1 ] && grep -q 'for http: another kind' said.txt
}
case_is "rules explain says which part held, and what it saw" explains
explain_ndjson() {
	"$PICKET" rules explain --format ndjson "$cred" "$(head -n 1 one.ndjson)" \
	    >said.json || return 1
	has said.json '.[0].matched and .[0].rule.title != "" and
	    .[0].ways[0].applies and .[0].ways[0].condition.holds and
	    (.[0].ways[1].why == "another channel is wanted")'
}
case_is "rules explain by id, of an event on the line, as NDJSON" explain_ndjson
explain_wrong() {
	"$PICKET" rules explain none one.ndjson; [ $? = 2 ] || return 1
	"$PICKET" rules explain "$cred" missing.ndjson; [ $? = 3 ] || return 1
	"$PICKET" rules explain --record 9 "$cred" one.ndjson
	[ $? = 3 ] || return 1
	"$PICKET" rules explain "$cred"; [ $? = 2 ]
}
case_is "rules explain without a rule or an event" explain_wrong

# -- rules update

make_rule() { # id title text
	printf 'title: %s\nid: %s\nlogsource: {product: windows}\n' "$2" "$1"
	printf 'detection:\n  a: {CommandLine|contains: "%s"}\n' "$3"
	printf '  condition: a\nlevel: low\n'
}
mkdir -p pack/top/windows
make_rule 11111111-0000-4000-8000-000000000001 One sekurlsa \
    >pack/top/windows/one.yml
make_rule 11111111-0000-4000-8000-000000000002 Two nothing \
    >pack/top/windows/two.yml
printf 'title: x\ndetection: {condition: a}\nlogsource: {product: z}\n' \
    >pack/top/bad.yml
echo text >pack/top/LICENSE
echo picture >pack/top/logo.png
store=$dir/data/picket/rules

update_folder() {
	"$PICKET" rules update pack >said.txt || return 1
	grep -q '^2 added, 0 removed, 0 changed' said.txt &&
	grep -q '1 cannot be used: the condition names no selection' said.txt &&
	[ -f "$store/top/windows/one.yml" ] && [ -f "$store/top/LICENSE" ] &&
	[ ! -e "$store/top/logo.png" ] || return 1
	hunt 0 "$but" --format ndjson one.ndjson && [ ! -s err ] &&
	has out 'map(select(.type == "finding" and
	    .rule.title == "One")) | length == 1' &&
	hunt 0 --no-default-rules --format ndjson one.ndjson &&
	has out 'map(select(.type == "finding")) | length == 0'
}
case_is "rules update installs a folder, which hunt loads" update_folder
own_rule_first() {
	make_rule 11111111-0000-4000-8000-000000000001 Mine sekurlsa >mine.yml
	hunt 0 "$but" --rules mine.yml --format ndjson one.ndjson &&
	has out 'map(select(.type == "finding") | .rule.title) |
	    index("Mine") != null and index("One") == null'
}
case_is "a rule that is named goes before one of the same id" own_rule_first
update_archives() {
	make_rule 11111111-0000-4000-8000-000000000002 Two other \
	    >pack/top/windows/two.yml
	make_rule 11111111-0000-4000-8000-000000000003 Three x \
	    >pack/top/windows/three.yml
	rm pack/top/windows/one.yml
	tar -C pack -czf pack.tar.gz top &&
	"$PICKET" rules update pack.tar.gz >said.txt || return 1
	grep -q '^1 added, 1 removed, 1 changed' said.txt &&
	grep -q '^+ 11111111-0000-4000-8000-000000000003  Three' said.txt &&
	grep -q '^- 11111111-0000-4000-8000-000000000001  One' said.txt &&
	grep -q '^~ 11111111-0000-4000-8000-000000000002  Two' said.txt &&
	[ -f "$store.old/top/windows/one.yml" ] &&
	[ ! -e "$store/top/windows/one.yml" ] &&
	[ "$(find "$dir/data" -name '*.new-*' | wc -l)" = 0 ]
}
case_is "rules update of an archive says what changed" update_archives
update_hostile() {
	mkdir -p evil/deep && echo secret >outside.yml || return 1
	make_rule 11111111-0000-4000-8000-000000000009 Evil x >evil/deep/r.yml
	ln -s "$dir/outside.yml" evil/deep/link.yml
	tar -C evil -cf evil.tar --transform 's,^deep/r,../../../../esc,' \
	    deep/r.yml -P && tar -C evil -rf evil.tar deep/link.yml deep/r.yml ||
	    return 1
	"$PICKET" rules update --to "$dir/t/rules" evil.tar >said.txt ||
	    return 1
	grep -q '1 files left out: their names are not safe' said.txt &&
	[ -z "$(find "$dir" -name 'esc*')" ] &&
	[ ! -e "$dir/t/rules/deep/link.yml" ] &&
	[ -f "$dir/t/rules/deep/r.yml" ]
}
case_is "rules update keeps within its folder" update_hostile
update_refused() {
	mkdir -p mine keep && echo x >keep/letter || return 1
	"$PICKET" rules update --to "$dir/keep" pack; [ $? = 2 ] || return 1
	[ -f keep/letter ] || return 1
	"$PICKET" rules update --to "$dir/u" mine; [ $? = 2 ] || return 1
	[ ! -e "$dir/u" ] || return 1
	head -c 200 pack.tar.gz >cut.tar.gz
	"$PICKET" rules update cut.tar.gz; [ $? = 3 ] || return 1
	"$PICKET" rules update missing; [ $? = 3 ] || return 1
	[ -f "$store/top/windows/three.yml" ]
}
case_is "rules update changes nothing when it cannot" update_refused
exit "$failed"
