# SPDX-License-Identifier: Apache-2.0
"""What an AIO Tests instance holds: projects with their lists, cases, cycles, runs, in memory.

Ids of each kind begin elsewhere and those of the lists differ from project to project, so that a client that
takes an association for a run, or one project's status for another's, is found out.  Keys that begin with
"_" stay here.  Dates are kept in milliseconds; how they are shown is the server's business.
"""

import hashlib
import itertools
import time

RUN_STATUSES = ["Not Run", "In Progress", "Passed", "Failed", "Blocked"]
READ, WRITE, DELETE = 1, 2, 4


class Project:
    """The lists of one project, and what it holds."""

    def __init__(self, number, key, first):
        self.id, self.key = number, key
        self.enabled = True
        self.permission, self.permission_error = 7, None
        ids = itertools.count(first)

        def rows(names, **more):
            return [{"ID": next(ids), "name": name, **more} for name in names]
        self.run_statuses = rows(RUN_STATUSES)
        self.step_statuses = rows(RUN_STATUSES)
        self.case_statuses = rows(["Draft", "Under Review", "Published", "Deprecated"])
        self.case_types = rows(["Functional", "Performance", "Integration"], isArchived=False, isDefault=False)
        self.case_priorities = rows(["Critical", "High", "Medium", "Low"], isArchived=False, isDefault=False)
        self.automation_statuses = rows(["Manual", "To Be Automated", "In Progress", "Automated"], isDefault=False)
        self.script_types = rows(["Classic", "BDD"], isEnabled=True)
        for row in (self.case_types[0], self.case_priorities[2], self.automation_statuses[0]):
            row["isDefault"] = True
        self.custom_field_types = [{"ID": next(ids), "type": kind, "name": kind.replace("_", " ").title(),
                                    "isSearchable": True}
                                   for kind in ("SINGLE_LINE_TEXT", "MULTI_LINE_TEXT", "NUMBER", "SINGLE_SELECT_LIST", "BOOLEAN")]
        self.custom_fields = []
        self.parameters = []
        self.tags = {}                          # id -> row
        self.folders = {"case": {}, "cycle": {}, "set": {}}
        self.cases, self.cycles, self.sets = {}, {}, {}     # id -> row
        self.keys = {kind: itertools.count(1) for kind in ("TC", "CY", "TS")}
        self.adhoc = None

    def status(self, name_or_id):
        """A run status by its exact name or its id as text."""
        for row in self.run_statuses:
            if name_or_id in (row["name"], str(row["ID"])):
                return row
        return None

    @staticmethod
    def named(rows, said):
        """The row of a list that an object {ID} or {name} means."""
        for row in rows:
            if said.get("ID") == row["ID"] or ("ID" not in said and said.get("name") == row["name"]):
                return row
        return None


class Store:
    def __init__(self):
        self.now = time.time
        self.lag = 0.0                          # seconds until what was made is found by searches and lists
        first = {"tag": 301, "folder": 401, "case": 20001, "cycle": 5001, "set": 8001, "association": 60001,
                 "run": 900001, "step": 70001, "run_step": 80001, "attachment": 40001, "comment": 30001,
                 "field": 10101}
        self._next = {kind: itertools.count(number) for kind, number in first.items()}
        self.projects = []
        self.attachments = {}                   # id -> row, "_data" its bytes
        self.batches = {}
        self.runs = {}                          # id -> run
        self.me = "5df1c9f826a4bb0c3e6840a1"

    def number(self, kind):
        return next(self._next[kind])

    def stamp(self):
        return int(self.now() * 1000)

    def visible(self, row):
        return time.monotonic() >= row.get("_visible", 0.0)

    # ---- making things ----

    def add_project(self, key="AT", number=10010):
        project = Project(number, key, 1 + 50 * len(self.projects))
        self.projects.append(project)
        project.adhoc = self.add_cycle(project, {"title": "Adhoc"}, key=f"{key}-CY-Adhoc")
        project.adhoc["isSystemDefined"] = True
        return project

    def add_tag(self, project, name):
        for row in project.tags.values():
            if row["name"] == name:
                return row
        row = {"ID": self.number("tag"), "name": name}
        project.tags[row["ID"]] = row
        return row

    def add_folders(self, project, kind, path, base=None):
        """The leaf of a path of folders; those that are missing are made."""
        parent, row = base, None
        folders = project.folders[kind]
        for name in path:
            row = next((one for one in folders.values() if one["parentID"] == parent and one["name"] == name), None)
            if row is None:
                row = {"ID": self.number("folder"), "name": name, "parentID": parent}
                folders[row["ID"]] = row
            parent = row["ID"]
        return row

    def folder_path(self, project, kind, folder_id):
        path = []
        while folder_id is not None:
            row = project.folders[kind][folder_id]
            path.insert(0, row["name"])
            folder_id = row["parentID"]
        return path

    def add_field(self, project, name, kind="SINGLE_LINE_TEXT", where="run", required=False, statuses=(), values=()):
        """A custom field; statuses: names of the run statuses for which a value is mandatory."""
        field = {"ID": self.number("field"), "name": name, "type": kind,
                 f"{where}Association": {"isAssociated": True, "isRequired": required,
                                         "requiredForRunStatuses": [project.status(status) for status in statuses]},
                 "allowedListValues": [{"ID": number, "value": value} for number, value in enumerate(values, 1)]}
        project.custom_fields.append(field)
        return field

    def _entity(self, project, kind, key, body):
        now = self.stamp()
        return {"ID": self.number({"TC": "case", "CY": "cycle", "TS": "set"}[kind]),
                "key": key or f"{project.key}-{kind}-{next(project.keys[kind])}", "jiraProjectID": project.id,
                "ownedByID": self.me, **body, "createdDate": now, "updatedDate": now,
                "_visible": time.monotonic() + self.lag, "_project": project}

    def add_case(self, project, body, key=None):
        case = {"version": 1, "status": project.case_statuses[0], "priority": project.case_priorities[2],
                "type": project.case_types[0], "automationStatus": project.automation_statuses[0],
                **self._entity(project, "TC", key, body), "isArchived": False, "_permission": 7, "_attachments": []}
        for step in case.get("steps", []):
            step.update(ID=self.number("step"), _attachments=[])
        project.cases[case["ID"]] = case
        return case

    def add_cycle(self, project, body, key=None):
        cycle = {**self._entity(project, "CY", key, body), "isSystemDefined": False, "isLockedForEdit": False,
                 "isClosed": False, "isArchived": False, "_permission": 7, "_attachments": [], "_cases": {}}
        cycle["createdDate"] = body.get("createdDate", cycle["createdDate"])
        project.cycles[cycle["ID"]] = cycle
        return cycle

    def add_set(self, project, body, cases=()):
        made = {**self._entity(project, "TS", None, body), "_cases": [case["ID"] for case in cases]}
        project.sets[made["ID"]] = made
        return made

    def add_to_cycle(self, cycle, case):
        """The association of a case with a cycle, made with its first run where it is not there."""
        association = cycle["_cases"].get(case["ID"])
        if association is None:
            association = {"ID": self.number("association"), "_case": case, "_cycle": cycle, "_runs": []}
            cycle["_cases"][case["ID"]] = association
            self.add_run(association)
        return association

    def add_run(self, association, **fields):
        case, now = association["_case"], self.stamp()
        project = association["_cycle"]["_project"]
        steps = [{"ID": self.number("run_step"), "stepID": step["ID"], "stepOrder": order,
                  "testStepType": step["stepType"], "step": step.get("step", ""),
                  "testRunStepStatus": project.step_statuses[0], "actualResult": None, "jiraDefectIDs": [],
                  "_comments": [], "_attachments": []} for order, step in enumerate(case.get("steps", []), 1)]
        run = {"ID": self.number("run"), "testRunStatus": project.run_statuses[0], "effort": None,
               "isAutomated": True, "executedByID": None, "createdDate": now, "updatedDate": now,
               "jiraDefectIDs": [], "customFields": [], "testRunSteps": steps, "_comments": [], "_attachments": [],
               "_association": association, "_marks": 0, **fields}
        association["_runs"].append(run)
        self.runs[run["ID"]] = run
        return run

    def comment(self, text):
        now = self.stamp()
        return {"ID": self.number("comment"), "comment": text, "authorID": self.me, "createdDate": now,
                "updatedDate": now}

    def attach(self, owner, part, kind):
        """Copies pile up: the same file twice is two attachments."""
        row = {"ID": self.number("attachment"), "name": part.filename, "mimeType": kind, "size": len(part.data),
               "checksum": hashlib.sha256(part.data).hexdigest(), "ownerId": self.me,
               "createdDate": self.stamp(), "_data": part.data}
        self.attachments[row["ID"]] = row
        owner["_attachments"].append(row)
        return row

    # ---- finding things ----

    @staticmethod
    def find(rows, name):
        """By key or id, of the last path part."""
        for row in rows.values():
            if name in (row["key"], str(row["ID"])):
                return row
        return None

    def delete_run(self, run):
        run["_association"]["_runs"].remove(run)
        del self.runs[run["ID"]]

    def delete_cycle(self, cycle):
        for association in cycle["_cases"].values():
            for run in association["_runs"]:
                del self.runs[run["ID"]]
        del cycle["_project"].cycles[cycle["ID"]]
