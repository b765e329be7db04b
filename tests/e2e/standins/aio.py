# SPDX-License-Identifier: Apache-2.0
"""A strict stand-in for AIO Tests, as Jira Cloud and as Server/Data Center: refuses what is not documented,
records what it applied.

`violations` holds every request that a correct client would not have made; the fixture asserts at the end
of each test that it is empty.  What was applied stands in `store`, apart from what was answered, so a test
sees what a lost answer left behind.

Switches of an odd site are attributes: see __init__.
"""

import base64
import time

from .aio_evidence import ROUTES as EVIDENCE
from .aio_routes import ROUTES as CONFIG_CASES_CYCLES
from .aio_rules import Forbidden, Refused, check_body, page_of, parse_body, parse_form, split_target
from .aio_runs import ROUTES as RUNS
from .aio_spec import Spec
from .aio_store import READ, WRITE, Store
from .http_server import Answer, Server

TOKEN = "sTand-in.aIo/tOken=="
USER, PASSWORD, PAT = "ci", "sTand-in.pAss:wOrd", "sTand-in.pAt+0123456789"
CLOUD_BASE = "/aio-tcms/api/v1"
SERVER_BASE = "/rest/aio-tcms-api/1.0"
ROUTES = CONFIG_CASES_CYCLES + RUNS + EVIDENCE


class Aio(Server):
    __test__ = False            # not a class of tests

    def __init__(self, deployment="cloud", context=""):
        super().__init__()
        assert deployment in ("cloud", "server")
        self.deployment, self.context = deployment, context
        self.base = CLOUD_BASE if deployment == "cloud" else context + SERVER_BASE
        self.token, self.user, self.password, self.pat = TOKEN, USER, PASSWORD, PAT
        self.spec = Spec.load()
        self.store = Store()
        if deployment == "server":
            self.store.me = "JIRAUSER10100"     # a user key, not an account id
        self.violations = []
        self.refused_logins = 0
        # what an older or odd site does differently
        self.missing = {"set_folders"} if deployment == "server" else set()     # answered with 404
        self.outside = "add"            # a mark of a case outside the cycle: add, refuse, or wants the flag
        self.published_only = True      # only published cases go into a cycle
        self.no_is_last = False         # pages without isLast
        self.total_count = False        # pages with totalCount
        self.cycle_seconds = True       # dates of cycles in seconds, those of runs and cases in milliseconds
        self.json_errors = False        # {"message": ...} for a plain line
        self.refuse_folders = None      # status with which PUT .../folder/hierarchy fails
        self.refusal_status = 403       # of a write to what may only be read
        self.bulk_max = None            # beyond: 400
        self.body_max = None            # bytes; beyond: 413 from the proxy
        self.refuse_mark = lambda key, body: None       # words that refuse one mark, by the key of its case
        self.fail_bulk = lambda bodies: None            # words that refuse a bulk call with 400 as a whole
        self.batch_polls = 2            # polls until a batch is done
        # requests a minute, and what a 429 says of it: nothing, as far as is known
        self.rate, self.rate_window, self.retry_after = None, 60.0, None
        self.empty_after = None         # quick calls after which answers are empty ...
        self.empty_applies = True       # ... though what was asked is done
        self._recent = []

    @property
    def address(self):
        """What a configuration says as url."""
        return self.url + (self.base if self.deployment == "cloud" else self.context)

    @property
    def login(self):
        if self.deployment == "cloud":
            return f"AioAuth {self.token}"
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    # ---- what tests say and ask ----

    def project(self, key="AT", number=10010):
        return self.store.add_project(key, number)

    @property
    def only_project(self):
        return self.store.projects[0]

    def case(self, title, automation=None, key=None, project=None, published=True, **fields):
        project = project or self.only_project
        if automation is not None:
            fields["automationKey"] = automation
        if published:
            fields["status"] = project.case_statuses[2]
        with self.lock:
            return self.store.add_case(project, {"title": title, **fields}, key)

    def cycle(self, title, cases=(), project=None, **fields):
        with self.lock:
            cycle = self.store.add_cycle(project or self.only_project, {"title": title, **fields})
            for case in cases:
                self.store.add_to_cycle(cycle, case)
        return cycle

    @property
    def cycles(self):
        """The cycles that are not built in."""
        with self.lock:
            return [cycle for project in self.store.projects for cycle in project.cycles.values()
                    if not cycle["isSystemDefined"]]

    @property
    def only_cycle(self):
        cycles = self.cycles
        assert len(cycles) == 1, f"{len(cycles)} cycles: {[cycle['title'] for cycle in cycles]}"
        return cycles[0]

    def runs(self, case=None, cycle=None):
        """Runs in the order in which they were made."""
        with self.lock:
            return [run for run in self.store.runs.values()
                    if (case is None or run["_association"]["_case"] is case)
                    and (cycle is None or run["_association"]["_cycle"] is cycle)]

    def status_names(self, case, cycle=None):
        """The status of each run of a case, in order."""
        return [run["testRunStatus"]["name"] for run in self.runs(case, cycle)]

    def statuses_by_key(self, cycle=None):
        """key of a case -> statuses of its runs in order, over the case's runs that exist."""
        found = {}
        for run in self.runs(cycle=cycle):
            found.setdefault(run["_association"]["_case"]["key"], []).append(run["testRunStatus"]["name"])
        return found

    @staticmethod
    def comments(run):
        return [comment["comment"] for comment in run["_comments"]]

    @staticmethod
    def attached(owner):
        """(name, type, bytes) of what hangs on a run, a step, a case or a cycle."""
        return [(row["name"], row["mimeType"], row["_data"]) for row in owner["_attachments"]]

    # ---- faults in AIO's words ----

    def error(self, status, headers=None):
        words = {400: "Mandatory data is missing", 401: "Unauthorized: invalid token", 403: "Access denied",
                 404: "Not Found", 429: "Too many requests", 500: "Something went wrong"}
        if status in words:
            return self._say(status, words[status], headers)
        return super().error(status, headers)

    def _say(self, status, words, headers=None):
        if self.json_errors:
            return Answer(status, {"message": words}, headers)
        return Answer(status, words, headers, content_type="text/plain;charset=UTF-8")

    def violate(self, request, what):
        with self.lock:
            about = f"{request.method} {request.target[:160]}" if request else "(no request)"
            self.violations.append(f"{about}: {what}")

    def bad_request(self, what):
        self.violate(None, what)

    # ---- from a request to an answer ----

    def name_endpoint(self, request):
        request.endpoint, request.route = "?", None
        try:
            parts, request.query = split_target(request.target, self.base)
        except Forbidden:
            return
        for route in ROUTES:
            args = route.match(request.method, parts)
            if args is not None:
                request.endpoint, request.route, request.args = route.name, route, args
                return

    def handle(self, request):
        with self.lock:
            try:
                early = self._check_rate(request) or self._check_size(request)
                if early:
                    return early
                value = self._process(request)
                if isinstance(value, Answer):
                    return value
                return Answer(200, value, content_type="application/json;charset=utf-8")
            except Refused as refused:
                if isinstance(refused, Forbidden):
                    self.violate(request, refused.text)
                return self._say(refused.status, refused.text)

    def _process(self, request):
        self._check_transport(request)
        parts, _ = split_target(request.target, self.base)      # says what is wrong with it
        self._check_login(request)
        if request.route is None:
            raise Forbidden(f"No such endpoint: {request.method} /{'/'.join(parts)}", 404)
        if request.endpoint in self.missing:
            raise Refused("Not Found", 404)
        project = self._find_project(request.args[0])
        self._check_query(request)
        self._understand(request)
        for problem in self.spec.check_request(request, self.base) if self.spec else []:
            raise Forbidden(f"not as the vendor describes it: {problem}")
        value = request.route.function(self, request, project, *request.args[1:])
        request.applied = not request.route.reads
        return value

    def _check_query(self, request):
        known = set(request.route.query)
        if self.outside == "flag" and request.endpoint in ("mark", "mark_bulk"):
            known.add("addCaseToCycle")
        for name in request.query:
            if name not in known:
                raise Forbidden(f"query key {name} is not known here")

    def _understand(self, request):
        kind = request.header("Content-Type") or ""
        request.form = None
        if request.route.body is None:
            if request.body:
                raise Forbidden(f"{request.endpoint} takes no body")
        elif request.route.body == "form":
            request.form = parse_form(kind, request.body)
        else:
            if kind.split(";")[0].strip().lower() != "application/json":
                raise Forbidden(f"Content-Type {kind!r} where JSON is due", 415)
            request.json = parse_body(request.body)
            check_body(request.route.body, request.json, request.route.whole)

    def _check_transport(self, request):
        if not request.header("User-Agent"):
            raise Forbidden("no User-Agent")
        for name in ("Authorization", "Content-Length", "Content-Type", "Host"):
            if request.header_count(name) > 1:
                raise Forbidden(f"header {name} twice")
        if not request.header("Host"):
            raise Forbidden("no Host")
        if request.method == "GET" and request.body:
            raise Forbidden("a GET with a body")

    def _check_login(self, request):
        said = request.header("Authorization") or ""
        if said == self.login or (self.deployment == "server" and said == f"Bearer {self.pat}"):
            return
        self.refused_logins += 1
        if said.partition(" ")[0] not in (["AioAuth"] if self.deployment == "cloud" else ["Basic", "Bearer"]):
            self.violate(request, f"Authorization of kind {said.partition(' ')[0]!r}")
        raise Refused("Unauthorized: invalid token" if self.deployment == "cloud" else "Client must be authenticated "
                      "to access this resource.", 401)

    def _check_rate(self, request):
        now = time.monotonic()
        self._recent = [at for at in self._recent if at > now - self.rate_window]
        if self.rate is not None and len(self._recent) >= self.rate:
            wait = max(1, round(self._recent[0] + self.rate_window - now))
            value = self.retry_after(wait) if callable(self.retry_after) else self.retry_after
            return self.error(429, {} if value is None else {"Retry-After": value})
        self._recent.append(now)
        if self.empty_after is not None and len(self._recent) > self.empty_after:
            if self.empty_applies:
                self._process(request)
            return Answer(200, b"", content_type="application/json;charset=utf-8")
        return None

    def _check_size(self, request):
        if self.body_max is None or len(request.body) <= self.body_max:
            return None
        return super().error(413)

    # ---- batches: done after some polls ----

    def new_batch(self, name, size, answer):
        batch = {"batchId": f"b{len(self.store.batches) + 1:08x}", "ownerId": self.store.me, "status": "QUEUED",
                 "fileName": name, "size": size, "createdDate": self.store.stamp(), "_polls": 0, "_answer": answer}
        self.store.batches[batch["batchId"]] = batch
        return self.entity_json(batch)

    def poll_batch(self, batch):
        batch["_polls"] += 1
        errors = batch["_answer"]["errorCount"]
        if batch["_polls"] < self.batch_polls:
            batch["status"] = "RUNNING"
        else:
            batch["status"] = "FINISHED_WITH_ERROR" if errors else "COMPLETED"
            batch["errorCases"] = errors
        return self.entity_json(batch)

    # ---- finding things ----

    def _find_project(self, name):
        for project in self.store.projects:
            if name in (project.key, str(project.id)):
                if not project.enabled:
                    raise Refused("AIO Tests is not enabled for this project", 401)
                if not project.permission & READ:
                    raise Refused("You do not have access to this project", 403)
                return project
        raise Refused(f"No project could be found with key or id {name}", 404)

    def find_case(self, project, name):
        """A case by key or id; one of another project is not found, as it would not be on the real one."""
        case = self.store.find(project.cases, name)
        if case is None:
            raise Refused(f"Case {name} does not exist", 404)
        return case

    def find_cycle(self, project, name):
        cycle = self.store.find(project.cycles, name)
        if cycle is None:
            raise Refused(f"Cycle {name} does not exist", 404)
        return cycle

    def find_run(self, cycle, name):
        if not name.isdigit():
            raise Forbidden(f"{name[:40]!r} is no id of a run")
        run = self.store.runs.get(int(name))
        if run is None or run["_association"]["_cycle"] is not cycle:
            raise Refused(f"Run {name} does not exist in cycle {cycle['key']}", 404)
        return run

    def may_write(self, project, *things):
        """Refuses a write where the project, or one of the things, may only be read."""
        if not project.permission & WRITE or any(not thing["_permission"] & WRITE for thing in things):
            raise Refused("You do not have permission to perform this operation", self.refusal_status)

    # ---- shapes of answers ----

    def permission(self, project, *things):
        value = project.permission
        for thing in things:
            value &= thing["_permission"]
        error = None if value == 7 else project.permission_error or "AIO_TESTRUN_EXECUTE_NO_ACCESS"
        return {"value": value, "error": error}

    def page(self, request, rows, show):
        start, most = page_of(request.query)
        rows = [row for row in rows if self.store.visible(row)]
        answer = {"items": [show(row) for row in rows[start:start + most]], "startAt": start, "maxResults": most,
                  "isLast": start + most >= len(rows)}
        if self.no_is_last:
            del answer["isLast"]
        if self.total_count:
            answer["totalCount"] = len(rows)
        return answer

    def entity_json(self, row, in_seconds=False):
        """A case, cycle, set or run without what stays here, without what is empty."""
        shown = {key: value for key, value in row.items()
                 if not key.startswith("_") and value is not None and value != [] and value != ""}
        if in_seconds:
            for key in ("createdDate", "updatedDate", "closedDate", "startDate", "endDate"):
                if isinstance(shown.get(key), int) and shown[key] > 1e11:
                    shown[key] //= 1000
        return shown

    def attachments_json(self, owner):
        """The lists of files: its own, and one for each field of formatted text that has some."""
        lists = {}
        for row in owner["_attachments"]:
            lists.setdefault(row.get("_of") or "attachments", []).append(self.entity_json(row))
        return {name: rows for name, rows in lists.items() if name.lower().endswith("attachments")}

    def cycle_json(self, cycle, attachments=False):
        shown = {**self.entity_json(cycle, self.cycle_seconds),
                 "permission": self.permission(cycle["_project"], cycle)}
        if attachments:
            shown.update(self.attachments_json(cycle))
        return shown

    def case_json(self, case, attachments=False):
        shown = {**self.entity_json(case), "permission": self.permission(case["_project"], case)}
        if case.get("steps"):
            shown["steps"] = [{**self.entity_json(step), **(self.attachments_json(step) if attachments else {})}
                              for step in case["steps"]]
        if attachments:
            shown.update(self.attachments_json(case))
        return shown

    def run_json(self, run, details=True):
        association = run["_association"]
        cycle, case = association["_cycle"], association["_case"]
        shown = {**self.entity_json(run), "permission": self.permission(cycle["_project"], cycle, case)}
        shown.pop("testRunSteps", None)
        if details:
            if run["_comments"]:
                shown["comments"] = list(run["_comments"])
            shown.update(self.attachments_json(run))
            steps = [self._step_json(step) for step in run["testRunSteps"]]
            if steps:
                shown["testRunSteps"] = steps
        else:
            shown.pop("jiraDefectIDs", None)
        return shown

    def _step_json(self, step):
        shown = self.entity_json(step)
        if step["_comments"]:
            shown["comments"] = list(step["_comments"])
        shown.update(self.attachments_json(step))
        return shown
