# SPDX-License-Identifier: Apache-2.0
"""The endpoints of the AIO stand-in, first part: configuration, tags, folders, cases, cycles, sets."""

from .aio_route import PAGED, RTF, router
from .aio_rules import BODIES, Forbidden, Refused, flag, matches, number
from .http_server import Answer

ROUTES, route = router()


# ---- configuration ----

@route("GET", "/config")
def get_config(server, _request, project):
    return {"caseTypes": project.case_types, "casePriorities": project.case_priorities,
            "caseStatuses": project.case_statuses, "caseAutomationStatuses": project.automation_statuses,
            "caseScriptTypes": project.script_types, "runStatuses": project.run_statuses,
            "runStepStatuses": project.step_statuses, "customFieldTypes": project.custom_field_types,
            "customFields": project.custom_fields, "adhocTestCycle": server.cycle_json(project.adhoc)}


@route("GET", "/config/testrun/status")
def run_statuses(_server, _request, project):
    return project.run_statuses


@route("GET", "/config/testrun/testrunstep/status")
def step_statuses(_server, _request, project):
    return project.step_statuses


@route("GET", "/config/testcase/status")
def case_statuses(_server, _request, project):
    return project.case_statuses


@route("GET", "/config/testcase/type")
def case_types(_server, _request, project):
    return project.case_types


@route("GET", "/config/testcase/priority")
def case_priorities(_server, _request, project):
    return project.case_priorities


@route("GET", "/config/testcase/automationstatus")
def automation_statuses(_server, _request, project):
    return project.automation_statuses


@route("GET", "/config/testcase/scripttype")
def script_types(_server, _request, project):
    return project.script_types


@route("GET", "/config/customfield")
def custom_fields(_server, _request, project):
    return project.custom_fields


@route("GET", "/config/customfieldtype")
def custom_field_types(_server, _request, project):
    return project.custom_field_types


@route("GET", "/predefinedparameter")
def predefined_parameters(_server, _request, project):
    return project.parameters


@route("GET", "/tag")
def get_tags(_server, _request, project):
    return list(project.tags.values())


@route("POST", "/tag", body="tags")
def add_tags(server, request, project):
    server.may_write(project)
    return [server.store.add_tag(project, row["name"]) for row in request.json]


# ---- folders ----

def _tree(project, kind, parent=None):
    return [{**row, "children": _tree(project, kind, row["ID"])}
            for row in project.folders[kind].values() if row["parentID"] == parent]


def _folder_path(server, request, project, kind):
    server.may_write(project)
    if server.refuse_folders is not None:
        raise Refused("Folder could not be created", server.refuse_folders)
    base, path = request.json.get("baseFolderId"), request.json["folderHierarchy"]
    if base is not None and base not in project.folders[kind]:
        raise Refused(f"Folder {base} does not exist")
    if not all(name.strip() and len(name) <= 255 for name in path):
        raise Forbidden("a folder without a name, or with one of more than 255 characters")
    return server.store.add_folders(project, kind, path, base)


@route("GET", "/testcase/folder")
def case_folders(_server, _request, project):
    return _tree(project, "case")


@route("PUT", "/testcase/folder/hierarchy", body="folders")
def case_folder_path(server, request, project):
    return _folder_path(server, request, project, "case")


@route("GET", "/testcycle/folder")
def cycle_folders(_server, _request, project):
    return _tree(project, "cycle")


@route("PUT", "/testcycle/folder/hierarchy", body="folders")
def cycle_folder_path(server, request, project):
    return _folder_path(server, request, project, "cycle")


@route("GET", "/testset/folder")
def set_folders(_server, _request, project):
    return _tree(project, "set")


# ---- what cases, cycles and sets have in common ----

def check_place(project, body, kind):
    """Folder, tags and custom fields of a body exist; answers what is stored of them."""
    stored = dict(body)
    if body.get("folder") is not None:
        folder = project.folders[kind].get(body["folder"]["ID"])
        if folder is None:
            raise Refused(f"Folder {body['folder']['ID']} does not exist")
        stored["folder"] = folder
    if body.get("tags") is not None:
        tags = []
        for said in body["tags"]:
            tag = project.tags.get(said["tag"]["ID"])
            if tag is None:
                raise Refused(f"Tag {said['tag']['ID']} does not exist")
            tags.append({"tag": tag, "associationID": tag["ID"] + 100000})
        stored["tags"] = tags
    if body.get("customFields") is not None:
        stored["customFields"] = [check_custom(project, said, kind) for said in body["customFields"]]
    return stored


def check_custom(project, said, kind):
    """One {ID or name, value} of a custom field that belongs to this kind of thing."""
    for field in project.custom_fields:
        if said.get("ID") == field["ID"] or ("ID" not in said and said.get("name") == field["name"]):
            if not field.get(f"{kind}Association", {}).get("isAssociated"):
                raise Refused(f"Custom field {field['name']} is not associated with the {kind}")
            value = said.get("value")
            allowed = [row["value"] for row in field["allowedListValues"]]
            if allowed and isinstance(value, dict):
                value = value.get("value")
            if field["type"] == "NUMBER" and not isinstance(value, (int, float)):
                raise Refused(f"Value of custom field {field['name']} must be a number")
            if field["type"] == "SINGLE_SELECT_LIST" and value not in allowed:
                raise Refused(f"Value of custom field {field['name']} is not allowed")
            if field["type"] == "SINGLE_LINE_TEXT" and not isinstance(value, str):
                raise Refused(f"Value of custom field {field['name']} must be a text")
            return {"ID": field["ID"], "name": field["name"], "value": said.get("value")}
    raise Refused(f"Custom field {said.get('name', said.get('ID'))} does not exist")


def _replace(row, body, read_only, fields):
    """A document is replaced whole: what is not in it is gone."""
    for key in [key for key in row if not key.startswith("_") and key not in read_only and key in fields]:
        del row[key]
    row.update({key: value for key, value in body.items() if key not in read_only})


# ---- cases ----

CASE_LISTS = {"status": "case_statuses", "priority": "case_priorities", "type": "case_types",
              "scriptType": "script_types", "automationStatus": "automation_statuses"}


def checked_case(project, body):
    stored = check_place(project, body, "case")
    for name, rows in CASE_LISTS.items():
        if body.get(name) is not None:
            stored[name] = project.named(getattr(project, rows), body[name])
            if stored[name] is None:
                raise Refused(f"{name} {body[name].get('name', body[name].get('ID'))} does not exist")
    if body.get("steps") and not body.get("scriptType"):
        raise Refused("Script type is missing or invalid")
    return stored


@route("GET", "/testcase", PAGED | RTF)
def list_cases(server, request, project):
    return server.page(request, project.cases.values(), server.case_json)


@route("POST", "/testcase", RTF | {"uniqueAutoKey"}, body="case")
def create_case(server, request, project):
    stored = checked_case(project, request.json)
    server.may_write(project)
    key = stored.get("automationKey")
    if flag(request.query, "uniqueAutoKey") and key and any(case.get("automationKey") == key
                                                            for case in project.cases.values()):
        raise Refused(f"Automation key {key} is already used by another case")
    return server.case_json(server.store.add_case(project, stored))


@route("POST", "/testcase/search", PAGED | RTF, body="search_cases", reads=True)
def search_cases(server, request, project):
    rows = [case for case in project.cases.values() if matches(request.json, {
        "ID": case["ID"], "key": case["key"], "title": case["title"], "ownedByID": case["ownedByID"],
        "folderID": case.get("folder", {}).get("ID"), "jiraComponentID": case.get("jiraComponentIDs"),
        "jiraReleaseID": case.get("jiraReleaseIDs"), "statusID": case["status"]["ID"],
        "priorityID": case["priority"]["ID"], "typeID": case["type"]["ID"],
        "tag": [tag["tag"]["name"] for tag in case.get("tags", [])], "automationKey": case.get("automationKey"),
        "automationStatusID": case["automationStatus"]["ID"], "automationOwnerID": case.get("automationOwnerID"),
        "requirementID": case.get("jiraRequirementIDs"), "createdDate": case["createdDate"],
        "updatedDate": case["updatedDate"], "isArchived": case["isArchived"]})]
    return server.page(request, rows, server.case_json)


@route("GET", "/testcase/{T}/detail", RTF | {"needAttachments", "version"})
def get_case(server, request, project, name):
    case = server.find_case(project, name)
    return {**server.case_json(case, flag(request.query, "needAttachments")),
            "versions": [{"version": case["version"], "ID": case["ID"]}]}


@route("PUT", "/testcase/{T}/detail", RTF | {"needAttachments", "version"}, body="case", whole=True)
def put_case(server, request, project, name):
    case = server.find_case(project, name)
    stored = checked_case(project, request.json)
    server.may_write(project, case)
    fields, _, read_only = BODIES["case"]
    keep = {name: case[name] for name in ("status", "priority", "type", "automationStatus", "ownedByID")}
    _replace(case, stored, read_only, fields)
    for field, value in keep.items():
        case.setdefault(field, value)           # what is never empty
    for step in case.get("steps", []):
        step.setdefault("ID", server.store.number("step"))
        step.setdefault("_attachments", [])
    case["updatedDate"] = server.store.stamp()
    return server.case_json(case)


# ---- cycles ----

@route("GET", "/testcycle", PAGED | RTF)
def list_cycles(server, request, project):
    return server.page(request, project.cycles.values(), server.cycle_json)


@route("POST", "/testcycle/search", PAGED | RTF, body="search_cycles", reads=True)
def search_cycles(server, request, project):
    rows = [cycle for cycle in project.cycles.values() if matches(request.json, {
        "ID": cycle["ID"], "key": cycle["key"], "title": cycle["title"],
        "folderID": cycle.get("folder", {}).get("ID"), "jiraComponentID": cycle.get("jiraComponentIDs"),
        "jiraReleaseID": cycle.get("jiraReleaseIDs"), "startDate": cycle.get("startDate"),
        "endDate": cycle.get("endDate"), "closeDate": cycle.get("closedDate"),
        "tag": [tag["tag"]["name"] for tag in cycle.get("tags", [])], "taskID": cycle.get("jiraTaskIDs"),
        "isLockedForEdit": cycle["isLockedForEdit"], "isClosed": cycle["isClosed"],
        "isArchived": cycle["isArchived"]})]
    return server.page(request, rows, server.cycle_json)


@route("POST", "/testcycle/detail", body="cycle")
def create_cycle(server, request, project):
    stored = check_place(project, request.json, "cycle")
    server.may_write(project)
    return server.cycle_json(server.store.add_cycle(project, stored))


@route("POST", "/testcycle/detail/migrate", body="migrate_cycle")
def migrate_cycle(server, request, project):
    stored = check_place(project, request.json, "cycle")
    server.may_write(project)
    return server.cycle_json(server.store.add_cycle(project, stored))


@route("POST", "/testcycle/testset/create", RTF, body="cycle_from_set")
def cycle_from_set(server, request, project):
    body = dict(request.json)
    if "folderID" in body:
        body["folder"] = {"ID": body.pop("folderID")}
    stored = check_place(project, body, "cycle")
    server.may_write(project)
    sets = []
    for name in stored.pop("sourceIDs"):
        one = server.store.find(project.sets, name)
        if one is None:
            raise Refused(f"Set {name} does not exist", 404)
        sets.append(one)
    cycle = server.store.add_cycle(project, stored)
    for one in sets:
        for case_id in one["_cases"]:
            case = project.cases[case_id]
            if case["status"]["name"] == "Published":
                server.store.add_to_cycle(cycle, case)
    return server.cycle_json(cycle)


@route("GET", "/testcycle/{C}/detail", RTF | {"needAttachments"})
def get_cycle(server, request, project, name):
    return server.cycle_json(server.find_cycle(project, name), flag(request.query, "needAttachments"))


@route("PUT", "/testcycle/{C}/detail", RTF | {"needAttachments"}, body="cycle", whole=True)
def put_cycle(server, request, project, name):
    cycle = server.find_cycle(project, name)
    stored = check_place(project, request.json, "cycle")
    server.may_write(project, cycle)
    if cycle["isClosed"] or cycle["isArchived"]:
        raise Refused(f"Cycle {cycle['key']} is closed")
    fields, _, read_only = BODIES["cycle"]
    _replace(cycle, stored, read_only, fields)
    cycle.setdefault("ownedByID", server.store.me)
    cycle["updatedDate"] = server.store.stamp()
    return server.cycle_json(cycle)


@route("GET", "/testcycle/{C}/summary")
def cycle_summary(server, _request, project, name):
    cycle = server.find_cycle(project, name)
    found = cycle["_cases"].values()
    counts = {}
    for association in found:
        latest = association["_runs"][-1]["testRunStatus"]["ID"]
        counts[str(latest)] = counts.get(str(latest), 0) + 1
    runs = [run for association in found for run in association["_runs"]]
    return {"ID": cycle["ID"], "totalTests": len(found), "totalRuns": len(runs),
            "estimatedEffort": sum(one["_case"].get("estimatedEffort", 0) for one in found),
            "actualEffort": sum(run["effort"] or 0 for run in runs), "testRunDistribution": counts}


@route("PUT", "/testcycle/{C}/state", body="state")
def cycle_state(server, request, project, name):
    cycle = server.find_cycle(project, name)
    server.may_write(project, cycle)
    if cycle["isSystemDefined"]:
        raise Refused("State of the adhoc cycle cannot be changed")
    field = {"LOCKED": "isLockedForEdit", "CLOSED": "isClosed"}[request.json["name"]]
    cycle[field] = request.json["value"]
    if field == "isClosed":
        cycle["closedByID"] = server.store.me if cycle[field] else None
        cycle["closedDate"] = server.store.stamp() if cycle[field] else None
    return Answer(200, b"", content_type="application/json;charset=utf-8")


@route("DELETE", "/testcycle/{C}", {"emptyCycleBeforeDelete"})
def delete_cycle(server, request, project, name):
    cycle = server.find_cycle(project, name)
    server.may_write(project, cycle)
    if cycle["isSystemDefined"]:
        raise Refused("The adhoc cycle cannot be deleted")
    if cycle["_cases"] and not flag(request.query, "emptyCycleBeforeDelete"):
        raise Refused(f"Cycle {cycle['key']} is not empty")
    server.store.delete_cycle(cycle)
    return Answer(200, b"", content_type="application/json;charset=utf-8")


# ---- sets ----

@route("GET", "/testset", PAGED | RTF)
def list_sets(server, request, project):
    return server.page(request, project.sets.values(), server.entity_json)


@route("POST", "/testset/search", PAGED | RTF, body="search_sets", reads=True)
def search_sets(server, request, project):
    rows = [one for one in project.sets.values() if matches(request.json, {
        "ID": one["ID"], "key": one["key"], "title": one["title"], "folderID": one.get("folder", {}).get("ID"),
        "tag": [tag["tag"]["name"] for tag in one.get("tags", [])]})]
    return server.page(request, rows, server.entity_json)


@route("POST", "/testSet/detail", body="set")
def create_set(server, request, project):
    stored = check_place(project, request.json, "set")
    server.may_write(project)
    return server.entity_json(server.store.add_set(project, stored))


@route("POST", "/testset/{S}/testcase", {"testCases"})
def add_set_cases(server, request, project, name):
    one = _find_set(server, project, name)
    server.may_write(project)
    names = [text for text in request.query.get("testCases", "").split(",") if text]
    if not names:
        raise Forbidden("no cases are named")
    processed, errors = {}, {}
    for text in names:
        case = server.store.find(project.cases, text)
        if case is None:
            errors[text] = {"message": f"Case {text} does not exist"}
            continue
        if case["ID"] not in one["_cases"]:
            one["_cases"].append(case["ID"])
        processed[text] = [case["key"]]
    status = "SUCCESS" if not errors else "SUCCESS_WITH_ERROR" if processed else "FAILED"
    return {"status": status, "requestCount": len(names), "successCount": len(processed), "errorCount": len(errors),
            "errors": errors, "processedData": processed, "warnings": {}}


@route("GET", "/testSet/{S}/testcase", PAGED | RTF)
def set_cases(server, request, project, name):
    one = _find_set(server, project, name)
    return server.page(request, [project.cases[case_id] for case_id in one["_cases"]], lambda case: {
        "ID": case["ID"] + 500000, "testSet": server.entity_json(one), "testCase": server.case_json(case)})


def _find_set(server, project, name):
    one = server.store.find(project.sets, name)
    if one is None:
        raise Refused(f"Set {name} does not exist", 404)
    return one


# ---- traceability ----

@route("GET", "/traceability/requirement/{I}", RTF | {"maxRunCount", "runCreatedSinceDays", "includeAllVersions"})
def traceability(server, request, project, issue):
    most = number(request.query, "maxRunCount")
    flag(request.query, "includeAllVersions")
    days = number(request.query, "runCreatedSinceDays")
    oldest = 0 if days is None else server.store.stamp() - days * 86400000
    found = []
    for case in project.cases.values():
        if issue in case.get("jiraRequirementIDs", []):
            runs = [run for run in server.runs(case) if run["createdDate"] >= oldest]
            found.append({"testCase": server.case_json(case),
                          "testRuns": [server.run_json(run, False) for run in reversed(runs)][:most]})
    return found
