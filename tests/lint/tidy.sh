#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy with the checks of .clang-tidy over every file of ours; the first argument is a build directory.
set -u
cd "$(dirname "$0")/../.." || exit 1
command -v clang-tidy >/dev/null 2>&1 || { echo "clang-tidy is not installed: skipped"; exit 77; }
find daemon parsers sinks -name '*.c' -print0 |
	xargs -0 -n 4 -P "$(nproc)" clang-tidy --quiet --extra-arg=-Wno-unknown-warning-option -p "$1" 2>/dev/null
