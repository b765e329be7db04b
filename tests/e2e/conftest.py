# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the stand-in, the binary on a state directory of its own, the corpus of real reports."""

import os
import re
import shutil
from pathlib import Path

import pytest

from properties import World
from resultd import REPOSITORY, Resultd, find_binary
from standins.aio import Aio
from standins.axosoft import Axosoft
from standins.testrail import TestRail


PASSED = pytest.StashKey()
WORLD = pytest.StashKey()
# Rows of the table of faults whose tests end with the five properties, whatever module they stand in.
ROW = re.compile(r"test_rows?_(\d+(?:_to_\d+|(?:_\d+)*))_")
FIVE = {*range(1, 18), *range(35, 60), 64, 66, 67, 68}


def five_properties_hold_after(item):
    mark = item.get_closest_marker("five_properties")
    if mark is not None:
        return mark.kwargs.get("by") is None    # else: said by the test itself, for each of its worlds
    row = ROW.match(item.name)
    return row is not None and not FIVE.isdisjoint(int(number) for number in re.findall(r"\d+", row.group(1)))


def pytest_configure(config):
    config.addinivalue_line("markers", "five_properties(by=None): what must hold after each fault (properties.py) is "
                            "looked at after the test; by: who looks at it instead. Tests that carry the number of a "
                            "fault have it by their name.")


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item):
    """After the test itself, where that has passed, and before anything is torn down."""
    if five_properties_hold_after(item):
        item.stash[WORLD].hold()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    item.stash[PASSED] = item.stash.get(PASSED, True) and report.passed


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    """The folder of a test that passed goes with it: all of them together are some ten gigabytes."""
    folder = item.funcargs.get("tmp_path") if hasattr(item, "funcargs") else None
    yield
    if folder is not None and item.stash.get(PASSED, False):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def binary():
    path = find_binary()
    if path is None:
        pytest.fail("no binary: build the target resultd, or name it in RESULTD_BIN")
    return path


@pytest.fixture(scope="session")
def points_binary(binary):
    path = Path(binary).parents[1] / "tests" / "crash" / "resultd_points"
    if not path.exists():
        pytest.skip(f"no {path}: build the target resultd_points")
    return path


@pytest.fixture(autouse=True)
def world(request):
    """The state directories and stand-ins of the test."""
    request.node.stash[WORLD] = World()
    return request.node.stash[WORLD]


@pytest.fixture
def testrail(world):
    """A server with one project, Datahub, and the field custom_automation_id."""
    server = world.add(TestRail()).start()
    server.project()
    server.automation_field()
    yield server
    server.stop()
    assert server.violations == []


@pytest.fixture
def make_testrail(world):
    """Further servers, each checked like the one above."""
    servers = []

    def make(*args, suite_mode=1, automation=True, **keys):
        server = world.add(TestRail(*args, **keys)).start()
        server.project(suite_mode=suite_mode)
        if automation:
            server.automation_field()
        servers.append(server)
        return server
    yield make
    for server in servers:
        server.stop()
    assert [violation for server in servers for violation in server.violations] == []


@pytest.fixture
def make_aio(world):
    """Stand-ins for AIO Tests with one project, AT, each checked at the end."""
    servers = []

    def make(deployment="cloud", context="", **keys):
        server = world.add(Aio(deployment, context)).start()
        server.project(**keys)
        servers.append(server)
        return server
    yield make
    for server in servers:
        server.stop()
    assert [violation for server in servers for violation in server.violations] == []


@pytest.fixture
def aio(make_aio):
    """AIO Tests on Jira Cloud."""
    return make_aio()


@pytest.fixture
def aio_server(make_aio):
    """AIO Tests on Jira Server or Data Center, beneath a context path."""
    return make_aio("server", "/jira")


@pytest.fixture(params=["cloud", "server"])
def site(request, make_aio):
    """AIO Tests on either of them: a test that takes this runs twice."""
    return make_aio(request.param, "/jira" if request.param == "server" else "")


@pytest.fixture
def tcms(resultd, site):
    """`resultd aio ...` for the site."""
    resultd.deliver_to_aio(site)

    def run(*args, code=0, **keys):
        done = resultd("aio", *args, **keys)
        assert done.code == code, done
        return done
    return run


@pytest.fixture
def axosoft(world):
    """A tracker with the project Datahub, whose workflow knows the step Bug."""
    server = world.add(Axosoft()).start()
    yield server
    server.stop()
    assert server.violations == []


@pytest.fixture
def make_resultd(binary, tmp_path, world):
    """The binary on state directories of its own."""
    made = []

    def make(name=None):
        made.append(world.add(Resultd(binary, tmp_path / (name or f"resultd{len(made)}"))))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture
def resultd(make_resultd):
    return make_resultd("resultd")


@pytest.fixture(scope="session")
def corpus():
    """The folder of real reports; it is no part of the project, so it may be elsewhere or missing."""
    path = Path(os.environ.get("RESULTD_CORPUS", REPOSITORY.parent / "shared" / "corpus"))
    if not (path / "expected.json").exists():
        pytest.skip("no corpus of reports (RESULTD_CORPUS)")
    return path
