# SPDX-License-Identifier: Apache-2.0
"""Administration of the TestRail stand-in: projects are made, changed and deleted, custom fields of cases made.

All of it wants an administrator (server.me["is_admin"]).
"""

import json
import re

from .testrail_routes import route
from .testrail_rules import Forbidden, Refused, a_bool, a_name, a_text, ids

ADMIN_ONLY = "You are not allowed to perform this operation (requires administrator rights)."
TYPES = {"string": 1, "integer": 2, "text": 3, "url": 4, "checkbox": 5, "dropdown": 6, "user": 7, "date": 8,
         "milestone": 9, "steps": 10, "multi-select": 12}
PROJECT = {"name": a_name, "announcement": a_text, "show_announcement": a_bool,
           "suite_mode": lambda value: None if value in (1, 2, 3) else "is not a valid suite mode."}
CHANGES = {**PROJECT, "is_completed": a_bool}
FIELD = {"type": a_name, "name": a_name, "label": a_name, "description": a_text, "include_all": a_bool,
         "template_ids": ids, "configs": lambda value: None}
# what the options of a type may hold, beside is_required
OPTIONS = {1: {"default_value"}, 2: {"default_value"}, 3: {"default_value", "format", "rows"}, 4: {"default_value"},
           5: set(), 6: {"items", "default_value"}, 7: set(), 8: set(), 9: set(), 10: {"has_expected", "has_actual"},
           12: {"items"}}


def _administrator(server):
    if not server.me["is_admin"]:
        raise Refused(ADMIN_ONLY, 403)


def _check(body, fields, required=()):
    for name in required:
        if body.get(name) is None:
            raise Forbidden(f"Field :{name} is a required field.")
    for name, value in body.items():
        wrong = fields[name](value) if name in fields else "is not a known field."
        if wrong:
            raise Forbidden(f"Field :{name} {wrong}")


@route("POST", 0)
def add_project(server, request):
    _check(request.json, PROJECT, ["name"])
    _administrator(server)
    body = dict(request.json)
    project = server.store.add_project(body.pop("name"), body.pop("suite_mode", 1))
    project.update(body)
    return server._shown(project)


@route("POST", 1)
def update_project(server, request, project_id):
    project = server.find_project(project_id)
    _check(request.json, CHANGES)
    if not request.json:
        raise Forbidden("nothing to change")
    _administrator(server)
    project.update(request.json)
    if "is_completed" in request.json:
        project["completed_on"] = server.store.stamp() if project["is_completed"] else None
    return server._shown(project)


@route("POST", 1)
def delete_project(server, request, project_id):
    server.find_project(project_id)
    if request.json:
        raise Forbidden("delete_project takes {}")
    _administrator(server)
    del server.store.projects[project_id]
    return {}


def _check_options(kind, options):
    if not isinstance(options, dict) or a_bool(options.get("is_required")):
        raise Forbidden("Field :configs.options.is_required is a required field.")
    for name, value in options.items():
        if name != "is_required" and name not in OPTIONS[kind]:
            raise Forbidden(f"Field :configs.options.{name} is not allowed for this type.")
        if name in ("has_expected", "has_actual") and a_bool(value):
            raise Forbidden(f"Field :configs.options.{name} is not a valid boolean.")
        if name in ("items", "default_value", "format", "rows") and not isinstance(value, str):
            raise Forbidden(f"Field :configs.options.{name} is not a valid string.")
    if kind in (6, 12):
        lines = (options.get("items") or "").split("\n")
        if not all(re.fullmatch(rf"{number}, \S.*", line) for number, line in enumerate(lines, 1)):
            raise Forbidden("Field :configs.options.items is not a list of lines '1, First'.")
        default = options.get("default_value")
        if default and not (default.isdigit() and 1 <= int(default) <= len(lines)):
            raise Forbidden("Field :configs.options.default_value is none of the items.")
    if kind == 3 and (options.get("format") not in ("markdown", "plain") or not options.get("rows", "").isdigit()):
        raise Forbidden("Field :configs.options.format and rows are required.")


def _check_context(server, context):
    if not isinstance(context, dict) or set(context) != {"is_global", "project_ids"}:
        raise Forbidden("Field :configs.context is a required field.")
    if a_bool(context["is_global"]) or ids(context["project_ids"]):
        raise Forbidden("Field :configs.context is not valid.")
    if context["is_global"] != (context["project_ids"] == []):
        raise Forbidden("a field is global or belongs to projects")
    for project_id in context["project_ids"]:
        server.find_project(project_id)


@route("POST", 0)
def add_case_field(server, request):
    body = request.json
    if isinstance(body.get("type"), int):
        raise Forbidden("Field :type is not a valid string.")
    _check(body, FIELD, ["type", "name", "label", "configs"])
    kind = TYPES.get(body["type"].lower(), int(body["type"]) if body["type"].isdigit() else 0)
    if kind not in OPTIONS:
        raise Forbidden("Field :type is not a valid type.")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", body["name"]) or body["name"].startswith("custom_"):
        raise Forbidden("Field :name is not a valid system name.")
    if not isinstance(body["configs"], list) or len(body["configs"]) != 1:
        raise Forbidden("Field :configs is not a valid array.")
    config = body["configs"][0]
    if not isinstance(config, dict) or set(config) != {"context", "options"}:
        raise Forbidden("Field :configs is not valid.")
    _check_options(kind, config["options"])
    _check_context(server, config["context"])
    if body.get("include_all", True) != (body.get("template_ids", []) == []):
        raise Forbidden("include_all or template_ids")
    for template_id in body.get("template_ids", []):
        if template_id not in [row["id"] for row in server.store.templates]:
            raise Refused("Field :template_ids is not a valid ID.")
    _administrator(server)
    if any(field["name"] == body["name"] for field in server.store.case_fields):
        raise Refused("Field :name is already in use.")
    field = server.store.add_field(body["name"], kind)
    field.update(label=body["label"], description=body.get("description"),
                 include_all=body.get("include_all", True), template_ids=body.get("template_ids", []),
                 configs=[{"id": f"cfg-{body['name']}", **config}])
    # the answer differs from what the list shows: configs as text, flags as numbers
    return {**server._shown(field), "configs": json.dumps(field["configs"]), "is_active": 1,
            "include_all": int(field["include_all"])}
