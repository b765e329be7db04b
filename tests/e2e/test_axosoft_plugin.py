# SPDX-License-Identifier: Apache-2.0
"""The defect plugin of TestRail, feature by feature: what it does for a person, done for a run."""

import pytest

from defects import again, configure, failing, local, make_one, run, secret, section
from reports import case, junit
from standins import axosoft as axo
from standins.http_server import Answer


def pushed(axosoft):
    return list(axosoft.items.values())[-1]


def one(name="pays", message="no answer"):
    return junit(case(name, failure=message), case("fine"))


def complaint(resultd):
    return resultd("queue", "list").out + "".join(resultd("queue", "show", str(n)).out for n in range(1, 6))


# ---- connection ----

def test_plugin_connection_secrets_come_from_file_and_environment_and_stay_unseen(resultd, axosoft):
    resultd.environment["AXO_TOKEN"] = axo.TOKEN
    configure(resultd, axosoft, token={"env": "AXO_TOKEN"})
    done = run(resultd, "1", failing(3))
    assert len(axosoft.items) == 3 and axo.TOKEN not in done.out + done.err
    assert axo.TOKEN not in resultd("check").out
    assert not [call for call in axosoft.requests if axo.TOKEN in call.target]


@pytest.mark.parametrize("grant", ["post", "get"])
def test_plugin_connection_with_client_id_and_secret_logs_no_address_that_holds_them(resultd, axosoft, grant):
    configure(resultd, axosoft, token=None, user=axo.USER, password=secret(resultd, "axo.password", axo.PASSWORD),
              client_id=axo.CLIENT_ID, client_secret=secret(resultd, "axo.client", axo.CLIENT_SECRET), grant=grant)
    done = resultd("--log-level", "debug", "import", "--run-name", "1", resultd.write("a.xml", failing(3)))
    assert done.code == 0 and len(axosoft.items) == 3
    for word in (axo.PASSWORD, axo.CLIENT_SECRET, axosoft.token):
        assert word not in done.out + done.err
    axosoft.expired.add(axosoft.token)
    assert resultd("axosoft", "show", "1").code == 2       # none such: but it has asked
    kept = b"".join(path.read_bytes() for path in resultd.state.rglob("*") if path.is_file())
    for word in (axo.PASSWORD, axo.CLIENT_SECRET, axosoft.token):
        assert word.encode() not in kept


def test_plugin_connection_a_token_that_is_refused_again_is_asked_for_once(resultd, axosoft):
    configure(resultd, axosoft, token=None, user=axo.USER, password=secret(resultd, "axo.password", axo.PASSWORD),
              client_id=axo.CLIENT_ID, client_secret=secret(resultd, "axo.client", axo.CLIENT_SECRET))
    axosoft.always("GET projects", Answer(401, {"error": "invalid_token", "error_description": "The token is not valid"}))
    run(resultd, "1", failing(3), code=3, options=["--timeout", "3s"])
    assert axosoft.issued <= 3, axosoft.issued


# ---- globally, or per project ----

def test_plugin_per_project_overrides_fall_through_and_the_first_that_fits_is_taken(resultd, axosoft, testrail):
    sinks = {**local(resultd), "rail": resultd.rail(testrail, create={"cases": True, "sections": True})}
    overrides = [
        {"name": "nightly", "watch": "nightly", "project": "Mobile"},
        {"name": "posted", "sinks": ["rail"], "push": {"fields": {"priority": "High", "notes": None}}},
    ]
    base = section(resultd, axosoft, push={"fields": {"priority": "Low", "notes": "x", "build_number": "7"}})
    watch = [{"name": "nightly", "path": str(resultd.folder / "drop"), "sinks": ["home"]},
             {"name": "quiet", "path": str(resultd.folder / "quiet"), "defects": False}]
    resultd.configure(sinks, watch=watch, defects={**base, "for": overrides})
    done = resultd("check")
    assert done.code == 0 and "name: nightly" in done.out and "name: posted" in done.out, done
    done = run(resultd, "watch", one("a", "cause a"), options=["--watch", "nightly"])
    assert pushed(axosoft)["project"] == {"id": 4} and pushed(axosoft)["priority"] == {"id": 3}
    assert done.delivery("defects.nightly")["state"] == "delivered"
    done = run(resultd, "sink", one("b", "cause b"))
    assert done.delivery("defects.posted")["posted"] == 1
    assert pushed(axosoft)["project"] == {"id": 3} and pushed(axosoft)["priority"] == {"id": 1}
    assert "notes" not in pushed(axosoft) and pushed(axosoft)["build_number"] == "7"
    run(resultd, "quiet", one("c", "cause c"), options=["--watch", "quiet"])
    assert len(axosoft.items) == 2
    done = run(resultd, "home", one("d", "cause d"), options=["--sink", "home", "--sink", "defects"])
    assert done.delivery("defects")["posted"] == 1 and pushed(axosoft)["priority"] == {"id": 3}


def test_plugin_per_project_off_for_one_and_on_for_another(resultd, axosoft):
    base = section(resultd, axosoft, mode=None)
    resultd.configure(local(resultd), defects={**base, "for": [{"name": "home", "sinks": "home", "mode": "create"}]})
    run(resultd, "1", one())
    assert len(axosoft.items) == 1
    base = section(resultd, axosoft)
    resultd.configure(local(resultd), defects={**base, "for": [{"name": "home", "sinks": "home", "mode": "off"}]})
    done = run(resultd, "2", one("ships", "other"))
    assert len(axosoft.items) == 1 and [each["sink"] for each in done.receipt["runs"][0]["deliveries"]] == ["home"]


@pytest.mark.parametrize("entry, words", [
    ({"sinks": ["home"]}, 'missing key "name"'),
    ({"name": "x"}, "names a watch, or sinks"),
    ({"name": "x", "watch": "none"}, 'no watch is called "none"'),
    ({"name": "x", "sinks": "nowhere"}, 'no sink is called "nowhere"'),
    ({"name": "x", "sinks": "home", "pol": 1}, 'unknown key "pol"'),
    ({"name": "x y", "sinks": "home"}, "wants"),
    ({"name": "x", "sinks": "home", "push": {"fields": {"nmae": "x"}}}, 'no field "nmae"'),
    ("x", "a list of mappings"),
])
def test_plugin_per_project_what_is_wrong_is_said_with_its_place(resultd, axosoft, entry, words):
    resultd.configure(local(resultd), defects={**section(resultd, axosoft), "for": [entry]})
    done = resultd("check")
    assert done.code == 2 and words in done.err and "resultd.yaml:" in done.err, done


# ---- fields ----

def test_plugin_fields_that_are_not_named_are_not_sent(resultd, axosoft):
    configure(resultd, axosoft, push={"fields": {"build_number": "7", "notes": None}})
    run(resultd, "1", one())
    assert set(pushed(axosoft)) - {"id", "number", "item_type", "is_completed", "completion_date", "percent_complete",
                                   "archived"} == \
        {"name", "project", "workflow_step", "publicly_viewable", "description", "build_number", "custom_fields"}
    assert pushed(axosoft)["publicly_viewable"] is False


def test_plugin_fields_labels_stand_in_the_description_in_the_order_of_the_fields(resultd, axosoft):
    configure(resultd, axosoft, push={"fields": {"notes": "second", "build_number": "first"},
                                      "labels": {"build_number": "The build", "notes": "The note"}})
    run(resultd, "1", one())
    text = pushed(axosoft)["description"]
    assert 0 < text.index("<b>The note:</b> second") < text.index("<b>The build:</b> first")


def test_plugin_size_is_a_length_with_a_mark_where_it_was_cut(resultd, axosoft):
    axosoft.custom(7, "Log")
    configure(resultd, axosoft, push={"fields": {"notes": "{failure.message}", "custom_7": "{failure.message}", "name": "{test.name}",
                                                 "build_number": "short"},
                                      "types": {"custom_7": "text"},
                                      "max_length": {"notes": 20, "customfield_7": 30, "name": 12, "build_number": 10}})
    run(resultd, "1", one("a" * 40, "ü" * 100))
    item = pushed(axosoft)
    assert item["notes"] == "ü" * 16 + " ..." and item["custom_fields"]["custom_7"] == "ü" * 26 + " ..."
    assert item["name"].startswith("aaaaaaaa ... [fp-") and item["build_number"] == "short"


def test_plugin_remember_is_what_people_chose_for_the_item_before(resultd, axosoft):
    item = make_one(resultd, axosoft, push={"fields": {"assigned_to": "Ci Agent", "priority": "Low"},
                                            "sticky": ["assigned_to", "priority"]}, known={"closed": "replace"})
    assert item["assigned_to"] == {"id": 8, "type": "user"}
    item["assigned_to"] = {"id": 7, "type": "user"}         # a person gave it to Ann
    item["priority"] = {"id": 1}
    axosoft.move(item, 42, completed=True)
    again(resultd)
    assert len(axosoft.items) == 2
    assert pushed(axosoft)["assigned_to"] == {"id": 7, "type": "user"} and pushed(axosoft)["priority"] == {"id": 1}


@pytest.mark.parametrize("kind, given, stored", [
    ("bool", "Yes", True), ("bool", "off", False), ("date", "2026-12-01", "2026-12-01"),
    ("dropdown", "chrome", 12), ("dropdown", "12", 12), ("multiselect", "Firefox, chrome", [11, 12]),
    ("string", "y" * 400, "y" * 250), ("text", "z" * 400, "z" * 400),
])
def test_plugin_types_are_converted(resultd, axosoft, kind, given, stored):
    axosoft.custom(8, "It", kind="text", picklist=5)
    configure(resultd, axosoft, push={"fields": {"customfield_8": given}, "types": {"custom_8": kind}})
    run(resultd, "1", one())
    assert pushed(axosoft)["custom_fields"] == {"custom_8": stored}


def test_plugin_types_a_date_may_be_counted_from_today(resultd, axosoft):
    axosoft.custom(8, "Due")
    configure(resultd, axosoft, push={"fields": {"custom_8": "today+3d", "due_date": "today"}, "types": {"custom_8": "date"}})
    run(resultd, "1", one())
    assert pushed(axosoft)["due_date"] < pushed(axosoft)["custom_fields"]["custom_8"]
    assert len(pushed(axosoft)["due_date"]) == 10


@pytest.mark.parametrize("kind, form, stored", [
    ("dropdown", "text", "Chrome"), ("multiselect", "text", ["Firefox", "Chrome"]), ("multiselect", "joined", "Firefox, Chrome"),
])
def test_plugin_types_choices_are_sent_as_the_account_wants_them(resultd, axosoft, kind, form, stored):
    axosoft.custom(8, "It", picklist=5)
    value = "Chrome" if kind == "dropdown" else "Firefox, Chrome"
    configure(resultd, axosoft, push={"fields": {"custom_8": value}, "types": {"custom_8": kind}, "as": {"custom_8": form}})
    run(resultd, "1", one())
    assert pushed(axosoft)["custom_fields"] == {"custom_8": stored}


@pytest.mark.parametrize("kind, value, words", [
    ("bool", "maybe", "true or false"), ("date", "tomorrow", "a date"), ("date", "today+xd", "a date"),
    ("dropdown", "Opera", "Firefox, Chrome"), ("multiselect", "Chrome, Opera", "Opera"),
])
def test_plugin_types_a_wrong_value_parks_this_failure_with_what_would_do(resultd, axosoft, kind, value, words):
    axosoft.custom(8, "It", picklist=5)
    configure(resultd, axosoft, push={"fields": {"custom_8": value}, "types": {"custom_8": kind}})
    done = run(resultd, "1", one(), code=4)
    assert done.delivery("defects")["parked"] == 1 and not axosoft.items and words in complaint(resultd)


def test_plugin_required_fields_are_checked_before_the_first_push(resultd, axosoft):
    configure(resultd, axosoft, push={"fields": {"build_number": "{version|''}"}, "required": ["build_number"],
                                      "labels": {"build_number": "The build"}})
    done = run(resultd, "1", one(), code=4)
    assert done.delivery("defects")["parked"] == 1 and "The build" in complaint(resultd)
    assert not axosoft.calls("POST features")


@pytest.mark.parametrize("push, words", [
    ({"fields": {"notes": "x"}, "max_length": {"notes": "few"}}, "wants 10 to 999999"),
    ({"fields": {"priority": "Low"}, "max_length": {"priority": 20}}, "is no text"),
    ({"sticky": ["description"]}, "none of assigned_to"),
    ({"required": ["notes"]}, "not among push.fields"),
    ({"fields": {"custom_1": "x"}, "as": {"custom_1": "magic"}}, 'cannot be "magic"'),
])
def test_plugin_settings_that_cannot_work_are_refused_at_the_start(resultd, axosoft, push, words):
    configure(resultd, axosoft, push=push)
    done = resultd("check")
    assert done.code == 2 and words in done.err and not axosoft.calls()


# ---- hover and references: look-ups without a push ----

def test_plugin_hover_shows_items_by_their_ids_in_one_call(resultd, axosoft):
    configure(resultd, axosoft)
    run(resultd, "1", failing(3))
    ids = [str(key) for key in axosoft.items]
    before = len(axosoft.calls())
    done = resultd("axosoft", "show", *ids)
    assert done.code == 0 and all(f"viewitem?id={key}" in done.out for key in ids), done
    assert len(axosoft.calls()) == before + 1 and "Bug" in done.out
    done = resultd("axosoft", "show", *ids, "--columns", "id,workflow_step.name")
    assert done.code == 0 and "Bug" in done.out and "fp-" not in done.out, done


def test_plugin_references_that_do_not_exist_are_named(resultd, axosoft):
    item = make_one(resultd, axosoft)
    done = resultd("axosoft", "show", str(item["id"]), "77", "78")
    assert done.code == 2 and "77" in done.err and "78" in done.err and str(item["id"]) in done.out
    assert not [call for call in axosoft.calls()[-1:] if call.method == "POST"]


# ---- a bug is a work item in a step ----

def test_plugin_bug_step_by_id_and_in_the_workflow_of_its_project(resultd, axosoft):
    configure(resultd, axosoft, workflow_step="41")
    run(resultd, "1", one())
    assert pushed(axosoft)["workflow_step"] == {"id": 41}


def test_plugin_bug_step_that_new_items_may_not_begin_in_is_warned_of(resultd, axosoft):
    axosoft.workflow["restrict_new_items"] = True
    axosoft.workflow["new_item_workflow_step"] = {"id": 41}
    configure(resultd, axosoft)
    done = resultd("import", "--run-name", "1", resultd.write("a.xml", one()))
    assert "lets new items begin in step 41 only" in done.err
    done = resultd("axosoft", "check")
    assert done.code == 0 and "41" in done.err + done.out


def test_plugin_incidents_may_be_chosen_too(resultd, axosoft):
    configure(resultd, axosoft, item_type="incidents", workflow_step=None)
    run(resultd, "1", one())
    assert pushed(axosoft)["item_type"] == "incidents"


# ---- a server that answers anything ----

BAD = {"html": Answer(200, "<html>Sign in</html>"), "empty": Answer(200, ""), "list": Answer(200, []),
       "number": Answer(200, "7"), "other": Answer(200, {"data": {"data": 7}}), "null": Answer(200, {"data": None})}


@pytest.mark.parametrize("answer", sorted(BAD))
@pytest.mark.parametrize("endpoint", ["GET projects", "GET projects/N/workflow", "GET features"])
def test_row_41_an_answer_that_is_none_makes_nothing_and_ends_well(resultd, axosoft, endpoint, answer):
    configure(resultd, axosoft)
    axosoft.always(endpoint, BAD[answer])
    done = resultd("import", "--json", "--run-name", "1", resultd.write("a.xml", one()), "--timeout", "3s")
    assert done.code in (3, 4) and not axosoft.items, done
    axosoft.calm()
    resultd("queue", "retry")
    resultd.delivers()
    assert len(axosoft.items) == 1


def test_row_41_a_list_without_end_is_cut_off(resultd, axosoft):
    configure(resultd, axosoft)
    rows = [{"id": number, "name": "x" * 1000} for number in range(20000)]
    axosoft.always("GET projects", Answer(200, {"data": rows}))
    done = resultd("import", "--json", "--run-name", "1", resultd.write("a.xml", one()), "--timeout", "4s")
    assert done.code in (3, 4) and not axosoft.items


@pytest.mark.parametrize("wicked", ['3},"name":{"id":9', "../../oauth2/token", "3?x=1", "", "9" * 40])
def test_row_41_ids_that_are_none_reach_no_path_and_no_body(resultd, axosoft, wicked):
    configure(resultd, axosoft)
    axosoft.always("GET projects", Answer(200, {"data": [{"id": wicked, "name": "Datahub"}]}))
    done = resultd("import", "--json", "--run-name", "1", resultd.write("a.xml", one()), "--timeout", "3s")
    assert done.code in (3, 4) and not axosoft.items
    assert not [call for call in axosoft.calls() if "workflow" in call.target or call.method == "POST"]


def test_row_44_a_revoked_token_pauses_defects_alone_and_a_new_one_goes_on(resultd, axosoft):
    configure(resultd, axosoft)
    axosoft.expired.add(axo.TOKEN)
    done = run(resultd, "1", failing(3), code=3, options=["--timeout", "3s"])
    assert done.delivery("home")["state"] == "delivered" and not axosoft.items
    assert "The access token is not valid" in resultd("status").out + complaint(resultd)
    axosoft.token = axo.TOKEN + "-new"
    configure(resultd, axosoft, token=secret(resultd, "new.token", axosoft.token))
    resultd.delivers()
    assert len(axosoft.items) == 3


def test_row_46_a_storm_of_503_ends_in_each_item_once(resultd, axosoft):
    configure(resultd, axosoft)
    axosoft.answers("GET projects", Answer(503, "<html>Service Unavailable</html>", {"Retry-After": "1"}))
    axosoft.answers("POST features", Answer(503, "<html>Service Unavailable</html>", {"Retry-After": "1"}))
    path = resultd.write("a.xml", failing(6))
    assert resultd("import", "--run-name", "1", path, "--timeout", "40s", timeout=90).code == 0
    assert len(axosoft.items) == 3


def test_row_45_forbidden_items_say_why(resultd, axosoft):
    configure(resultd, axosoft)
    axosoft.always("POST features", Answer(403, {"error": "forbidden", "error_description": "You may not add items here"}))
    resultd("import", "--run-name", "1", resultd.write("a.xml", one()), "--timeout", "3s")
    assert not axosoft.items and "You may not add items here" in resultd("status").out + complaint(resultd)


def test_row_54_a_search_that_fails_creates_nothing(resultd, axosoft):
    configure(resultd, axosoft)
    axosoft.always("GET features", Answer(500, {"error": "server_error"}))
    resultd("import", "--run-name", "1", resultd.write("a.xml", one()), "--timeout", "3s")
    assert not axosoft.calls("POST features")
