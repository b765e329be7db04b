# SPDX-License-Identifier: Apache-2.0
"""Administration of TestRail from the command line: tables for people, JSON for machines, words for refusals."""

import json
import signal

import pytest

from standins.http_server import Answer


@pytest.fixture
def rail(resultd, testrail):
    """resultd testrail ..., as an administrator."""
    resultd.deliver_to(testrail)
    testrail.me["is_admin"] = True

    def run(*args, code=0, **keys):
        done = resultd("testrail", *args, **keys)
        assert done.code == code, done
        return done
    return run


def said(done):
    return json.loads(done.out)


def rows(done):
    """The cells of a table's rows, by the title of their column."""
    head, *lines = done.out.splitlines()
    starts = [at for at, char in enumerate(head) if char != " " and (at == 0 or head[at - 2:at] == "  ")]
    ends = starts[1:] + [None]
    titles = [head[start:end].strip() for start, end in zip(starts, ends)]
    return [dict(zip(titles, (line[start:end].strip() for start, end in zip(starts, ends)))) for line in lines]


# ---- projects ----

@pytest.mark.parametrize("bare", [False, True])
def test_projects_are_listed_in_both_shapes(rail, testrail, bare):
    testrail.bare_lists = bare
    testrail.project("Zwölf")["is_completed"] = True
    assert [(row["ID"], row["NAME"], row["COMPLETED"]) for row in rows(rail("projects", "list"))] == [
        ("1", "Datahub", "no"), ("2", "Zwölf", "yes")]
    assert [row["name"] for row in said(rail("projects", "list", "--json"))] == ["Datahub", "Zwölf"]
    assert [row["id"] for row in said(rail("projects", "list", "--json", "--offset", "1", "--limit", "1"))] == [2]


def test_projects_are_filtered(rail, testrail):
    testrail.project("Old")["is_completed"] = True
    assert [row["NAME"] for row in rows(rail("projects", "list", "--completed", "yes"))] == ["Old"]
    assert rail("projects", "list", "--completed", "perhaps", code=2).err.count("no, yes") == 1


def test_long_lists_come_in_pages(rail, testrail):
    for number in range(2, 602):
        testrail.project(f"P{number}")
    first = rail("projects", "list", "--json")
    assert len(said(first)) == 100 and "--offset 100" in first.err
    assert len(testrail.calls("get_projects")) == 1
    every = said(rail("projects", "list", "--all", "--json"))
    assert [row["id"] for row in every] == list(range(1, 602))
    assert len(testrail.calls("get_projects")) == 4
    assert [row["id"] for row in said(rail("projects", "list", "--offset", "590", "--json"))] == list(range(591, 602))
    assert len(rows(rail("projects", "list", "--all"))) == 601


def test_a_project_is_shown_by_name_by_id_or_as_the_sinks_own(rail, testrail):
    other = testrail.project("Other", 3)
    assert said(rail("projects", "show", "--json"))["name"] == "Datahub"
    assert "multiple" in rail("projects", "show", "Other").out
    assert said(rail("projects", "show", str(other["id"]), "--json"))["name"] == "Other"
    missing = rail("projects", "show", "Nowhere", code=2)
    assert 'no project "Nowhere"' in missing.err and '"Datahub"' in missing.err
    testrail.project("Other")
    assert "2 projects" in rail("projects", "show", "Other", code=2).err
    assert "valid or accessible project" in rail("projects", "show", "99", code=2).err


def test_a_project_is_made_changed_and_deleted(rail, testrail):
    made = said(rail("projects", "add", "New one", "--mode", "multiple", "--announcement", "hi", "--show-announcement",
                     "--json"))
    assert (made["name"], made["suite_mode"], made["announcement"]) == ("New one", 3, "hi")
    rail("projects", "update", "New one", "--name", "Newer", "--completed", "yes")
    project = testrail.store.projects[made["id"]]
    assert (project["name"], project["is_completed"], project["show_announcement"]) == ("Newer", True, True)
    done = rail("projects", "delete", "Newer", stdin="Newer\n")
    assert "is deleted" in done.out and "Type its name" in done.err
    assert made["id"] not in testrail.store.projects


@pytest.mark.parametrize("typed, options", [("datahub\n", []), ("", []), ("y\n", []), (None, ["--confirm", "Datahu"])])
def test_nothing_is_deleted_without_its_name(rail, testrail, typed, options):
    rail("projects", "delete", "1", *options, code=2, stdin=typed)
    assert 1 in testrail.store.projects and testrail.calls("delete_project") == []


def test_a_name_may_be_confirmed_without_a_person(rail, testrail):
    rail("projects", "delete", "1", "--confirm", "Datahub")
    assert testrail.store.projects == {}


def test_who_is_no_administrator_is_told(rail, testrail):
    testrail.me["is_admin"] = False
    assert "requires administrator rights" in rail("projects", "add", "x", code=2).err
    assert "only an administrator" in rail("case-fields", "add", "--type", "text", "--name", "x", "--label", "X",
                                           code=2).err
    assert len(testrail.store.projects) == 1


# ---- fields ----

TYPES = [
    ("string", 1, ["--default", "x"], {"is_required": False, "default_value": "x"}),
    ("integer", 2, ["--required"], {"is_required": True, "default_value": ""}),
    ("text", 3, ["--format", "plain", "--rows", "7"], {"is_required": False, "default_value": "", "format": "plain",
                                                       "rows": "7"}),
    ("url", 4, [], {"is_required": False, "default_value": ""}),
    ("checkbox", 5, [], {"is_required": False}),
    ("dropdown", 6, ["--item", "Low, slow", "--item", "High", "--default", "High"],
     {"is_required": False, "items": "1, Low, slow\n2, High", "default_value": "2"}),
    ("user", 7, [], {"is_required": False}),
    ("date", 8, [], {"is_required": False}),
    ("milestone", 9, [], {"is_required": False}),
    ("steps", 10, ["--has-actual", "yes"], {"is_required": False, "has_expected": True, "has_actual": True}),
    ("multi-select", 12, ["--item", "a", "--item", "b"], {"is_required": False, "items": "1, a\n2, b"}),
]


@pytest.mark.parametrize("name, number, options, expected", TYPES, ids=[row[0] for row in TYPES])
def test_each_type_of_field_is_made_with_its_options(rail, testrail, name, number, options, expected):
    done = rail("case-fields", "add", "--type", name, "--name", "browser", "--label", "Browser", *options)
    assert testrail.calls("add_case_field")[0].json["type"] == str(number)
    field = testrail.store.case_fields[-1]
    assert (field["system_name"], field["type_id"], field["label"]) == ("custom_browser", number, "Browser")
    assert field["configs"][0]["options"] == expected
    assert field["configs"][0]["context"] == {"is_global": True, "project_ids": []}
    assert field["include_all"] is True
    row, = rows(done)
    assert (row["FIELD"], row["TYPE"], row["PROJECTS"]) == ("custom_browser", name, "all")


def test_a_field_of_some_projects_and_templates(rail, testrail):
    other = testrail.project("Other")
    rail("case-fields", "add", "--type", "String", "--name", "custom_area", "--label", "Area", "--project", "Datahub",
         "--project", str(other["id"]), "--template", "Test Case (Steps)", "--description", "where")
    field = testrail.store.case_fields[-1]
    assert field["configs"][0]["context"] == {"is_global": False, "project_ids": [1, 2]}
    assert (field["include_all"], field["template_ids"], field["description"]) == (False, [2], "where")


@pytest.mark.parametrize("options, words", [
    (["--type", "colour"], "no type of field"),
    (["--type", "dropdown"], "needs items"),
    (["--type", "dropdown", "--item", "a", "--default", "b"], "none of the items"),
    (["--type", "date", "--item", "a"], "has no --item"),
    (["--type", "checkbox", "--default", "yes"], "has no --default"),
    (["--type", "integer", "--default", "x"], "no integer"),
    (["--type", "text", "--rows", "0"], "at least 1"),
    (["--type", "text", "--format", "rtf"], "markdown, plain"),
    (["--type", "text", "--name", "Big"], "no name of a field"),
    (["--type", "text", "--colour", "red"], "takes no option --colour"),
    ([], "--type, --name and --label"),
    (["--type"], "needs a value"),
    (["--type", "text", "word"], "one word too many"),
])
def test_a_field_that_makes_no_sense_is_refused_here(rail, testrail, options, words):
    given = [] if "--name" in options else ["--name", "x"]
    assert words in rail("case-fields", "add", "--label", "X", *given, *options, code=2).err
    assert testrail.calls("add_case_field") == []


def test_a_name_that_is_taken_is_refused_by_the_server(rail):
    refused = rail("case-fields", "add", "--type", "text", "--name", "automation_id", "--label", "X", code=2)
    assert "already in use" in refused.err


def test_fields_are_listed_for_the_project_or_all(rail, testrail):
    other = testrail.project("Other")
    field = testrail.store.add_field("elsewhere", 5, required=True)
    field["configs"][0]["context"] = {"is_global": False, "project_ids": [str(other["id"])]}
    assert [row["FIELD"] for row in rows(rail("case-fields", "list"))] == ["custom_automation_id"]
    row, = [row for row in rows(rail("case-fields", "list", "--project", "Other")) if row["TYPE"] == "checkbox"]
    assert (row["FIELD"], row["REQUIRED"], row["PROJECTS"]) == ("custom_elsewhere", "yes", "2")
    assert len(said(rail("case-fields", "list", "--all-projects", "--json"))) == 2


# ---- the automation field ----

def test_the_automation_field_is_made_where_it_is_missing(rail, testrail):
    testrail.store.case_fields.clear()
    rail("fields", "ensure")
    field, = testrail.store.case_fields
    assert (field["system_name"], field["type_id"]) == ("custom_automation_id", 1)
    assert field["configs"][0]["context"] == {"is_global": False, "project_ids": [1]}
    assert "is there, active" in rail("fields", "ensure").out
    assert len(testrail.calls("add_case_field")) == 1


def test_the_automation_field_may_be_a_text_of_every_project(rail, testrail):
    testrail.store.case_fields.clear()
    rail("fields", "ensure", "--global", "--type", "text")
    field, = testrail.store.case_fields
    assert field["type_id"] == 3 and field["configs"][0]["context"]["is_global"] is True


@pytest.mark.parametrize("change, words", [
    ({"is_active": False}, "is not active"), ({"is_active": 0}, "is not active"),
    ({"type_id": 6}, "is of type dropdown"),
    ({"configs": [{"context": {"is_global": False, "project_ids": [7]}, "options": {}}]}, "does not have it"),
    ({"configs": [{"context": {"is_global": False, "project_ids": None}, "options": {}}]}, "does not have it"),
])
def test_an_automation_field_of_no_use_says_what_to_do(rail, testrail, change, words):
    testrail.store.case_fields[0].update(change)
    assert words in rail("fields", "ensure", code=2).err
    assert testrail.calls("add_case_field") == []


# ---- plain lists ----

def test_suites_and_statuses(rail, testrail):
    other = testrail.project("Other", 3)
    testrail.store.add_suite(other["id"], "Web")
    assert [row["NAME"] for row in rows(rail("suites"))] == ["Master"]
    assert [row["NAME"] for row in rows(rail("suites", "--project", "Other"))] == ["Web"]
    testrail.bare_suites = True
    assert [row["name"] for row in said(rail("suites", "--json"))] == ["Master"]
    assert [row["NAME"] for row in rows(rail("statuses"))] == ["passed", "blocked", "untested", "retest", "failed"]


def test_runs_are_listed_and_filtered(rail, testrail):
    case = testrail.case("a")
    for number in range(3):
        run = testrail.store.add_run(1, case["suite_id"], {"name": f"run {number}", "refs": f"R{number}"}, [case["id"]])
        run["is_completed"] = number == 0
    assert [row["NAME"] for row in rows(rail("runs", "list"))] == ["run 2", "run 1", "run 0"]
    assert [row["NAME"] for row in rows(rail("runs", "list", "--completed", "yes"))] == ["run 0"]
    assert [row["name"] for row in said(rail("runs", "list", "--ref", "R1", "--days", "2", "--json"))] == ["run 1"]
    assert "no such runs" in rail("runs", "list", "--suite", "12345").out


# ---- what all of them share ----

def test_the_login_is_refused_in_words(rail, testrail):
    testrail.key = "another"
    refused = rail("statuses", code=2)
    assert "login is refused" in refused.err and 'sink "rail"' in refused.err


def test_a_429_is_waited_out_within_the_timeout(rail, testrail):
    testrail.answers("add_project", Answer(429, "", {"Retry-After": "7"}))
    done = rail("projects", "add", "x")
    assert "for 7 s" in done.err and len(testrail.store.projects) == 2
    testrail.answers("add_project", Answer(429, "", {"Retry-After": "3600"}))
    assert "cannot" in rail("projects", "add", "y", "--timeout", "10s", code=3).err
    assert len(testrail.store.projects) == 2


@pytest.mark.parametrize("json_wanted", [[], ["--json"]])
def test_maintenance_is_said_and_is_no_empty_list(rail, testrail, json_wanted):
    testrail.answers("get_statuses", 409)
    done = rail("statuses", *json_wanted, code=3)
    assert "Maintenance" in done.err and done.out == ""
    assert len(testrail.calls("get_statuses")) == 1


@pytest.mark.parametrize("how", ["reset", "empty", "html", "partial"])
def test_a_lost_answer_of_a_read_is_asked_again(rail, testrail, how):
    testrail.fault("get_statuses", after=how)
    assert len(rows(rail("statuses"))) == 5


@pytest.mark.parametrize("how", ["reset", "empty", "html", "partial"])
def test_a_lost_answer_of_a_write_is_said_and_not_repeated(rail, testrail, how):
    testrail.fault("add_project", after=how)
    assert "may have happened" in rail("projects", "add", "x", code=3).err
    assert [project["name"] for project in testrail.store.projects.values()] == ["Datahub", "x"]


def test_a_server_that_is_away(rail, testrail):
    testrail.down()
    assert "cannot list statuses" in rail("statuses", code=3).err


def test_which_sink_is_meant(resultd, testrail, make_testrail):
    second = make_testrail()
    second.project("Second one")
    resultd.configure({"a": resultd.rail(testrail), "b": resultd.rail(second),
                       "home": {"type": "local", "dir": str(resultd.folder / "runs")}})
    assert "--sink NAME" in resultd("testrail", "statuses").err
    assert "type local" in resultd("testrail", "statuses", "--sink", "home").err
    assert 'no sink "c"' in resultd("testrail", "statuses", "--sink", "c").err
    done = resultd("testrail", "projects", "list", "--sink", "b", "--json")
    assert [row["name"] for row in said(done)] == ["Datahub", "Second one"]
    assert testrail.calls() == []


def test_foreign_names_cannot_steer_a_terminal(rail, testrail):
    testrail.project("evil\x1b[2J\u009b31m\nline")
    done = rail("projects", "list", "--all")
    assert "\x1b" not in done.out and "\u009b" not in done.out and len(done.out.splitlines()) == 3


def test_help_tells_verbs_and_options(resultd):
    every = resultd("testrail", "--help")
    assert every.code == 0 and "projects delete NAME|ID" in every.out
    one = resultd("testrail", "case-fields", "add", "--help")
    assert one.code == 0 and "--has-expected" in one.out
    family = resultd("testrail", "projects", "--help")
    assert "projects add" in family.out and "projects list" in family.out and "runs list" not in family.out
    for args in ([], ["projects"], ["nothing"], ["projects", "list", "-x"], ["projects", "add"]):
        done = resultd("testrail", *args)
        assert done.code == 2 and "--help" in done.err


@pytest.mark.parametrize("how", ["hang", "wait"])
def test_a_person_may_interrupt_it(resultd, testrail, how):
    resultd.deliver_to(testrail)
    resultd.scale = 1
    if how == "hang":
        testrail.fault("get_statuses", before="hang")
    else:
        testrail.answers("get_statuses", Answer(429, "", {"Retry-After": "200"}))
    running = resultd.spawn("testrail", "statuses")
    testrail.wait_for("get_statuses")
    if how == "wait":
        running.says("for 200 s")
    running.signal(signal.SIGINT)
    assert running.wait(20).code == 128 + signal.SIGINT
