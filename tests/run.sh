#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need, builds with sanitizers, runs every test.
#   sh tests/run.sh [unit|e2e|lint]...     only these
set -eu
cd "$(dirname "$0")/.."
. etc/packages.sh
packages_install "$PACKAGES_BUILD $PACKAGES_TEST"

what=${*:-lint unit e2e}
build=build/asan
cmake --preset asan >/dev/null
cmake --build --preset asan -- --quiet

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=99
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:exitcode=99
failed=0
for part in $what; do
	case $part in
	lint) ctest --test-dir "$build" --output-on-failure -L lint || failed=1 ;;
	unit) ctest --test-dir "$build" --output-on-failure -j "$(nproc)" -LE lint || failed=1 ;;
	# Most of these tests wait for something: four side by side on two processors.
	e2e) RESULTD_BIN=$PWD/$build/daemon/resultd /usr/bin/python3 -m pytest -q -n 4 tests/e2e || failed=1 ;;
	*) echo "tests/run.sh: what is \"$part\"? (lint, unit, e2e)" >&2; exit 2 ;;
	esac
done
exit $failed
