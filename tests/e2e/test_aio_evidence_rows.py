# SPDX-License-Identifier: Apache-2.0
"""Rows 39 and 42 to 49 of the table of faults with files owed to AIO Tests, on Cloud and on Server.

Row 38, 40, 41 with files: test_aio_evidence.py (run, cycle), test_evidence_steps.py (step).  Row 48: there, too."""

import pytest

from planted import Planted
from reports import case, junit

FILES = [("0.png", b"0"), ("1.png", b"1"), ("2.png", b"2")]


@pytest.fixture
def accepted(resultd, site):
    """One failed test with three files."""
    key = site.case("case")["key"]
    resultd.deliver_to_aio(site)
    planted = Planted(resultd)
    planted.accept(resultd.write("a.xml", junit(case(key, failure="no"))))
    planted.add([(planted.parts()[-1], 0, name, data) for name, data in FILES])
    return site


def names(site):
    [run] = site.runs()
    return sorted(name for name, _, _ in site.attached(run))


ALL = [name for name, _ in FILES]


@pytest.mark.parametrize("how", ["early", "close", "reset"])
def test_row_39_what_did_not_arrive_is_sent_again(resultd, accepted, how):
    accepted.fault("attach_run", before=how, call=2)
    resultd.delivers()
    assert names(accepted) == ALL


@pytest.mark.parametrize("status, headers", [(429, {"Retry-After": "1"}), (429, {}), (503, {})], ids=str)
def test_rows_42_46_a_busy_server_is_waited_for(resultd, accepted, status, headers):
    accepted.fault("attach_run", before=accepted.error(status, headers), call=2)
    resultd.scale = 50
    resultd.delivers()
    assert names(accepted) == ALL


def test_row_43_a_storm_of_rate_limits_doubles_no_file(resultd, accepted):
    resultd.scale = 50
    accepted.answers("attach_run", *[accepted.error(429, {"Retry-After": "5"})] * 6)
    resultd.delivers()
    assert names(accepted) == ALL and len(accepted.calls("attach_run")) == 9


def test_row_44_a_token_revoked_between_files_loses_none(resultd, accepted):
    accepted.fault("attach_run", before=accepted.error(401), call=2)
    resultd("deliver", "--timeout", "3s")
    assert names(accepted) == ALL[:1]
    assert resultd("queue", "retry").code == 0
    resultd.delivers()
    assert names(accepted) == ALL


def test_row_45_forbidden_files_are_parked_at_the_cost_of_one_request_and_the_results_stay(resultd, accepted):
    accepted.always("attach_run", accepted.error(403))
    done = resultd.delivers(code=4)
    assert names(accepted) == [] and len(accepted.calls("attach_run")) == 1 and "3 files" in done.err
    accepted.calm()
    assert resultd("queue", "retry").code == 0
    resultd.delivers()
    assert names(accepted) == ALL


def test_row_47_a_file_that_is_refused_is_parked_alone(resultd, accepted):
    accepted.fault("attach_run", before=accepted._say(400, "Unsupported attachment type"), call=2)
    resultd.delivers(code=4)
    assert names(accepted) == ["0.png", "2.png"]


def test_row_49_a_file_that_is_too_large_is_parked_alone(resultd, accepted):
    accepted.fault("attach_run", before=accepted.error(413), call=2)
    resultd.delivers(code=4)
    assert names(accepted) == ["0.png", "2.png"]
