# SPDX-License-Identifier: Apache-2.0
"""Plans with their entries, configurations and milestones of the TestRail stand-in."""

import uuid

from .testrail_routes import CREATED, PAGED, _filtered, _flag, _run_cases, check_run_ids, route
from .testrail_rules import Forbidden, Refused, check_fields


# ---- milestones ----

@route("GET", 1, PAGED | {"is_completed", "is_started"})
def get_milestones(server, request, project_id):
    server.find_project(project_id)
    completed = _flag(request, "is_completed")
    rows = [row for row in server.store.milestones.values() if row["project_id"] == project_id
            and (completed is None or row["is_completed"] == completed)]
    if server.flat_milestones:
        return server._list(request, "milestones", rows)
    def with_children(row):
        below = [with_children(child) for child in rows if child["parent_id"] == row["id"]]
        return {**row, "milestones": [server._shown(child) for child in below]}
    return server._list(request, "milestones", [with_children(row) for row in rows if row["parent_id"] is None])


@route("POST", 1)
def add_milestone(server, request, project_id):
    server.find_project(project_id)
    check_fields("milestone", request.json, required=["name"])
    parent = request.json.get("parent_id")
    if parent is not None and server.store.milestones.get(parent, {}).get("project_id") != project_id:
        raise Refused("Field :parent_id is not a valid milestone.")
    fields = {key: value for key, value in request.json.items() if key not in ("name", "parent_id")}
    return server._shown(server.store.add_milestone(project_id, request.json["name"], parent, **fields))


# ---- configurations ----

@route("GET", 1)
def get_configs(server, _request, project_id):
    server.find_project(project_id)
    return [group for group in server.store.groups.values() if group["project_id"] == project_id]


@route("POST", 1)
def add_config_group(server, request, project_id):
    server.find_project(project_id)
    check_fields("named", request.json, required=["name"])
    return server.store.add_config_group(project_id, request.json["name"])


@route("POST", 1)
def add_config(server, request, group_id):
    if group_id not in server.store.groups:
        raise Refused("Field :config_group_id is not a valid configuration group.")
    check_fields("named", request.json, required=["name"])
    return server.store.add_config(group_id, request.json["name"])


# ---- plans ----

def _find_plan(server, plan_id, open_only=False):
    plan = server.store.plans.get(plan_id)
    if plan is None:
        raise Refused("Field :plan_id is not a valid test plan.")
    if open_only and plan["is_completed"]:
        raise Refused("This operation is not allowed. The test plan is completed and cannot be changed any more.")
    return plan


def _find_entry(server, plan, entry_id):
    for entry in plan["_entries"]:
        if entry["id"] == entry_id:
            return entry
    raise Refused("Field :entry_id is not a valid test plan entry.")


def _entry_json(server, entry):
    return {**server._shown(entry), "runs": [server.run_json(server.store.runs[number]) for number in entry["_runs"]]}


def _plan_json(server, plan, entries=True):
    shown = {**server._shown(plan), "url": f"{server.address}/index.php?/plans/view/{plan['id']}"}
    if entries:
        shown["entries"] = [_entry_json(server, entry) for entry in plan["_entries"]]
    return shown


@route("GET", 1, PAGED | CREATED | {"is_completed", "milestone_id"})
def get_plans(server, request, project_id):
    server.find_project(project_id)
    completed = _flag(request, "is_completed")
    rows = [row for row in server.store.plans.values() if row["project_id"] == project_id
            and (completed is None or row["is_completed"] == completed)]
    rows = sorted(_filtered(request, rows, ["milestone_id"]), key=lambda row: -row["id"])
    return server._list(request, "plans", [{**_plan_json(server, row, False), "_visible": row["_visible"]}
                                           for row in rows])


@route("GET", 1)
def get_plan(server, _request, plan_id):
    return _plan_json(server, _find_plan(server, plan_id))


@route("POST", 1)
def add_plan(server, request, project_id):
    server.find_project(project_id)
    check_fields("plan", request.json, required=["name"])
    check_run_ids(server, project_id, request.json)
    if request.json.get("entries"):
        raise Forbidden("entries are added one by one here")
    fields = {key: value for key, value in request.json.items() if key != "entries"}
    return _plan_json(server, server.store.add_plan(project_id, fields, server.me["id"]))


def _check_configs(server, project_id, body):
    known = server.store.config_ids(project_id)
    for number in body.get("config_ids") or []:
        if number not in known:
            raise Refused("Field :config_ids is not a valid ID.")
    return body.get("config_ids") or []


@route("POST", 1)
def add_plan_entry(server, request, plan_id):
    body = request.json
    plan = _find_plan(server, plan_id, open_only=True)
    project = server.find_project(plan["project_id"])
    check_fields("entry", body, required=["suite_id"])
    suite = server.find_suite(project, body["suite_id"])
    check_run_ids(server, project["id"], body)
    configs = _check_configs(server, project["id"], body)
    wanted = body.get("runs") or []
    if configs and not wanted:
        raise Forbidden("Field :entries has configurations but no test runs.")
    case_ids = _run_cases(server, body, suite["id"])
    if not case_ids and not body.get("include_all", True):
        raise Forbidden("an entry of no cases")
    rows = []
    for one in wanted:
        check_fields("entry run", one)
        ids = _check_configs(server, project["id"], one)
        if not ids or not set(ids) <= set(configs):
            raise Forbidden("Field :runs: its configurations are not those of the entry")
        # without configurations the selection of a run would not be looked at
        rows.append((ids, {**body, **one}, _run_cases(server, {**body, **one}, suite["id"])))
    if not wanted:
        rows.append(([], body, case_ids))
    entry = {"id": str(uuid.uuid4()), "suite_id": suite["id"], "name": body.get("name") or suite["name"],
             "description": body.get("description"), "include_all": body.get("include_all", True),
             "refs": body.get("refs"), "_runs": []}
    for ids, said, cases in rows:
        fields = {key: value for key, value in said.items() if key not in ("runs", "config_ids", "suite_id")}
        fields["name"] = entry["name"]
        run = server.store.add_run(project["id"], suite["id"], fields, cases, server.me["id"], plan["id"])
        run.update(config_ids=list(ids), entry_id=entry["id"], entry_index=len(plan["_entries"]) + 1,
                   milestone_id=plan["milestone_id"])
        entry["_runs"].append(run["id"])
    plan["_entries"].append(entry)
    return _entry_json(server, entry)


@route("POST", 2, texts={1})
def update_plan_entry(server, request, plan_id, entry_id):
    entry = _find_entry(server, _find_plan(server, plan_id, open_only=True), entry_id)
    check_fields("entry", request.json)
    runs = [server.store.runs[number] for number in entry["_runs"]]
    if any(run["config_ids"] for run in runs):
        raise Forbidden("runs with configurations are changed by update_run_in_plan_entry")
    for run in runs:
        _set_cases(server, run, request.json)
    return _entry_json(server, entry)


@route("POST", 1)
def update_run_in_plan_entry(server, request, run_id):
    run = server.find_run(run_id, open_only=True)
    if run["plan_id"] is None or not run["config_ids"]:
        raise Forbidden("Field :run_id is not a run of a plan entry with configurations.")
    check_fields("entry run", request.json)
    _set_cases(server, run, request.json)
    return server.run_json(run)


def _set_cases(server, run, body):
    before = list(server.store.tests_of_run[run["id"]])
    if "case_ids" in body or "include_all" in body:
        body = {"include_all": run["include_all"], **body}
        server.store.set_run_cases(run, _run_cases(server, body, run["suite_id"], before))
    run.update({key: value for key, value in body.items() if key not in ("case_ids", "config_ids")})
    run["updated_on"] = server.store.stamp()


@route("POST", 1)
def close_plan(server, request, plan_id):
    plan = _find_plan(server, plan_id, open_only=True)
    if request.json:
        raise Forbidden("close_plan takes {}")
    plan.update(is_completed=True, completed_on=server.store.stamp())
    for entry in plan["_entries"]:
        for number in entry["_runs"]:
            server.store.runs[number].update(is_completed=True, completed_on=server.store.stamp())
    return _plan_json(server, plan)


