#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From nothing to a page of results: installs what is needed, builds, imports the sample reports into the
# `local` sink (a folder of pages) and shows the outcome.  Touches nothing outside this folder but packages.
set -eu
cd "$(dirname "$0")/.."
. etc/packages.sh
packages_install "$PACKAGES_BUILD"

cmake --preset release -DRD_TESTS=OFF >/dev/null
cmake --build --preset release -- --quiet

state=$PWD/build/quickstart
rm -rf "$state"
echo
echo "\$ resultd --state build/quickstart import --run-name 'Quick start' etc/samples"
RESULTD_CONFIG='' build/release/daemon/resultd --state "$state" import --run-name "Quick start" etc/samples
page=$state/runs/index.html
test -s "$page"
echo
echo "Open it:   file://$page"
echo "Again:     build/release/daemon/resultd --state build/quickstart import etc/samples   (all duplicates)"
echo "TestRail:  see etc/examples/testrail.yaml, then resultd --config FILE import PATH..."
