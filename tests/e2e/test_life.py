# SPDX-License-Identifier: Apache-2.0
"""The daemon and systemd: what it is told, the watchdog, and the end."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from expect import each_case_once
from reports import case, junit, numbered
from resultd import stays, wait_until


@pytest.fixture
def service(resultd, testrail):
    """A daemon with a NOTIFY_SOCKET; what systemd was told is gathered in `told`."""
    for number in range(1, 31):
        testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
    resultd.scale = 1
    resultd.configure({"rail": resultd.rail(testrail, linger="100ms")},
                      watch=[{"name": "inbox", "path": str(resultd.inbox), "settle": "100ms",
                              "run": {"close_after": "1s"}}])
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(resultd.folder / "notify"))
    listener.setblocking(False)
    resultd.environment = {"NOTIFY_SOCKET": str(resultd.folder / "notify"), "WATCHDOG_USEC": "2000000"}
    told = []

    def hear():
        while True:
            try:
                told.append(listener.recv(4096).decode())
            except BlockingIOError:
                return told
    resultd.hear = hear
    daemon = resultd.spawn("run")
    wait_until(lambda: [text for text in hear() if "READY=1" in text], what="READY=1")
    daemon.hear = hear
    yield daemon
    listener.close()


def test_what_systemd_is_told(resultd, service):
    assert any("STATUS=watching 1 directories" in text for text in service.hear())
    service.signal(signal.SIGHUP)
    wait_until(lambda: [text for text in service.hear() if "RELOADING=1" in text], what="RELOADING")
    said = next(text for text in service.hear() if "RELOADING=1" in text)
    stamp = int(said.split("MONOTONIC_USEC=")[1].split()[0])
    assert abs(stamp - time.monotonic_ns() // 1000) < 60_000_000
    wait_until(lambda: sum("READY=1" in text for text in service.hear()) == 2, what="READY again")
    assert service.terminate().code == 0
    assert any("STOPPING=1" in text for text in service.hear())


def pings(service):
    return sum("WATCHDOG=1" in text for text in service.hear())


def test_row_66_the_watchdog_hears_of_a_process_that_works(resultd, testrail, service):
    wait_until(lambda: pings(service) >= 3, what="pings of an idle daemon")
    resultd.drop("TEST-a.xml", numbered(3))
    testrail.wait_for("close_run", answered=True)
    before = pings(service)
    wait_until(lambda: pings(service) > before, what="pings after work")
    assert service.terminate().code == 0


def test_row_66_and_not_of_one_whose_loop_stands_still(resultd, service):
    wait_until(lambda: pings(service) >= 1, what="a ping")
    service.signal(signal.SIGSTOP)
    before = pings(service)
    stays(lambda: pings(service) <= before + 1, 2.0, "silence")
    service.signal(signal.SIGCONT)
    wait_until(lambda: pings(service) > before + 1, what="pings again")
    assert service.terminate().code == 0


WATCHDOG_S = 2.0


@pytest.mark.parametrize(("who", "words"), [("worker", "the workers do not get on"),
                                            ("queue", "the queue's thread does not answer")])
def test_row_66_and_not_of_one_whose_threads_stand_still(resultd, testrail, service, points_binary, who, words):
    """Silence of a whole WatchdogSec, which is what systemd restarts it for; and pings once it goes on."""
    assert service.terminate().code == 0
    stuck = resultd.folder / "stuck"
    resultd.binary = points_binary
    resultd.environment["RESULTD_STUCK"] = f"{who}:{stuck}"
    daemon = resultd.spawn("run")
    daemon.says("watching")
    daemon.hear = resultd.hear
    before = pings(daemon)
    wait_until(lambda: pings(daemon) > before, what="a ping")
    stuck.touch()
    resultd.drop("TEST-a.xml", numbered(3))
    daemon.says(words)
    before = pings(daemon)
    stays(lambda: pings(daemon) == before, WATCHDOG_S, "silence")
    assert any(f"STATUS={words}" in text for text in daemon.hear())
    stuck.unlink()
    wait_until(lambda: pings(daemon) > before, what="pings again")
    testrail.wait_for("close_run", timeout=60, answered=True)
    each_case_once(testrail, 3)
    assert daemon.terminate().code == 0


@pytest.mark.parametrize("state", ["idle", "reading", "sending", "waiting"])
def test_row_64_sigterm_in_each_state(resultd, testrail, service, state):
    hang = None
    if state == "reading":
        resultd.drop("TEST-big.xml", junit(*[case(f"test_{number:06d}", time=None) for number in range(60000)]))
        wait_until(lambda: (resultd.state / "parsing" / "now").read_text().split(), what="the parser")
    if state == "sending":
        hang = testrail.fault("add_results_for_cases", before="hang")
        resultd.drop("TEST-a.xml", numbered(2))
        testrail.wait_for("add_results_for_cases")
    if state == "waiting":
        testrail.answers("add_run", 503, 503, 503)
        resultd.drop("TEST-a.xml", numbered(2))
        testrail.wait_for("add_run")
    service.signal(signal.SIGTERM)
    if hang is not None:
        service.says("stopping")
        hang.release()
    done = service.wait(35)
    assert done.code == 0, done
    if state == "reading":                                  # what had been taken in has no cases: nobody wants it
        for line in json.loads(resultd("queue", "list", "--json").out):
            assert resultd("queue", "drop", "--yes", line["id"]).code == 0
    if state == "sending":
        resultd.scale = 500
        resultd.delivers()
        each_case_once(testrail, 2)


def test_row_64_a_second_sigterm_ends_it_at_once(resultd, testrail, service):
    hang = testrail.fault("add_results_for_cases", before="hang")
    resultd.drop("TEST-a.xml", numbered(2))
    testrail.wait_for("add_results_for_cases")
    service.signal(signal.SIGTERM)
    service.says("stopping: what waits")
    began = time.monotonic()
    service.signal(signal.SIGTERM)
    assert service.wait(10).code == 0 and time.monotonic() - began < 5
    hang.release()
    resultd.scale = 500                                     # of the look-ups, which are minutes apart
    resultd.environment = {}
    resultd.spawn("run")
    testrail.wait_for("close_run", answered=True)
    each_case_once(testrail, 2)


def test_row_67_a_log_that_goes_to_a_full_disk_delays_nothing(resultd, testrail, service):
    assert service.terminate().code == 0
    with open("/dev/full", "wb") as full:
        process = subprocess.Popen([str(resultd.binary), "--config", str(resultd.config), "--log-level", "debug", "run"],
                                   stdin=subprocess.DEVNULL, stdout=full, stderr=full, env=resultd._environment())
    try:
        resultd.drop("TEST-a.xml", numbered(3))
        testrail.wait_for("close_run", answered=True)
        each_case_once(testrail, 3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
    finally:
        process.kill()
        process.wait()


def test_row_67_a_blocked_standard_error_delays_nothing(resultd, testrail, service):
    assert service.terminate().code == 0
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 512)
    except BlockingIOError:
        os.set_blocking(writer, True)
    process = subprocess.Popen([str(resultd.binary), "--config", str(resultd.config), "--log-level", "debug", "run"],
                               stdin=subprocess.DEVNULL, stdout=writer, stderr=writer, env=resultd._environment())
    try:
        resultd.drop("TEST-a.xml", numbered(3))
        testrail.wait_for("close_run", answered=True)
        each_case_once(testrail, 3)
        assert resultd.status()["log_lines_dropped"] > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
    finally:
        process.kill()
        process.wait()
        os.close(reader)
        os.close(writer)
