#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Sigma correlations, filters and placeholders through the whole program: base
# rules match in the workers, correlations judge in the parent, by the time of
# the events and not by their order in files.
. "$(dirname "$0")/lib/say.sh"

# line ADDRESS SECOND PATH STATUS: a request in an access log
line() {
	printf '%s - - [11/Jul/2022:09:%02d:%02d +0000] "GET %s HTTP/1.1" %s %s\n' \
	    "$1" $(($2 / 60)) $(($2 % 60)) "$3" "$4" '12 "-" "curl/8.0"'
}

mkdir "$dir/logs" "$dir/rules"
# 10.0.0.1 asks for four pages that are not there and one that is, in two
# files of which the later is listed first, and backwards in one of them.
{
	line 10.0.0.1 30 /ok 200
	line 10.0.0.2 31 /ok 200
} >"$dir/logs/1.log"
{
	for i in 3 2 1 0; do
		line 10.0.0.1 $i "/a$i" 404
		line 10.0.0.2 $i /same 404
	done
	line 10.0.0.9 100 /admin 404
	line 10.0.0.9 101 /admin 404
} >"$dir/logs/2.log"

cat >"$dir/rules/a.yml" <<'RULES'
title: Scan, then success
id: scan-hit
correlation:
  type: temporal_ordered
  rules: [scan, found]
  group-by: [c-ip]
  timespan: 1m
level: high
tags: [attack.t1595.003]
---
title: Scan
id: scan-id
name: scan
correlation:
  type: value_count
  rules: [not_found]
  group-by: [c-ip]
  timespan: 10s
  condition: {field: cs-uri-stem, gte: 3}
level: medium
RULES
cat >"$dir/rules/b.yml" <<'RULES'
title: Not found
name: not_found
logsource: {category: webserver}
detection:
  sel: {sc-status: 404}
  condition: sel
---
title: Found
name: found
logsource: {category: webserver}
detection:
  sel: {sc-status: 200}
  condition: sel
RULES

run() {
	hunt 0 --no-default-rules --quiet --format ndjson "$@" "$dir/logs"
}
findings='[.[] | select(.type == "finding")]'

chain() {
	run --rules "$dir/rules" && has "$dir/out" "$findings
	    | length == 1 and (.[0] | .rule.id == \"scan-hit\" and
	    .time == \"2022-07-11T09:00:00Z\" and
	    .last_time == \"2022-07-11T09:00:30Z\" and .count == 5 and
	    .severity == \"high\" and .attack == [\"T1595.003\"] and
	    .entities == {src_ip: \"10.0.0.1\"} and
	    ([.evidence[] | .record] == [7, 5, 3, 1, 1]))" &&
	has "$dir/out" '.[-1] | .rules.loaded == 4 and .rules.failed == 0'
}
case_is "a chain of correlations, base rules silent" chain

jobs() {
	run --rules "$dir/rules" --jobs 1 && cp "$dir/out" "$dir/one" &&
	run --rules "$dir/rules" --jobs 4 &&
	jq -c 'del(.seconds)' "$dir/one" >"$dir/x" &&
	jq -c 'del(.seconds)' "$dir/out" >"$dir/y" && cmp "$dir/x" "$dir/y"
}
case_is "the same with four workers" jobs

generate() {
	sed 's/^  timespan: 1m/&\n  generate: true/' "$dir/rules/a.yml" \
	    >"$dir/a.yml" &&
	run --raw --rules "$dir/a.yml" --rules "$dir/rules/b.yml" &&
	has "$dir/out" "$findings | map(.rule.id) | sort ==
	    [\"Found\", \"Found\", \"scan-hit\", \"scan-id\"]"
}
case_is "generate: true lets them be heard" generate

since() {
	run --rules "$dir/rules" --since 2022-07-11T09:00:02Z &&
	has "$dir/out" "$findings == []"
}
case_is "--since goes before correlations" since

filter() {
	cat >"$dir/filter.yml" <<'RULES'
title: Our own scanner
logsource: {category: webserver}
filter:
  rules: [not_found]
  ours: {c-ip: 10.0.0.1}
  condition: not ours
RULES
	run --rules "$dir/filter.yml" --rules "$dir/rules" &&
	has "$dir/out" "$findings == []"
}
case_is "a filter on a base rule" filter

unresolved() {
	hunt 2 --strict-rules --rules "$dir/rules/a.yml" "$dir/logs" ||
	    return 1
	grep -q "a.yml:5:17: there is no such rule: found" "$dir/err" &&
	grep -q "a.yml:16:11: there is no such rule: not_found" "$dir/err"
}
case_is "what cannot be resolved has its place" unresolved

old() {
	cat >"$dir/old.yml" <<'RULES'
title: Same page
id: old
logsource: {category: webserver}
detection:
  sel: {sc-status: 404}
  timeframe: 10s
  condition: sel | count() by c-ip, cs-uri-stem > 3
RULES
	run --rules "$dir/old.yml" && has "$dir/out" "$findings |
	    length == 1 and .[0].count == 4 and
	    .[0].entities.src_ip == \"10.0.0.2\""
}
case_is "an old aggregation" old

placeholders() {
	cat >"$dir/expand.yml" <<'RULES'
title: Administration
id: expand
logsource: {category: webserver}
detection:
  sel: {'cs-uri-stem|expand': '%admin_pages%'}
  condition: sel
RULES
	printf 'admin_pages: [/adm*, /manager]\n' >"$dir/lists.yml"
	run --raw --rules "$dir/expand.yml" --placeholders "$dir/lists.yml" &&
	has "$dir/out" "$findings | map(.evidence[0].record) == [9, 10]" &&
	"$PICKET" rules check --placeholders "$dir/lists.yml" \
	    "$dir/expand.yml" >"$dir/check" &&
	grep -q '1 rules can be used, 0 cannot' "$dir/check" &&
	! "$PICKET" rules check "$dir/expand.yml" >"$dir/check" &&
	grep -q 'placeholder without a list (expand): %admin_pages%' \
	    "$dir/check" &&
	printf 'admin_pages: {a: b}\n' >"$dir/lists.yml" &&
	! "$PICKET" rules check --placeholders "$dir/lists.yml" \
	    "$dir/expand.yml" >"$dir/check" 2>"$dir/err" &&
	grep -q 'lists.yml:1:1: a placeholder wants' "$dir/err"
}
case_is "placeholders" placeholders
exit "$failed"
