# SPDX-License-Identifier: Apache-2.0
"""Faults beneath the program (disk, memory, descriptors, clock) and servers that do not answer.

Each test carries the number of its row in the table of faults; tests/README.md tells which test shows which row.
"""

import importlib.machinery
import importlib.util
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import pytest

from expect import each_case_once, one_closed_run
from reports import case, junit, numbered, suite
from resultd import SANITIZER_WORDS, Resultd, stays, wait_until

COUNT = 6
pytestmark = pytest.mark.five_properties


def known(testrail, count):
    return [testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
            for number in range(1, count + 1)]


def watching(resultd, testrail, more=None, **keys):
    resultd.configure({"rail": resultd.rail(testrail, **keys), **(more or {})},
                      watch=[{"name": "w", "path": str(resultd.inbox), "files": ["*.xml"], "settle": "20ms",
                              "poll_interval": "1s", "run": {"key": "k", "close_after": "300ms"}}])


# ---- the program beneath other programs: strace, the shim ----

class Wrapped(Resultd):
    """Every command runs beneath another program, or dies as the fault has it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.before = []
        self.may_die = False

    def _command(self, args):
        return self.before + super()._command(args)

    def ended(self, done, killed=False):
        return super().ended(done, killed or self.may_die)

    def undisturbed(self):
        clock = self.environment.get("RESULTD_CLOCK")
        super().undisturbed()
        alone(self)
        if clock is not None:           # set right again, it would jump once more
            self.environment["RESULTD_CLOCK"] = clock


@pytest.fixture
def wrapped(binary, tmp_path, world):
    one = world.add(Wrapped(binary, tmp_path / "wrapped"))
    yield one
    one.close()


@pytest.fixture
def faulty(points_binary, tmp_path, world):
    """The program whose memory and clock are in our hands: tests/crash/faults.c."""
    one = world.add(Wrapped(points_binary, tmp_path / "faulty"))
    yield one
    one.close()


def beneath_strace(resultd, *inject, path=None, calls="fdatasync"):
    """The system calls that are told go wrong. LeakSanitizer does not work there."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"strace may not trace here: {tried.stderr.strip()[:200]}")
    calls = ",".join(sorted({rule.partition(":")[0] for rule in inject})) or calls
    resultd.before = ["strace", "-f", "-qq", "-o", str(resultd.folder / "strace.log"), "-e", f"trace={calls}",
                      "-e", "signal=none"]
    if path is not None:
        resultd.before += ["-P", str(path)]
    for rule in inject:
        resultd.before += ["-e", f"inject={rule}"]
    resultd.environment["ASAN_OPTIONS"] = "exitcode=99:detect_leaks=0"


def alone(resultd):
    resultd.before, resultd.environment, resultd.may_die = [], {}, False


def creating(resultd, testrail, **keys):
    resultd.deliver_to(testrail, batch=3, create={"cases": True, "sections": True}, **keys)
    return resultd.write("a.xml", junit(suite(*[case(f"a{number}") for number in range(COUNT)], name="A")))


def all_once(testrail):
    each_case_once(testrail, COUNT)
    one_closed_run(testrail, cases=COUNT)
    assert len(testrail.store.cases) == COUNT and len(testrail.store.sections) == 1


# ---- row 9: kill -9 under load; 500 rounds: tests/crash/kill_loop ----

def test_row_9_killed_again_and_again_under_load(resultd, testrail):
    path = Path(__file__).resolve().parents[1] / "crash" / "kill_loop"
    loader = importlib.machinery.SourceFileLoader("kill_loop", str(path))
    spec = importlib.util.spec_from_loader("kill_loop", loader)
    loop = importlib.util.module_from_spec(spec)
    loader.exec_module(loop)
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    each_case_once(testrail, loop.kill_loop(resultd, testrail, 20, seed))


# ---- rows 14 to 17: disk, descriptors, memory ----

def failed_at(resultd):
    """When the call was made that strace let fail, by the clock that the stand-ins read."""
    line, = (line for line in (resultd.folder / "strace.log").read_text().splitlines() if "(INJECTED)" in line)
    return by_our_clock(line)


def by_our_clock(line):
    return float(re.search(r"\d+\.\d+", line).group()) - time.time() + time.monotonic()


def requests_after(testrail, moment):
    return [call for call in testrail.calls() if call.at > moment]


def test_row_14_a_sync_that_fails_ends_the_process_and_nothing_is_sent_after_it(wrapped, make_testrail):
    """fdatasync of the database fails the N-th time, for N over the whole life: the promise is not made."""
    failed = 0
    for number in (1, 2, 3, 5, 8, 11, 14, 18, 22, 27, 33, 40):
        testrail = make_testrail()
        wrapped.state = wrapped.folder / f"state{number}"
        wrapped.state.mkdir()
        report = creating(wrapped, testrail)
        wal = wrapped.state / "queue.db-wal"
        beneath_strace(wrapped, f"fdatasync:error=EIO:when={number}", path=wal)
        wrapped.before.insert(1, "-ttt")
        wrapped.may_die = True
        done = wrapped("import", "--json", "--progress", "never", "--timeout", f"{60 * wrapped.scale}s", report)
        alone(wrapped)
        if "failed" in done.err or done.code != 0:
            failed += 1
            assert done.code == 70, done
            assert "SQLite 1034" in done.err or "disk I/O" in done.err, done
            # One may have been under way when it failed; none follows, and no write at all.
            later = requests_after(testrail, failed_at(wrapped))
            assert len(later) <= 1 and not [call for call in later if call.method == "POST"], later
        wrapped.imports(report)
        all_once(testrail)
    assert failed >= 6, f"only {failed} of the syncs were met"


def test_row_15_a_report_that_cannot_be_read_is_said_and_the_others_pass(wrapped, testrail):
    known(testrail, 4)
    wrapped.deliver_to(testrail)
    good = wrapped.write("good.xml", numbered(2))
    bad = wrapped.write("bad.xml", numbered(2, first=3))
    beneath_strace(wrapped, "read:error=EIO", path=bad)
    done = wrapped.imports(good, bad, code=5)
    assert done.files("accepted") == ["good.xml"] and done.files("unreadable") == ["bad.xml"], done
    assert "Input/output error" in done.receipt["files"][0].get("reason", "") + done.receipt["files"][1].get(
        "reason", ""), done
    each_case_once(testrail, 2)
    alone(wrapped)
    wrapped.imports(bad)
    assert len(testrail.results()) == 4


def test_row_15_the_daemon_tries_an_unreadable_report_again(wrapped, testrail):
    """The disk (or the network share) answers again after the first reads: the report is taken then."""
    known(testrail, 2)
    watching(wrapped, testrail)
    path = wrapped.inbox / "a.xml"
    beneath_strace(wrapped, "read:error=EIO:when=1..2", path=path)
    wrapped.before.insert(1, "-ttt")
    daemon = wrapped.spawn("run")
    daemon.says("watching")
    wrapped.drop("a.xml", numbered(2))
    testrail.wait_until(lambda: len(testrail.results()) == 2, timeout=60, what="two results")
    each_case_once(testrail, 2)
    stop_traced(daemon)
    first, second, good = [float(re.search(r"\d+\.\d+", line).group()) for line in
                           (wrapped.folder / "strace.log").read_text().splitlines() if " read(" in line][:3]
    assert good - second > 1.5 * (second - first), "each time later"


def test_row_15_the_daemon_gives_up_an_unreadable_report_and_takes_the_others(faulty, testrail):
    """After ten minutes of trying; what is mended and put there again is taken."""
    known(testrail, 4)
    watching(faulty, testrail)
    uptime = faulty.folder / "uptime"
    put_clock(uptime, 0)
    path = faulty.inbox / "bad.xml"
    beneath_strace(faulty, "read:error=EIO", path=path)
    faulty.environment["RESULTD_UPTIME"] = str(uptime)
    daemon = faulty.spawn("--log-level", "debug", "run")
    daemon.says("watching")
    faulty.drop("bad.xml", numbered(2, first=3))
    faulty.drop("good.xml", numbered(2))
    testrail.wait_until(lambda: len(testrail.results()) == 2, timeout=60, what="the results of the other")
    daemon.says("later: .*bad.xml: .*Input/output error")
    assert faulty.status()["intake"]["unreadable"] == 0
    put_clock(uptime, 11 * 60_000)
    daemon.says("unreadable: .*bad.xml: .*Input/output error")
    assert faulty.status()["intake"]["unreadable"] == 1
    stop_traced(daemon)
    each_case_once(testrail, 2)
    alone(faulty)
    faulty.imports(path)
    assert len(testrail.results()) == 4


def stop_traced(daemon):
    """strace does not hand a SIGTERM on; its child gets it."""
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGTERM)
    return daemon.wait(40)


def test_row_16_without_descriptors_it_waits_and_recovers(resultd, testrail):
    known(testrail, 4)
    watching(resultd, testrail)
    daemon = resultd.spawn("--log-level", "debug", "run")
    daemon.says("watching")
    pid = daemon.process.pid
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, hard))
    resultd.drop("a.xml", numbered(4))
    daemon.says("Too many open files")
    assert daemon.running and testrail.results() == []
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    testrail.wait_until(lambda: len(testrail.results()) == 4, timeout=90, what="four results")
    testrail.wait_until(lambda: testrail.only_run["is_completed"], what="the end of the run")
    assert daemon.terminate().code == 0
    each_case_once(testrail, 4)


def test_row_16_a_client_that_cannot_be_taken_costs_no_work(resultd, testrail):
    known(testrail, 1)
    watching(resultd, testrail)
    daemon = resultd.spawn("--log-level", "debug", "run")
    daemon.says("watching")
    pid = daemon.process.pid
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, hard))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(resultd.state / "control"))
        daemon.says("no client can be taken")
        resultd.drop("a.xml", numbered(1))
        daemon.says("a.xml: .*Too many open files")     # so it goes on, and has come this way many times
        assert daemon.err.count("no client can be taken") == 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
        client.sendall(b"nonsense\n")
        assert client.recv(1000)
    testrail.wait_until(lambda: len(testrail.results()) == 1, timeout=90, what="the result")
    assert daemon.terminate().code == 0


def test_row_17_memory_fails_at_any_place_and_nothing_is_lost_or_twice(faulty, make_testrail):
    """The N-th allocation fails, over the whole life of an import: a clean end, or none, and then once."""
    died, number = 0, 400
    while number < 400_000:
        testrail = make_testrail()
        faulty.state = faulty.folder / f"state{number}"
        faulty.state.mkdir()
        report = creating(faulty, testrail)
        faulty.environment = {"RESULTD_MALLOC": str(number)}
        faulty.may_die = True
        done = faulty("import", "--json", "--progress", "never", "--timeout", f"{60 * faulty.scale}s", report)
        assert done.code in (0, 2, 3, 5, 70, -signal.SIGABRT), done
        assert not SANITIZER_WORDS.search(done.err), done
        died += done.code != 0
        alone(faulty)
        faulty.imports(report)
        all_once(testrail)
        number = number * 5 // 4
    assert died >= 5, f"only {died} allocations were met"


# ---- rows 35 to 41: servers that do not answer ----

@pytest.fixture
def impatient(resultd):
    resultd.environment["RESULTD_TEST_TIMEOUT_MS"] = "700"
    return resultd


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("endpoint", ["add_run", "add_results_for_cases", "get_cases"])
def test_row_35_a_server_that_never_answers_is_given_up_and_looked_up(impatient, testrail, endpoint, when):
    report = creating(impatient, testrail)
    hanging = testrail.fault(endpoint, **{when: "hang"})
    impatient.imports(report)
    all_once(testrail)
    hanging.release()
    look_up = {"add_run": "get_runs", "add_results_for_cases": "get_results_for_run"}.get(endpoint)
    if look_up is not None:
        given_up = testrail.calls(endpoint)[0]
        assert [call for call in testrail.calls(look_up) if call.at > given_up.at], "what may have happened is looked up"
        assert len(testrail.calls(endpoint)) == (1 if endpoint == "add_run" else 2) + (when == "before")


@pytest.mark.parametrize("how", ["half", "drip"])
@pytest.mark.parametrize("endpoint", ["add_run", "add_results_for_cases"])
def test_rows_36_37_an_answer_that_stops_or_drips_is_given_up_and_looked_up(impatient, testrail, endpoint, how):
    report = creating(impatient, testrail)
    testrail.fault(endpoint, after=how, every=10.0)
    impatient.imports(report)
    all_once(testrail)
    assert len([call for call in testrail.calls(endpoint) if call.applied]) == (1 if endpoint == "add_run" else 2)


def test_row_38_no_post_leaves_on_a_connection_that_was_used(resultd, testrail):
    """libcurl repeats a request by itself when a used connection dies before the answer: so none is used."""
    report = creating(resultd, testrail)
    testrail.fault("add_run", after="reset")
    testrail.fault("add_results_for_cases", after="reset")
    testrail.fault("add_results_for_cases", after="close", call=2)
    testrail.fault("add_cases", after="reset")
    testrail.fault("add_section", after="close")
    resultd.imports(report)
    all_once(testrail)
    posts = testrail.calls(method="POST")
    assert posts and {post.on_connection for post in posts} == {1}
    assert len([post for post in posts if post.applied]) == 7       # section, cases twice, run, results twice, close
    reads = testrail.calls(method="GET")
    assert any(read.on_connection > 1 for read in reads), "reads may share a connection"


@pytest.mark.parametrize("endpoint", ["add_run", "add_results_for_cases"])
def test_row_35_on_unknown_hold_leaves_the_decision_to_a_person(impatient, testrail, endpoint):
    """The write never arrived, and nobody knows: with `hold` it is not repeated until somebody says so."""
    report = creating(impatient, testrail, on_unknown="hold")
    testrail.fault(endpoint, before="reset")
    done = impatient.imports(report, code=4)
    assert "on_unknown: hold" in done.delivery()["last_error"], done
    assert len(testrail.calls(endpoint)) == 1
    assert not [call for call in testrail.calls(endpoint) if call.applied]
    assert impatient("queue", "retry", "--reason", "unknown").code == 0
    impatient.delivers()
    all_once(testrail)


# ---- rows 43 to 48: what a server refuses ----

def test_row_43_two_sinks_on_one_server_share_its_limit_and_stop_together(resultd, testrail):
    """Both sinks, and an import in a second process after it, keep within one limit."""
    known(testrail, 60)
    resultd.scale = 60          # an hour is a minute
    rail = {"batch": 5, "rate": "600/min", "linger": "50ms"}
    resultd.configure({"one": resultd.rail(testrail, **rail), "two": resultd.rail(testrail, **rail)})
    report = resultd.write("a.xml", numbered(60))
    limited = testrail.fault("add_results_for_cases", before=testrail.error(429, {"Retry-After": "120"}), call=3)
    resultd.imports(report)
    assert limited is not None
    calls = testrail.calls()
    refused = next(index for index, call in enumerate(calls) if call.status == 429)
    gap = calls[refused + 1].at - calls[refused].answered_at
    # Only what was on its way at that moment may still come.
    still = [call for call in calls[refused + 1:] if call.at < calls[refused].answered_at + 120 / 60 * 0.9]
    assert len(still) <= 1, f"{len(still)} requests within the wait, first after {gap:.2f} s"
    times = [call.at for call in calls]
    for first, at in enumerate(times):                  # 80 % of 10 a second, and a burst of 30
        within = [other for other in times[first:] if other <= at + 3.0]
        assert len(within) <= 30 + 3 * 8 + 2, f"{len(within)} requests in 3 s"
    assert len(testrail.results()) == 120


def test_row_44_a_new_key_and_a_reload_let_a_locked_sink_go_on(resultd, make_testrail):
    bad, good = make_testrail(), make_testrail()
    known(bad, 3)
    known(good, 3)
    resultd.scale = 1           # five minutes are five minutes: only the reload wakes it
    good_key = resultd.folder / "good.key"
    good_key.write_text(good.key + "\n")
    good_key.chmod(0o600)
    resultd.write_key("revoked.key-42")
    watching(resultd, bad, {"good": resultd.rail(good, key={"file": str(good_key)}, linger="100ms")}, linger="100ms")
    daemon = resultd.spawn("run")
    daemon.says("watching")
    resultd.drop("a.xml", numbered(3))
    good.wait_until(lambda: len(good.results()) == 3, what="the other sink to be served")
    daemon.says("the sink is paused until somebody acts")
    knocked = len(bad.calls())
    stays(lambda: len(bad.calls()) == knocked, 1.0, "a locked sink is left alone")
    assert bad.results() == []
    resultd.write_key(bad.key)
    daemon.signal(signal.SIGHUP)
    bad.wait_until(lambda: bad.runs and bad.only_run["is_completed"], timeout=40, what="the run to be closed")
    daemon.terminate()
    each_case_once(bad, 3)
    each_case_once(good, 3)


def test_row_44_a_reload_wakes_what_was_locked_out_after_its_run_had_ended(resultd, testrail):
    """Nothing else comes that would: neither a report nor the end of the run."""
    known(testrail, 3)
    resultd.scale = 1           # five minutes are five minutes
    watching(resultd, testrail, linger="100ms")
    held = testrail.fault("add_results_for_cases", before="hang")
    daemon = resultd.spawn("run")
    daemon.says("watching")
    resultd.drop("a.xml", numbered(3))
    testrail.wait_for("add_results_for_cases")
    wait_until(lambda: json.loads(resultd("queue", "show", "1", "--json").out)["run_ended"], what="the end of the run")
    testrail.key = "quite.another-key-111"
    held.release()
    daemon.says("the sink is paused until somebody acts")
    knocked = len(testrail.calls())
    stays(lambda: len(testrail.calls()) == knocked, 1.0, "a locked sink is left alone")
    resultd.write_key(testrail.key)
    daemon.signal(signal.SIGHUP)
    testrail.wait_until(lambda: testrail.only_run["is_completed"], timeout=40, what="the run to be closed")
    assert daemon.terminate().code == 0
    each_case_once(testrail, 3)


def test_row_45_one_forbidden_project_leaves_the_other_alone(resultd, testrail):
    known(testrail, 3)
    other = testrail.project("Other")
    suite_of = testrail.suite_of(other)
    section = testrail.store.add_section(suite_of["id"], "Cases")
    for number in range(1, 4):
        testrail.case(f"other {number}", section=section, automation=f"shop.Cart.test_{number:05d}")
    resultd.configure({"rail": resultd.rail(testrail), "other": resultd.rail(testrail, project="Other")})
    plain = testrail.handle

    def handle(request):
        if request.endpoint == "add_run" and request.args == [str(other["id"])]:
            return testrail.error(403)
        return plain(request)
    testrail.handle = handle
    done = resultd.imports(resultd.write("a.xml", numbered(3)), code=4)
    assert done.delivery("rail")["state"] == "delivered" and done.delivery("other")["state"] == "parked", done
    assert len(testrail.results()) == 3


def test_row_46_maintenance_of_two_hours_costs_one_probe_an_interval(resultd, testrail):
    known(testrail, 30)
    resultd.scale = 1200        # two hours are six seconds
    resultd.deliver_to(testrail, batch=5, rate="60000/min")
    testrail.always("*", 503)
    importing = resultd.spawn("import", "--timeout", "300h", resultd.write("a.xml", numbered(30)))
    wait_until(lambda: testrail.calls(), what="the first try")
    stays(lambda: importing.running, 6.0, "patience")
    tries = len(testrail.calls())
    testrail.calm()
    assert importing.wait().code == 0
    # a 503 without a word waits a minute: not more than that, and not much less
    assert 2 <= tries <= 7200 / 60 + 2, f"{tries} requests in two hours"
    each_case_once(testrail, 30)


@pytest.mark.parametrize("after", [0, 1])
def test_row_48_a_run_that_was_deleted_is_made_again_once(resultd, testrail, after):
    """What the first run held went with it, so all is posted to the second; a third is not made."""
    known(testrail, 10)
    resultd.deliver_to(testrail, batch=5)
    held = testrail.fault("add_results_for_cases", before="hang", call=after + 1)
    importing = resultd.spawn("import", "--json", "--timeout", "20h", resultd.write("a.xml", numbered(10)))
    testrail.wait_for("add_results_for_cases", count=after + 1)
    with testrail.lock:
        gone = testrail.only_run["id"]
        del testrail.store.runs[gone]
        testrail.store.tests_of_run.pop(gone, None)
    held.release()
    done = importing.wait()
    assert done.code == 0, done
    run = one_closed_run(testrail, cases=10)
    assert run["id"] != gone and len(testrail.calls("add_run")) == 2
    each_case_once(testrail, 10, run=run)
    # those that were posted before, the one that met no run, and two batches anew
    assert len(testrail.calls("add_results_for_cases")) == after + 3
    assert done.delivery()["remote_id"] == str(run["id"]), done


# ---- rows 51 to 53: no way to the server ----

def test_row_51_an_unknown_authority_pauses_the_sink_and_nothing_is_sent(resultd, testrail, tmp_path):
    """A server that speaks TLS with a certificate nobody vouches for: paused, not parked, not unverified."""
    import ssl
    import socket
    import threading
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days",
                    "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True,
                   capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listener = socket.create_server(("127.0.0.1", 0))
    told = []

    def serve():
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as secure:
                    told.append(secure.recv(10))
            except OSError:
                pass
    threading.Thread(target=serve, daemon=True).start()
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    resultd.configure({"rail": resultd.rail(testrail, url=url)})
    done = resultd.imports(resultd.write("a.xml", numbered(1)), code=3, options=["--timeout", "2s"])
    listener.close()
    assert told == [] and done.delivery()["state"] == "waiting", done
    assert "certificate" in done.delivery()["last_error"], done
    known(testrail, 1)
    resultd.deliver_to(testrail)
    resultd.delivers()
    each_case_once(testrail, 1)


def test_row_52_a_name_that_is_not_known_costs_nothing_but_time(resultd, testrail):
    known(testrail, 2)
    resultd.configure({"rail": resultd.rail(testrail, url="http://no-such-host.invalid", tls={"plain": True})})
    done = resultd.imports(resultd.write("a.xml", numbered(2)), code=3, options=["--timeout", "2s"])
    assert done.delivery()["state"] == "waiting" and "resolve" in done.delivery()["last_error"].lower(), done
    resultd.deliver_to(testrail)
    resultd.delivers()
    each_case_once(testrail, 2)
    one_closed_run(testrail, cases=2)


# ---- row 53: a tracker with two addresses ----

@contextmanager
def black_hole(port):
    """Connections to it neither come about nor are refused: those that it has room for are there already."""
    with socket.socket(socket.AF_INET6) as listener, ExitStack() as held:
        listener.bind(("::1", port))
        listener.listen(0)
        for _ in range(3):
            client = held.enter_context(socket.socket(socket.AF_INET6))
            client.settimeout(0.3)
            try:
                client.connect(("::1", port))
            except TimeoutError:
                break
        else:
            pytest.skip("no connection can be made to hang here")
        yield


def with_hosts(resultd, text):
    """Commands see this as /etc/hosts, in a mount namespace of their own."""
    hosts = resultd.write("hosts", text)
    inside = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]
    tried = subprocess.run([*inside, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no mount namespace can be made here: {tried.stderr.strip()[:200]}")
    resultd.before = inside + resultd.before


@pytest.mark.parametrize("how", ["refuses", "does not answer"])
def test_row_53_an_ipv6_address_that_is_of_no_use_is_passed_over(wrapped, testrail, how):
    """The name has both; the stand-in listens on the other one only."""
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError as why:
        pytest.skip(f"no IPv6 here: {why}")
    known(testrail, 3)
    wrapped.configure({"rail": wrapped.rail(testrail, url=f"http://both.test:{testrail.port}", tls={"plain": True})})
    report = wrapped.write("a.xml", numbered(3))
    beneath_strace(wrapped, calls="connect")
    with_hosts(wrapped, "::1 both.test\n127.0.0.1 both.test\n")
    with black_hole(testrail.port) if how == "does not answer" else nullcontext():
        wrapped.imports(report)
    assert "AF_INET6" in (wrapped.folder / "strace.log").read_text(), "the first address was tried"
    alone(wrapped)
    wrapped.deliver_to(testrail)
    each_case_once(testrail, 3)
    one_closed_run(testrail, cases=3)
    assert len(testrail.calls("add_results_for_cases")) == 1


# ---- row 56: clocks ----

def put_clock(path, milliseconds):
    """How far a clock of the program is ahead; read whole or not at all."""
    temporary = path.with_suffix(".new")
    temporary.write_text(str(milliseconds))
    temporary.rename(path)


@pytest.mark.parametrize("jump", [86400, -86400])
def test_row_56_a_clock_that_jumps_a_day_neither_hurries_nor_stalls(faulty, testrail, jump):
    known(testrail, 40)
    faulty.scale = 60
    clock = faulty.folder / "clock"
    put_clock(clock, 0)
    faulty.environment = {"RESULTD_CLOCK": str(clock)}
    watching(faulty, testrail, batch=4, rate="600/min", linger="100ms")
    daemon = faulty.spawn("run")
    daemon.says("watching")
    held = testrail.fault("add_results_for_cases", before=testrail.error(429, {"Retry-After": "60"}), call=2)
    faulty.drop("a.xml", numbered(40))
    testrail.wait_for("add_results_for_cases", count=2, timeout=40, answered=True)
    put_clock(clock, jump * 1000)
    testrail.wait_until(lambda: testrail.runs and testrail.only_run["is_completed"], timeout=60,
                        what="the run to be closed")
    assert held is not None
    times = [call.at for call in testrail.calls()]
    for first, at in enumerate(times):
        within = [other for other in times[first:] if other <= at + 2.0]
        assert len(within) <= 30 + 2 * 8 + 2, f"{len(within)} requests in 2 s"
    daemon.terminate()
    each_case_once(testrail, 40)


def test_row_56_a_machine_that_slept_goes_on_where_it_was(faulty, testrail):
    """A laptop's lid, a virtual machine that is moved: eight hours are gone, and so are the connections.  The answer
    of the request under way is lost, what it did is looked up, and there is no burst."""
    known(testrail, 12)
    clock = faulty.folder / "clock"
    put_clock(clock, 0)
    faulty.environment = {"RESULTD_CLOCK": str(clock)}
    watching(faulty, testrail, batch=4, linger="100ms")
    daemon = faulty.spawn("run")
    daemon.says("watching")
    testrail.fault("add_results_for_cases", after="hang", call=2)
    faulty.drop("a.xml", numbered(12))
    testrail.wait_for("add_results_for_cases", count=2, timeout=40)
    daemon.process.send_signal(signal.SIGSTOP)
    testrail.down()
    testrail.up()
    put_clock(clock, 8 * 3600_000)
    daemon.process.send_signal(signal.SIGCONT)
    testrail.wait_until(lambda: testrail.runs and testrail.only_run["is_completed"], timeout=60,
                        what="the run to be closed")
    assert len(testrail.calls("add_results_for_cases")) == 3 and testrail.calls("get_results_for_run")
    daemon.terminate()
    each_case_once(testrail, 12)


# ---- row 68: what the queue adds to a request ----

def test_row_68_a_request_costs_two_commits_at_most(wrapped, testrail):
    """Syncs of the log, which are one a commit, over a whole delivery."""
    known(testrail, 60)
    wrapped.deliver_to(testrail, batch=4)
    wrapped.imports(wrapped.write("a.xml", numbered(60)), options=["--no-wait"])
    beneath_strace(wrapped, path=wrapped.state / "queue.db-wal")
    wrapped.before.insert(1, "-ttt")
    assert wrapped("deliver", "--timeout", f"{60 * wrapped.scale}s").code == 0
    syncs = [by_our_clock(line) for line in (wrapped.folder / "strace.log").read_text().splitlines() if "fdatasync(" in line]
    alone(wrapped)
    calls = testrail.calls()
    assert len(testrail.calls("add_results_for_cases")) == 15
    # Between the first request and the last: what it takes to open and to end is no request's.
    within = len([at for at in syncs if calls[0].at <= at <= calls[-1].at])
    assert 2 * 15 <= within <= 2 * (len(calls) - 1), f"{within} commits, {len(calls)} requests"
    each_case_once(testrail, 60)


# ---- rows 57 and 58: the state directory ----

def test_row_58_a_state_directory_that_cannot_be_written_is_refused_in_one_line(resultd, testrail):
    resultd.deliver_to(testrail)
    resultd.state.mkdir(parents=True)
    (resultd.state / "queue.db").mkdir()
    done = resultd("import", resultd.write("a.xml", numbered(1)))
    assert done.code == 70 and len(done.err.strip().splitlines()) == 1, done
    assert str(resultd.state) in done.err
    (resultd.state / "queue.db").rmdir()        # mended: a fresh report passes


def test_row_58_a_read_only_file_system_is_refused_in_one_line(resultd, testrail):
    if os.geteuid() != 0:
        pytest.skip("a file system is mounted for this test, which only root may do")
    resultd.deliver_to(testrail)
    resultd.state.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "resultd-test", resultd.state], capture_output=True,
                             text=True)
    if mounted.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        done = resultd("import", resultd.write("a.xml", numbered(1)))
        assert done.code == 70 and len(done.err.strip().splitlines()) == 1 and "Read-only" in done.err, done
    finally:
        subprocess.run(["umount", resultd.state], check=True)


def test_row_58_a_state_directory_of_another_user_is_refused_in_one_line(wrapped, testrail):
    """Root may write there all the same, so its capability to is taken away."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("a directory is given away for this test, which takes root and setpriv")
    watching(wrapped, testrail)
    report = wrapped.write("a.xml", numbered(1))
    wrapped.before = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    for mode in (0o700, 0o755):
        wrapped.state.mkdir(parents=True)
        wrapped.state.chmod(mode)
        os.chown(wrapped.state, 65534, 65534)
        for command in (["import", report], ["run"], ["deliver"]):
            done = wrapped(*command)
            assert done.code == 70 and len(done.err.strip().splitlines()) == 1, done
            assert str(wrapped.state) in done.err and "Permission denied" in done.err, done
        assert list(wrapped.state.iterdir()) == [] and testrail.calls() == []
        wrapped.state.rmdir()
    alone(wrapped)


def hurt(resultd, how):
    """What crashes, disks and tidy people do to a database that nobody has open."""
    db, wal = resultd.state / "queue.db", resultd.state / "queue.db-wal"
    if how == "truncated":
        with db.open("r+b") as file:
            file.truncate(3 * 4096)
    elif how == "garbage":
        db.write_bytes(b"\x5a" * 40_000)
    elif how == "flipped":
        data = bytearray(db.read_bytes())
        for page in range(2, min(14, len(data) // 4096)):   # the heads of some pages
            data[page * 4096] ^= 0x40
        db.write_bytes(data)
        (resultd.state / "queue.db-check").write_bytes(b"")     # as a process leaves it that met damage
    elif how == "no log":
        wal.unlink()
    elif how == "emptied":
        db.write_bytes(b"")
    elif how == "gone":
        db.unlink()


@pytest.mark.parametrize("how", ["truncated", "garbage", "flipped", "no log", "emptied", "gone"])
def test_row_57_a_damaged_database_holds_what_may_have_been_delivered(resultd, testrail, how):
    known(testrail, 4)
    watching(resultd, testrail)
    daemon = resultd.spawn("run")
    daemon.says("watching")
    resultd.drop("a.xml", numbered(2))
    testrail.wait_until(lambda: testrail.runs and testrail.only_run["is_completed"], timeout=40, what="the run")
    if how == "no log":
        daemon.kill()
    else:
        daemon.terminate()
    hurt(resultd, how)
    daemon = resultd.spawn("run")
    daemon.says("database is gone" if how == "gone" else "was damaged and was moved to")
    assert (resultd.inbox / "a.xml").exists()
    stays(lambda: len(testrail.results()) == 2, 2.0, "nothing is sent twice")
    daemon.terminate()
    listed = resultd("queue", "list").out
    assert "older than the damage" in listed, listed
    assert how == "gone" or list(resultd.state.glob("queue.db.damaged-*")), list(resultd.state.iterdir())
    resultd.imports(resultd.write("fresh.xml", numbered(2, first=3)), options=["--run-key", "fresh", "--sink", "rail"])
    each_case_once(testrail, 4)
    # A person has looked, and lets it go: one more run.
    done = resultd("queue", "retry")
    assert done.code == 0, done
    resultd.delivers()
    assert len(testrail.results()) == 6 and len(testrail.runs) == 3


def test_row_57_a_newer_schema_is_refused_and_left_alone(resultd, testrail):
    import sqlite3
    known(testrail, 2)
    resultd.deliver_to(testrail)
    resultd.imports(resultd.write("a.xml", numbered(2)))
    path = resultd.state / "queue.db"
    db = sqlite3.connect(path)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    db.execute("PRAGMA user_version=99")
    db.close()
    done = resultd("import", resultd.write("b.xml", numbered(2)))
    assert done.code == 70 and len(done.err.strip().splitlines()) == 1 and "newer resultd" in done.err, done
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version={version}")
    db.close()
    resultd.imports(resultd.write("a.xml", numbered(2)))
    each_case_once(testrail, 2)
