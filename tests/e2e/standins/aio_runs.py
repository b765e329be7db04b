# SPDX-License-Identifier: Apache-2.0
"""The endpoints of the AIO stand-in, second part: cases of a cycle, marks, runs and their steps, migration."""

from .aio_route import PAGED, RTF, router
from .aio_routes import check_custom
from .aio_rules import BULK_MAX, MIGRATE_MAX, Forbidden, Refused, flag, in_ms, matches, number
from .http_server import Answer

ROUTES, route = router()


# ---- cases of a cycle ----

def _association_json(server, association, **more):
    return {"ID": association["ID"], "testCycle": {"ID": association["_cycle"]["ID"],
                                                   "key": association["_cycle"]["key"],
                                                   "title": association["_cycle"]["title"]},
            "testCase": {**server.case_json(association["_case"])}, "assignSteps": False, **more}


@route("GET", "/testcycle/{C}/testcase", PAGED | RTF)
def cycle_cases(server, request, project, cycle_name):
    cycle = server.find_cycle(project, cycle_name)

    def show(association):
        shown = _association_json(server, association,
                                  latestRun=server.run_json(association["_runs"][-1], details=False))
        shown["testCase"].pop("automationStatus", None)         # the list of a cycle's cases leaves it out
        return shown
    return server.page(request, cycle["_cases"].values(), show)


@route("GET", "/testcycle/{C}/testrun", PAGED | RTF)
def cycle_runs(server, request, project, cycle_name):
    cycle = server.find_cycle(project, cycle_name)
    return server.page(request, cycle["_cases"].values(), lambda association: _association_json(
        server, association, runs=[server.run_json(run, details=False) for run in reversed(association["_runs"])]))


def open_cycle(server, project, name):
    """A cycle that takes executions."""
    cycle = server.find_cycle(project, name)
    server.may_write(project, cycle)
    if cycle["isClosed"] or cycle["isArchived"]:
        raise Refused(f"Cycle {cycle['key']} is closed, cases cannot be executed")
    return cycle


def associate(server, cycle, case, version=None):
    """The association of a case with a cycle that may be locked; the case may be a draft."""
    if case["ID"] in cycle["_cases"]:
        return cycle["_cases"][case["ID"]], False
    if cycle["isLockedForEdit"]:
        raise Refused(f"Cycle {cycle['key']} is locked, cases cannot be added")
    if server.published_only and case["status"]["name"] != "Published":
        raise Refused(f"Case {case['key']} is not published and cannot be added to a cycle")
    if version is not None and version != case["version"]:
        raise Refused(f"Case {case['key']} has no version {version}")
    return server.store.add_to_cycle(cycle, case), True


@route("POST", "/testcycle/{C}/testcase/{T}", {"version"})
def add_case(server, request, project, cycle_name, case_name):
    cycle = open_cycle(server, project, cycle_name)
    case = server.find_case(project, case_name)
    server.may_write(project, case)
    association, made = associate(server, cycle, case, number(request.query, "version"))
    run = association["_runs"][-1] if made else server.store.add_run(association)
    return server.run_json(run)


# ---- marks ----

def _mark(server, request, project, cycle, case, body, create_new):
    """What a mark does, alone or in bulk; a refusal leaves nothing behind."""
    server.may_write(project, case)
    refusal = server.refuse_mark(case["key"], body)
    if refusal:
        raise Refused(refusal)
    status = None
    if body.get("testRunStatus") is not None:
        status = project.status(body["testRunStatus"])
        if status is None:
            raise Refused(f"Run status {body['testRunStatus']} does not exist")
    updates = [(said.get("customFieldUpdateOperationType", "REPLACE_EXISTING"),
                check_custom(project, said["customValue"], "run"))
               for said in body.get("customFieldValueToUpdate", [])]
    association = cycle["_cases"].get(case["ID"])
    if association is None and (server.outside == "refuse" or (
            server.outside == "flag" and not flag(request.query, "addCaseToCycle"))):
        raise Refused(f"Case {case['key']} is not part of cycle {cycle['key']}")
    before = [] if association is None or create_new else association["_runs"][-1]["customFields"]
    _check_required(project, status, {row["ID"] for row in before} | {row["ID"] for _, row in updates})
    association, made = associate(server, cycle, case, body.get("testCaseVersion"))
    run = association["_runs"][-1] if made or not create_new else server.store.add_run(association)
    if status is not None:
        run["testRunStatus"] = status
    run["isAutomated"] = body.get("isAutomated", True)
    run["executedByID"] = server.store.me
    if "effort" in body:
        run["effort"] = body["effort"]
    run["_comments"] += [server.store.comment(text) for text in body.get("comments", [])]
    _change_defects(run, body.get("jiraDefectsUpdate"))
    for operation, row in updates:
        run["customFields"] = [one for one in run["customFields"] if one["ID"] != row["ID"]]
        if operation != "DELETE_EXISTING":
            run["customFields"].append(row)
    run["_marks"] += 1
    run["updatedDate"] = server.store.stamp()
    return _marked_json(server, run, cycle, case)


def _marked_json(server, run, cycle, case):
    shown = server.entity_json({"ID": run["ID"], "testCycleKey": cycle["key"], "testCaseKey": case["key"],
                                "testCaseVersion": case["version"], "testRunStatus": run["testRunStatus"]["name"],
                                "comments": [comment["comment"] for comment in run["_comments"]],
                                "effort": run["effort"], "isAutomated": run["isAutomated"],
                                "executedByID": run["executedByID"], "createdDate": run["createdDate"],
                                "updatedDate": run["updatedDate"], "jiraDefectIDs": run["jiraDefectIDs"],
                                "customFields": run["customFields"]})
    shown["permission"] = server.permission(cycle["_project"], cycle, case)
    return shown


def _check_required(project, status, given):
    for field in project.custom_fields:
        wanted = field.get("runAssociation")
        if not wanted or not wanted["isAssociated"] or status is None:
            continue
        if (wanted["isRequired"] or status in wanted["requiredForRunStatuses"]) and field["ID"] not in given:
            raise Refused(f"Custom field {field['name']} is mandatory for status {status['name']}")


def _change_defects(run, said):
    if said is None:
        return
    ids, how = said["jiraDefectIDs"], said.get("jiraBulkListOperationType", "ADD_TO_EXISTING")
    if how == "REPLACE_EXISTING":
        run["jiraDefectIDs"] = list(dict.fromkeys(ids))
    elif how == "ADD_TO_EXISTING":
        run["jiraDefectIDs"] = list(dict.fromkeys(run["jiraDefectIDs"] + ids))
    else:
        run["jiraDefectIDs"] = [one for one in run["jiraDefectIDs"] if one not in ids]


@route("POST", "/testcycle/{C}/testcase/{T}/testrun", RTF | {"createNewRun", "version"}, body="mark")
def mark(server, request, project, cycle_name, case_name):
    cycle = open_cycle(server, project, cycle_name)
    return _mark(server, request, project, cycle, server.find_case(project, case_name), request.json,
                 flag(request.query, "createNewRun"))


@route("POST", "/testcycle/{C}/bulk/testrun/update", RTF | {"createNewRun"}, body="bulk")
def mark_bulk(server, request, project, cycle_name):
    bodies = request.json["testRuns"]
    keys = [body["testCaseKey"] for body in bodies]
    if len(bodies) > BULK_MAX:
        raise Forbidden(f"{len(bodies)} results in one call, {BULK_MAX} is what others send")
    if len(set(keys)) != len(keys):
        raise Forbidden("a case stands twice in one call: what becomes of it is not known")
    if server.bulk_max is not None and len(bodies) > server.bulk_max:
        raise Refused("Request is too large")
    cycle = open_cycle(server, project, cycle_name)
    refusal = server.fail_bulk(bodies)
    if refusal:
        raise Refused(refusal)
    create_new = flag(request.query, "createNewRun")
    return bulk_answer(keys, lambda key: _mark(server, request, project, cycle, server.find_case(project, key),
                                               bodies[keys.index(key)], create_new))


def bulk_answer(keys, act):
    """Each key by itself: one refusal leaves the others be."""
    processed, errors = {}, {}
    for key in keys:
        try:
            processed[key] = act(key)
        except Forbidden:
            raise
        except Refused as refused:
            errors[key] = {"message": refused.text}
    status = "SUCCESS" if not errors else "SUCCESS_WITH_ERROR" if processed else "FAILED"
    return {"status": status, "requestCount": len(keys), "successCount": len(processed), "errorCount": len(errors),
            "errors": errors, "processedData": processed, "warnings": {}}


# ---- runs ----

@route("GET", "/testcycle/{C}/testcase/{T}/testrun", RTF | {"fetchDetails"})
def latest_run(server, request, project, cycle_name, case_name):
    return server.run_json(latest_of(server, project, cycle_name, case_name), flag(request.query, "fetchDetails"))


def latest_of(server, project, cycle_name, case_name):
    cycle = server.find_cycle(project, cycle_name)
    case = server.find_case(project, case_name)
    association = cycle["_cases"].get(case["ID"])
    if association is None:
        raise Refused(f"Case {case['key']} is not part of cycle {cycle['key']}", 404)
    return association["_runs"][-1]


@route("PUT", "/testcycle/{C}/testrun/cleanup", body="cleanup")
def cleanup_runs(server, request, project, cycle_name):
    cycle = open_cycle(server, project, cycle_name)
    oldest = server.store.stamp() - request.json["runCreatedBeforeDays"] * 86400000
    gone = [run for association in cycle["_cases"].values() for run in association["_runs"][:-1]
            if in_ms(run["createdDate"]) < oldest]
    for run in gone:
        server.store.delete_run(run)
    return {"status": "SUCCESS", "requestCount": len(gone), "successCount": len(gone), "errorCount": 0,
            "errors": {}, "processedData": {}, "warnings": {}}


@route("GET", "/testcycle/{C}/testrun/{R}", RTF)
def get_run(server, _request, project, cycle_name, run_id):
    return server.run_json(server.find_run(server.find_cycle(project, cycle_name), run_id))


@route("POST", "/testcycle/{C}/testrun/{R}", RTF | {"updateDatasetExecution"}, body="run", whole=True)
def put_run(server, request, project, cycle_name, run_id):
    """The run is what the body says: steps that it leaves out keep their state, comments without an ID are new."""
    flag(request.query, "updateDatasetExecution")
    cycle = open_cycle(server, project, cycle_name)
    run, body = server.find_run(cycle, run_id), request.json
    server.may_write(project, run["_association"]["_case"])
    if body.get("ID", run["ID"]) != run["ID"]:
        raise Forbidden(f"run {run['ID']} with the ID {body['ID']} in its body")
    status = run["testRunStatus"]
    if body.get("testRunStatus") is not None:
        status = project.named(project.run_statuses, body["testRunStatus"])
        if status is None:
            raise Refused(f"Run status {body['testRunStatus'].get('name')} does not exist")
    custom = [check_custom(project, said, "run") for said in body.get("customFields") or []]
    _check_required(project, status, {row["ID"] for row in custom})
    changes = [_changed_step(project, run, said) for said in body.get("testRunSteps") or []]
    run.update(testRunStatus=status, effort=body.get("effort"), isAutomated=body.get("isAutomated", True),
               jiraDefectIDs=body.get("jiraDefectIDs") or [], customFields=custom, executedByID=server.store.me,
               updatedDate=server.store.stamp())
    _add_comments(server, run, body.get("comments") or [])
    for step, said, step_status in changes:
        step["testRunStepStatus"] = step_status
        for name in ("actualResult", "jiraDefectIDs"):
            if said.get(name) is not None:
                step[name] = said[name]
        _add_comments(server, step, said.get("comments") or [])
    return server.run_json(run)


def _changed_step(project, run, said):
    step = next((one for one in run["testRunSteps"] if one["ID"] == said["ID"]), None)
    if step is None:
        raise Refused(f"Step {said['ID']} does not exist in run {run['ID']}")
    status = step["testRunStepStatus"]
    if said.get("testRunStepStatus") is not None:
        status = project.named(project.step_statuses, said["testRunStepStatus"])
        if status is None:
            raise Refused(f"Step status {said['testRunStepStatus'].get('name')} does not exist")
    return step, said, status


def _add_comments(server, owner, said):
    known = {comment["ID"] for comment in owner["_comments"]}
    for comment in said:
        if "ID" in comment and comment["ID"] not in known:
            raise Refused(f"Comment {comment['ID']} does not exist")
        if "ID" not in comment:
            owner["_comments"].append(server.store.comment(comment["comment"]))


@route("PUT", "/testcycle/{C}/testrun/{R}/reset")
def reset_run(server, _request, project, cycle_name, run_id):
    cycle = open_cycle(server, project, cycle_name)
    run = server.find_run(cycle, run_id)
    server.may_write(project, run["_association"]["_case"])
    run.update(testRunStatus=project.run_statuses[0], effort=None, jiraDefectIDs=[], customFields=[], _comments=[],
               _attachments=[], executedByID=None, updatedDate=server.store.stamp())
    for step in run["testRunSteps"]:
        step.update(testRunStepStatus=project.step_statuses[0], actualResult=None, jiraDefectIDs=[], _comments=[],
                    _attachments=[])
    return server.run_json(run)


@route("DELETE", "/testcycle/{C}/testrun/{R}")
def delete_run(server, _request, project, cycle_name, run_id):
    cycle = open_cycle(server, project, cycle_name)
    run = server.find_run(cycle, run_id)
    if run["_association"]["_runs"][-1] is run:
        raise Refused("The latest run cannot be deleted")
    server.store.delete_run(run)
    return Answer(200, b"", content_type="application/json;charset=utf-8")


def _comment(server, request, project, cycle_name, run):
    open_cycle(server, project, cycle_name)
    comment = server.store.comment(request.json["comment"])
    run["_comments"].append(comment)
    return comment


@route("POST", "/testcycle/{C}/testrun/{R}/comment", RTF, body="comment")
def comment_run(server, request, project, cycle_name, run_id):
    return _comment(server, request, project, cycle_name,
                    server.find_run(server.find_cycle(project, cycle_name), run_id))


@route("POST", "/testcycle/{C}/testcase/{T}/comment", RTF, body="comment")
def comment_case(server, request, project, cycle_name, case_name):
    return _comment(server, request, project, cycle_name, latest_of(server, project, cycle_name, case_name))


# ---- fields of many runs ----

def _update_fields(server, request, project, cycle_name):
    cycle = open_cycle(server, project, cycle_name)
    criteria, change = request.json["testRunSearchRequest"], request.json["testRunBulkUpdateRequest"]
    found = {one["_case"]["key"]: one["_runs"][-1] for one in cycle["_cases"].values() if matches(criteria, {
        "key": one["_case"]["key"], "caseID": one["_case"]["ID"], "testRunID": one["_runs"][-1]["ID"],
        "folderID": one["_case"].get("folder", {}).get("ID"),
        "testRunStatusID": one["_runs"][-1]["testRunStatus"]["ID"], "title": one["_case"]["title"],
        "automationKey": one["_case"].get("automationKey"),
        "tag": [tag["tag"]["name"] for tag in one["_case"].get("tags", [])]})}

    def act(key):
        run = found[key]
        body = {name: change[name] for name in ("effort", "isAutomated", "jiraDefectsUpdate",
                                                "customFieldValueToUpdate") if name in change}
        if change.get("testRunStatus") is not None:
            status = project.named(project.run_statuses, change["testRunStatus"])
            body["testRunStatus"] = status["name"] if status else str(change["testRunStatus"])
        return _mark(server, request, project, cycle, run["_association"]["_case"], body, False)
    return bulk_answer(list(found), act)


@route("PUT", "/testcycle/{C}/bulk/testrun", body="bulk_fields")
def update_fields(server, request, project, cycle_name):
    return _update_fields(server, request, project, cycle_name)


@route("PUT", "/testcycle/{C}/bulk/testrun/batch", body="bulk_fields")
def update_fields_batch(server, request, project, cycle_name):
    answer = _update_fields(server, request, project, cycle_name)
    return server.new_batch("fields.json", len(request.body), answer)


# ---- migration: runs of the past ----

def _migrate(server, project, cycle, case, body):
    status = project.status(body.get("testRunStatus", "Not Run"))
    if status is None:
        raise Refused(f"Run status {body['testRunStatus']} does not exist")
    custom = [check_custom(project, said, "run") for said in body.get("customFields", [])]
    server.may_write(project, case)
    association, made = associate(server, cycle, case)
    if made:                                    # always a run of its own, the first one included
        server.store.delete_run(association["_runs"][0])
    run = server.store.add_run(association, testRunStatus=status, effort=body.get("effort"), customFields=custom,
                               isAutomated=body.get("isAutomated", True),
                               executedByID=body.get("executedByID", server.store.me))
    for name in ("createdDate", "updatedDate"):
        if name in body:
            run[name] = int(in_ms(body[name]))
    run["_comments"] = [server.store.comment(text) for text in body.get("comments", [])]
    run["_defects"] = body.get("jiraDefectIDs", [])
    run["_external"] = body.get("externalRunID")
    association["_runs"].sort(key=lambda one: (one["createdDate"], one["ID"]))
    return run


def _migrated_json(server, run, cycle, case):
    shown = _marked_json(server, run, cycle, case)
    shown.pop("testCaseVersion")
    if run["_defects"]:
        shown["jiraDefectIDs"] = run["_defects"]
    return shown


@route("POST", "/testcycle/{C}/testcase/{T}/testrun/migrate", body="migrate_run")
def migrate_run(server, request, project, cycle_name, case_name):
    cycle = open_cycle(server, project, cycle_name)
    case = server.find_case(project, case_name)
    return _migrated_json(server, _migrate(server, project, cycle, case, request.json), cycle, case)


@route("POST", "/testcycle/{C}/testruns/bulk/migrate", {"returnFullRunResponse"}, body="migrate_runs")
def migrate_runs(server, request, project, cycle_name):
    whole = flag(request.query, "returnFullRunResponse")
    cases = request.json["testCases"]
    _unique([one["externalCaseID"] for one in cases], "externalCaseID")
    _unique([run["externalRunID"] for one in cases for run in one["testRuns"]], "externalRunID")
    if sum(len(one["testRuns"]) for one in cases) > MIGRATE_MAX:
        raise Forbidden(f"more than {MIGRATE_MAX} runs in one call")
    cycle = open_cycle(server, project, cycle_name)
    answer = {}
    for one in cases:
        said = {"testCaseKey": one["testCaseKey"], "migrateRunResponseMap": {}}
        answer[one["externalCaseID"]] = said
        try:
            case = server.find_case(project, one["testCaseKey"])
        except Refused as refused:
            said["error"] = {"message": refused.text}
            continue
        for body in one["testRuns"]:
            try:
                run = _migrate(server, project, cycle, case, body)
                detail = {"testRunDetail": _migrated_json(server, run, cycle, case)} if whole else {}
                said["migrateRunResponseMap"][body["externalRunID"]] = {"testRunID": run["ID"], **detail}
            except Refused as refused:
                said["migrateRunResponseMap"][body["externalRunID"]] = {"error": {"message": refused.text}}
    return {"testCycleKey": cycle["key"], "migrateCycleCaseResponseMap": answer}


def _unique(values, what):
    if len(set(values)) != len(values):
        raise Forbidden(f"a value of {what} stands twice in one call")
