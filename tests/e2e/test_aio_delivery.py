# SPDX-License-Identifier: Apache-2.0
"""Results carried to AIO Tests, on Cloud and on Server: cycles, marks, cases, closing."""

import pytest

from reports import case, junit, suite


@pytest.fixture(params=["cloud", "server"])
def either(request, make_aio):
    return make_aio(request.param, "/jira" if request.param == "server" else "")


def keys(aio, count, **more):
    return [aio.case(f"case {number}", **more)["key"] for number in range(count)]


def test_results_reach_the_cases_that_their_names_tell(resultd, either):
    one, two = keys(either, 2)
    resultd.deliver_to_aio(either)
    done = resultd.imports(resultd.write("a.xml", junit(
        case(f"{one} pays"), case(f"ships_{two.replace('-', '_')}", failure="too late"))), options=["--run-name", "N 1"])
    cycle = either.only_cycle
    assert cycle["title"] == "N 1"
    assert either.statuses_by_key() == {one: ["Passed"], two: ["Failed"]}
    assert done.delivery("aio")["posted"] == 2 and done.delivery("aio")["remote_id"] == cycle["key"]
    failed = either.runs()[1]
    assert "too late" in either.comments(failed)[0] and not either.comments(either.runs()[0])
    assert len(either.calls()) == 3             # configuration, cycle, marks
