# SPDX-License-Identifier: Apache-2.0
"""The endpoints of the TestRail stand-in that take and list files."""

import hashlib
import uuid

from .http_server import Answer
from .multipart import BadForm, parse
from .testrail_routes import PAGED, route
from .testrail_rules import Forbidden, Refused

FILE_MAX = 256 * 1024 * 1024
UPLOADS = {"add_attachment_to_result", "add_attachment_to_run", "add_attachment_to_plan",
           "add_attachment_to_plan_entry", "add_attachment_to_case"}
TEXT_IDS = {"get_attachment", "delete_attachment"}  # GUIDs in the path


def read_upload(request):
    """The one file of an upload; a violation where it is not sent as it has to be."""
    length = request.header("Content-Length")
    if length is None or request.header("Transfer-Encoding"):
        raise Forbidden("an upload without Content-Length", 411)
    try:
        parts = parse(request.header("Content-Type"), request.body)
    except BadForm as bad:
        raise Forbidden(bad.text, bad.status) from None
    if len(parts) != 1 or parts[0].name != "attachment":
        raise Forbidden("No attachment found: the form has the parts "
                        f"{[part.name for part in parts]}, not one part attachment")
    part = parts[0]
    if not part.filename or "/" in part.filename or "\\" in part.filename:
        raise Forbidden(f"the file name {part.filename!r}")
    if "/" not in part.content_type:
        raise Forbidden(f"the part's Content-Type {part.content_type!r}")
    if len(part.data) > FILE_MAX:
        raise Refused("The uploaded file exceeds the maximum file size.")
    return part


def _add(server, request, kind, entity_id, **fields):
    part = request.file
    store = server.store
    number = store.number("attachment")
    row = {"id": str(uuid.UUID(int=number)) if server.attachment_uuids else number,
           "name": part.filename, "filename": part.filename, "filetype": part.filename.rpartition(".")[2],
           "size": len(part.data), "created_on": store.stamp(), "user_id": server.me["id"],
           "project_id": None, "case_id": None, "result_id": None, "entity_id": entity_id, "entity_type": kind,
           "is_image": part.content_type.startswith("image/"), "data_id": number, "legacy_id": 0,
           "_type": part.content_type, "_sha256": hashlib.sha256(part.data).hexdigest(), "_data": part.data,
           "_test": None, "_visible": store.visible_from()}
    row.update(fields)
    store.attachments[row["id"]] = row
    return {"attachment_id": row["id"]}


@route("POST", 1)
def add_attachment_to_result(server, request, result_id):
    if not server.result_editing:
        raise Refused("You are not allowed to edit test results (editing is disabled in the site settings).", 403)
    result = server.store.results.get(result_id)
    if result is None:
        raise Refused("Field :result_id is not a valid test result.")
    server.find_run(result["_run"], open_only=True)
    answer = _add(server, request, "test_change", result_id, result_id=result_id, case_id=result["_case"],
                  _test=result["test_id"])
    result["attachment_ids"] = result["attachment_ids"] + [answer["attachment_id"]]
    return answer


@route("POST", 1)
def add_attachment_to_run(server, request, run_id):
    run = server.find_run(run_id, open_only=True)
    if run["plan_id"] and not server.plan_run_files:
        raise Refused("Field :run_id is not a valid test run.")
    return _add(server, request, "run", run_id)


@route("POST", 1)
def add_attachment_to_plan(server, request, plan_id):
    if plan_id not in server.store.plans:
        raise Refused("Field :plan_id is not a valid test plan.")
    return _add(server, request, "plan", plan_id)


def _check_entry(server, plan_id, entry_id):
    if plan_id not in server.store.plans:
        raise Refused("Field :plan_id is not a valid test plan.")
    plan = server.store.plans[plan_id]
    if entry_id not in [entry["id"] for entry in plan["_entries"]]:
        raise Refused("Field :entry_id is not a valid test plan entry.")
    return plan


@route("POST", 2, texts={1})
def add_attachment_to_plan_entry(server, request, plan_id, entry_id):
    if _check_entry(server, plan_id, entry_id)["is_completed"]:
        raise Refused("This operation is not allowed. The test plan is completed and cannot be changed any more.")
    return _add(server, request, "plan_entry", entry_id)


@route("POST", 1)
def add_attachment_to_case(server, request, case_id):
    if case_id not in server.store.cases:
        raise Refused("Field :case_id is not a valid test case.")
    return _add(server, request, "case", case_id, case_id=case_id)


def _listed(server, request, test, bare=False):
    rows = []
    for row in server.store.attachments.values():
        if not test(row):
            continue
        shown = dict(row)
        if server.old_attachments:      # before 7.1: no word of the result
            for key in ("entity_id", "entity_type", "is_image", "legacy_id", "result_id"):
                shown.pop(key)
        rows.append(shown)
    return server._list(request, "attachments", rows, bare)


@route("GET", 1, PAGED)
def get_attachments_for_run(server, request, run_id):
    server.find_run(run_id)
    return _listed(server, request, lambda row: row["entity_type"] == "run" and row["entity_id"] == run_id)


@route("GET", 1, PAGED)
def get_attachments_for_plan(server, request, plan_id):
    return _listed(server, request, lambda row: row["entity_type"] == "plan" and row["entity_id"] == plan_id)


@route("GET", 2, PAGED, texts={1})
def get_attachments_for_plan_entry(server, request, plan_id, entry_id):
    _check_entry(server, plan_id, entry_id)
    return _listed(server, request, lambda row: row["entity_type"] == "plan_entry" and row["entity_id"] == entry_id,
                   bare=True)


@route("GET", 1, PAGED)
def get_attachments_for_case(server, request, case_id):
    return _listed(server, request, lambda row: row["case_id"] == case_id)


@route("GET", 1, PAGED)
def get_attachments_for_test(server, request, test_id):
    if test_id not in server.store.tests:
        raise Refused("Field :test_id is not a valid test.")
    return _listed(server, request, lambda row: row["_test"] == test_id, bare=True)


@route("GET", 1)
def get_attachment(server, _request, attachment_id):
    rows = server.store.attachments
    row = rows.get(attachment_id) or (rows.get(int(attachment_id)) if attachment_id.isdigit() else None)
    if row is None:
        raise Refused("Field :attachment_id is not a valid attachment.")
    return Answer(200, row["_data"], content_type=row["_type"])
