# SPDX-License-Identifier: Apache-2.0
"""The rows of the fault table that concern watching, with the real binary on real directories.

RESULTD_TEST_LONG=1 takes the numbers of the table (20,000 and 50,000 files); without it they are smaller, since a
build with sanitizers takes its time."""

import json
import os
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from reports import case, junit, numbered
from resultd import stays, wait_until

LONG = os.environ.get("RESULTD_TEST_LONG") == "1"
ROOT = os.geteuid() == 0


@pytest.fixture
def watching(resultd):
    resultd.scale = 1

    def start(wrapper=None, path=None, **keys):
        run = {"key": "{job}", "close_after": "2s", **keys.pop("run", {})}
        watch = {"name": "inbox", "path": path or str(resultd.inbox) + "/{job}", "settle": "100ms",
                 "files": ["**/*.xml"], "run": run, **keys}
        resultd.configure({"home": {"type": "local", "dir": str(resultd.folder / "pages")}}, watch=[watch])
        if wrapper is not None:
            script = resultd.folder / "wrapped"
            script.write_text(f'#!/bin/sh\nexec {wrapper} {resultd.binary} "$@"\n')
            script.chmod(0o755)
            resultd.binary, plain = script, resultd.binary
            daemon = resultd.spawn("run")
            resultd.binary = plain
        else:
            daemon = resultd.spawn("run")
        daemon.says("watching 1 director")
        return daemon
    return start


def accepted(daemon):
    return len(re.findall(r"collect: accepted ", daemon.err))


def taken(daemon, count, timeout=60.0):
    wait_until(lambda: accepted(daemon) >= count, timeout=timeout, what=f"{count} reports")
    assert accepted(daemon) == count


def one(number):
    return junit(case(f"test_{number:05d}"))


def rss_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1))


# ---- 18 to 21: events are lost, watches run out, directories come and go ----

def test_row_18_overflow_of_events(resultd, watching):
    """A stopped loop, and more events than the kernel keeps for it: a scan finds what the events do not tell."""
    kept = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    count = 20000 if LONG else 400
    folder = resultd.inbox / "burst"
    folder.mkdir()
    daemon = watching(run={"close_after": "60s"})
    wait_until(lambda: (resultd.state / "queue.db").exists() or any(resultd.state.iterdir()), what="the start")
    (folder / "first.xml").write_text(one(0))
    taken(daemon, 1)
    daemon.signal(signal.SIGSTOP)
    for number in range(kept + 2):  # two files in turn, or the kernel would fold their events
        os.close(os.open(folder / f"{number % 2}.tmp", os.O_WRONLY | os.O_CREAT))
    for number in range(1, count):
        (folder / f"TEST-{number}.xml").write_text(one(number))
    daemon.signal(signal.SIGCONT)
    daemon.says("overflow|were lost", timeout=60)
    taken(daemon, count, timeout=300)
    assert daemon.terminate().code == 0


@pytest.mark.parametrize("error", ["ENOSPC", "EMFILE", "ENOMEM"])
def test_row_19_watches_run_out(resultd, watching, error):
    """No watch to be had: the directories are polled, and that is said."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    resultd.environment["ASAN_OPTIONS"] = "detect_leaks=0:exitcode=99"
    call = "inotify_init1" if error == "EMFILE" else "inotify_add_watch"
    daemon = watching(f"strace -D -f -qq -o /dev/null -e trace={call} -e inject={call}:error={error}",
                      poll_interval="300ms")
    daemon.says("no (inotify watch|inotify instance|memory for).*; looking every 300 ms")
    resultd.drop("nightly/TEST-a.xml", numbered(3))
    taken(daemon, 1)
    resultd.drop("other/deep/TEST-b.xml", numbered(2))
    taken(daemon, 2)
    assert daemon.terminate().code == 0


def test_row_20_a_new_subdirectory_filled_at_once(resultd, watching):
    """mkdir and write race with the watch being added: none is missed."""
    count = 1000 if LONG else 300
    daemon = watching(run={"close_after": "60s"})
    for number in range(count):
        folder = resultd.inbox / "nightly" / f"m{number}" / "target"
        folder.mkdir(parents=True)
        (folder / "TEST-a.xml").write_text(one(number))
    taken(daemon, count, timeout=120)
    assert daemon.terminate().code == 0


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_row_21_the_root_goes_and_comes_back(resultd, watching, how):
    daemon = watching()
    resultd.drop("nightly/TEST-a.xml", numbered(1))
    taken(daemon, 1)
    if how == "deleted":
        shutil.rmtree(resultd.inbox)
    else:
        resultd.inbox.rename(resultd.folder / "elsewhere")
    daemon.says("is not there|vanished|is gone|waits for")
    resultd.inbox.mkdir()
    resultd.drop("nightly/TEST-b.xml", numbered(2, first=10))
    taken(daemon, 2)
    if how == "moved":
        old = resultd.folder / "elsewhere" / "nightly" / "TEST-c.xml"
        old.write_text(numbered(1, first=20))
        stays(lambda: accepted(daemon) == 2, 1.0, "leaving the old place alone")
    assert daemon.terminate().code == 0


@pytest.mark.skipif(not ROOT, reason="only root can mount")
def test_row_21_the_root_is_unmounted_and_mounted(resultd, watching):
    def mount():
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(resultd.inbox)], check=True)
    mount()
    mounted = True
    try:
        daemon = watching()
        (resultd.inbox / "nightly").mkdir()
        (resultd.inbox / "nightly" / "TEST-a.xml").write_text(numbered(1))
        taken(daemon, 1)
        subprocess.run(["umount", "-l", str(resultd.inbox)], check=True)
        mounted = False
        mount()
        mounted = True
        (resultd.inbox / "nightly").mkdir()
        (resultd.inbox / "nightly" / "TEST-b.xml").write_text(numbered(2, first=10))
        taken(daemon, 2)
        assert daemon.terminate().code == 0
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(resultd.inbox)], check=True)


def test_row_21_the_root_comes_later(resultd, watching):
    resultd.inbox.rmdir()
    daemon = watching()
    resultd.inbox.mkdir()
    resultd.drop("nightly/TEST-a.xml", numbered(1))
    taken(daemon, 1)
    assert daemon.terminate().code == 0


# ---- 22 to 24: writers of all kinds ----

def pieces(text, count):
    size = -(-len(text) // count)
    return [text[start:start + size] for start in range(0, len(text), size)]


def test_row_22_a_writer_pauses_in_the_middle(resultd, watching):
    """5 seconds within one file: one report, once, whole."""
    daemon = watching()
    path = resultd.inbox / "nightly" / "TEST-a.xml"
    path.parent.mkdir()
    first, rest = pieces(numbered(6), 2)
    with path.open("w") as writer:
        writer.write(first)
        writer.flush()
        stays(lambda: accepted(daemon) == 0, 5.0, "waiting for the rest")
        writer.write(rest)
    taken(daemon, 1)
    daemon.says("TEST-a.xml: 6 cases")
    assert daemon.terminate().code == 0


def test_row_23_open_append_close_ten_times(resultd, watching):
    daemon = watching(settle="400ms")
    path = resultd.inbox / "nightly" / "TEST-a.xml"
    path.parent.mkdir()
    for piece in pieces(numbered(20), 10):
        with path.open("a") as writer:
            writer.write(piece)
        threading.Event().wait(0.03)
    taken(daemon, 1)
    daemon.says("TEST-a.xml: 20 cases")
    assert daemon.terminate().code == 0


def test_row_24_rename_copy_link_and_overwrite(resultd, watching):
    """Each is one report; what is put over it is new content, hence a new report."""
    daemon = watching(run={"close_after": "60s"})
    renamed = resultd.drop("nightly/renamed.xml", numbered(1, first=1))
    taken(daemon, 1)
    outside = resultd.write("copy.xml", numbered(1, first=2))
    shutil.copy(outside, resultd.inbox / "nightly" / "copied.xml")
    taken(daemon, 2)
    linked = resultd.write("link.xml", numbered(1, first=3))
    os.link(linked, resultd.inbox / "nightly" / "linked.xml")
    taken(daemon, 3)
    over = resultd.write("over.xml", numbered(1, first=4))
    over.rename(renamed)
    taken(daemon, 4)
    assert daemon.terminate().code == 0


def test_row_16_without_descriptors_many_reports_wait_in_one_line(resultd, watching):
    """What a job says of itself cannot be read then: none of its reports may be taken without it."""
    daemon = watching()
    pid = daemon.process.pid
    (resultd.inbox / "job").mkdir()
    wait_until(lambda: json.loads(resultd("status", "--json").out)["watches"][0]["directories"] == 2, what="the folder")
    hard, used = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1], 1 << 20
    for _ in range(10):                 # what is open for a moment only does not count
        used = min(used, len(list(Path(f"/proc/{pid}/fd").iterdir())))
        threading.Event().wait(0.05)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, hard))
    resultd.drop("job/resultd.json", json.dumps({"key": "told"}))
    for number in range(70):            # more than are remembered as said
        resultd.drop(f"job/TEST-{number}.xml", one(number))
    daemon.says("Too many open files: reports wait until it is over")
    stays(lambda: accepted(daemon) == 0, 1.0, "waiting")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    taken(daemon, 70)
    assert daemon.err.count("Too many open files: reports wait") == 1 and "resultd.json" not in daemon.err
    daemon.says('run "told" ends')
    assert daemon.terminate().code == 0


# ---- 30 to 33: what is no file, what vanishes, what comes again, what is too many ----

def test_row_30_links_fifos_devices_and_directories(resultd, watching, monkeypatch):
    """Nothing but regular files beneath the root is opened; nothing hangs; the rest goes on."""
    daemon = watching()
    folder = resultd.inbox / "nightly"
    folder.mkdir()
    secret = resultd.write("shadow.xml", numbered(1, first=90))
    (folder / "link.xml").symlink_to(secret)
    (folder / "up").symlink_to(resultd.folder / "reports")
    os.mkfifo(folder / "fifo.xml")
    (folder / "directory.xml").mkdir()
    server = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(folder)           # an address is short; the folders of tests are not
    server.bind("socket.xml")
    if ROOT:
        try:
            os.mknod(folder / "device.xml", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
        except PermissionError:
            pass
    resultd.drop("nightly/TEST-a.xml", numbered(2))
    taken(daemon, 1)
    stays(lambda: accepted(daemon) == 1, 1.0, "taking nothing else")
    kinds = {"link": "a symbolic link", "fifo": "a FIFO", "socket": "a socket", "device": "a device"}
    kinds = {name: kind for name, kind in kinds.items() if os.path.lexists(folder / f"{name}.xml")}
    for name, kind in kinds.items():
        daemon.says(f'"nightly/{name}.xml" is not read: it is {kind}')
    assert daemon.terminate().code == 0
    assert daemon.err.count("is not read") == len(kinds), "each once"
    # The scan at the start counts them; so does each that follows.
    again = resultd.spawn("run")
    wait_until(lambda: again.err.count("is not read") == len(kinds), what="the words about them")
    def refused():
        done = resultd("status", "--json")
        return json.loads(done.out)["watches"][0]["refused"] if done.code == 0 else None
    wait_until(lambda: refused() == len(kinds), what="the count")
    assert f"{len(kinds)} beneath it not read, such as nightly/" in resultd("status").out
    server.close()
    assert again.terminate().code == 0


def test_row_30_folders_without_a_right_to_them_are_told(resultd, watching):
    """Each, and not the first one only."""
    if ROOT and shutil.which("setpriv") is None:
        pytest.skip("root reads everything, and setpriv is not there to take that away")
    for number in range(3):
        resultd.drop(f"job{number}/TEST-a.xml", one(number))
    for number in range(2):
        (resultd.inbox / f"job{number}").chmod(0)
    try:
        bare = "setpriv --bounding-set -dac_override,-dac_read_search" if ROOT else None
        daemon = watching(wrapper=bare)
        taken(daemon, 1)
        for number in range(2):
            daemon.says(f'"job{number}" is not read: Permission denied')
        wait_until(lambda: "2 beneath it not read, such as job" in resultd("status").out, what="the count")
    finally:
        for number in range(2):
            (resultd.inbox / f"job{number}").chmod(0o755)
    assert daemon.terminate().code == 0


def test_row_30_a_report_without_a_right_to_it_is_taken_when_the_right_is_given(resultd, watching):
    """chmod changes neither size nor time of a file: nothing else would offer it again."""
    if ROOT and shutil.which("setpriv") is None:
        pytest.skip("root reads everything, and setpriv is not there to take that away")
    path = resultd.drop("nightly/TEST-a.xml", numbered(2))
    path.chmod(0)
    daemon = watching(wrapper="setpriv --bounding-set -dac_override,-dac_read_search" if ROOT else None)
    daemon.says("unreadable: .*TEST-a.xml.*Permission denied")
    path.chmod(0o644)
    taken(daemon, 1)
    assert daemon.err.count("unreadable") == 1
    assert daemon.terminate().code == 0


def test_row_30_a_file_that_is_swapped_for_a_link(resultd, watching):
    """Between being seen and being opened it becomes a link: not followed."""
    daemon = watching(settle="50ms")
    folder = resultd.inbox / "nightly"
    folder.mkdir()
    secret = resultd.write("shadow.xml", numbered(1, first=90))
    for number in range(40):
        path = folder / f"TEST-{number}.xml"
        path.write_text(one(number))
        link = resultd.folder / "link"
        link.symlink_to(secret)
        threading.Event().wait(0.002 * (number % 30))
        link.rename(path)
    resultd.drop("nightly/last.xml", one(99))
    daemon.says("accepted .*/last.xml")
    assert daemon.terminate().code == 0
    told = resultd("queue", "list", "--all", "--json").out
    assert "test_00090" not in told
    for page in (resultd.folder / "pages").rglob("*"):
        if page.is_file():
            assert b"test_00090" not in page.read_bytes()


def test_row_31_a_file_vanishes_before_it_is_opened(resultd, watching):
    """Silent: it is nobody's fault."""
    daemon = watching(settle="20ms")
    folder = resultd.inbox / "nightly"
    folder.mkdir()
    for number in range(200):
        path = folder / f"TEST-{number}.xml"
        path.write_text(one(number))
        threading.Event().wait(0.001 * (number % 40))
        path.unlink()
    resultd.drop("nightly/last.xml", one(999))
    daemon.says("accepted .*/last.xml")
    assert not re.search(r"unreadable|error|No such file", daemon.err)
    assert daemon.terminate().code == 0


def test_row_32_the_same_file_again(resultd, watching):
    """Touched, copied to another name, or made again byte for byte: the content is known in this run.  In another
    run (another key) it is another report."""
    daemon = watching(run={"close_after": "60s"})
    path = resultd.drop("nightly/TEST-a.xml", numbered(3))
    taken(daemon, 1)
    path.touch()
    shutil.copy(path, resultd.inbox / "nightly" / "TEST-b.xml")
    resultd.drop("nightly/TEST-a.xml", numbered(3))
    stays(lambda: accepted(daemon) == 1, 1.5, "knowing the content")
    resultd.drop("other/TEST-a.xml", numbered(3))
    taken(daemon, 2)
    assert daemon.terminate().code == 0


def test_row_33_many_files_at_start(resultd, watching):
    """Bounded memory, progress, and a live file is not starved."""
    count = 50000 if LONG else 1500
    for number in range(count):
        folder = resultd.inbox / "old" / f"m{number % 30}"
        if number < 30:
            folder.mkdir(parents=True)
        (folder / f"TEST-{number}.xml").write_text(one(number))
    resultd.environment["ASAN_OPTIONS"] = "detect_leaks=1:exitcode=99:quarantine_size_mb=1:malloc_context_size=2"
    daemon = watching(run={"close_after": "600s"})
    wait_until(lambda: accepted(daemon) > 20, what="progress")
    before = rss_kib(daemon.process.pid)
    resultd.drop("live/TEST-live.xml", numbered(1, first=77))
    daemon.says("accepted .*/live/TEST-live.xml", timeout=30)
    behind = count - accepted(daemon)
    assert behind > count // 10, "the live file did not wait for the old ones"
    wait_until(lambda: accepted(daemon) == count + 1, timeout=600, what="all of them")
    assert rss_kib(daemon.process.pid) - before < 60000, "KiB more than at the start"
    assert daemon.terminate().code == 0
