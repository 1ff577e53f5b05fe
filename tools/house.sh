#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# usage: tools/house.sh CHECK [TREE [OBJECTS]]
# Holds a tree to the rules of the house (doc/house.md).  Prints a line for
# each violation and ends with status 1 when there is one.  `list` names the
# checks.  OBJECTS is the folder that has src/<room>/<file>.c.o below it.
#
# tests/house/rules.sh runs every check, and plants a violation for each.
set -u
export LC_ALL=C
check=${1:?CHECK}
tree=${2:-$(dirname "$0")/..}
objects=${3:-build/debug/CMakeFiles/picket_core.dir}
case $objects in /*) ;; *) objects=$PWD/$objects ;; esac
cd "$tree" || exit 2
tab=$(printf '\t')

# Our own text files.  Inputs of tests are not among them.
texts() {
	find . \( -name .git -o -path ./build -o -path './tests/golden/*/*' \
	    -o -path ./fuzz/corpus -o -path ./examples -o -path ./share \) \
	    -prune -o -type f \( -name '*.[ch]' -o -name '*.def' \
	    -o -name '*.sh' -o -name '*.py' -o -name '*.ts' \
	    -o -name '*.cmake' -o -name CMakeLists.txt -o -name Makefile \
	    -o -path './man/*' -o -path ./try -o -path ./check \
	    -o -path './.ci/*' -o -path ./tools/deps -o -path ./tools/floors \
	    -o -path ./bench/run \) -print
}

# "file:line: header" for each #include "header" of the sources.
includes() {
	grep -n '^[ 	]*#[ 	]*include[ 	]*"' src/*/*.[ch] |
	    sed 's/^\([^:]*:[0-9]*\):.*"\(.*\)".*/\1 \2/'
}

# "file type name" for each row of the rosters of members.
members='SOURCE|DECODER|LANGUAGE|DETECTOR|CONTROL|SINK'
rows() {
	for def in src/*/*.def; do
		sed -nE "s/^($members)\(([a-z0-9_]+) *,.*/\1 \2/p" "$def" |
		    tr '[:upper:]' '[:lower:]' | sed "s|^|$def |"
	done
}

# -- the checks: each prints its violations --------------------------------

# A room includes its own face and the faces of the rooms that tools/floors
# gives it; nothing else of anybody's.  What the files of a room share behind
# their face is in its inner.h; members of a roster may not see that.
check_floors() {
	includes | while read -r at header; do
		room=${at#src/}
		room=${room%%/*}
		case $header in
		*/*) echo "$at: \"$header\" is a path, not a face"
			continue ;;
		inner.h) owner=$room
			stem=$(basename "${at%%:*}" .c)
			[ -f "src/$room/inner.h" ] &&
			    ! rows | grep -q "^src/$room/.* $stem\$" ||
			    owner=none ;;
		*.h) owner=${header%.h} ;;
		*) owner=$room	# a roster or template of its own
			[ -f "src/$room/$header" ] || owner=none ;;
		esac
		[ "$owner" != "$room" ] || continue
		grep -q "^$room:.* $owner\( \|\$\)" tools/floors ||
		    echo "$at: $room may not include \"$header\""
	done
	for room in src/*/; do
		room=$(basename "$room")
		grep -q "^$room:" tools/floors ||
		    echo "src/$room: no such room in tools/floors"
	done
}

# A room that has sources has one face, of its own name.
check_faces() {
	for room in src/*/; do
		name=$(basename "$room")
		for file in "$room"*.[ch]; do
			[ -f "$file" ] || continue
			[ -f "$room$name.h" ] || [ "$name" = cmd ] ||
			    echo "$room: has no face $name.h"
			break
		done
		for header in "$room"*.h; do
			[ ! -f "$header" ] ||
			    [ "$header" = "$room$name.h" ] ||
			    [ "$header" = "${room}inner.h" ] ||
			    echo "$header: a second header in its room"
		done
	done
}

# No header comes back to itself.
check_loops() {
	includes | sed -n 's|^src/[^/]*/\([^:]*\.h\):[0-9]* |\1 |p' |
	    tsort 2>&1 >/dev/null | sed -n 's/^tsort: \([^-]\)/\1/p'
}

# A member's object defines one global symbol: its row, and that is constant.
check_members() {
	rows | while read -r def type name; do
		object=$objects/$(dirname "$def")/$name.c.o
		if [ ! -f "$object" ]; then
			echo "$def: no object for $name ($object)"
			continue
		fi
		nm -g --defined-only "$object" | awk -v row="${type}_$name" \
		    -v file="$(dirname "$def")/$name.c" '
			$3 == row && ($2 == "R" || $2 == "D") { n++; next }
			{ print file ": exports " $3 " (" $2 ")" }
			END { if (n != 1) print file ": has no row " row }'
	done
	# D above: a const row with pointers lies in .data.rel.ro under PIC;
	# that it is const is said in the source.
	rows | while read -r def type name; do
		file=$(dirname "$def")/$name.c
		[ ! -f "$file" ] ||
		    grep -q "^const struct $type ${type}_$name\>" "$file" ||
		    echo "$file: no \"const struct $type ${type}_$name\""
	done
	# And no member without a row.
	grep -noE '^const struct (source|decoder|language|detector|control|sink) [a-z]+_[a-z0-9_]+ ' \
	    src/*/*.c | while IFS=: read -r file line text; do
		stem=$(basename "$file" .c)
		rows | grep -q "^$(dirname "$file")/.* $stem\$" ||
		    echo "$file:$line: $text has no row in the roster"
	done
}

# A third-party library is used in one room.  What is not C, POSIX or Linux is
# third-party; its first path component without suffix names it.
check_libraries() {
	grep -noE '^[ 	]*#[ 	]*include[ 	]*<[^>]*>' src/*/*.[ch] |
	    sed 's/^\([^:]*\):\([0-9]*\):.*<\(.*\)>/\1 \3/' |
	    awk '
	BEGIN {
		n = split("aio arpa assert byteswap complex cpio ctype dirent" \
		    " dlfcn elf endian err errno error fcntl features fenv" \
		    " float fnmatch ftw getopt glob grp iconv ifaddrs" \
		    " immintrin inttypes iso646 langinfo libgen limits link" \
		    " linux locale malloc math memory mqueue net netdb" \
		    " netinet netpacket nl_types nmmintrin poll pthread pty pwd" \
		    " regex sched search semaphore setjmp signal smmintrin" \
		    " spawn stdalign stdarg stdatomic stdbool stddef stdint" \
		    " stdio stdlib stdnoreturn string strings sys syslog" \
		    " tgmath threads time tmmintrin uchar unistd utime wchar" \
		    " wctype wmmintrin wordexp x86intrin emmintrin xmmintrin" \
		    " arm_neon asm cpuid sysexits termios", names, " ")
		for (i = 1; i <= n; i++)
			ours[names[i]] = 1
	}
	{
		library = $2
		sub(/[\/.].*/, "", library)
		sub(/^archive_entry$/, "archive", library)
		if (library in ours)
			next
		room = $1
		sub(/[^\/]*$/, "", room)
		if (library in user && user[library] != room)
			print $1 ": <" $2 "> is used in " user[library] " too"
		else
			user[library] = room
	}'
}

# Every text says its licence at its top.
check_spdx() {
	texts | while read -r file; do
		head -n 3 "$file" |
		    grep -q 'SPDX-License-Identifier: Apache-2\.0' ||
		    echo "$file: no SPDX line in the first three"
	done
}

# Nothing is left for later inside the code.
check_markers() {
	texts | tr '\n' '\0' |
	    xargs -0 grep -nwE 'TO''DO|FIX''ME|XX''X|HA''CK' /dev/null
}

# 80 columns, tabs of 8; rosters may be wider.
check_columns() {
	for file in src/*/*.[ch]; do
		# One byte a character, so that columns are counted.
		tr -d '\200-\277' <"$file" | expand |
		    awk -v file="$file" 'length > 80 {
			print file ":" NR ": " length " columns" }'
	done
	grep -nE "[ $tab]\$" src/*/*.[ch] | sed 's/:.*//' | sort | uniq -c |
	    sed 's/ *\([0-9]*\) \(.*\)/\2: \1 lines end in blanks/'
}

# Production files have no tests and no second main in them.
check_tests() {
	grep -nE 'cmocka|^#[ 	]*if.*(TEST|FUZZ)|^test_[a-z0-9_]+\(' \
	    src/*/*.[ch]
	grep -nE '^main\(|[ 	]main\(int' src/*/*.c | grep -v '^src/cmd/main.c'
}

# A row is built, documented, seeded and tested.
check_rosters() {
	rows | while read -r def type name; do
		room=$(dirname "$def")
		plural=$(basename "$def" .def)
		file=$room/$name.c
		if [ ! -f "$file" ]; then
			echo "$def: $name: $file is missing"
			continue
		fi
		grep -q '^[ 	]*\.doc *=' "$file" ||
		    echo "$file: its row has no .doc"
		[ -n "$(find "tests/unit/$(basename "$room")" \
		    -name "test_$name.c" -o -name "test_${name}_*.c" \
		    2>/dev/null)" ] ||
		    [ -n "$(find "tests/golden/$plural/$name" -name '*.want' \
			2>/dev/null)" ] ||
		    echo "$def: $name has no unit or golden test"
		case $type in source|decoder|language) ;; *) continue ;; esac
		[ -f "fuzz/fuzz_$type.c" ] ||
		    echo "fuzz/fuzz_$type.c: the harness is missing"
		[ -n "$(find "fuzz/corpus/$name" -type f 2>/dev/null)" ] ||
		    echo "$def: $name has no seeds in fuzz/corpus/$name"
	done
}

# What the words of the model can say is said somewhere.
check_words() {
	code=$(mktemp) || exit 2
	# Without comments: to mention is not to raise.
	cc -fpreprocessed -E -P src/*/*.c >"$code" 2>/dev/null
	for word in model/weirds:WEIRD base/errors:ERROR; do
		def=src/${word%:*}.def
		macro=${word#*:}
		prefix=$macro
		[ "$macro" != ERROR ] || prefix=ERR
		sed -n "s/^$macro(\([A-Z0-9_]*\).*/\1/p" "$def" |
		    while read -r name; do
			grep -qw "${prefix}_$name" "$code" ||
			    echo "$def: ${prefix}_$name is never used"
		done
	done
	rm -f "$code"
}

all='floors faces loops members libraries spdx markers columns tests rosters
    words'
if [ "$check" = list ]; then
	echo "$all" | tr -s ' \t' '\n'
	exit 0
fi
case " $(echo "$all" | tr -s ' \n' ' ') " in
*" $check "*) ;;
*) echo "$0: no check $check" >&2; exit 2 ;;
esac
found=$("check_$check") || :
[ -n "$found" ] || exit 0
echo "$found"
exit 1
