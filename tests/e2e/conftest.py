# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the stand-in, the binary on a state directory of its own, the corpus of real reports."""

import os
import shutil
from pathlib import Path

import pytest

from properties import hold
from resultd import REPOSITORY, Resultd, find_binary
from standins.aio import Aio
from standins.axosoft import Axosoft
from standins.testrail import TestRail


PASSED = pytest.StashKey()


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


@pytest.fixture
def testrail():
    """A server with one project, Datahub, and the field custom_automation_id."""
    server = TestRail().start()
    server.project()
    server.automation_field()
    yield server
    server.stop()
    assert server.violations == []


@pytest.fixture
def make_testrail():
    """Further servers, each checked like the one above."""
    servers = []

    def make(*args, suite_mode=1, automation=True, **keys):
        server = TestRail(*args, **keys).start()
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
def make_aio():
    """Stand-ins for AIO Tests with one project, AT, each checked at the end."""
    servers = []

    def make(deployment="cloud", context="", **keys):
        server = Aio(deployment, context).start()
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
def axosoft():
    """A tracker with the project Datahub, whose workflow knows the step Bug."""
    server = Axosoft().start()
    yield server
    server.stop()
    assert server.violations == []


@pytest.fixture
def make_resultd(binary, tmp_path):
    """The binary on state directories of its own."""
    made = []

    def make(name=None):
        made.append(Resultd(binary, tmp_path / (name or f"resultd{len(made)}")))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture
def resultd(make_resultd):
    return make_resultd("resultd")


@pytest.fixture
def five_properties(request):
    """For tests of faults: what must hold after each of them (properties.py), where the test itself has passed."""
    testrail = request.getfixturevalue("testrail") if "testrail" in request.fixturenames else None
    driver = next((name for name in ("wrapped", "faulty", "resultd") if name in request.fixturenames), None)
    if testrail is None or driver is None:
        yield
        return
    one = request.getfixturevalue(driver)
    yield
    if request.node.stash.get(PASSED, False):
        hold(one, testrail)


@pytest.fixture(scope="session")
def corpus():
    """The folder of real reports; it is no part of the project, so it may be elsewhere or missing."""
    path = Path(os.environ.get("RESULTD_CORPUS", REPOSITORY.parent / "shared" / "corpus"))
    if not (path / "expected.json").exists():
        pytest.skip("no corpus of reports (RESULTD_CORPUS)")
    return path
