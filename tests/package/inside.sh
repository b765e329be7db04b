#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs in the booted root; see run.sh.  Each line that begins with "ok" was seen to hold.
set -eu
cd /opt/package-test

ok() { echo "ok: $*"; }
fail() {
	echo "FAILED: $*"
	systemctl status resultd --no-pager 2>&1 | tail -20
	journalctl -u resultd --no-pager 2>&1 | tail -30
	exit 1
}
# until WHAT COMMAND...: waits until it holds.
until_holds() {
	what=$1
	shift
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 150 ] || fail "$what"
		sleep 0.2
	done
	ok "$what"
}
delivered() { resultd --config /etc/resultd/resultd.yaml status --json | grep -q "$1"; }

# What an earlier test left in a root that is kept.
dpkg -P resultd >/dev/null 2>&1 || true
rm -rf /etc/resultd /var/lib/resultd /srv/ci /srv/two
rm -f /etc/systemd/system/multi-user.target.wants/resultd.service
systemctl daemon-reload
for user in agent stranger; do userdel -r $user >/dev/null 2>&1 || true; done

dpkg -i resultd_0.1.0_amd64.deb >/dev/null 2>&1 || fail "installed"
ok "installed"
getent passwd resultd >/dev/null || fail "the user resultd is there"
ok "the user resultd is there"
[ "$(stat -c %U:%G:%a /etc/resultd/resultd.yaml)" = root:resultd:640 ] || fail "the configuration is not for everybody"
ok "the configuration is not for everybody"
systemctl is-enabled resultd >/dev/null 2>&1 && fail "nothing is enabled by itself"
ok "nothing is enabled by itself"
resultd --version | grep -q resultd || fail "the program runs"
dpkg -L resultd | grep -q man8/resultd.8.gz || fail "the man pages are in it"
ok "the man pages are in it"

systemctl enable --now resultd || fail "enabled and started"
systemctl is-active --quiet resultd || fail "enabled and started"
ok "enabled and started, READY was said"
[ "$(stat -c %U:%a /var/lib/resultd)" = resultd:700 ] || fail "the state directory belongs to the service"
ok "the state directory belongs to the service"
[ "$(stat -c %G:%a /run/resultd/control.sock)" = resultd:660 ] || fail "the control socket is for the group"
ok "the control socket is for the group"

useradd -m -G resultd agent
useradd -m stranger
mkdir -m 700 /home/agent/ws && cp samples/*.xml /home/agent/ws && chown -R agent: /home/agent
runuser -u agent -- env JOB_NAME=nightly BUILD_NUMBER=17 JENKINS_URL=http://ci/ \
	resultd submit --wait --timeout 60s /home/agent/ws || fail "a job of the group hands over what only it can read"
ok "a job of the group hands over what only it can read"
ls /var/lib/resultd/runs/*.html >/dev/null 2>&1 || fail "the results are pages"
ok "the results are pages"
if runuser -u stranger -- resultd submit samples/testng-results.xml >stranger.log 2>&1; then
	fail "a job without rights is refused"
fi
[ "$(grep -c . stranger.log)" -le 2 ] || fail "the refusal is one line: $(cat stranger.log)"
ok "a job without rights is refused: $(head -1 stranger.log)"

sed -i 's/^# watch:/watch:/; s|^#   - name: nightly|  - name: nightly|; s|^#     path: .*|    path: "/srv/ci/{job}/{build}"|; s|^#     run: .*|    run: {key: "{job}/{build}", close_after: 1s}|' /etc/resultd/resultd.yaml
mkdir -p /srv/ci/nightly/18
systemctl reload resultd || fail "reloaded"
cp samples/TEST-*.xml /srv/ci/nightly/18/
until_holds "after a reload the new watch is served" sh -c 'ls /var/lib/resultd/runs | grep -q 18'

before=$(systemctl show -p MainPID --value resultd)
dpkg -i resultd_0.1.1_amd64.deb >/dev/null 2>&1 || fail "upgraded"
grep -q '^watch:' /etc/resultd/resultd.yaml || fail "an upgrade keeps the administrator's configuration"
ok "an upgrade keeps the administrator's configuration"
systemctl is-active --quiet resultd || fail "it runs after the upgrade"
[ "$(systemctl show -p MainPID --value resultd)" != "$before" ] || fail "the upgrade started the new program"
ok "the upgrade started the new program"
mkdir -p /srv/ci/nightly/19 && cp samples/TEST-*.xml /srv/ci/nightly/19/
until_holds "it works after the upgrade" sh -c 'ls /var/lib/resultd/runs | grep -q 19'

sed 's|/var/lib/resultd/runs|/var/lib/resultd/two/runs|; s|/run/resultd/|/run/resultd-two/|; s|^state_dir: .*|state_dir: /var/lib/resultd/two|; s|/srv/ci|/srv/two|' /etc/resultd/resultd.yaml >/etc/resultd/two.yaml
chgrp resultd /etc/resultd/two.yaml && mkdir -p /srv/two
systemctl start resultd@two || fail "a second instance: $(journalctl -u resultd@two --no-pager | tail -5)"
[ -S /run/resultd-two/control.sock ] || fail "the instance has its own socket"
ok "a second instance runs beside the first"
systemctl stop resultd@two

systemctl stop resultd || fail "stopped"
[ "$(systemctl show -p Result --value resultd)" = success ] || fail "stopped cleanly"
ok "stopped cleanly"
systemctl start resultd
dpkg -r resultd >/dev/null 2>&1 || fail "removed"
systemctl is-active --quiet resultd && fail "stopped by the removal"
[ -f /etc/resultd/resultd.yaml ] && [ -d /var/lib/resultd ] || fail "a removal keeps configuration and state"
ok "a removal keeps configuration and state"
rm -f /etc/resultd/two.yaml
dpkg -P resultd >/dev/null 2>&1 || fail "purged"
[ ! -e /etc/resultd ] && [ ! -e /var/lib/resultd ] || fail "a purge leaves nothing: $(ls -d /etc/resultd/* /var/lib/resultd/* 2>&1)"
ok "a purge leaves nothing"
echo "package: all of it holds"
