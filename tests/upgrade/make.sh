#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make.sh REVISION: builds the program as it was then and keeps a state directory of its schema, with deliveries
# in every state, as tests/upgrade/schema-N.tar.xz.  Made once for each schema.
#
#   schema 1: 40daa5c^   schema 2: 115f1a5^   schema 3: 14b1bc7   schema 4: eb9b03f   schema 5: b49c04f
#   schema 6: 816a297   schema 7: 154247c   schema 8: ca92155
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'git worktree remove --force "$work/tree"; rm -rf "$work"' EXIT
git worktree add --detach "$work/tree" "$1" >/dev/null
cmake -S "$work/tree" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DRD_TESTS=OFF \
	${CMAKE_C_COMPILER_LAUNCHER:+-DCMAKE_C_COMPILER_LAUNCHER=$CMAKE_C_COMPILER_LAUNCHER} >/dev/null
ninja -C "$work/build" resultd >/dev/null
# What PRAGMA user_version says stands in the file's head, at byte 60.
/usr/bin/python3 tests/upgrade/make.py "$work/build/daemon/resultd" "$work/golden.tar.xz"
tar -C "$work" -xf "$work/golden.tar.xz" state/queue.db
schema=$(od -An -j63 -N1 -tu1 "$work/state/queue.db" | tr -d ' ')
mv "$work/golden.tar.xz" "tests/upgrade/schema-$schema.tar.xz"
echo "tests/upgrade/schema-$schema.tar.xz"
