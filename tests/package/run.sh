#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The package on a whole Debian 12 with a running systemd: installed, enabled, fed, reloaded, upgraded, removed,
# purged.  Needs root, debootstrap and systemd-nspawn; makes a root of its own and takes it away afterwards.
#   sh tests/package/run.sh           RESULTD_ROOT=DIR keeps the root there for the next time
set -eu
cd "$(dirname "$0")/../.."
. etc/packages.sh
packages_install "$PACKAGES_BUILD scdoc dpkg-dev file debootstrap systemd-container"
[ "$(id -u)" = 0 ] || { echo "tests/package/run.sh: only root can boot a container" >&2; exit 1; }

root=${RESULTD_ROOT:-}
if [ -z "$root" ]; then
	root=$(mktemp -d "${TMPDIR:-/var/tmp}/resultd-root.XXXXXX")
	trap 'rm -rf "$root"' EXIT
fi
if [ ! -x "$root/usr/bin/systemctl" ]; then
	debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,procps,libcjson1,libcurl4,libexpat1,libsqlite3-0,libuv1,libyaml-0-2 \
		bookworm "$root" >"$root.log" 2>&1 || { tail -5 "$root.log" >&2; exit 1; }
	rm -f "$root.log"
fi

cmake --preset release -DRD_TESTS=OFF >/dev/null
cmake --build --preset release -- --quiet
test=$root/opt/package-test
rm -rf "$test"
mkdir -p "$test"
for version in 0.1.0 0.1.1; do
	(cd build/release && cpack -G DEB -D CPACK_PACKAGE_VERSION=$version -B "$test" >/dev/null)
done
cp -r tests/package/inside.sh etc/samples "$test"
cat >"$root/etc/systemd/system/package-test.service" <<UNIT
[Unit]
After=basic.target dbus.socket
[Service]
Type=oneshot
ExecStart=/bin/sh /opt/package-test/inside.sh
StandardOutput=file:/opt/package-test/log
StandardError=file:/opt/package-test/log
ExecStopPost=/bin/systemctl poweroff --no-block
[Install]
WantedBy=multi-user.target
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../package-test.service "$root/etc/systemd/system/multi-user.target.wants/package-test.service"

timeout 300 systemd-nspawn --quiet --directory "$root" --register=no --keep-unit --boot >"$test/console" 2>&1 || true
cat "$test/log"
grep -q "^package: all of it holds" "$test/log"
