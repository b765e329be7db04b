#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the requests that deliveries to TestRail and AIO Tests cost, against the stand-ins, and says where one
costs too much, or needs more than 32 MiB.

    RESULTD_BIN=build/release/daemon/resultd python3 tests/e2e/counts.py [testrail|aio|axosoft]

TestRail: flat sections of at most 250 cases; a server that names the case in a result.  A tree costs a request more
for each section that is missing; a server that does not name the case costs get_tests, but only after a lost
answer.  AIO Tests: a new cycle with folder, tag and close; `pages` are those of the case list.
The memory of a build with sanitizers is printed, and judged nowhere.
"""

import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from defects import configure, failing                               # noqa: E402
from peak import Peak, sanitized                                     # noqa: E402
from reports import case, junit, numbered, suite                     # noqa: E402
from resultd import Done, Resultd, find_binary                       # noqa: E402
from standins.aio import Aio                                         # noqa: E402
from standins.axosoft import Axosoft                                 # noqa: E402
from standins.testrail import TestRail                               # noqa: E402

MEMORY_MOST_KIB = 32 << 10


class World:
    """A stand-in, and the program that delivers to it."""

    def __init__(self, folder, server):
        self.server = server.start()
        self.resultd = Resultd(find_binary(), folder)

    def imports(self, report, key, *options):
        """(which requests, how many of each; the peak of memory) of one delivery."""
        before = len(self.server.requests)
        running = self.resultd.spawn("import", "--json", "--progress", "never", "--run-key", key, "--timeout",
                                     "30000s", *options, self.resultd.write(f"{key}.xml", report))
        peak = Peak(running.process.pid)
        done = running.wait(600)
        memory = peak.end()
        assert isinstance(done, Done) and done.code == 0, done
        return Counter(request.endpoint for request in self.server.requests[before:]), memory

    def close(self):
        self.server.stop()
        self.resultd.close()
        assert self.server.violations == [], self.server.violations


# ---- TestRail ----

class Rail(World):
    def __init__(self, folder, **keys):
        super().__init__(folder, TestRail())
        self.server.project()
        self.server.automation_field()
        self.resultd.deliver_to(self.server, **keys)

    def cases(self, count):
        section = self.server.section("Cases")
        for number in range(1, count + 1):
            made = self.server.case(f"test_{number:05d}", section, automation=f"shop.Cart.test_{number:05d}")
            made["created_on"] = made["updated_on"] = made["updated_on"] - 86400    # known, not just made


def known_cases(folder):
    world = Rail(folder)
    world.cases(1000)
    yield "1,000 known cases, cold", 18, world.imports(numbered(1000), "a")
    yield "1,000 known cases, warm", 9, world.imports(numbered(1000, timestamp="2026-11-20T10:00:00Z"), "b")
    world.close()


def new_cases(folder):
    world = Rail(folder, create={"cases": True})
    report = junit(*[suite(*[case(f"t{number}", f"shop.C{index}") for number in range(100)], name=f"Suite {index}")
                     for index in range(100)])
    yield "10,000 new cases in 100 sections", 260, world.imports(report, "a")
    assert len(world.server.store.cases) == 10000 and len(world.server.store.sections) == 100
    world.close()


def large_project(folder):
    world = Rail(folder)
    world.cases(20000)
    world.imports(numbered(1), "first")
    yield "100 results, 20,000 cases in the project, warm", 8, world.imports(numbered(100), "a")
    world.close()


# ---- AIO Tests ----

NEW_CYCLE = {"folder": ["CI", "Nightly"], "tags": ["nightly"], "close": True}
CYCLE_OWN = ("cycle_folder_path", "add_tags", "create_cycle", "migrate_cycle", "cycle_state")


class Tcms(World):
    def __init__(self, folder, deployment):
        super().__init__(folder, Aio(deployment, "/jira" if deployment == "server" else ""))
        self.server.project()
        self.resultd.deliver_to_aio(self.server, cycle=NEW_CYCLE)

    def cases(self, count):
        return [self.server.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")["key"]
                for number in range(1, count + 1)]

    def runs(self):
        return [len(self.server.statuses_by_key(cycle)) for cycle in self.server.cycles]


def named(keys, **attributes):
    return junit(suite(*[case(f"{key} works") for key in keys], **attributes))


def aio_by_key(folder, deployment):
    world = Tcms(folder, deployment)
    keys = world.cases(1000)
    yield "1,000 by key, new cycle, cold", 22, world.imports(named(keys), "a")
    yield "1,000 by key, new cycle, warm", 22, world.imports(named(keys, timestamp="2026-11-20T10:00:00Z"), "b")
    assert world.runs() == [1000, 1000]
    world.close()


def aio_by_automation_key(folder, deployment):
    world = Tcms(folder, deployment)
    world.cases(1000)
    kinds, memory = world.imports(numbered(1000), "a")
    pages = kinds["list_cases"]
    yield f"1,000 by automation key, {pages} pages, cold", 22 + pages, (kinds, memory)
    yield "1,000 by automation key, warm", 24, world.imports(numbered(1000, timestamp="2026-11-20T10:00:00Z"), "b")
    assert pages <= 11 and world.runs() == [1000, 1000]
    world.close()


def aio_backfill(folder, deployment):
    world = Tcms(folder, deployment)
    report = named(world.cases(5000), timestamp="2025-03-01T10:00:00Z")
    kinds, memory = world.imports(report, "a", "--backfill")
    own = sum(kinds[name] for name in CYCLE_OWN)
    yield f"5,000 runs backfilled by key, {own} for the cycle", 20 + own, (kinds, memory)
    assert world.runs() == [5000]
    world.close()


# ---- defects ----

class Failures(World):
    def __init__(self, folder):
        super().__init__(folder, Axosoft())
        self.server.per_second = 1000       # the clock of the tests runs faster than this server's
        configure(self.resultd, self.server)


def defects_of_three_causes(folder):
    world = Failures(folder)
    yield "500 failures of 3 causes, cold: 3 items", 12, world.imports(failing(500), "a")
    assert len(world.server.items) == 3
    yield "500 failures of 3 causes, known: 3 comments", 4, world.imports(failing(500, salt=5), "b")
    assert len(world.server.items) == 3 and len(world.server.comments) == 3
    world.close()


def defects_of_one_suite(folder):
    world = Failures(folder)
    names = [f"Cause{chr(65 + number % 26)}{chr(65 + number // 26)}" for number in range(300)]
    yield "300 different failures: 10 items and a summary", 40, world.imports(failing(300, names), "a")
    assert len(world.server.items) == 11
    yield "300 different failures, known", 18, world.imports(failing(300, names, salt=5), "b")
    assert len(world.server.items) == 11
    world.close()


AIO_SCENES = [aio_by_key, aio_by_automation_key, aio_backfill]
SCENES = {
    "axosoft": [defects_of_three_causes, defects_of_one_suite],
    "testrail": [known_cases, new_cases, large_project],
    "aio cloud": [partial(scene, deployment="cloud") for scene in AIO_SCENES],
    "aio server": [partial(scene, deployment="server") for scene in AIO_SCENES],
}


def main(names):
    judged = not sanitized(find_binary())
    too_many = 0
    for tracker in SCENES:
        if names and tracker.split()[0] not in names:
            continue
        print(f"{tracker}: requests of a delivery, and its peak of memory")
        for scene in SCENES[tracker]:
            with tempfile.TemporaryDirectory() as folder:
                for name, most, (kinds, memory) in scene(Path(folder)):
                    count = sum(kinds.values())
                    wrong = "  TOO MANY" if count > most else ""
                    if judged and memory > MEMORY_MOST_KIB:
                        wrong += "  TOO LARGE"
                    too_many += wrong != ""
                    said = ", ".join(f"{kind} {number}" for kind, number in kinds.most_common())
                    print(f"{name:50} {count:5} (at most {most}) {memory / 1024:6.1f} MiB{wrong}\n    {said}",
                          flush=True)
    return 1 if too_many else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
