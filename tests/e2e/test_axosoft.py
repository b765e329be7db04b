# SPDX-License-Identifier: Apache-2.0
"""Failures become work items in Axosoft: few of them, once, and without anybody waiting."""

import shutil

import pytest

from defects import again, configure, failing, local, make_one, run, secret, section
from reports import case, junit
from resultd import wait_until
from standins import axosoft as axo
from standins.http_server import Answer


# ---- flood ----

def test_500_failures_of_3_causes_make_3_items_and_none_on_the_next_run(resultd, axosoft):
    configure(resultd, axosoft)
    done = run(resultd, "N 1", failing(500))
    assert len(axosoft.items) == 3, (axosoft.titles(), done, axosoft.story())
    assert done.delivery("defects")["posted"] == 500 and done.delivery("defects")["state"] == "delivered"
    item = next(iter(axosoft.items.values()))
    assert "fp-" in item["name"] and len(item["name"]) <= 145
    assert item["workflow_step"]["id"] == 40 and item["project"]["id"] == 3
    assert "N 1" in item["description"] and "TimeoutError" in item["description"]
    assert not axosoft.comments
    run(resultd, "N 2", failing(500, salt=5))
    assert len(axosoft.items) == 3
    assert len(axosoft.comments) == 3            # one for each item and run, not one for each test
    assert axosoft.calls_today < 30


def test_with_a_threshold_of_two_runs_there_are_none_and_then_3(resultd, axosoft):
    configure(resultd, axosoft, after=None)
    done = run(resultd, "N 1", failing(500))
    assert not axosoft.items and done.delivery("defects")["posted"] == 0
    run(resultd, "N 2", failing(500, salt=9))
    assert len(axosoft.items) == 3


def test_a_backfill_makes_way_for_a_live_run(resultd, axosoft):
    resultd.configure(local(resultd), defects=section(resultd, axosoft, caps={"per_run": 20}),
                      watch=[{"name": "inbox", "path": str(resultd.inbox)}])
    daemon = resultd.spawn("run")
    daemon.says("watching")
    hanging = axosoft.fault("POST features", before="hang", call=2)
    run(resultd, "old", failing(20, [f"Cause{chr(65 + number)}" for number in range(20)]),
        options=["--backfill", "--no-wait"])
    axosoft.wait_for("POST features", 2)
    run(resultd, "live", junit(case("pays", failure="quite another one")), options=["--no-wait"])
    hanging.release()
    wait_until(lambda: len(axosoft.items) == 21, what="the items of both runs")
    assert daemon.terminate().code == 0
    assert "quite another one" not in list(axosoft.items.values())[-1]["description"]


def test_a_run_that_passes_begins_the_count_anew(resultd, axosoft):
    configure(resultd, axosoft, after={"runs": 2})
    bad, good = junit(case("pays", failure="no 1")), junit(case("pays"))
    for name, text in (("1", bad), ("2", good), ("3", bad)):
        run(resultd, name, text)
    assert not axosoft.items
    run(resultd, "other", junit(case("ships")))     # says nothing of it
    run(resultd, "4", junit(case("pays", failure="no 2")))
    assert len(axosoft.items) == 1


def test_beyond_the_cap_there_is_one_summary(resultd, axosoft):
    configure(resultd, axosoft, caps={"per_run": 2})
    names = [f"Cause{chr(65 + number)}" for number in range(8)]
    run(resultd, "N 1", failing(80, names))
    assert len(axosoft.items) == 3
    assert sum("Many different failures in N 1" in title for title in axosoft.titles()) == 1
    run(resultd, "N 2", failing(80, names, salt=3))
    assert len(axosoft.items) == 3                  # what was gathered is known by its summary
    configure(resultd, axosoft, caps={"per_run": 2, "summary": False})
    run(resultd, "N 3", failing(50, [f"Other{chr(65 + number)}" for number in range(5)]))
    assert len(axosoft.items) == 5


def test_a_day_has_a_cap_over_restarts(resultd, axosoft):
    configure(resultd, axosoft, caps={"per_day": 1})
    run(resultd, "1", junit(case("pays", failure="a")))
    run(resultd, "2", junit(case("ships", failure="quite another one")))
    assert len(axosoft.items) == 1


def test_skipped_known_and_ignored_failures_and_other_branches_count_for_nothing(resultd, axosoft):
    configure(resultd, axosoft, ignore=["Connection refused"], branches=["main", "release/*"])
    run(resultd, "1", junit(case("a", skipped="later"), case("b", failure="Connection refused by 10.0.0.1")))
    assert not axosoft.items
    bad = junit(case("c", failure="wrong"))
    run(resultd, "2", bad, options=["--set", "ci.branch=topic/x"])
    assert not axosoft.items


@pytest.mark.parametrize("by, items", [("cause", 1), ("test", 2), ("both", 2)])
def test_what_makes_two_failures_one_can_be_chosen(resultd, axosoft, by, items):
    configure(resultd, axosoft, by=by)
    run(resultd, "1", junit(case("pays[1]", failure="no answer 17"), case("pays[2]", failure="no answer 23"),
                            case("ships", failure="no answer 5")))
    assert len(axosoft.items) == items


# ---- modes ----

def test_off_by_default_dry_and_link_only_make_nothing(resultd, axosoft):
    configure(resultd, axosoft, mode=None)
    done = run(resultd, "1", failing(3))
    assert [one["sink"] for one in done.receipt["runs"][0]["deliveries"]] == ["home"] and not axosoft.calls()
    for mode in ("dry-run", "link-only"):
        configure(resultd, axosoft, mode=mode)
        done = run(resultd, mode, failing(3))
        assert not [call for call in axosoft.calls() if call.method == "POST"]
        assert done.delivery("defects")["posted"] == 0
    configure(resultd, axosoft)
    run(resultd, "make", failing(3))
    configure(resultd, axosoft, mode="link-only")
    done = run(resultd, "link", failing(3, salt=4))
    assert done.delivery("defects")["posted"] == 3 and not axosoft.comments


def test_results_do_not_wait_for_a_tracker_that_is_down(resultd, axosoft, testrail):
    configure(resultd, axosoft, sinks={"rail": resultd.rail(testrail, create={"cases": True, "sections": True})})
    axosoft.always("GET projects", Answer(503, "<html>Service Unavailable</html>"))
    run(resultd, "1", junit(case("pays", failure="no")), code=3, options=["--timeout", "4s"])
    assert len([call for call in testrail.calls("add_results_for_cases") if call.applied]) == 1
    assert not axosoft.items


# ---- once ----

@pytest.mark.parametrize("fault", ["close", "reset", "empty", "html"])
def test_a_lost_answer_at_create_makes_no_twin(resultd, axosoft, fault):
    configure(resultd, axosoft)
    axosoft.fault("POST features", after=fault)
    run(resultd, "1", failing(6))
    assert len(axosoft.items) == 3, axosoft.titles()
    run(resultd, "2", failing(6, salt=1))
    assert len(axosoft.items) == 3


def test_a_lost_answer_makes_no_twin_where_the_first_page_is_page_0(resultd, axosoft):
    axosoft.first_page = 0
    configure(resultd, axosoft)
    axosoft.fault("POST features", after="close")
    run(resultd, "1", failing(6))
    assert len(axosoft.items) == 3, axosoft.titles()
    done = resultd("axosoft", "show", *[str(key) for key in axosoft.items])
    assert done.code == 0 and done.out.count("viewitem?id=") == 3, done
    assert "Bug" in resultd("axosoft", "show", str(next(iter(axosoft.items)))).out
    # Nor where nothing is known here any more: the marks of the items find them.
    shutil.rmtree(resultd.state)
    run(resultd, "2", failing(6, salt=1))
    assert len(axosoft.items) == 3


def test_a_create_that_never_arrived_is_sent_again(resultd, axosoft):
    configure(resultd, axosoft)
    axosoft.fault("POST features", before="close")
    run(resultd, "1", failing(3))
    assert len(axosoft.items) == 3


def test_killed_while_the_answer_is_awaited(resultd, axosoft):
    configure(resultd, axosoft)
    axosoft.fault("POST features", after="hang")
    path = resultd.write("a.xml", failing(1))
    importing = resultd.spawn("import", "--json", "--run-name", "1", path)
    axosoft.wait_for("POST features")
    importing.kill()
    axosoft.calm()
    resultd.delivers()
    assert len(axosoft.items) == 1


def test_a_lost_database_makes_no_twin_either(make_resultd, axosoft):
    for number in (1, 2):
        one = make_resultd()
        configure(one, axosoft)
        run(one, str(number), failing(3))
    assert len(axosoft.items) == 3


# ---- known items ----

def test_a_closed_item_is_reopened_by_the_step_that_is_named(resultd, axosoft):
    item = make_one(resultd, axosoft, reopen_step="Reopened", known={"within": "3650d"})
    axosoft.move(item, 42, completed=True)
    again(resultd)
    assert len(axosoft.items) == 1 and item["workflow_step"]["id"] == 43
    assert len(axosoft.comments) == 1


def test_where_the_step_is_not_allowed_a_comment_says_it(resultd, axosoft):
    item = make_one(resultd, axosoft, reopen_step="Reopened", known={"within": "3650d"})
    axosoft.move(item, 42, completed=True)
    axosoft.next_steps = [41]
    again(resultd)
    assert item["workflow_step"]["id"] == 42 and len(axosoft.comments) == 1 and len(axosoft.items) == 1


@pytest.mark.parametrize("known, items", [({"closed": "replace"}, 2), ({"within": "0s"}, 2), ({"closed": "leave"}, 1)])
def test_a_closed_item_is_replaced_or_left_by_policy(resultd, axosoft, known, items):
    item = make_one(resultd, axosoft, known=known)
    axosoft.move(item, 42, completed=True)
    again(resultd)
    assert len(axosoft.items) == items
    again(resultd, "third")
    assert len(axosoft.items) == items


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_successor_whose_answer_is_lost_is_made_once(resultd, axosoft, when):
    item = make_one(resultd, axosoft, known={"closed": "replace"})
    axosoft.move(item, 42, completed=True)
    axosoft.fault("POST features", **{when: "close"})
    done = again(resultd)
    assert len(axosoft.items) == 2 and done.delivery("defects")["posted"] == 1
    again(resultd, "third")
    assert len(axosoft.items) == 2 and axosoft.comments[-1]["item"] != item["id"]


def test_a_deleted_or_archived_item_is_made_anew(resultd, axosoft):
    item = make_one(resultd, axosoft)
    item["archived"] = True
    again(resultd)
    assert len(axosoft.items) == 2


def test_an_item_closes_by_explicit_policy_only(resultd, axosoft):
    item = make_one(resultd, axosoft, close_step="Fixed")
    run(resultd, "good", junit(case("pays")))
    assert item["workflow_step"]["id"] == 40
    configure(resultd, axosoft, close_step="Fixed", known={"close_after": 2})
    run(resultd, "good 2", junit(case("pays")))
    assert item["workflow_step"]["id"] == 42
    assert not axosoft.comments


def test_known_items_are_looked_at_in_one_call(resultd, axosoft):
    configure(resultd, axosoft, known={"comment": False})
    names = [f"Cause{chr(65 + number)}" for number in range(9)]
    run(resultd, "1", failing(9, names))
    before = len(axosoft.calls())
    run(resultd, "2", failing(9, names, salt=2))
    assert len(axosoft.items) == 9 and len(axosoft.calls()) == before + 1


@pytest.mark.parametrize("server", [{"page_max": 4}, {"first_page": 0}])
def test_known_items_beyond_the_servers_page_are_not_deleted(resultd, axosoft, server):
    configure(resultd, axosoft)
    names = [f"Cause{chr(65 + number)}" for number in range(9)]
    run(resultd, "1", failing(9, names))
    for name, value in server.items():
        setattr(axosoft, name, value)
    axosoft.items.pop(min(axosoft.items))       # this one is
    run(resultd, "2", failing(9, names, salt=2))
    assert len(axosoft.items) == 9 and len(axosoft.comments) == 8


# ---- fields ----

def test_fields_as_the_plugin_has_them(resultd, axosoft):
    axosoft.custom(7, "Build", kind="string")
    axosoft.custom(8, "Browser", picklist=5)
    axosoft.custom(9, "Browsers", picklist=5)
    axosoft.custom(10, "Automatic")
    axosoft.custom(11, "Due")
    configure(resultd, axosoft, push={
        "fields": {"name": "{test.name} is broken", "priority": "high", "assigned_to": "Ann Ode", "release": "1.4",
                   "build_number": "{version|'?'}", "customfield_7": "{failure.message}", "custom_8": "Chrome",
                   "custom_9": "Firefox, chrome", "custom_10": "yes", "custom_11": "2026-12-01", "notes": "{nothing|''}"},
        "types": {"custom_8": "dropdown", "custom_9": "multiselect", "custom_10": "bool", "custom_11": "date"},
        "labels": {"custom_7": "The build"}, "required": ["build_number"]})
    run(resultd, "1", junit(case("pays", failure="x" * 400)), options=["--set", "version=1.4.2"])
    item = next(iter(axosoft.items.values()))
    assert item["name"].startswith("pays is broken [fp-")
    assert item["priority"] == {"id": 1} and item["assigned_to"] == {"id": 7, "type": "user"}
    assert item["release"] == {"id": 20} and item["build_number"] == "1.4.2" and "notes" not in item
    assert item["custom_fields"] == {"custom_7": "x" * 250, "custom_8": 12, "custom_9": [11, 12], "custom_10": True,
                                     "custom_11": "2026-12-01"}
    assert "<b>The build:</b>" in item["description"]


def test_an_empty_required_field_parks_this_item_and_is_tried_again(resultd, axosoft):
    push = {"fields": {"build_number": "{version}"}, "required": ["build_number"]}
    configure(resultd, axosoft, push=push)
    done = run(resultd, "1", junit(case("pays", failure="no")), code=4)
    assert done.delivery("defects")["parked"] == 1 and not axosoft.items
    assert "version" in resultd("queue", "list").out + resultd("queue", "show", "1").out
    configure(resultd, axosoft, push={"fields": {"build_number": "7"}, "required": ["build_number"]})
    assert resultd("queue", "retry").code == 0
    resultd.delivers()
    assert next(iter(axosoft.items.values()))["build_number"] == "7"


def test_an_unknown_option_is_named_with_those_that_there_are(resultd, axosoft):
    configure(resultd, axosoft, push={"fields": {"priority": "Hihg"}})
    run(resultd, "1", junit(case("pays", failure="no")), code=4)
    said = resultd("queue", "show", "2").out + resultd("queue", "show", "1").out + resultd("queue", "list").out
    assert "Hihg" in said and "Normal" in said


def test_text_of_reports_is_escaped(resultd, axosoft):
    configure(resultd, axosoft)
    run(resultd, "<b>1</b>", junit(case("pays", failure="<script>alert(1)</script>")))
    text = next(iter(axosoft.items.values()))["description"]
    assert "&lt;script&gt;" in text and "<script" not in text and "<b>1</b>" not in text


# ---- connection ----

@pytest.mark.parametrize("grant", ["post", "get"])
def test_a_token_is_granted_for_user_and_password_and_never_logged(resultd, axosoft, grant):
    axosoft.form_token = grant == "post"
    configure(resultd, axosoft, token=None, user=axo.USER, password=secret(resultd, "axo.password", axo.PASSWORD),
              client_id=axo.CLIENT_ID, client_secret=secret(resultd, "axo.client", axo.CLIENT_SECRET), grant=grant)
    run(resultd, "1", failing(3))
    assert axosoft.issued == 1
    axosoft.expired.add(axosoft.token)
    run(resultd, "2", failing(3, salt=2))
    assert axosoft.issued == 2 and len(axosoft.items) == 3


def test_a_token_that_expires_under_a_daemon_is_renewed(resultd, axosoft):
    drop = resultd.folder / "drop"
    drop.mkdir()
    watch = [{"name": "w", "path": str(drop), "files": ["*.xml"], "settle": "50ms", "run": {"close_after": "100ms"}}]
    resultd.configure(local(resultd), watch=watch, defects=section(
        resultd, axosoft, token=None, user=axo.USER, password=secret(resultd, "axo.password", axo.PASSWORD),
        client_id=axo.CLIENT_ID, client_secret=secret(resultd, "axo.client", axo.CLIENT_SECRET)))
    daemon = resultd.spawn("run")
    daemon.says("watching")
    for number, (name, message) in enumerate((("pays", "no answer"), ("ships", "wrong address"), ("mails", "no post"))):
        (drop / f"{number}.xml").write_text(junit(case(name, failure=message), case("fine")))
        wait_until(lambda: len(axosoft.items) == number + 1, what=f"item {number + 1}")
        assert axosoft.issued == number + 1
        axosoft.expired.add(axosoft.token)      # 30 days later
    daemon.terminate()
    assert "paused" not in daemon.err


def test_the_other_header_passes_a_front_server(resultd, axosoft):
    axosoft.hosted_bearer = False
    configure(resultd, axosoft, header="x-authorization")
    run(resultd, "1", failing(3))
    assert len(axosoft.items) == 3


def test_a_path_in_the_url_and_another_version(resultd):
    server = axo.Axosoft("/OnTime", "v5").start()
    configure(resultd, server, version="v5")
    run(resultd, "1", failing(3))
    server.stop()
    assert len(server.items) == 3 and not server.violations


@pytest.mark.parametrize("keys, words", [
    ({"workflow_step": None}, "workflow_step is missing"),
    ({"push": {"fields": {"severity": "Crash"}}}, "features have no severity"),
    ({"push": {"fields": {"nmae": "x"}}}, 'no field "nmae"'),
    ({"ignore": ["("]}, "no regular expression"),
    ({"user": "x"}, "either token"),
    ({"push": {"fields": {"name": "{"}}}, "push.fields"),
    ({"push": {"fields": {"custom_1": "x"}, "types": {"custom_1": "wide"}}}, 'cannot be "wide"'),
])
def test_what_cannot_work_is_refused_at_the_start(resultd, axosoft, keys, words):
    configure(resultd, axosoft, **keys)
    done = resultd("check")
    assert done.code == 2 and words in done.err and not axosoft.calls()


@pytest.mark.parametrize("keys, words", [
    ({"project": "Nowhere"}, 'no project "Nowhere" (Datahub'),
    ({"workflow_step": "Buug"}, 'no step "Buug" (Bug'),
    ({"push": {"fields": {"custom_99": "x"}}}, 'no field "custom_99"'),
    ({"push": {"fields": {"notes": "{failure.type}", "priority": "Highest"}}}, 'priority: there is no "Highest" ('),
    ({"push": {"fields": {"assigned_to": "Nobody Here"}}}, 'assigned_to: there is no "Nobody Here" ('),
    ({"push": {"fields": {"priority": ""}, "required": ["priority"]}}, "the required field priority is empty"),
])
def test_check_online_verifies_project_steps_and_fields(resultd, axosoft, keys, words):
    configure(resultd, axosoft, **keys)
    done = resultd("check", "--online")
    assert done.code == 2 and words in done.err + done.out, done
    configure(resultd, axosoft)
    assert resultd("check", "--online").code == 0


def test_defects_may_be_chosen_and_a_refusal_says_what_to_change(resultd, axosoft):
    configure(resultd, axosoft, item_type="defects", workflow_step=None, push={"fields": {"severity": "Crash"}})
    run(resultd, "1", junit(case("pays", failure="no")))
    assert next(iter(axosoft.items.values()))["item_type"] == "defects"
    axosoft.features_only = True
    run(resultd, "2", junit(case("ships", failure="not either")), code=4)
    said = resultd("queue", "list").out + "".join(resultd("queue", "show", str(n)).out for n in range(1, 5))
    assert "item_type: features" in said


# ---- quota ----

def test_the_quota_of_a_day_survives_a_restart(resultd, axosoft):
    names = [f"Cause{chr(65 + number)}" for number in range(20)]
    configure(resultd, axosoft, caps={"calls": 12, "per_run": 100})
    done = resultd.imports(resultd.write("a.xml", failing(20, names)), code=3, options=["--timeout", "4s"])
    assert axosoft.calls_today == 12 and done.err.count("all requests of a day are made (caps.calls); the next") == 1
    assert "all requests of a day are made (caps.calls)" in resultd("queue", "list").out
    resultd("deliver", "--timeout", "3s")
    resultd("deliver", "--timeout", "3s")
    assert axosoft.calls_today == 12 and axosoft.over_quota == 0


def quota(resultd):
    [sink] = [row for row in resultd.status()["sinks"] if row["sink"] == "defects"]
    return sink["requests_in_24_h"], sink["requests_in_24_h_max"]


def test_commands_and_deliveries_share_the_quota_of_a_day(resultd, axosoft):
    configure(resultd, axosoft, caps={"calls": 20, "per_run": 100})
    assert resultd("axosoft", "projects").code == 0
    assert not resultd.state.exists()                     # a command makes no directory: it may be another user's
    axosoft.next_day()
    resultd.imports(resultd.write("a.xml", failing(1)))
    delivered = axosoft.calls_today
    assert quota(resultd) == (delivered, 20)
    assert resultd("check", "--online").code == 0         # has asked already: counted, whatever it was
    assert quota(resultd) == (axosoft.calls_today, 20) and axosoft.calls_today > delivered
    while axosoft.calls_today < 20:
        assert resultd("axosoft", "projects").code == 0
    done = resultd("axosoft", "projects")
    assert done.code == 3 and "caps.calls" in done.err, done
    assert quota(resultd) == (20, 20) and "20 of 20 requests" in resultd("status").out
    resultd.imports(resultd.write("b.xml", failing(2)), code=3, options=["--timeout", "1s"])
    assert axosoft.calls_today == 20


def test_a_daemon_counts_the_requests_of_commands(resultd, axosoft):
    drop = resultd.folder / "drop"
    drop.mkdir()
    watch = [{"name": "w", "path": str(drop), "files": ["*.xml"], "settle": "50ms", "run": {"close_after": "100ms"}}]
    resultd.configure(local(resultd), watch=watch,
                      defects=section(resultd, axosoft, caps={"calls": 14, "per_run": 100}))
    daemon = resultd.spawn("run")
    daemon.says("watching")
    for _ in range(10):
        assert resultd("axosoft", "projects").code == 0
    assert quota(resultd) == (10, 14)
    (drop / "a.xml").write_text(failing(5, [f"Cause{letter}" for letter in "ABCDE"]))
    wait_until(lambda: axosoft.calls_today == 14, what="the rest of the day's requests")
    done = resultd("axosoft", "projects")
    assert done.code == 3 and "caps.calls" in done.err, done
    daemon.terminate()
    done = resultd("axosoft", "projects")                 # and without it, from what is on disk
    assert done.code == 3 and axosoft.calls_today == 14 and axosoft.over_quota == 0


# ---- commands ----

def test_commands_tell_what_there_is(resultd, axosoft):
    axosoft.custom(7, "Build", kind="string")
    configure(resultd, axosoft, mode="off")
    for command, words in ((["projects"], "Mobile"), (["workflow-steps"], "Reopened"), (["fields"], "custom_7"),
                           (["workflow-steps", "--project", "Mobile"], "Bug"), (["check"], "Ci Agent")):
        done = resultd("axosoft", *command)
        assert done.code == 0 and words in done.out, done
    item = make_one(resultd, axosoft)
    done = resultd("axosoft", "show", str(item["id"]))
    assert done.code == 0 and item["name"] in done.out and f"viewitem?id={item['id']}" in done.out
    assert [line.split() for line in done.out.splitlines() if line.startswith("Step ")][0] == ["Step", "Bug"]
    assert resultd("axosoft", "show", "77").code == 2
    configure(resultd, axosoft, close_step="Nowhere")
    done = resultd("axosoft", "check")
    assert done.code == 2 and "Nowhere" in done.err


def test_commands_get_a_token_where_there_is_none(resultd, axosoft):
    configure(resultd, axosoft, token=None, user=axo.USER, password=secret(resultd, "axo.password", axo.PASSWORD),
              client_id=axo.CLIENT_ID, client_secret=secret(resultd, "axo.client", axo.CLIENT_SECRET))
    done = resultd("axosoft", "check")
    assert done.code == 0 and axosoft.issued == 1, done
