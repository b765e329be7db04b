# SPDX-License-Identifier: Apache-2.0
# Sourced by etc/quickstart.sh and tests/run.sh: what Debian 12 must have.  packages_install "A B C" installs
# what is missing, and says what it does.  Without the rights for that it says what to type.

PACKAGES_BUILD="cmake ninja-build pkg-config gcc libc6-dev libuv1-dev libcurl4-openssl-dev libexpat1-dev libcjson-dev
libyaml-dev libsqlite3-dev libzstd-dev libsystemd-dev libssl-dev zlib1g-dev"
PACKAGES_TEST="libcmocka-dev python3-pytest-timeout python3-pytest-xdist scdoc python3 python3-pytest clang-format clang-tidy openssl git zstd strace"

packages_install() {
	missing=""
	for package in $1; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
	done
	[ -z "$missing" ] && return 0
	sudo=""
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null 2>&1 || { echo "Please install as root: apt-get install$missing" >&2; return 1; }
		sudo=sudo
	fi
	echo "Installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	$sudo apt-get -qq update && $sudo apt-get -qq install -y --no-install-recommends $missing >/dev/null
}
