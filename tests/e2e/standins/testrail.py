# SPDX-License-Identifier: Apache-2.0
"""A strict stand-in for TestRail: refuses what the real one refuses, records what it applied.

`violations` holds every request that a correct client would not have made; the fixture asserts at the end
of each test that it is empty.  What was applied stands in `store`, apart from what was answered, so a
test sees what a lost answer left behind.

Switches of an older or odd server are attributes: see __init__.
"""

import base64
import html
import time

from . import testrail_admin            # its routes join the others
from .http_server import Answer, Server
from . import testrail_plans  # noqa: F401 (registers its endpoints)
from .testrail_attachments import TEXT_IDS, UPLOADS, read_upload
from .testrail_routes import PAGED, ROUTES, TEXTS
from .testrail_rules import Forbidden, Refused, page_of, parse_body, split_target
from .testrail_store import Store

USER, KEY = "ci@example.com", "sTand-in.kEy/0123456789"
LOGIN_REFUSED = "Authentication failed: invalid or missing user/password or session cookie."
RUN_CLOSED = "This operation is not allowed. The test run is completed and cannot be changed any more."


class TestRail(Server):
    __test__ = False            # not a class of tests

    def __init__(self, base=""):
        super().__init__()
        self.base = base
        self.user, self.key = USER, KEY
        self.store = Store()
        self.me = self.store.add_user(USER)
        self.violations = []
        self.refused_logins = 0
        # what an older or odd server does differently
        self.bare_lists = False         # before 6.7: arrays, not pages
        self.bare_suites = False        # before 9.3.1: get_suites alone
        self.zero_limit_links = False   # "next" says limit=0
        self.flat_milestones = False    # sub-milestones beside their parents, not inside
        self.banner = False             # a line of text before the JSON
        self.rich_text = False          # custom text fields come back as HTML
        self.missing = set()            # endpoints that this server does not have yet
        self.ids_as_text = False
        self.body_max = None            # bytes; beyond: 413 from the proxy
        self.result_editing = True      # "Allow editing results" of the site settings
        self.plan_run_files = True      # add_attachment_to_run takes runs of plans, too
        self.attachment_uuids = False   # ids of files: from 7.1 on in the cloud
        self.old_attachments = False    # lists of files do not say of which result
        self.no_answer_ids = False      # add_results answers without case_id (older servers)
        self.refuse_result = lambda body: None      # words that refuse a batch for one of its results
        # requests a minute, and what a 429 says of it: seconds, a function of seconds, or None for nothing
        self.rate, self.rate_window = None, 60.0
        self.retry_after = str
        self.rate_told = 60000          # the limit that a scripted 429 names
        self._recent = []
        self._writing = {}              # run -> requests that write to it now

    @property
    def address(self):
        return self.url + self.base

    # ---- what tests say and ask ----

    def project(self, name="Datahub", suite_mode=1):
        return self.store.add_project(name, suite_mode)

    def require_of_results(self, name):
        """An administrator made this system field of results (version, elapsed) a required one."""
        field = self.store.add_field(name, required=True, where="result")
        field["system_name"] = name

    def automation_field(self, name="automation_id", type_id=1):
        return self.store.add_field(name, type_id)

    def case_field(self, name, type_id=1, **keys):
        return self.store.add_field(name, type_id, **keys)

    def result_field(self, name, type_id=1, **keys):
        return self.store.add_field(name, type_id, where="result", **keys)

    def section(self, name, project=None, suite=None, parent=None):
        """A section of the project's (first) suite."""
        suite = suite or self.suite_of(project)
        return self.store.add_section(suite["id"], name, parent and parent["id"])

    def suite_of(self, project=None):
        projects = [project["id"]] if project else list(self.store.projects)
        return next(suite for suite in self.store.suites.values() if suite["project_id"] in projects)

    def case(self, title, section=None, number=None, automation=None, **fields):
        if section is None:
            suite = self.suite_of()
            existing = [row for row in self.store.sections.values() if row["suite_id"] == suite["id"]]
            section = existing[0] if existing else self.store.add_section(suite["id"], "Cases")
        if automation is not None:
            fields["custom_automation_id"] = automation
        return self.store.add_case(section["id"], {"title": title, **fields}, number)

    def milestone(self, name, parent=None, **fields):
        return self.store.add_milestone(next(iter(self.store.projects)), name, parent and parent["id"], **fields)

    def configuration(self, group, *names):
        """A group of configurations; their ids."""
        made = self.store.add_config_group(next(iter(self.store.projects)), group)
        return [self.store.add_config(made["id"], name)["id"] for name in names]

    def plan(self, name, **fields):
        return self.store.add_plan(next(iter(self.store.projects)), {"name": name, **fields})

    @property
    def plans(self):
        return list(self.store.plans.values())

    @property
    def runs(self):
        return list(self.store.runs.values())

    @property
    def only_run(self):
        assert len(self.runs) == 1, f"{len(self.runs)} runs: {[run['name'] for run in self.runs]}"
        return self.runs[0]

    def results(self, case=None, run=None):
        return self.store.results_of(run and run["id"], case and case["id"])

    def files(self, case=None, run=None, entry=None):
        """Attachments of results (of a case), of a run, or of an entry of a plan, in the order in which they came."""
        kind, owner = ("run", run) if run is not None else ("plan_entry", entry) if entry is not None \
            else ("test_change", None)
        with self.lock:
            return [row for row in self.store.attachments.values() if row["entity_type"] == kind
                    and (owner is None or row["entity_id"] == owner["id"])
                    and (case is None or row["case_id"] == case["id"])]

    def status_names(self, case=None, run=None):
        """Names of the statuses posted, in order."""
        with self.lock:
            return [(self.store.status(row["status_id"]) or {"name": None})["name"]
                    for row in self.results(case, run)]

    def results_by_automation(self):
        """automation id -> names of statuses, in order."""
        found = {}
        with self.lock:
            for row in self.store.results.values():
                case = self.store.cases[row["_case"]]
                found.setdefault(case.get("custom_automation_id"), []).append(
                    self.store.status(row["status_id"])["name"])
        return found

    # ---- faults in TestRail's words ----

    def error(self, status, headers=None):
        words = {400: "Field :name is a required field.", 401: LOGIN_REFUSED,
                 403: "You do not have permissions to access the requested resource.",
                 404: "Invalid uri", 409: "Maintenance: the instance is being backed up. Please try again later.",
                 429: f"API Rate Limit Exceeded - {self._told_rate()} per minute maximum allowed. Retry after 1 seconds.",
                 500: "An error occurred while processing the request."}
        if status in words:
            return Answer(status, {"error": words[status]}, headers)
        return super().error(status, headers)

    def _told_rate(self):
        return round(self.rate * 60 / self.rate_window) if self.rate is not None else self.rate_told

    def violate(self, request, what):
        with self.lock:
            about = f"{request.method} {request.target[:160]}" if request else "(no request)"
            self.violations.append(f"{about}: {what}")

    def bad_request(self, what):
        self.violate(None, what)

    # ---- from a request to an answer ----

    def name_endpoint(self, request):
        try:
            request.endpoint, request.args, request.query = split_target(request.target, self.base)
        except Forbidden:
            request.endpoint = "?"
        if request.endpoint == "get_cases" and "created_after" in request.query:
            request.kind = "look_cases"

    def handle(self, request):
        with self.lock:
            run = self._run_written(request)
            if run is not None:
                self._writing[run] = self._writing.get(run, 0) + 1
                if self._writing[run] > 1:
                    self.violate(request, f"two writes to run {run} at once")
        try:
            with self.lock:
                try:
                    early = self._check_rate() or self._check_size(request)
                    return early or self._json(self._process(request))
                except Refused as refused:
                    if isinstance(refused, Forbidden):
                        self.violate(request, refused.text)
                    return self._json({"error": refused.text}, refused.status)
        finally:
            with self.lock:
                if run is not None:
                    self._writing[run] -= 1

    @staticmethod
    def _run_written(request):
        if request.endpoint in ("add_results", "add_results_for_cases", "add_result_for_case", "update_run",
                                "close_run", "update_run_in_plan_entry"):
            return request.args[0] if request.args else None
        return None

    def _json(self, value, status=200):
        if isinstance(value, Answer):
            return value
        answer = Answer(status, value)
        if self.banner:
            answer.body = b"USER AUTHENTICATION SUCCESSFUL!\n" + answer.body
        return answer

    def _process(self, request):
        self._check_transport(request)
        split_target(request.target, self.base)         # says what is wrong with it
        self._check_login(request)
        if request.endpoint in self.missing:
            raise Refused("Invalid uri", 404)
        if request.endpoint not in ROUTES:
            raise Forbidden("Invalid uri", 404)
        method, least, most, known, function = ROUTES[request.endpoint]
        if request.method != method:
            raise Forbidden(f'Unsupported HTTP method "{request.method.lower()}" for this action.', 404)
        if not least <= len(request.args) <= most:
            raise Forbidden(f"{len(request.args)} path arguments", 404)
        numbers = []
        for place, arg in enumerate(request.args):
            text = request.endpoint in TEXT_IDS or place in TEXTS.get(request.endpoint, ())
            if not arg.isdigit() and not text:
                raise Forbidden("Field :id is not a valid ID.")
            numbers.append(arg if text else int(arg))
        unknown = set(request.query) - known
        if unknown:
            raise Forbidden(f"query key {sorted(unknown)[0]} is not known here")
        if method == "GET":
            return function(self, request, *numbers)
        if request.endpoint in UPLOADS:
            request.file = read_upload(request)
            value = function(self, request, *numbers)
            request.applied = True
            return value
        request.json = parse_body(request.body)
        if not isinstance(request.json, dict):
            raise Forbidden("The request body is not a valid object.")
        value = function(self, request, *numbers)
        request.applied = True
        return value

    def _check_transport(self, request):
        if not request.header("User-Agent"):
            raise Forbidden("no User-Agent", 500)
        if not request.header("Host"):
            raise Forbidden("no Host", 400)
        for name in ("Authorization", "Content-Length", "Content-Type", "Host"):
            if request.header_count(name) > 1:
                raise Forbidden(f"header {name} twice")
        if request.method not in ("GET", "POST"):
            raise Forbidden(f"method {request.method}", 404)
        kind = (request.header("Content-Type") or "").split(";")[0].strip().lower()
        if kind != ("multipart/form-data" if request.endpoint in UPLOADS else "application/json"):
            raise Forbidden("Content-Type header missing (use Content-Type: application/json)")
        if request.method == "GET" and request.body:
            raise Forbidden("a GET with a body")
        if request.method == "POST" and not request.body:
            raise Forbidden("a POST without a body", 411)

    def _check_login(self, request):
        expected = "Basic " + base64.b64encode(f"{self.user}:{self.key}".encode()).decode()
        if request.header("Authorization") != expected:
            self.refused_logins += 1
            if not (request.header("Authorization") or "").startswith("Basic "):
                self.violate(request, "no Basic authorization")
            raise Refused(LOGIN_REFUSED, 401)

    def _check_rate(self):
        if self.rate is None:
            return None
        now = time.monotonic()
        self._recent = [at for at in self._recent if at > now - self.rate_window]
        if len(self._recent) >= self.rate:
            wait = max(1, round(self._recent[0] + self.rate_window - now))
            value = self.retry_after(wait) if callable(self.retry_after) else self.retry_after
            return self.error(429, {} if value is None else {"Retry-After": value})
        self._recent.append(now)
        return None

    def _check_size(self, request):
        if self.body_max is None or len(request.body) <= self.body_max:
            return None
        return super().error(413)

    # ---- shapes of answers ----

    def _shown(self, row):
        shown = {key: value for key, value in row.items() if not key.startswith("_")}
        if self.ids_as_text and "id" in shown:
            shown["id"] = str(shown["id"])
        return shown

    def _list(self, request, key, rows, bare=False):
        rows = [self._shown(row) for row in rows if self.store.visible(row)]
        offset, limit = page_of(request.query)
        if self.bare_lists or bare:
            return rows
        page = rows[offset:offset + limit]
        def link(at):
            filters = "".join(f"&{name}={value}" for name, value in request.query.items() if name not in PAGED)
            said = 0 if self.zero_limit_links else limit
            path = "/".join([request.endpoint, *request.args])
            return f"/api/v2/{path}{filters}&limit={said}&offset={at}"
        more = offset + limit < len(rows)
        return {"offset": offset, "limit": limit, "size": len(page),
                "_links": {"next": link(offset + limit) if more else None,
                           "prev": link(max(0, offset - limit)) if offset else None},
                key: page}

    def case_json(self, case):
        shown = self._shown(case)
        if self.rich_text:
            for field in self.store.case_fields:
                value = shown.get(field["system_name"])
                if isinstance(value, str) and field["type_id"] in (1, 3):
                    shown[field["system_name"]] = f"<p>{html.escape(value, quote=False)}</p>\n"
        return shown

    def run_json(self, run):
        return {**self._shown(run), **self.store.run_counts(run),
                "url": f"{self.address}/index.php?/runs/view/{run['id']}"}

    # ---- finding things ----

    def find_project(self, project_id):
        project = self.store.projects.get(project_id)
        if project is None:
            raise Refused("Field :project_id is not a valid or accessible project.")
        return project

    def find_suite(self, project, suite_id):
        """The suite of a request: required in modes 2 and 3."""
        if suite_id is None:
            if project["suite_mode"] != 1:
                raise Forbidden("Field :suite_id is a required field.")
            return self.suite_of(project)
        if isinstance(suite_id, str):
            if not suite_id.isdigit():
                raise Forbidden("Field :suite_id is not a valid ID.")
            suite_id = int(suite_id)
        suite = self.store.suites.get(suite_id)
        if suite is None or suite["project_id"] != project["id"]:
            raise Refused("Field :suite_id is not a valid test suite.")
        return suite

    def find_run(self, run_id, open_only=False):
        run = self.store.runs.get(run_id)
        if run is None:
            raise Refused("Field :run_id is not a valid test run.")
        if open_only and run["is_completed"]:
            raise Refused(RUN_CLOSED)
        return run
