#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/install-deps.sh GROUP...
# Installs what is missing of these groups of tools/deps.  Asks nothing; needs
# root or sudo only when something is missing.
set -eu

list=$(dirname "$0")/deps
wanted=$(awk -v groups=" $* " 'index(groups, " " $1 " ") { print $2 }' "$list")

if ! command -v dpkg-query >/dev/null; then
	echo "install-deps: no dpkg here; picket needs what $list names" >&2
	exit 0
fi
# shellcheck disable=SC2086 # a list of words
have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted \
    2>/dev/null | sed -n 's/^installed //p')
missing=$(printf '%s\n%s\n%s\n' "$wanted" "$have" "$have" |
    sort | uniq -u | tr '\n' ' ')
[ -n "${missing% }" ] || exit 0

echo "install-deps: installing $missing"
if [ "$(id -u)" = 0 ]; then
	root=
elif command -v sudo >/dev/null; then
	root=sudo
else
	echo "install-deps: neither root nor sudo; as root run:" >&2
	echo "apt-get install --no-install-recommends $missing" >&2
	exit 1
fi
apt() {
	$root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
	    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
	    "$@" </dev/null
}
# With lists that are old or not there, install fails: fetch them once then.
# shellcheck disable=SC2086
apt install --no-install-recommends $missing ||
    { apt update && apt install --no-install-recommends $missing; }
