# SPDX-License-Identifier: Apache-2.0
#
# The words to type.  What is built how is in CMakeLists.txt; what must be
# installed first in tools/deps (tools/install-deps.sh lib build test).

PREFIX = /usr/local
TARGET =
SECONDS = 10

.PHONY: build debug hunt check check-system asan tsan fuzz bench score lint \
    install clean

build:			# release: build/release/picket
	@tools/build.sh release

debug:
	@tools/build.sh debug

hunt: build		# the example
	@build/release/picket hunt examples/case-study-1

check:			# every test on the debug preset
	@tools/test.sh debug

check-system: build	# tests that need more than the clone
	@tools/check-system.sh

asan tsan:		# every test under sanitizers
	@tools/test.sh $@

fuzz:			# make fuzz TARGET=decoder_dns SECONDS=60
	@tools/build.sh fuzz
	@tools/fuzz.sh "$(TARGET)" "$(SECONDS)"

bench: build
	@bench/run

score: build		# the table of doc/detectors.md
	@tools/score.sh

lint:
	@tools/lint.sh

install: build		# honours DESTDIR
	@DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

clean:
	rm -rf build
