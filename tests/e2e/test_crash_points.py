# SPDX-License-Identifier: Apache-2.0
"""The process dies at each named point there is: at every commit, rename, removal, sync, send and answer.

A scenario is run once with RESULTD_CRASH=list, which tells all points that it passes; then once for each of
them, with the death there, a restart, and the five properties: conserve, once, intact, live, bounded.  What the
stand-in applied is judged, not what it answered.  The program is build/*/tests/crash/resultd_points: the shipped
sources, with the calls led through the points by the linker.

All points take minutes, so a run of everything takes every RESULTD_CRASH_STRIDE-th (default 8, from a place
that the day decides, and is told); RESULTD_CRASH_STRIDE=1 takes all.
"""

import json
import os
import re
import sqlite3
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from expect import each_case_once, one_closed_run
from reports import case, junit, suite
from resultd import Resultd, wait_until

STRIDE = max(1, int(os.environ.get("RESULTD_CRASH_STRIDE", "8")))
WORKERS = 4         # most of a world's time is waiting
DIED = 9
COUNT = 6
pytestmark = pytest.mark.five_properties(by="judge() and lives(), in each world")
TITLES = {"a0": "passed", "a1": "failed", "a2": "passed", "b0": "retest", "b1": "passed", "b2": "passed"}


class Points(Resultd):
    """A command may die at a point, and only there."""

    def ended(self, done, killed=False):
        if done.code == DIED and "RESULTD_CRASH" in self.environment:
            self.said.append(done)
            return done
        return super().ended(done, killed)


def text():
    return junit(suite(
        suite(case("a0"), case("a1", failure="one is not two"), case("a2"), name="A"),
        suite(case("b0", skipped="later"), case("b1"), case("b2"), name="B"), name="Shop"))


def configure(resultd, testrail):
    sinks = {"rail": resultd.rail(testrail, batch=3, create={"cases": True, "sections": True}),
             "home": {"type": "local", "dir": str(resultd.folder / "pages")}}
    watch = [{"name": "w", "path": str(resultd.inbox), "files": ["*.xml"], "settle": "20ms",
              "run": {"key": "k", "close_after": "100ms"}}]
    resultd.configure(sinks, watch=watch)


# ---- scenarios: one life each; True where it came to its end ----

def import_one(resultd, testrail):
    """import of a report, to the end."""
    report = resultd.folder / "reports" / "a.xml"
    if not report.exists():
        resultd.write("a.xml", text())
    done = resultd("import", "--json", "--progress", "never", "--timeout", f"{60 * resultd.scale}s", report)
    assert done.code in (0, DIED), done
    return done


def watch_one(resultd, testrail):
    """The daemon takes a report from a watched directory, delivers it, ends its run and is told to stop."""
    if not (resultd.inbox / "a.xml").exists():
        resultd.drop("a.xml", text())
    daemon = resultd.spawn("run")
    # A run is closed when its local page is written, too: both sinks have their turn.
    try:
        wait_until(lambda: not daemon.running or ("watching" in daemon.err and closed(resultd, testrail)))
    except AssertionError:
        daemon.kill()
        raise AssertionError(f"the run was not closed: {daemon.err}\n{testrail.story()}") from None
    if daemon.running:
        daemon.signal(15)
    done = daemon.wait(40)
    assert done.code in (0, DIED), done
    return done


def closed(resultd, testrail):
    with testrail.lock:
        there = testrail.runs and all(run["is_completed"] for run in testrail.runs)
    return there and pages(resultd)


def pages(resultd):
    return list((resultd.folder / "pages").rglob("results.jsonl"))


SCENARIOS = {"import": import_one, "watch": watch_one}


# ---- the five properties ----

def judge(resultd, testrail, point):
    try:
        resultd.delivers()      # a daemon that was told to stop may have left a last word unsaid
        each_case_once(testrail, COUNT)                                     # conserve, once
        one_closed_run(testrail, cases=COUNT)
        assert len(testrail.store.cases) == COUNT and len(testrail.store.sections) == 3
        with testrail.lock:                                                 # intact
            got = {testrail.store.cases[row["_case"]]["title"]:
                   testrail.store.status(row["status_id"])["name"] for row in testrail.results()}
        assert {title.rpartition(".")[2]: status for title, status in got.items()} == TITLES, got
        assert len(pages(resultd)) == 1, pages(resultd)
        rows = [json.loads(line) for line in pages(resultd)[0].read_text().splitlines()]
        assert sorted(row["name"] for row in rows) == sorted(TITLES), rows
        assert len(testrail.requests) < 80, f"bounded: {len(testrail.requests)} requests"
        assert not [path for path in resultd.state.rglob("*.tmp")], "bounded: temporary files are left"
        check_database(resultd)
    except AssertionError as failed:
        raise AssertionError(f"died at {point}: {failed}\n{testrail.story()}") from failed


def check_database(resultd):
    """Nothing is owed and nothing half made is kept; the database is sound."""
    with closing(sqlite3.connect(f"file:{resultd.state / 'queue.db'}?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*) FROM intent").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM delivery WHERE state <> 4").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM part WHERE state = 0").fetchone() == (0,)


def lives(resultd, testrail):
    """A fresh report passes."""
    before = len(testrail.results())
    done = resultd("import", "--json", "--progress", "never", "--timeout", f"{60 * resultd.scale}s", "--run-key",
                   "another", resultd.write("fresh.xml", junit(case("fresh", classname="later.On"))))
    assert done.code == 0, done
    assert len(testrail.results()) == before + 1


# ---- the enumeration ----

class Arena:
    def __init__(self, binary, folder, make_testrail):
        self.binary, self.folder, self.make_testrail = binary, folder, make_testrail
        self.worlds = []

    def world(self, name):
        testrail = self.make_testrail()
        resultd = Points(self.binary, self.folder / name)
        resultd.scale = 1000
        configure(resultd, testrail)
        self.worlds.append(resultd)
        return resultd, testrail


@pytest.fixture
def arena(points_binary, tmp_path, make_testrail):
    made = Arena(points_binary, tmp_path, make_testrail)
    yield made
    for one in made.worlds:
        one.close()


def listed(arena, scenario):
    """The points that the scenario passes, in order."""
    resultd, testrail = arena.world("list")
    resultd.environment["RESULTD_CRASH"] = "list"
    done = scenario(resultd, testrail)
    points = re.findall(r"crash point (\S+)", done.err)
    del resultd.environment["RESULTD_CRASH"]
    judge(resultd, testrail, "no point")
    return points


def dies_at(arena, scenario, point):
    """Whether it came to that point: the database's thread has its own pace, so the last few may not come."""
    resultd, testrail = arena.world(point.replace(":", "-"))
    resultd.environment["RESULTD_CRASH"] = point
    first = scenario(resultd, testrail)
    del resultd.environment["RESULTD_CRASH"]
    if first.code == DIED:
        again = scenario(resultd, testrail)
        assert again.code == 0, f"after a death at {point}: {again}"
    judge(resultd, testrail, point)
    if zlib.crc32(point.encode()) % 8 == 0:
        lives(resultd, testrail)
    testrail.stop()
    return first.code == DIED


@pytest.mark.parametrize("name", SCENARIOS)
def test_rows_1_to_7_dies_at_every_point_and_everything_arrives_once(arena, name):
    points = listed(arena, SCENARIOS[name])
    kinds = {point.partition(":")[0] for point in points}
    assert {"commit-before", "commit-after", "rename-before", "rename-after", "sync-after", "send-before",
            "send-after", "answer", "script-before", "begin-after", "checkpoint-after"} <= kinds, kinds
    assert len(points) > 150, f"only {len(points)} points"
    first = int(time.time() // 86400) % STRIDE
    tried = points[first::STRIDE]
    began = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            died = sum(pool.map(lambda point: dies_at(arena, SCENARIOS[name], point), tried))
        except AssertionError:
            pool.shutdown(cancel_futures=True)
            raise
    print(f"{name}: {len(points)} points; {len(tried)} tried from {first} by {STRIDE}, {died} deaths, "
          f"{time.monotonic() - began:.0f} s")
    assert died >= 0.9 * len(tried), f"only {died} of {len(tried)} points were met again"
