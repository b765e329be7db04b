# SPDX-License-Identifier: Apache-2.0
"""`after:` - what becomes of a report that was taken: kept, deleted, moved; and never before it is durable."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from reports import numbered
from resultd import stays, wait_until


@pytest.fixture
def watching(resultd):
    """A daemon that watches inbox/{job}/{build} and delivers into a folder of pages."""
    resultd.scale = 1

    def start(after, after_dir=None, **keys):
        watch = {"name": "inbox", "path": str(resultd.inbox) + "/{job}/{build}", "settle": "100ms", "after": after,
                 "run": {"key": "{job}/{build}", "close_after": "1s"}, **keys}
        if after_dir is not None:
            watch["after_dir"] = str(after_dir)
        resultd.configure({"home": {"type": "local", "dir": str(resultd.folder / "pages")}}, watch=[watch])
        return resultd.spawn("run")
    return start


def gone(path):
    wait_until(lambda: not path.exists(), what=f"{path.name} to be put away")


def there(path):
    wait_until(path.exists, what=f"{path}")


def runs(resultd):
    return sorted(path.name for path in (resultd.folder / "pages").iterdir() if path.is_dir())


def test_keep_leaves_the_file(resultd, watching):
    daemon = watching("keep")
    report = resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    daemon.says('delivered "nightly/17"')
    assert report.exists()
    assert daemon.terminate().code == 0


def test_delete_takes_the_file_away_once_it_is_durable(resultd, watching):
    daemon = watching("delete")
    report = resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    gone(report)
    assert "accepted" in daemon.err
    daemon.says('delivered "nightly/17"')
    assert daemon.terminate().code == 0
    assert len(resultd.kept()) == 1, "the source report is kept in the state directory"


def test_move_keeps_the_folders_and_the_time(resultd, watching):
    done = resultd.folder / "done"
    daemon = watching("move", done)
    report = resultd.drop("nightly/17/deep/TEST-a.xml", numbered(2))
    before = report.stat().st_mtime_ns
    moved = done / "nightly/17/deep/TEST-a.xml"
    there(moved)
    gone(report)
    assert moved.read_text() == numbered(2) and moved.stat().st_mtime_ns == before
    assert daemon.terminate().code == 0


def test_move_to_another_file_system_copies_then_deletes(resultd, watching):
    other = Path(tempfile.mkdtemp(prefix="resultd-after-", dir="/dev/shm"))
    if other.stat().st_dev == resultd.folder.stat().st_dev:
        pytest.skip("/dev/shm is no other file system here")
    try:
        daemon = watching("move", other)
        report = resultd.drop("nightly/17/TEST-a.xml", numbered(2))
        gone(report)
        assert (other / "nightly/17/TEST-a.xml").read_text() == numbered(2)
        assert [path.name for path in other.rglob("*") if path.is_file()] == ["TEST-a.xml"], "no half copies"
        assert daemon.terminate().code == 0
    finally:
        shutil.rmtree(other)


def test_a_moved_file_never_replaces_another(resultd, watching):
    done = resultd.folder / "done"
    taken = done / "nightly/17/TEST-a.xml"
    taken.parent.mkdir(parents=True)
    taken.write_text("of an earlier build of that number")
    daemon = watching("move", done)
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    there(done / "nightly/17/TEST-a.xml.1")
    assert taken.read_text() == "of an earlier build of that number"
    assert daemon.terminate().code == 0


def test_what_was_moved_beneath_the_watched_folder_is_not_taken_again(resultd, watching):
    done = resultd.inbox / "done"
    daemon = watching("move", done)
    resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    there(done / "nightly/17/TEST-a.xml")
    daemon.says('delivered "nightly/17"')
    stays(lambda: len(runs(resultd)) == 1, 2.0, "one run")
    assert "duplicate" not in daemon.err
    assert daemon.terminate().code == 0


def test_malformed_and_broken_off_files_stay(resultd, watching):
    daemon = watching("delete")
    broken = resultd.drop("nightly/17/TEST-bad.xml", "<testsuite><testcase name='a' </testsuite>")
    good = resultd.drop("nightly/17/TEST-good.xml", numbered(2))
    daemon.says("malformed")
    gone(good)
    assert broken.exists()
    assert daemon.terminate().code == 0


def test_a_broken_off_file_stays_as_a_duplicate_too(resultd, watching):
    """What a restart finds again was taken before, but not the whole of it."""
    daemon = watching("delete")
    daemon.says("watching")
    assert daemon.terminate().code == 0
    broken = resultd.drop("nightly/17/TEST-cut.xml", numbered(3).rsplit("<testcase", 1)[0])
    assert resultd("import", "--watch", "inbox", broken).code == 5
    daemon = watching("delete")
    gone(resultd.drop("nightly/17/TEST-good.xml", numbered(2)))
    wait_until(lambda: resultd.status()["intake"]["duplicates"] == 1, what="the duplicate")
    assert broken.exists()
    assert daemon.terminate().code == 0
    assert broken.exists()


def test_row_2_crash_after_commit_before_archive(resultd, watching):
    """The key is known: after the restart the file is put away, and nothing is posted again."""
    done = resultd.folder / "done"
    done.write_text("no folder: nothing can be put away yet")
    daemon = watching("move", done)
    report = resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    daemon.says("stays")
    daemon.says('delivered "nightly/17"')
    daemon.kill()
    assert report.exists()
    done.unlink()
    again = resultd.spawn("run")
    gone(report)
    there(done / "nightly/17/TEST-a.xml")
    assert len(runs(resultd)) == 1
    assert "accepted" not in again.err
    assert again.terminate().code == 0


def test_row_3_crash_during_archive(resultd, watching):
    """Killed at the rename: the file is here or there, and the next life takes it once."""
    done = resultd.folder / "done"
    daemon = watching("move", done)
    reports = [resultd.drop(f"nightly/{n}/TEST-a.xml", numbered(2)) for n in range(12)]
    wait_until(lambda: any(not report.exists() for report in reports), what="the first to be put away")
    daemon.kill()
    resultd.spawn("run")
    for n, report in enumerate(reports):
        gone(report)
        there(done / f"nightly/{n}/TEST-a.xml")
    wait_until(lambda: len(runs(resultd)) == 12, what="twelve runs")
    assert len(list(done.rglob("TEST-a.xml*"))) == 12


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_row_12_no_space_to_put_it_away(resultd, watching, tmp_path):
    """Delivery goes on, the file stays and is named once, the key stops it from being queued again."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=True)
    try:
        with open(small / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
        daemon = watching("move", small)
        report = resultd.drop("nightly/17/TEST-a.xml", numbered(40))
        daemon.says("stays: .*No space left")
        daemon.says('delivered "nightly/17"')
        assert report.read_text() == numbered(40)
        daemon.kill()
        again = resultd.spawn("run")
        again.says("stays: .*No space left")
        assert len(runs(resultd)) == 1 and "accepted" not in again.err
        again.kill()
        (small / "filler").unlink()
        resultd.spawn("run")
        gone(report)
        assert (small / "nightly/17/TEST-a.xml").read_text() == numbered(40)
        for one in resultd._background:
            if one.running:
                one.terminate()
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_link_in_the_way_is_not_followed(resultd, watching):
    done, elsewhere = resultd.folder / "done", resultd.folder / "elsewhere"
    elsewhere.mkdir()
    done.mkdir()
    (done / "nightly").symlink_to(elsewhere)
    daemon = watching("move", done)
    report = resultd.drop("nightly/17/TEST-a.xml", numbered(2))
    daemon.says("stays")
    assert report.exists() and list(elsewhere.iterdir()) == []
    assert daemon.terminate().code == 0


def test_move_needs_a_place(resultd, watching):
    daemon = watching("move")
    ended = daemon.wait()
    assert ended.code == 2 and '"after: move" needs "after_dir"' in ended.err
