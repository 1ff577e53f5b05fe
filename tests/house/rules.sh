#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The tree keeps the rules of the house, and every check of tools/house.sh
# finds a violation that is planted in a copy.
set -u
house=$SRC/tools/house.sh
objects=$BUILD/CMakeFiles/picket_core.dir
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT

for check in $("$house" list); do
	if found=$("$house" "$check" "$SRC" "$objects" 2>&1); then
		echo "ok - $check"
	else
		echo "$found" | sed 's/^/# /'
		echo "not ok - $check"
	fi
done

# A small tree that keeps all rules, to spoil one by one.
plain() {
	rm -rf "$copy/tree"
	mkdir -p "$copy/tree/src/base" "$copy/tree/src/decode" \
	    "$copy/tree/src/model" "$copy/tree/fuzz/corpus/aa" \
	    "$copy/tree/tests/unit/decode" "$copy/tree/tools"
	cd "$copy/tree" || exit 1
	cp "$SRC/tools/floors" tools/
	spdx='/* SPDX-License-Identifier: Apache-2.0 */'
	for header in base/base model/model; do
		echo "$spdx" >src/$header.h
	done
	{
		echo "$spdx"
		echo 'struct decoder { const char *name, *doc; };'
		echo 'extern const struct decoder decoder_aa;'
	} >src/decode/decode.h
	{
		echo "$spdx"
		echo '#include <zlib.h>'
		echo '#include <stdio.h>'
		echo '#include "decode.h"'
		echo '#include "base.h"'
		echo 'const struct decoder decoder_aa = {'
		echo '	.doc = "aa"'
		echo '};'
	} >src/decode/aa.c
	echo "$spdx" >src/base/use.c
	echo 'enum { WEIRD_AA, ERR_AA };' >>src/base/use.c
	{ echo "$spdx"; echo 'DECODER(aa, "a")'; } >src/decode/decoders.def
	{ echo "$spdx"; echo 'WEIRD(AA, "a")'; } >src/model/weirds.def
	{ echo "$spdx"; echo 'ERROR(AA, "a")'; } >src/base/errors.def
	echo "$spdx" | tee fuzz/fuzz_decoder.c >tests/unit/decode/test_aa.c
	echo seed >fuzz/corpus/aa/seed
	object
}

object() {
	mkdir -p "$copy/objects/src/decode"
	cc -fPIC -Isrc/decode -Isrc/base -c src/decode/aa.c \
	    -o "$copy/objects/src/decode/aa.c.o"
}

# finds CHECK WHAT TEXT: after the planting, CHECK must say TEXT.
finds() {
	if found=$("$house" "$1" "$copy/tree" "$copy/objects" 2>&1); then
		echo "not ok - $1 does not find $2"
	elif echo "$found" | grep -qF -- "$3"; then
		echo "ok - $1 finds $2"
	else
		echo "$found" | sed 's/^/# /'
		echo "not ok - $1 finds $2, but does not say where"
	fi
	plain
}

plain
for check in $("$house" list); do
	if found=$("$house" "$check" "$copy/tree" "$copy/objects" 2>&1); then
		echo "ok - $check has nothing against a plain tree"
	else
		echo "$found" | sed 's/^/# /'
		echo "not ok - $check is against a plain tree"
	fi
done

echo '#include "decode.h"' >>src/base/base.h
finds floors 'an include that runs up' 'src/base/base.h:2'
echo '#include "../model/model.h"' >>src/decode/aa.c
finds floors 'an include by path' 'src/decode/aa.c:'
echo "$spdx" >src/decode/inner.h
echo '#include "inner.h"' >>src/decode/aa.c
finds floors 'a member that looks behind the face' 'src/decode/aa.c:'
mkdir src/attic
finds floors 'a room that is not in the plan' 'src/attic'

echo "$spdx" >src/decode/aa.h
finds faces 'a header of a member' 'src/decode/aa.h'
mkdir src/flow
echo "$spdx" >src/flow/flow.c
finds faces 'a room without a face' 'src/flow/'

echo '#include "base.h"' >>src/model/model.h
echo '#include "model.h"' >>src/base/base.h
finds loops 'headers in a ring' 'model.h'

echo 'int extra(void); int extra(void) { return 1; }' >>src/decode/aa.c
object
finds members 'a second symbol' 'exports extra'
sed -i 's/^const struct/struct/' src/decode/aa.c
finds members 'a row that can be written' 'no "const struct'
cp src/decode/aa.c src/decode/bb.c
sed -i 's/_aa/_bb/' src/decode/bb.c
finds members 'a member without a row' 'src/decode/bb.c:'

echo '#include <zlib.h>' >>src/base/use.c
finds libraries 'a library in two rooms' '<zlib.h> is used in'

sed -i 1d src/base/use.c
finds spdx 'a file without licence' 'src/base/use.c'
echo "/* TO""DO: later */" >>src/base/use.c
finds markers 'a note for later' 'src/base/use.c:3'
printf '/*\t%073d */\n' 1 >>src/base/use.c
finds columns 'a long line' 'src/base/use.c:3: 84 columns'
echo '#include <cmocka.h>' >>src/base/use.c
finds tests 'a test in a production file' 'src/base/use.c:3'
echo 'int main(int c, char **v) { return c + !v; }' >>src/base/use.c
finds tests 'a second main' 'src/base/use.c:3'

rm src/decode/aa.c
finds rosters 'a row without a file' 'src/decode/aa.c is missing'
sed -i '/\.doc/d' src/decode/aa.c
finds rosters 'a row without prose' 'no .doc'
rm fuzz/corpus/aa/seed
finds rosters 'a row without seeds' 'no seeds'
rm tests/unit/decode/test_aa.c
finds rosters 'a row without a test' 'no unit or golden test'
rm fuzz/fuzz_decoder.c
finds rosters 'a roster without a harness' 'harness is missing'

echo 'WEIRD(BB, "b")' >>src/model/weirds.def
echo '/* raises WEIRD_BB */' >>src/base/use.c
finds words 'a weird that is never raised' 'WEIRD_BB'
echo 'ERROR(BB, "b")' >>src/base/errors.def
finds words 'an error that is never given' 'ERR_BB'
