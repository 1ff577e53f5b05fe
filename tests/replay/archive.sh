#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Evidence in archives and compressed streams gives what the plain files give,
# with the member named.
. "$(dirname "$0")/lib/say.sh"

cd "$SRC/examples" || exit 1
hunt 0 --quiet --format ndjson case-study-1 || exit 1
what='select(.type == "finding") | [.rule.id, .severity, .count, .entities,
    .message, (.evidence | map([.record, .offset, .time]))]'
jq -c "$what" "$dir/out" | sort >"$dir/want"

same() {	# ARCHIVE: the same findings, all from members
	hunt 0 --quiet --format ndjson "$1" || return 1
	jq -c "$what" "$dir/out" | sort | diff "$dir/want" - || return 1
	has "$dir/out" 'all(.[]; .type != "finding" or
	    all(.evidence[]; .member | test("case-study-1/")))'
}

tar -cf "$dir/e.tar" case-study-1
case_is "tar" same "$dir/e.tar"
gzip -k "$dir/e.tar"
case_is "tar.gz" same "$dir/e.tar.gz"
for packer in xz bzip2 zstd; do
	command -v $packer >/dev/null || {
		echo "ok - tar with $packer # SKIP no $packer"; continue; }
	$packer -c "$dir/e.tar" >"$dir/e.tar.$packer"
	case_is "tar with $packer" same "$dir/e.tar.$packer"
done
if command -v zip >/dev/null; then
	zip -qr "$dir/e.zip" case-study-1
elif command -v python3 >/dev/null; then
	python3 -m zipfile -c "$dir/e.zip" case-study-1
fi
if [ -f "$dir/e.zip" ]; then
	case_is "zip" same "$dir/e.zip"
	mkdir "$dir/deep"
	tar -C "$dir" -cf "$dir/deep/outer.tar" e.zip
	case_is "zip in tar" same "$dir/deep/outer.tar"
	named() {
		has "$dir/out" 'all(.[]; .type != "finding" or
		    all(.evidence[]; .member | startswith("e.zip!")))'
	}
	case_is "both names of what lies in two archives" named
else
	echo "ok - zip # SKIP neither zip nor python3"
fi
bare() {
	gzip -c case-study-1/capture.pcap >"$dir/capture.pcap.gz" &&
	hunt 0 --quiet --events "$dir/a" case-study-1/capture.pcap &&
	hunt 0 --quiet --events "$dir/b" "$dir/capture.pcap.gz" &&
	jq -c 'del(.source)' "$dir/a" >"$dir/a1" &&
	jq -c 'del(.source)' "$dir/b" | cmp - "$dir/a1"
}
case_is "a bare gz is the file itself" bare
exit "$failed"
