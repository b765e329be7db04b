# SPDX-License-Identifier: Apache-2.0
"""The endpoints of the AIO stand-in, third part: attachments, import of reports, batches."""

import io
import json
import re
import xml.etree.ElementTree as ElementTree
import zipfile

from .aio_route import router
from .aio_routes import checked_case
from .aio_rules import FEATURE_FIELDS, IMPORTS, Forbidden, Refused, check_attachment, check_file, matches, number
from .aio_runs import associate, bulk_answer, latest_of, open_cycle
from .http_server import Answer

ROUTES, route = router()

# fields of formatted text -> the list that names the files of each
STEP_FIELDS = {"STEP": "stepAttachments", "DATA": "dataAttachments", "EXPECTED_RESULTS": "expectedResultAttachments"}
RTF_FIELDS = {"DESCRIPTION": "descriptionAttachments", "PRECONDITIONS": "preconditionAttachments"}
# what is told of an imported case; the vendor's table of statuses is not known, this is the plain reading
TOLD = {"Passed": "PASSED", "Failed": "FAILED", "Not Run": "NOT_RUN"}


# ---- attachments ----

def _attach(server, request, owner, of=None):
    """of: the list of a field's own files."""
    if set(request.form) != {"file"}:
        raise Forbidden(f"the form has the parts {sorted(request.form)}, not one part file")
    part = request.form["file"]
    row = server.store.attach(owner, part, check_attachment(part))
    row["_of"] = of
    return server.entity_json(row)


@route("POST", "/testcycle/{C}/attachment", body="form")
def attach_cycle(server, request, project, cycle_name):
    cycle = server.find_cycle(project, cycle_name)
    server.may_write(project, cycle)
    return _attach(server, request, cycle)


@route("POST", "/testcycle/{C}/testcase/{T}/attachment", body="form")
def attach_latest(server, request, project, cycle_name, case_name):
    open_cycle(server, project, cycle_name)
    return _attach(server, request, latest_of(server, project, cycle_name, case_name))


@route("POST", "/testcycle/{C}/testrun/{R}/attachment", body="form")
def attach_run(server, request, project, cycle_name, run_id):
    run = server.find_run(open_cycle(server, project, cycle_name), run_id)
    server.may_write(project, run["_association"]["_case"])
    return _attach(server, request, run)


@route("POST", "/testcycle/{C}/testrun/{R}/testrunstep/{S}/attachment", body="form")
def attach_step(server, request, project, cycle_name, run_id, step_id):
    run = server.find_run(open_cycle(server, project, cycle_name), run_id)
    server.may_write(project, run["_association"]["_case"])
    for step in run["testRunSteps"]:
        if step_id == str(step["ID"]):
            return _attach(server, request, step)
    raise Refused(f"Step {step_id} does not exist in run {run_id}", 404)


@route("POST", "/testcase/{T}/attachment", {"version"}, body="form")
def attach_case(server, request, project, case_name):
    case = server.find_case(project, case_name)
    number(request.query, "version")
    server.may_write(project, case)
    return _attach(server, request, case)


@route("POST", "/testcase/{T}/{F}/attachment", {"version"}, body="form")
def attach_case_field(server, request, project, case_name, field):
    case = server.find_case(project, case_name)
    if field not in RTF_FIELDS:
        raise Forbidden(f"{field} is no field with attachments", 404)
    server.may_write(project, case)
    return _attach(server, request, case, RTF_FIELDS[field])


def _step_of_case(server, project, case_name, step_id):
    case = server.find_case(project, case_name)
    server.may_write(project, case)
    for step in case.get("steps", []):
        if step_id == str(step["ID"]):
            return step
    raise Refused(f"Step {step_id} does not exist in case {case['key']}", 404)


@route("POST", "/testcase/{T}/testcasestep/{S}/attachment", {"version"}, body="form")
def attach_case_step(server, request, project, case_name, step_id):
    return _attach(server, request, _step_of_case(server, project, case_name, step_id))


@route("POST", "/testcase/{T}/testcasestep/{S}/{F}/attachment", {"version"}, body="form")
def attach_case_step_field(server, request, project, case_name, step_id, field):
    if field not in STEP_FIELDS:
        raise Forbidden(f"{field} is no field of a step with attachments", 404)
    return _attach(server, request, _step_of_case(server, project, case_name, step_id), STEP_FIELDS[field])


@route("POST", "/testcycle/{C}/{F}/attachment", body="form")
def attach_cycle_field(server, request, project, cycle_name, field):
    cycle = server.find_cycle(project, cycle_name)
    server.may_write(project, cycle)
    if field == "OBJECTIVE":
        return _attach(server, request, cycle, "objectiveAttachments")
    if not any(field in (row["name"], str(row["ID"])) and row["type"] == "MULTI_LINE_TEXT"
               and row.get("cycleAssociation", {}).get("isAssociated") for row in project.custom_fields):
        raise Refused(f"{field} is no field with attachments", 404)
    return _attach(server, request, cycle, field)


@route("POST", "/testcase/export/feature", {"type"}, body="search_cases", reads=True)
def export_features(server, request, project):
    if request.query.get("type", "NONE") not in ("NONE", "FOLDER", "REQUIREMENT", "TAG"):
        raise Forbidden(f"type {request.query['type'][:40]!r} is not known")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for case in project.cases.values():
            if matches(request.json, {"key": case["key"], "title": case["title"],
                                      "folderID": case.get("folder", {}).get("ID"),
                                      "tag": [tag["tag"]["name"] for tag in case.get("tags", [])]}):
                archive.writestr(f"{case['key']}.feature", f"Feature: {case['title']}\n")
    return Answer(200, packed.getvalue(), content_type="application/octet-stream")


def _feature_fields(project, part):
    """(what the cases of a feature file are given, what was said of it): JSON, and called so."""
    if part is None:
        return {}, {}
    if part.content_type != "application/json":
        raise Forbidden(f"featureFileFields of type {part.content_type!r}, which is no JSON")
    try:
        said = json.loads(part.data)
    except ValueError:
        raise Forbidden("featureFileFields is no JSON") from None
    wrong = FEATURE_FIELDS(said)
    if wrong:
        raise Forbidden(f"featureFileFields {wrong}")
    return checked_case(project, {name: value for name, value in said.items()
                                  if name != "updateFieldsForExistingCases"}), said


def _scenarios(text):
    """(tags, title) of each scenario."""
    tags = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("@"):
            tags += line.split()
        elif line.startswith(("Scenario:", "Scenario Outline:")):
            yield tags, line.partition(":")[2].strip()
            tags = []
        elif line:
            tags = [] if line.startswith("Feature:") else tags


@route("POST", "/testcase/import/feature", body="form")
def import_feature(server, request, project):
    """A scenario that is tagged with a case changes that case; folder and status of it stay."""
    if not set(request.form) <= {"file", "featureFileFields"}:
        raise Forbidden(f"the form has the parts {sorted(request.form)}")
    part = request.form.get("file")
    check_file(part)
    fields, said = _feature_fields(project, request.form.get("featureFileFields"))
    server.may_write(project)
    if not part.data.decode("utf-8").lstrip().startswith(("Feature:", "@", "#")):
        raise Refused("File could not be parsed")
    for tags, title in _scenarios(part.data.decode("utf-8")):
        case = next((found for found in (server.store.find(project.cases, tag[1:]) for tag in tags) if found), None)
        if case is None:
            server.store.add_case(project, {**fields, "title": title, "scriptType": project.script_types[1]})
        else:
            case["title"] = title
            if said.get("updateFieldsForExistingCases"):
                case.update({name: value for name, value in fields.items() if name not in ("folder", "status")})
    return server.new_batch(part.filename, len(part.data), {"errorCount": 0})


@route("GET", "/attachment/{A}")
def get_attachment(server, _request, _project, attachment_id):
    row = server.store.attachments.get(int(attachment_id)) if attachment_id.isdigit() else None
    if row is None:
        raise Refused(f"Attachment {attachment_id} does not exist", 404)
    return Answer(200, row["_data"], content_type=row["mimeType"])


# ---- import ----

FLAGS = {"createNewRun": True, "addCaseToCycle": None, "createCase": False, "ignoreClassInAutoKey": False,
         "updateDatasets": True, "forceUpdateCase": False, "bddForceUpdateCase": False, "examplesAsCases": False,
         "updateOnlyRunStatus": False}


def _options(server, request, project):
    """The flags of an import, as its form says them."""
    unknown = set(request.form) - set(FLAGS) - {"file", "defaultFolder"}
    if unknown:
        raise Forbidden(f"part {sorted(unknown)[0]} of the form is not known")
    options = dict(FLAGS)
    for name in FLAGS:
        if name in request.form:
            said = request.form[name].data.decode("utf-8", "replace")
            if said not in ("true", "false"):
                raise Forbidden(f"{name} is true or false, not {said[:40]!r}")
            options[name] = said == "true"
    if options["addCaseToCycle"] is None:
        raise Forbidden("addCaseToCycle is not said: what then becomes of a case outside the cycle is not known")
    options["folder"] = None
    if "defaultFolder" in request.form:
        said = request.form["defaultFolder"].data.decode("utf-8", "replace")
        if said:
            options["folder"] = project.folders["case"].get(int(said)) if said.isdigit() else None
            if options["folder"] is None:
                raise Refused(f"Folder {said[:40]} does not exist")
    check_file(request.form.get("file"))
    kind = request.query.get("type", "")
    if kind.lower() not in IMPORTS:
        raise Forbidden(f"type {kind[:40]!r} is not known")
    if kind.lower() not in ("junit", "testng"):
        raise Refused(f"type {kind} is not served here")
    return kind.lower(), options


def _tests(kind, data):
    """(class, name, status, milliseconds, message) of each test of a report."""
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise Refused(f"File could not be parsed: {error}") from None
    if kind == "junit":
        for case in root.iter("testcase"):
            bad = case.find("failure") if case.find("failure") is not None else case.find("error")
            status = "Failed" if bad is not None else "Not Run" if case.find("skipped") is not None else "Passed"
            yield (case.get("classname", ""), case.get("name", ""), status,
                   round(float(case.get("time") or 0) * 1000), None if bad is None else bad.get("message", ""))
        return
    for found in root.iter("class"):
        for method in found.iter("test-method"):
            if method.get("is-config") == "true":
                continue
            status = {"PASS": "Passed", "FAIL": "Failed"}.get(method.get("status"), "Not Run")
            message = method.find("exception/message")
            yield (found.get("name", ""), method.get("name", ""), status, int(method.get("duration-ms") or 0),
                   None if message is None else (message.text or "").strip())


def _cases_of(server, project, options, class_name, name):
    """The cases that a test means: keys in its name, else its automation key."""
    keys = [f"{match[0]}-TC-{match[1]}" for match in
            re.findall(r"(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9]*)[-_]TC[-_](\d+)", name)]
    found = [case for case in (server.store.find(project.cases, key) for key in keys) if case]
    automation = name if options["ignoreClassInAutoKey"] or not class_name else f"{class_name}.{name}"
    if not found:
        found = [case for case in project.cases.values() if case.get("automationKey") == automation][:1]
    if not found and options["createCase"]:
        body = {"title": name[:255], "automationKey": automation, "status": project.case_statuses[2],
                "automationStatus": project.automation_statuses[3], "automationOwnerID": server.store.me}
        if options["folder"] is not None:
            body["folder"] = options["folder"]
        found = [server.store.add_case(project, body)]
    if not found:
        raise Refused("No case found for this result")
    return found


def _import(server, request, project, cycle_name):
    kind, options = _options(server, request, project)
    cycle = open_cycle(server, project, cycle_name)
    tests = list(_tests(kind, request.form["file"].data))
    by_name = {}
    for test in tests:
        by_name.setdefault(f"{test[0]}.{test[1]}" if test[0] else test[1], []).append(test)

    def act(key):
        run_ids, case = [], None
        for class_name, name, status, duration, message in by_name[key]:
            for case in _cases_of(server, project, options, class_name, name):
                server.may_write(project, case)
                if case["ID"] not in cycle["_cases"] and not options["addCaseToCycle"]:
                    raise Refused(f"Case {case['key']} is not part of cycle {cycle['key']}")
                association, made = associate(server, cycle, case)
                again = made or not options["createNewRun"]
                run = association["_runs"][-1] if again else server.store.add_run(association)
                run.update(testRunStatus=project.status(status), effort=duration // 1000, isAutomated=True,
                           executedByID=server.store.me, updatedDate=server.store.stamp())
                if message:
                    run["_comments"].append(server.store.comment(message))
                run["_marks"] += 1
                run_ids.append(run["ID"])
        class_name, name, status, duration, message = by_name[key][-1]
        return {"ID": case["ID"], "tcKey": case["key"], "className": class_name, "name": name,
                "status": TOLD[status], "duration": duration, "runId": run_ids,
                "comments": [message] if message else []}
    return request.form["file"], bulk_answer(list(by_name), act)


@route("POST", "/testcycle/{C}/import/results", {"type"}, body="form")
def import_results(server, request, project, cycle_name):
    return _import(server, request, project, cycle_name)[1]


@route("POST", "/testcycle/{C}/import/results/batch", {"type"}, body="form")
def import_batch(server, request, project, cycle_name):
    part, answer = _import(server, request, project, cycle_name)
    return server.new_batch(part.filename, len(part.data), answer)


# ---- batches ----

@route("GET", "/batch/{B}")
def get_batch(server, _request, _project, batch_id):
    batch = server.store.batches.get(batch_id)
    if batch is None:
        raise Refused(f"Batch {batch_id} does not exist", 404)
    return server.poll_batch(batch)
