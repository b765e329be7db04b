# SPDX-License-Identifier: Apache-2.0
"""Rows 44, 45: who is locked out reads the server's own words, whatever shape they come in."""

import pytest

from defects import local, section
from standins.http_server import Answer

PAGE = "<!DOCTYPE html><html><head><title>Log in &ndash; Site</title></head><body><p>Please log in</p></body></html>"


@pytest.fixture
def trackers(resultd, testrail, aio, axosoft):
    sinks = {**local(resultd), "rail": resultd.rail(testrail), "aio": resultd.aio(aio)}
    resultd.configure(sinks, defects=section(resultd, axosoft))
    return testrail, aio, axosoft


@pytest.mark.parametrize("status, body, words", [
    (401, {"error": "invalid_token", "error_description": "The access token has expired"}, "The access token has expired"),
    (403, {"error": "no_right", "error_description": "d", "message": "You may not do that"}, "You may not do that"),
    (401, {"errorMessages": ["Log in first"], "errors": {"user": "is unknown"}}, "Log in first; user: is unknown"),
    (403, {"error": "The API is off for this account"}, "The API is off for this account"),
    (401, "Token is no longer valid\n", "Token is no longer valid"),
    (403, PAGE, "Log in – Site"),
    (401, "<html><body><div>Welcome</div></body></html>", "an HTML page"),
], ids=["oauth", "message", "jira", "error", "text", "page", "page-without-title"])
def test_row_44_45_the_servers_own_words_are_shown(resultd, trackers, status, body, words):
    for tracker in trackers:
        tracker.always("*", Answer(status, body))
    done = resultd("check", "--online")
    assert done.code == 2, done
    for name in ("rail", "aio", "defects"):
        said = [line for line in (done.out + done.err).splitlines() if name in line and f"HTTP {status}" in line]
        assert said and all(words in line for line in said), (name, done.out + done.err)
    assert "<" not in done.err, done.err


def test_row_44_a_command_shows_them_too(resultd, trackers):
    testrail, aio, axosoft = trackers
    answer = Answer(401, {"error": "invalid_token", "error_description": "The access token has expired"})
    for tracker, words in ((testrail, ("testrail", "projects", "list")), (aio, ("aio", "config")),
                           (axosoft, ("axosoft", "projects"))):
        tracker.always("*", answer)
        done = resultd(*words)
        assert done.code == 2 and "The access token has expired" in done.err, done
