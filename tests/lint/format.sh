#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-format decides the rest: every C file is as it would leave it.  --fix rewrites them.
set -u
cd "$(dirname "$0")/../.." || exit 1
command -v clang-format >/dev/null 2>&1 || { echo "clang-format is not installed: skipped"; exit 77; }
files=$(find daemon parsers sinks tests -name '*.[ch]' -not -path '*/build/*')
if [ "${1:-}" = --fix ]; then
	echo "$files" | xargs clang-format -i
	exit
fi
bad=0
for f in $files; do
	clang-format --dry-run -Werror "$f" >/dev/null 2>&1 || { echo "$f: not formatted (tests/lint/format.sh --fix)"; bad=1; }
done
exit $bad
