# SPDX-License-Identifier: Apache-2.0
"""The endpoints of the TestRail stand-in: one function each, with its method, arguments and query keys."""

import json
import re

from .testrail_rules import Forbidden, Refused, check_fields, is_int

PLAN_RUN = ("This operation is not allowed. The test run belongs to a test plan and cannot be edited "
            "independently.")

PAGED = {"limit", "offset"}
CREATED = {"created_after", "created_before", "created_by"}
ROUTES = {}                     # endpoint -> (method, least args, most args, query keys, function)
TEXTS = {}                      # endpoint -> places of path arguments that are no numbers


def route(method, args, query=(), texts=()):
    least, most = args if isinstance(args, tuple) else (args, args)

    def register(function):
        ROUTES[function.__name__] = (method, least, most, set(query), function)
        TEXTS[function.__name__] = set(texts)
        return function
    return register


def _number(request, key):
    """An integer of the query, or None."""
    text = request.query.get(key)
    if text is None:
        return None
    if not text.isdigit():
        raise Forbidden(f"Field :{key} is not a valid value.")
    return int(text)


def _flag(request, key):
    text = request.query.get(key)
    if text not in (None, "0", "1"):
        raise Forbidden(f"Field :{key} is not a valid boolean (1 or 0).")
    return None if text is None else text == "1"


def _filtered(request, rows, exact=()):
    """created_*/updated_* and equality filters."""
    for stem in ("created", "updated"):
        after, before = _number(request, f"{stem}_after"), _number(request, f"{stem}_before")
        by = request.query.get(f"{stem}_by")
        users = None if by is None else {int(part) for part in by.split(",") if part.isdigit()}
        if after is not None:
            rows = [row for row in rows if row[f"{stem}_on"] > after]
        if before is not None:
            rows = [row for row in rows if row[f"{stem}_on"] < before]
        if users is not None:
            rows = [row for row in rows if row[f"{stem}_by"] in users]
    for key in exact:
        if key in request.query:
            wanted = {int(part) for part in request.query[key].split(",") if part.isdigit()}
            rows = [row for row in rows if row[key] in wanted]
    return rows


# ---- users, projects, lists ----

@route("GET", (0, 1))
def get_current_user(server, _request, *_ids):
    return server._shown(server.me)


@route("GET", 0, ["email"])
def get_user_by_email(server, request):
    for user in server.store.users.values():
        if user["email"] == request.query.get("email"):
            return server._shown(user)
    raise Refused("Field :email is not a valid email address.")


@route("GET", (0, 1))
def get_users(server, _request, *ids):
    if not ids:
        raise Refused("You are not allowed to access this resource (requires admin).", 403)
    server.find_project(ids[0])
    return [server._shown(user) for user in server.store.users.values()]


@route("GET", 1)
def get_project(server, _request, project_id):
    return server._shown(server.find_project(project_id))


@route("GET", 0, PAGED | {"is_completed"})
def get_projects(server, request):
    completed = _flag(request, "is_completed")
    return server._list(request, "projects", [row for row in server.store.projects.values()
                                              if completed is None or row["is_completed"] == completed])


@route("GET", 1, PAGED)
def get_suites(server, request, project_id):
    server.find_project(project_id)
    return server._list(request, "suites", [row for row in server.store.suites.values()
                                            if row["project_id"] == project_id], server.bare_suites)


@route("GET", 1)
def get_suite(server, _request, suite_id):
    if suite_id not in server.store.suites:
        raise Refused("Field :suite_id is not a valid test suite.")
    return server._shown(server.store.suites[suite_id])


@route("GET", 0)
def get_statuses(server, _request):
    return server.store.statuses


@route("GET", 0)
def get_priorities(server, _request):
    return server.store.priorities


@route("GET", 0)
def get_case_types(server, _request):
    return server.store.case_types


@route("GET", 1)
def get_templates(server, _request, project_id):
    server.find_project(project_id)
    return server.store.templates


@route("GET", 0)
def get_case_fields(server, _request):
    return server.store.case_fields


@route("GET", 0)
def get_result_fields(server, _request):
    return server.store.result_fields


@route("POST", 0)
def add_case_field(server, request):
    body = request.json
    if not server.me["is_admin"]:
        raise Refused("You are not allowed to access this resource (requires admin).", 403)
    known = {"type", "name", "label", "description", "include_all", "template_ids", "configs"}
    if set(body) - known:
        raise Forbidden(f"Field :{sorted(set(body) - known)[0]} is not a known field.")
    if body.get("type") not in ("String", "1", "Text", "3"):
        raise Forbidden("Field :type is not a valid type (a word, or a number as a text).")
    name = body.get("name")
    if not isinstance(name, str) or not re.fullmatch("[a-z0-9_]+", name) or name.startswith("custom_"):
        raise Forbidden("Field :name is not a valid system name.")
    if not isinstance(body.get("label"), str) or not isinstance(body.get("configs"), list):
        raise Forbidden("Field :configs is a required field.")
    if any(field["name"] == name for field in server.store.case_fields):
        raise Refused("Field :name is already in use.")
    context = body["configs"][0]["context"]
    field = server.store.add_field(name, {"String": 1, "1": 1}.get(body["type"], 3), label=body["label"],
                                   projects=None if context["is_global"] else context["project_ids"])
    # the answer is not what lists show
    return {**field, "configs": json.dumps(field["configs"]), "is_active": 1}


# ---- sections and cases ----

@route("GET", 1, PAGED | {"suite_id"})
def get_sections(server, request, project_id):
    suite = server.find_suite(server.find_project(project_id), request.query.get("suite_id"))
    return server._list(request, "sections", [row for row in server.store.sections.values()
                                              if row["suite_id"] == suite["id"]])


@route("POST", 1)
def add_section(server, request, project_id):
    check_fields("section", request.json, required=["name"])
    suite = server.find_suite(server.find_project(project_id), request.json.get("suite_id"))
    parent = request.json.get("parent_id")
    if parent is not None and server.store.sections.get(parent, {}).get("suite_id") != suite["id"]:
        raise Refused("Field :parent_id is not a valid section.")
    return server._shown(server.store.add_section(suite["id"], request.json["name"], parent,
                                                  request.json.get("description")))


@route("GET", 1, PAGED | CREATED | {"suite_id", "section_id", "updated_after", "updated_before", "updated_by",
                                    "milestone_id", "priority_id", "type_id", "template_id", "refs", "filter"})
def get_cases(server, request, project_id):
    suite = server.find_suite(server.find_project(project_id), request.query.get("suite_id"))
    rows = _filtered(request, [row for row in server.store.cases.values() if row["suite_id"] == suite["id"]],
                     ["section_id", "milestone_id", "priority_id", "type_id", "template_id"])
    if "refs" in request.query:
        rows = [row for row in rows if request.query["refs"] in (row["refs"] or "").replace(" ", "").split(",")]
    if "filter" in request.query:
        rows = [row for row in rows if request.query["filter"].lower() in row["title"].lower()]
    answer = server._list(request, "cases", rows)
    if isinstance(answer, list):
        return [server.case_json(row) for row in answer]
    return {**answer, "cases": [server.case_json(row) for row in answer["cases"]]}


@route("GET", 1)
def get_case(server, _request, case_id):
    if case_id not in server.store.cases:
        raise Refused("Field :case_id is not a valid test case.")
    return server.case_json(server.store.cases[case_id])


def _check_case(server, body, where="", whole=True):
    custom = {field["system_name"]: field for field in server.store.case_fields}
    check_fields("case", body, where, custom, required=["title"] if whole else [])
    lists = {"template_id": server.store.templates, "type_id": server.store.case_types,
             "priority_id": server.store.priorities}
    for key, rows in lists.items():
        if body.get(key) is not None and body[key] not in [row["id"] for row in rows]:
            raise Refused(f"Field :{key} is not a valid ID.")
    if whole:
        for name, field in custom.items():
            if field["configs"][0]["options"]["is_required"] and not body.get(name):
                raise Refused(f"Field :{name} is a required field.")


def _find_section(server, section_id):
    if section_id not in server.store.sections:
        raise Refused("Field :section_id is not a valid section.")
    return section_id


@route("POST", 1)
def add_case(server, request, section_id):
    _find_section(server, section_id)
    _check_case(server, request.json)
    return server.case_json(server.store.add_case(section_id, request.json, user=server.me["id"]))


@route("POST", 1)
def add_cases(server, request, section_id):
    _find_section(server, section_id)
    cases = request.json.get("cases")
    if set(request.json) != {"cases"} or not isinstance(cases, list) or not cases:
        raise Forbidden("Field :cases is a required field.")
    for index, body in enumerate(cases):
        _check_case(server, body, f"cases[{index}]")
    return {"cases": [server.case_json(server.store.add_case(section_id, body, user=server.me["id"]))
                      for body in cases]}


@route("POST", 1)
def update_case(server, request, case_id):
    if case_id not in server.store.cases:
        raise Refused("Field :case_id is not a valid test case.")
    _check_case(server, request.json, whole=False)
    case = server.store.cases[case_id]
    case.update({**request.json, "updated_on": server.store.stamp(), "updated_by": server.me["id"]})
    return server.case_json(case)


@route("POST", 1)
def update_cases(server, request, suite_id):
    if suite_id not in server.store.suites:
        raise Refused("Field :suite_id is not a valid test suite.")
    body = dict(request.json)
    numbers = body.pop("case_ids", None)
    if not isinstance(numbers, list) or not numbers or not all(is_int(number) for number in numbers):
        raise Forbidden("Field :case_ids is a required field.")
    if not body:
        raise Forbidden("update_cases without any value")
    for number in numbers:
        if server.store.cases.get(number, {}).get("suite_id") != suite_id:
            raise Refused(f"Field :case_ids contains an invalid ID ({number}).")
    _check_case(server, body, whole=False)
    for number in numbers:
        server.store.cases[number].update({**body, "updated_on": server.store.stamp(), "updated_by": server.me["id"]})
    return {"updated_cases": [server.case_json(server.store.cases[number]) for number in numbers]}


# ---- runs ----

def _run_cases(server, body, suite_id, before=()):
    """The case ids of a run, from include_all and case_ids."""
    if body.get("include_all", True):
        if body.get("case_ids"):
            raise Forbidden("case_ids with include_all: a selection needs include_all false")
        return server.store.suite_cases(suite_id)
    if "case_ids" not in body:
        return list(before)
    for case_id in body["case_ids"]:
        if server.store.cases.get(case_id, {}).get("suite_id") != suite_id:
            raise Refused("Field :case_ids is not a valid ID.")
    return body["case_ids"]


def check_run_ids(server, project_id, body):
    """What a run, an entry or a plan names must be there, and open."""
    milestone = body.get("milestone_id")
    if milestone is not None and server.store.milestones.get(milestone, {}).get("project_id") != project_id:
        raise Refused("Field :milestone_id is not a valid ID.")
    if body.get("assignedto_id") is not None and body["assignedto_id"] not in server.store.users:
        raise Refused("Field :assignedto_id is not a valid ID.")


@route("POST", 1)
def add_run(server, request, project_id):
    body = request.json
    check_fields("run", body, required=["name"])
    suite = server.find_suite(server.find_project(project_id), body.get("suite_id"))
    check_run_ids(server, project_id, body)
    case_ids = _run_cases(server, body, suite["id"])
    if not case_ids and not body.get("include_all", True):
        raise Forbidden("a run of no cases")
    return server.run_json(server.store.add_run(project_id, suite["id"], body, case_ids, server.me["id"]))


@route("GET", 1)
def get_run(server, _request, run_id):
    return server.run_json(server.find_run(run_id))


@route("GET", 1, PAGED | CREATED | {"is_completed", "milestone_id", "suite_id", "refs_filter", "include_plan_runs"})
def get_runs(server, request, project_id):
    server.find_project(project_id)
    completed = _flag(request, "is_completed")
    plans = _flag(request, "include_plan_runs") and completed is not None
    rows = [row for row in server.store.runs.values() if row["project_id"] == project_id
            and (row["plan_id"] is None or plans) and (completed is None or row["is_completed"] == completed)]
    rows = _filtered(request, rows, ["milestone_id", "suite_id"])
    if "refs_filter" in request.query:
        rows = [row for row in rows
                if request.query["refs_filter"] in (row["refs"] or "").replace(" ", "").split(",")]
    answer = server._list(request, "runs", sorted(rows, key=lambda row: -row["id"]))
    if isinstance(answer, list):
        return [server.run_json(server.store.runs[int(row["id"])]) for row in answer]
    return {**answer, "runs": [server.run_json(server.store.runs[int(row["id"])]) for row in answer["runs"]]}


@route("POST", 1)
def update_run(server, request, run_id):
    run = server.find_run(run_id, open_only=True)
    if run["plan_id"] is not None:
        raise Refused(PLAN_RUN)
    check_fields("run", request.json)
    if "suite_id" in request.json:
        raise Forbidden("Field :suite_id cannot be changed.")
    before = list(server.store.tests_of_run[run_id])
    if "case_ids" in request.json or "include_all" in request.json:
        body = {"include_all": run["include_all"], **request.json}
        server.store.set_run_cases(run, _run_cases(server, body, run["suite_id"], before))
    run.update({key: value for key, value in request.json.items() if key != "case_ids"})
    run["updated_on"] = server.store.stamp()
    return server.run_json(run)


@route("POST", 1)
def close_run(server, request, run_id):
    run = server.find_run(run_id, open_only=True)
    if run["plan_id"] is not None:
        raise Forbidden(PLAN_RUN)
    if request.json:
        raise Forbidden("close_run takes {}")
    run.update(is_completed=True, completed_on=server.store.stamp())
    return server.run_json(run)


@route("GET", 1, PAGED | {"status_id"})
def get_tests(server, request, run_id):
    server.find_run(run_id)
    rows = list(server.store.tests_of_run[run_id].values())
    return server._list(request, "tests", _filtered(request, rows, ["status_id"]))


# ---- results ----

def _check_result(server, body, where, also):
    custom = {field["system_name"]: field for field in server.store.result_fields}
    check_fields("result", body, where, custom, also)
    prefix = f"{where}." if where else ""
    if body.get("status_id") is not None:
        status = server.store.status(body["status_id"])
        if status is None or status["is_untested"]:
            raise Forbidden(f"Field :{prefix}status_id is not a valid status.")
    elif not body.get("comment"):
        raise Forbidden(f"Field :{prefix}status_id is a required field.")
    if body.get("assignedto_id") is not None and body["assignedto_id"] not in server.store.users:
        raise Forbidden(f"Field :{prefix}assignedto_id is not a valid user.")
    required = [field["system_name"] for field in server.store.result_fields
                if field["configs"][0]["options"]["is_required"]]
    for name in required:
        if body.get(name) in (None, "", []):
            raise Refused(f"Field :{prefix}{name} is a required field.")


def _check_results(server, request, key):
    results = request.json.get("results")
    if set(request.json) != {"results"} or not isinstance(results, list):
        raise Forbidden("Field :results is a required field.")
    if not results:
        raise Forbidden("Field :results cannot be empty (one result is required)")
    for body in results:
        if not isinstance(body, dict) or not is_int(body.get(key)):
            raise Forbidden(f"Field :results.{key} is a required field.")
    return results


def _shown_result(server, result, case_id=None):
    shown = server._shown(result)
    if case_id is not None and not server.no_answer_ids:
        shown["case_id"] = case_id
    return shown


@route("POST", 1)
def add_results_for_cases(server, request, run_id):
    run = server.find_run(run_id, open_only=True)
    results = _check_results(server, request, "case_id")
    tests = server.store.tests_of_run[run["id"]]
    for body in results:
        if body["case_id"] not in tests:
            raise Refused("Field :results contains one or more invalid results (case "
                          f"C{body['case_id']} unknown or not part of the test run)")
    for body in results:
        refusal = server.refuse_result(body)
        if refusal:
            raise Refused(refusal)
        _check_result(server, body, "results", ["case_id"])
    return [_shown_result(server, server.store.add_result(tests[body["case_id"]], body, server.me["id"]),
                          body["case_id"]) for body in results]


@route("POST", 1)
def add_results(server, request, run_id):
    run = server.find_run(run_id, open_only=True)
    results = _check_results(server, request, "test_id")
    for body in results:
        if server.store.tests.get(body["test_id"], {}).get("run_id") != run["id"]:
            raise Refused("Field :results contains one or more invalid results (test "
                          f"T{body['test_id']} unknown or not part of the test run)")
    for body in results:
        _check_result(server, body, "results", ["test_id"])
    return [_shown_result(server, server.store.add_result(server.store.tests[body["test_id"]], body,
                                                          server.me["id"])) for body in results]


@route("POST", 2)
def add_result_for_case(server, request, run_id, case_id):
    server.find_run(run_id, open_only=True)
    if case_id not in server.store.tests_of_run[run_id]:
        raise Refused("No (active) test found for the run/case combination.")
    _check_result(server, request.json, "", [])
    return _shown_result(server, server.store.add_result(server.store.tests_of_run[run_id][case_id], request.json,
                                                         server.me["id"]), case_id)


@route("GET", 1, PAGED | CREATED | {"status_id", "defects_filter"})
def get_results_for_run(server, request, run_id):
    server.find_run(run_id)
    rows = _filtered(request, server.store.results_of(run_id), ["status_id"])
    return server._list(request, "results", sorted(rows, key=lambda row: -row["id"]))


@route("GET", 2, PAGED | {"status_id", "defects_filter"})
def get_results_for_case(server, request, run_id, case_id):
    server.find_run(run_id)
    rows = _filtered(request, server.store.results_of(run_id, case_id), ["status_id"])
    return server._list(request, "results", sorted(rows, key=lambda row: -row["id"]))
