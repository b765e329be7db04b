# SPDX-License-Identifier: Apache-2.0
"""A strict stand-in for Axosoft's REST API, as far as its clients tell it.

`violations` holds every request that a correct client would not have made.  The quota is enforced: so many calls
a second and a day, 503 beyond; `next_day()` begins the next one.  What was applied stands in `items`, apart from
what was answered.
"""


import json
import re
import time
from urllib.parse import parse_qsl, unquote, urlsplit

from .http_server import Answer, Server

TYPES = ("defects", "features", "incidents", "tasks")
TOKEN = "Axo-sTand-in-token-0123456789abcdef"
CLIENT_ID, CLIENT_SECRET = "8c6d5d70-stand-in", "Axo-client-s3cret-stand-in"
USER, PASSWORD = "ci", "Axo-passw0rd-stand-in"

ITEM_FIELDS = {  # name -> shape
    "name": "text", "project": "id", "description": "text", "notes": "text", "resolution": "text",
    "replication_procedures": "text", "workflow_step": "id", "status": "id", "priority": "id", "release": "id",
    "reported_by": "id", "parent": "id", "severity": "id", "assigned_to": "assignee", "percent_complete": "int",
    "is_completed": "bool", "completion_date": "date", "reported_date": "date", "start_date": "date",
    "due_date": "date", "publicly_viewable": "bool", "archived": "bool", "build_number": "text",
    "build_number_of_fix": "text", "custom_fields": "custom",
}
LIST_QUERY = {"page", "page_size", "project_id", "include_sub_projects_items", "include_inactive_projects",
              "filters", "columns", "search_string", "search_field", "include_archived", "sort_fields", "filter_id"}


class Wrong(Exception):
    """A refusal in the server's words."""

    def __init__(self, status, text, code="invalid_request"):
        super().__init__(text)
        self.status, self.text, self.code = status, text, code


class Axosoft(Server):
    __test__ = False

    def __init__(self, base="", version="v6"):
        super().__init__()
        self.base, self.version = base, version
        self.token = TOKEN
        self.expired = set()            # tokens that are valid no more
        self.issued = 0
        self.violations = []
        self.per_second, self.per_day = 25, 1000
        self.calls_today = 0
        self._recent = []
        self.over_quota = 0
        self.hosted_bearer = True       # False: a front server eats Authorization; only X-Authorization arrives
        self.form_token = True          # the token address takes a POST form, too
        self.features_only = False      # newer accounts: POST /defects is refused
        self.first_page = 1
        self.page_max = 1000            # rows of a list at most, whatever page_size says
        self.attachments_refused = False
        self.items = {}                 # id -> item
        self.comments, self.attachments = [], []
        self.projects = {3: {"id": 3, "name": "Datahub", "parent": {"id": 0}},
                         4: {"id": 4, "name": "Mobile", "parent": {"id": 3}}}
        self.steps = {40: {"id": 40, "name": "Bug", "order": 1}, 41: {"id": 41, "name": "In progress", "order": 2},
                      42: {"id": 42, "name": "Fixed", "order": 3}, 43: {"id": 43, "name": "Reopened", "order": 4}}
        self.workflow = {"id": 9, "name": "Default", "is_active": True, "enforces_workflow_steps": False,
                         "restrict_new_items": False, "new_item_workflow_step": {"id": 40}}
        self.next_steps = None          # ids that may follow; None: all
        self.picklists = {"priority": {1: "High", 2: "Normal", 3: "Low"}, "severity": {1: "Crash", 2: "Minor"},
                          "status": {1: "New", 2: "Closed"}}
        self.custom_lists = {5: {"id": 5, "name": "Browser", "values": {11: "Firefox", 12: "Chrome"}}}
        self.fields = {}                # "custom_7" -> definition
        self.users = {7: {"id": 7, "first_name": "Ann", "last_name": "Ode", "email": "ann@example.com", "is_active": True},
                      8: {"id": 8, "first_name": "Ci", "last_name": "Agent", "email": "ci@example.com", "is_active": True}}
        self.releases = {20: {"id": 20, "name": "1.4"}}
        self._next = 990

    # ---- what tests say and ask ----

    @property
    def address(self):
        return self.url + self.base

    def custom(self, number, label, kind="text", size=250, picklist=None, required=False):
        name = f"custom_{number}"
        self.fields[name] = {"id": number, "name": name, "label": label, "type": kind, "string_size": size,
                             "is_custom": True, "is_editable": True, "is_searchable": True, "required": required,
                             "picklist_id": picklist}
        return name

    def next_day(self):
        with self.lock:
            self.calls_today = 0

    def titles(self):
        return sorted(item["name"] for item in self.items.values())

    def move(self, item, step, completed=False):
        """A person moved it."""
        item["workflow_step"] = {"id": step}
        item["is_completed"] = completed
        item["completion_date"] = "2026-11-20T10:00:00Z" if completed else "1899-01-01T00:00:00Z"

    # ---- requests ----

    def name_endpoint(self, request):
        path = urlsplit(request.target).path
        tail = path[len(self.base):] if path.startswith(self.base) else path
        match = re.match(rf"/api/{self.version}/(.+)$", tail)
        if match is None:
            request.endpoint = {"/api/version": "version", "/api/oauth2/token": "token"}.get(tail, "unknown")
            return
        parts = [part for part in match.group(1).split("/") if part]
        request.args = [int(part) if part.isdigit() else unquote(part) for part in parts]
        kinds = "/".join("N" if part.isdigit() else part for part in parts)
        request.endpoint = f"{request.method} {kinds}"

    def handle(self, request):
        with self.lock:
            return self._handle(request)

    def _handle(self, request):
        request.query = dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))
        if len(request.query) != len(parse_qsl(urlsplit(request.target).query, keep_blank_values=True)):
            self._violate(request, "a parameter stands twice")
        if request.endpoint == "version":
            return Answer(200, {"data": {"version": "22.0", "api_version": self.version}})
        if request.endpoint == "token":
            return self._token(request)
        limited = self._quota()
        if limited is not None:
            return limited
        if not self._authorized(request):
            return Answer(401, {"error": "invalid_token", "error_description": "The access token is not valid"})
        if request.endpoint == "unknown":
            self._violate(request, "no such path")
            return Answer(404, {"error": "not_found", "error_description": "No such resource"})
        try:
            return self._route(request)
        except Wrong as wrong:
            return Answer(wrong.status, {"error": wrong.code, "error_description": wrong.text})

    def _violate(self, request, why):
        self.violations.append(f"{request.method} {request.target[:200]}: {why}")

    def _quota(self):
        now = time.monotonic()
        self._recent = [at for at in self._recent if now - at < 1.0]
        self.calls_today += 1
        self._recent.append(now)
        if len(self._recent) > self.per_second or self.calls_today > self.per_day:
            self.over_quota += 1
            return Answer(503, "<html><body>Service Unavailable</body></html>")
        return None

    def _authorized(self, request):
        given = []
        header = request.header("Authorization") if self.hosted_bearer else None
        for value in (header, request.header("X-Authorization")):
            if value is not None:
                given.append(re.sub(r"^(Bearer|OAuth) ", "", value))
        if "access_token" in request.query:
            given.append(request.query["access_token"])
            self._violate(request, "a token in the address")
        return bool(given) and given[0] == self.token and self.token not in self.expired

    def _token(self, request):
        form = request.query
        if request.method == "POST":
            if not self.form_token:
                return Answer(405, {"error": "invalid_request", "error_description": "Method not allowed"})
            form = dict(parse_qsl(request.body.decode()))
        wanted = {"grant_type": "password", "username": USER, "password": PASSWORD, "client_id": CLIENT_ID,
                  "client_secret": CLIENT_SECRET}
        for key, value in wanted.items():
            if form.get(key) != value:
                return Answer(400, {"error": "invalid_grant", "error_description": f"{key} is not valid"})
        if "write" not in form.get("scope", "read").split():
            self._violate(request, "a token that may not write was asked for")
        self.issued += 1
        self.token = f"{TOKEN}-{self.issued}"
        return Answer(200, {"access_token": self.token, "token_type": "bearer", "data": {"id": 8, "first_name": "Ci"}})

    def _body(self, request):
        kind = request.header("Content-Type") or ""
        if not kind.startswith("application/json"):
            self._violate(request, f"Content-Type {kind!r}")
            raise Wrong(415, "JSON is wanted")
        if not isinstance(request.json, dict):

            try:
                request.json = json.loads(request.body)
            except ValueError:
                raise Wrong(400, "The body is no JSON") from None
        return request.json

    def _route(self, request):
        args, method = request.args, request.method
        if method not in ("GET", "POST"):
            self._violate(request, "no such method, or one that no importer should use")
            raise Wrong(405, "Method not allowed")
        first = args[0]
        if first in TYPES:
            return self._items(request, first, args[1:])
        if method != "GET":
            self._violate(request, "only items are written")
            raise Wrong(405, "Method not allowed")
        if args == ["me"]:
            return Answer(200, {"data": {"id": 8, "first_name": "Ci", "last_name": "Agent"}})
        if first == "projects" and len(args) == 1:
            flat = request.query.get("flat") == "true"
            return self._list([dict(row) for row in self.projects.values()] if flat else self._tree(), request, paged=False)
        if first == "projects" and len(args) == 2:
            return self._one(self.projects, args[1])
        if first == "projects" and args[2:] == ["workflow"]:
            if request.query.get("item_type") not in TYPES:
                raise Wrong(400, "item_type is required")
            self._one(self.projects, args[1])
            return Answer(200, {"data": {**self.workflow, "workflow_steps": list(self.steps.values())}})
        if first == "workflow_steps" and len(args) == 2:
            return self._one(self.steps, args[1])
        if first == "workflows":
            return self._list([{**self.workflow, "item_type": "features", "workflow_steps": list(self.steps.values())}],
                              request, paged=False)
        if first == "picklists" and args[1:] == ["custom"]:
            return self._list([{"id": one["id"], "name": one["name"],
                                "values": [{"id": key, "value": value, "picklist_id": one["id"]}
                                           for key, value in one["values"].items()]}
                               for one in self.custom_lists.values()], request, paged=False)
        if first == "picklists" and len(args) == 2 and args[1] in self.picklists:
            return self._list([{"id": key, "name": value, "order": key} for key, value in self.picklists[args[1]].items()],
                              request, paged=False)
        if args == ["fields", "custom"]:
            if request.query.get("type") not in TYPES:
                raise Wrong(400, "type is required")
            return self._list(list(self.fields.values()), request, paged=False)
        if args == ["users"]:
            return self._list(list(self.users.values()), request, paged=False)
        if args == ["releases"]:
            return self._list(list(self.releases.values()), request, paged=False)
        self._violate(request, "no such path")
        raise Wrong(404, "No such resource", "not_found")

    def _tree(self):
        def node(row):
            return {**row, "children": [node(one) for one in self.projects.values() if one["parent"]["id"] == row["id"]]}
        return [node(row) for row in self.projects.values() if row["parent"]["id"] == 0]

    @staticmethod
    def _one(rows, key):
        if key not in rows:
            raise Wrong(404, f"There is no {key}", "not_found")
        return Answer(200, {"data": rows[key]})

    def _list(self, rows, request, paged=True):
        if not paged:
            return Answer(200, {"data": rows, "metadata": {"total_count": len(rows)}})
        if "page" not in request.query or "page_size" not in request.query:
            self._violate(request, "a list without page and page_size")
        page = max(int(request.query.get("page", self.first_page)), self.first_page)
        size = max(1, min(int(request.query.get("page_size", 10)), self.page_max))
        start = (page - self.first_page) * size
        return Answer(200, {"data": rows[start:start + size],
                            "metadata": {"total_count": len(rows), "page": page, "page_size": size}})

    # ---- items ----

    def _items(self, request, kind, rest):
        if request.method == "GET" and rest == []:
            return self._search(request, kind)
        if request.method == "POST" and rest == []:
            return self._create(request, kind)
        item = self.items.get(rest[0])
        if item is None or item["item_type"] != kind:
            raise Wrong(404, f"There is no item {rest[0]} among {kind}", "not_found")
        if len(rest) == 1:
            if request.method == "GET":
                return Answer(200, {"data": item})
            self._check(request, kind, self._envelope(request), item)
            request.applied = True
            return Answer(200, {"data": item})
        if rest[1:] == ["workflow_steps"] and request.method == "GET":
            allowed = self.steps if self.next_steps is None else self.next_steps
            return Answer(200, {"data": [self.steps[step] for step in allowed]})
        if rest[1:] == ["comments"]:
            if request.method == "GET":
                return Answer(200, {"data": [one for one in self.comments if one["item"] == item["id"]]})
            text = self._body(request).get("comment_text") or request.query.get("comment_text")
            if not text:
                raise Wrong(400, "comment_text is required")
            self.comments.append({"id": len(self.comments) + 1, "item": item["id"], "comment_text": text})
            request.applied = True
            return Answer(200, {"data": self.comments[-1]})
        if rest[1:] == ["attachments"]:
            return self._attach(request, item)
        self._violate(request, "no such path")
        raise Wrong(404, "No such resource", "not_found")

    def _search(self, request, kind):
        unknown = set(request.query) - LIST_QUERY
        if unknown:
            self._violate(request, f"unknown parameters {sorted(unknown)}")
        rows = [item for item in self.items.values() if item["item_type"] == kind]
        if request.query.get("include_archived") != "true":
            rows = [item for item in rows if not item.get("archived")]
        if int(request.query.get("project_id", 0)):
            rows = [item for item in rows if item["project"]["id"] == int(request.query["project_id"])]
        ids = re.search(r"\bid=in\[([0-9,]*)\]", request.query.get("filters", ""))
        one = re.search(r"^id=([0-9]+)$", request.query.get("filters", ""))
        if request.query.get("filters") and not ids and not one:
            self._violate(request, f"a filter that this stand-in does not know: {request.query['filters']}")
        if ids:
            rows = [item for item in rows if str(item["id"]) in ids.group(1).split(",")]
        if one:
            rows = [item for item in rows if item["id"] == int(one.group(1))]
        text = request.query.get("search_string")
        if text is not None:
            phrase = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
            field = request.query.get("search_field", "all")
            def says(item):
                if field == "name":
                    return phrase.lower() in item["name"].lower()
                if field == "number":
                    return item["number"] == phrase
                if field.startswith("custom_fields."):
                    return phrase.lower() in str(item.get("custom_fields", {}).get(field[14:], "")).lower()
                return phrase.lower() in (item["name"] + item.get("description", "")).lower()
            rows = [item for item in rows if says(item)]
        brief = [{key: value for key, value in item.items() if key not in ("description", "notes", "resolution")}
                 for item in rows]
        for row in brief:
            step = row.get("workflow_step", {}).get("id")
            row["workflow_step"] = self.steps.get(step, {"id": 0})
        return self._list(brief, request)

    def _envelope(self, request):
        body = self._body(request)
        if set(body) - {"item", "notify_customer"} or not isinstance(body.get("item"), dict):
            self._violate(request, "not the envelope of an item")
            raise Wrong(400, "item is required")
        if body.get("notify_customer") is not False:
            self._violate(request, "customers would be notified")
        return body["item"]

    def _check(self, request, kind, given, item):
        for name, value in given.items():
            shape = ITEM_FIELDS.get(name)
            if shape is None:
                self._violate(request, f"unknown field {name}")
                raise Wrong(400, f"The field {name} is not known")
            if name == "severity" and kind not in ("defects", "incidents"):
                self._violate(request, "severity is for defects and incidents")
                raise Wrong(400, "severity is not available")
            if shape == "text" and not isinstance(value, str) or shape == "bool" and not isinstance(value, bool) or \
                    shape == "int" and not isinstance(value, int) or \
                    shape in ("id", "assignee") and not (isinstance(value, dict) and isinstance(value.get("id"), int)):
                self._violate(request, f"the shape of {name}: {value!r:.60}")
                raise Wrong(400, f"The value of {name} is not valid")
            if shape == "assignee" and value.get("type") not in ("user", "team"):
                raise Wrong(400, "assigned_to.type is user or team")
        for name, rows in (("project", self.projects), ("workflow_step", self.steps),
                           ("priority", self.picklists["priority"]), ("severity", self.picklists["severity"]),
                           ("status", self.picklists["status"]), ("release", self.releases)):
            if name in given and given[name]["id"] not in rows:
                raise Wrong(400, f"There is no {name} {given[name]['id']}")
        if "assigned_to" in given and given["assigned_to"]["id"] not in self.users:
            raise Wrong(400, "There is no such user")
        name = given.get("name", item.get("name") if item else "")
        if not name or len(name) > 250:
            raise Wrong(400, "name is required, of at most 250 characters")
        for text in ("description", "notes", "replication_procedures"):
            if re.search(r"<script|<iframe|\son[a-z]+=", given.get(text, ""), re.I):
                self._violate(request, f"active content in {text}")
        customs = given.get("custom_fields", {})
        for key, value in customs.items():
            field = self.fields.get(key)
            if field is None:
                raise Wrong(400, f"The field {key} is not known")
            if isinstance(value, str) and field["type"] == "string" and len(value) > field["string_size"]:
                raise Wrong(400, f"{field['label']} is longer than {field['string_size']} characters")
        if item is None:
            for key, field in self.fields.items():
                if field["required"] and customs.get(key) in (None, ""):
                    raise Wrong(400, f"{field['label']} is required")
        if item is not None:
            merged = {**item.get("custom_fields", {}), **customs}
            item.update(given)
            item["custom_fields"] = merged
            if "workflow_step" in given:
                item["is_completed"] = self.steps[given["workflow_step"]["id"]]["name"] == "Fixed"

    def _create(self, request, kind):
        given = self._envelope(request)
        if kind == "defects" and self.features_only:
            raise Wrong(400, "Defects can not be created any more")
        if "project" not in given:
            raise Wrong(400, "project is required")
        self._check(request, kind, given, None)
        self._next += 1
        item = {"id": self._next, "number": str(self._next - 900), "item_type": kind, "is_completed": False,
                "completion_date": "1899-01-01T00:00:00Z", "percent_complete": 0, "archived": False,
                "workflow_step": {"id": 40}, "custom_fields": {}, **given}
        self.items[item["id"]] = item
        request.applied = True
        return Answer(201, {"data": item})

    def _attach(self, request, item):
        if request.method == "GET":
            return Answer(200, {"data": [one for one in self.attachments if one["source_id"] == item["id"]]})
        if self.attachments_refused:
            raise Wrong(403, "Attachments are disabled", "forbidden")
        if (request.header("Content-Type") or "") != "application/octet-stream":
            self._violate(request, "bytes are sent as application/octet-stream")
            raise Wrong(415, "application/octet-stream is wanted")
        if not request.query.get("file_name"):
            raise Wrong(400, "file_name is required")
        self.attachments.append({"id": len(self.attachments) + 1, "file_name": request.query["file_name"],
                                 "description": request.query.get("description", ""), "source_id": item["id"],
                                 "source_type": item["item_type"], "size": len(request.body)})
        request.applied = True
        return Answer(200, {"data": self.attachments[-1]})
