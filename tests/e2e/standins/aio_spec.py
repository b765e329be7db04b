# SPDX-License-Identifier: Apache-2.0
"""The vendor's own description (OpenAPI) as a second judge of requests, and of the stand-in's answers.

The file is no part of the project: RESULTD_API names the folder that holds it, else it is looked for beside
the project; without it the stand-in goes by its own table alone.  Where the description contradicts itself
or what was measured on real sites, EXCEPTIONS says so.
"""

import json
import os
import re
from pathlib import Path

NAME = "aio-openapi.json"

# Schema.property whose described type is narrower than the text beside it
EXCEPTIONS = {
    "RunInputDetails.testRunStatus": "name or id from the status list, not the five names alone",
    "BulkRunDetails.testRunStatus": "as above",
    "MigrateRunDetails.testRunStatus": "as above",
    "PublicMigrateTestRunToExternal.testRunStatus": "as above",
    "SearchCriteriaListValueString.list": "null stands for 'not set'",
    "SearchCriteriaListValueInteger.list": "null stands for 'not set'",
    "CycleCaseAssociationDetails.runs": "the list of runs is described as the list of cases, and has runs",
    "RunStatus.isEnabled": "the list of script types is described as run statuses",
    "CustomFieldValue.value": "any kind of value",
    "SearchCriteriaCustomFieldValueObject.value": "any kind of criterion",
    "PublicMigrateTestCaseExecutionTo.testCaseKey": "key or id",
}
# operations whose body may hold what only the server sets: documents that are read, changed and written back ...
WHOLE = {("put", "/testcase/{testCaseId}/detail"), ("put", "/testcycle/{testCycleId}/detail"),
         ("post", "/testcycle/{testCycleId}/testrun/{testRunId}")}
# ... and what a migration is for: dates of the past
DATED = {("post", "/testcycle/detail/migrate")}


class Spec:
    @classmethod
    def load(cls):
        """The description, or None where it is not at hand."""
        folder = os.environ.get("RESULTD_API")
        repository = Path(__file__).resolve().parents[3]
        for path in [Path(folder)] if folder else [repository.parent / "shared" / "api"]:
            if (path / NAME).exists():
                return cls(json.loads((path / NAME).read_text(encoding="utf-8")))
        return None

    def __init__(self, document):
        self.schemas = document["components"]["schemas"]
        self.operations = []
        for path, methods in document["paths"].items():
            short = re.sub(r"^/api/v1/project/\{[^}]+\}", "", path)
            parts = short.strip("/").split("/")
            for method, operation in methods.items():
                # words before variables: /testrun/cleanup is no run
                self.operations.append((sum(part.startswith("{") for part in parts), method, short, parts, operation))
        self.operations.sort(key=lambda row: row[0])

    def find(self, method, parts):
        """(short path, operation) of the parts beneath the project, or (None, None)."""
        for _, said, short, mine, operation in self.operations:
            if said == method.lower() and len(mine) == len(parts) and all(
                    one.startswith("{") or one == part for one, part in zip(mine, parts)):
                return short, operation
        return None, None

    # ---- requests ----

    def check_request(self, request, base):
        """What the description does not allow in a request, in words."""
        path = request.target.partition("?")[0]
        parts = path[len(base):].strip("/").split("/")[2:]
        short, operation = self.find(request.method, parts)
        if operation is None:
            return [f"{request.method} /{'/'.join(parts)} is not described"]
        known = {row["name"] for row in operation.get("parameters", []) if row["in"] == "query"}
        # asked for by the sites that want it; not in the description
        problems = [f"query key {name}" for name in request.query if name not in known | {"addCaseToCycle"}]
        contents = operation.get("requestBody", {}).get("content", {})
        for kind, content in contents.items():
            name = (request.method.lower(), short)
            if kind == "application/json":
                problems += self._check(request.json, content["schema"], "body", name not in WHOLE, name in DATED)
            elif request.form is not None:
                problems += self._check_form(request.form, self._resolve(content["schema"])[1].get("properties", {}))
        if not contents and request.body:
            problems.append("a body where none is described")
        return problems

    def _check_form(self, form, known):
        problems = [f"part {name} of the form" for name in form if name not in known]
        for name, part in form.items():
            if name in known and part.content_type == "application/json" and part.filename is None:
                try:
                    problems += self._check(json.loads(part.data), known[name], name, True, False)
                except ValueError:
                    problems.append(f"part {name} of the form is no JSON")
        return problems

    def check_answer(self, method, parts, value):
        """What the description does not say of a 200, in words."""
        _, operation = self.find(method, parts)
        if operation is None:
            return [f"{method} {parts} is not described"]
        for content in operation["responses"]["200"].get("content", {}).values():
            return self._check(value, content["schema"], "answer", False, False)
        return [] if value is None else ["a body where none is described"]

    # ---- values ----

    def _resolve(self, schema):
        name = ""
        while "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            schema = self.schemas[name]
        return name, schema

    def _check(self, value, schema, where, writing, dated):
        name, schema = self._resolve(schema)
        kind = schema.get("type")
        if value is None:
            return []
        if kind == "array" or "items" in schema:
            if not isinstance(value, list):
                return [f"{where} is no list"]
            return [wrong for index, item in enumerate(value)
                    for wrong in self._check(item, schema["items"], f"{where}[{index}]", writing, dated)]
        if kind == "object" or "properties" in schema:
            if name.endswith("Value") and "oneOf" in schema and not isinstance(value, dict):
                return []
            return self._check_object(name, schema, value, where, writing, dated)
        return self._check_plain(schema, kind, value, where)

    def _check_object(self, name, schema, value, where, writing, dated):
        if not isinstance(value, dict):
            return [f"{where} is no object"] if "oneOf" not in schema else []
        properties, more = schema.get("properties"), schema.get("additionalProperties")
        if properties is None:
            return [] if not isinstance(more, dict) else [
                wrong for key, item in value.items()
                for wrong in self._check(item, more, f"{where}.{key}", writing, dated)]
        problems = [f"{where}.{key} is missing" for key in schema.get("required", [])
                    if writing and value.get(key) is None]
        for key, item in value.items():
            if f"{name}.{key}" in EXCEPTIONS:
                continue
            if key not in properties:
                problems.append(f"{where}.{key} is not described for {name}")
                continue
            read_only = properties[key].get("readOnly") and writing
            if read_only and not (dated and key in ("createdDate", "updatedDate")):
                problems.append(f"{where}.{key} is set by the server alone")
            problems += self._check(item, properties[key], f"{where}.{key}", writing, dated)
        return problems

    @staticmethod
    def _check_plain(schema, kind, value, where):
        if "enum" in schema and value not in schema["enum"]:
            return [f"{where} is none of {schema['enum']}"]
        whole = isinstance(value, int) and not isinstance(value, bool)
        fits = {"string": isinstance(value, str) or (schema.get("format") == "date-time" and whole),
                "integer": whole, "number": whole or isinstance(value, float), "boolean": isinstance(value, bool),
                None: True}
        return [] if fits[kind] else [f"{where} is no {kind}"]
