#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the requests that deliveries to TestRail cost, against the stand-in, and says where one costs too much.

    RESULTD_BIN=build/release/daemon/resultd python3 tests/e2e/counts.py

Flat sections of at most 250 cases; a server that names the case in a result.  A tree costs a request more for
each section that is missing; a server that does not name the case costs get_tests, but only after a lost answer.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from reports import case, junit, numbered, suite                     # noqa: E402
from resultd import Resultd, find_binary                             # noqa: E402
from standins.testrail import TestRail                               # noqa: E402


def requests_of(server, before):
    """How many, and of which kind, since a count."""
    return Counter(request.endpoint for request in server.requests[before:])


class World:
    def __init__(self, folder, **keys):
        self.server = TestRail().start()
        self.server.project()
        self.server.automation_field()
        self.resultd = Resultd(find_binary(), folder)
        self.resultd.deliver_to(self.server, **keys)

    def cases(self, count):
        section = self.server.section("Cases")
        for number in range(1, count + 1):
            made = self.server.case(f"test_{number:05d}", section, automation=f"shop.Cart.test_{number:05d}")
            made["created_on"] = made["updated_on"] = made["updated_on"] - 86400    # known, not just made

    def imports(self, report, key):
        before = len(self.server.requests)
        done = self.resultd("import", "--json", "--progress", "never", "--run-key", key, "--timeout", "30000s",
                            self.resultd.write(f"{key}.xml", report), timeout=600)
        assert done.code == 0, done
        return requests_of(self.server, before)

    def close(self):
        self.server.stop()
        self.resultd.close()
        assert self.server.violations == [], self.server.violations


def known_cases(folder):
    world = World(folder)
    world.cases(1000)
    yield "1,000 known cases, cold", 18, world.imports(numbered(1000), "a")
    yield "1,000 known cases, warm", 9, world.imports(numbered(1000, timestamp="2026-11-20T10:00:00Z"), "b")
    world.close()


def new_cases(folder):
    world = World(folder, create={"cases": True})
    report = junit(*[suite(*[case(f"t{number}", f"shop.C{index}") for number in range(100)], name=f"Suite {index}")
                     for index in range(100)])
    yield "10,000 new cases in 100 sections", 260, world.imports(report, "a")
    assert len(world.server.store.cases) == 10000 and len(world.server.store.sections) == 100
    world.close()


def large_project(folder):
    world = World(folder)
    world.cases(20000)
    world.imports(numbered(1), "first")
    yield "100 results, 20,000 cases in the project, warm", 8, world.imports(numbered(100), "a")
    world.close()


def main():
    too_many = 0
    for scene in (known_cases, new_cases, large_project):
        with tempfile.TemporaryDirectory() as folder:
            for name, most, kinds in scene(Path(folder)):
                count = sum(kinds.values())
                too_many += count > most
                said = ", ".join(f"{kind} {number}" for kind, number in kinds.most_common())
                print(f"{name:50} {count:5} (at most {most}){'  TOO MANY' if count > most else ''}\n    {said}",
                      flush=True)
    return 1 if too_many else 0


if __name__ == "__main__":
    sys.exit(main())
