# SPDX-License-Identifier: Apache-2.0
"""What a TestRail instance holds: projects, suites, sections, cases, runs, tests and results, in memory.

Ids of each kind begin elsewhere, so that a client that takes a case's id for a test's is found out. Rows
are the JSON objects that the API shows; keys that begin with "_" stay here.
"""

import itertools
import time

SYSTEM_STATUSES = [(1, "passed"), (2, "blocked"), (3, "untested"), (4, "retest"), (5, "failed")]


class Store:
    def __init__(self):
        self.now = time.time
        self.lag = 0.0                          # seconds until what was made shows up in lists
        first = {"user": 1, "project": 1, "suite": 11, "section": 101, "case": 1001, "run": 50001, "test": 700001,
                 "result": 9000001, "plan": 30001, "field": 1, "milestone": 201,
                 "attachment": 443, "group": 61, "config": 71}
        self._next = {kind: itertools.count(number) for kind, number in first.items()}
        self.users, self.projects, self.suites = {}, {}, {}
        self.sections, self.cases, self.runs, self.plans = {}, {}, {}, {}
        self.milestones, self.groups = {}, {}
        self.tests, self.results, self.attachments = {}, {}, {}
        self.tests_of_run = {}                  # run -> {case -> test}
        self.case_fields, self.result_fields = [], []
        self.statuses = [{"id": number, "name": name, "label": name.title(), "is_system": True,
                          "is_untested": name == "untested", "is_final": name not in ("untested", "retest"),
                          "color_dark": 1, "color_medium": 2, "color_bright": 3} for number, name in SYSTEM_STATUSES]
        self.priorities = [{"id": 1, "name": "Low", "short_name": "1 - Low", "priority": 1, "is_default": False},
                           {"id": 4, "name": "Medium", "short_name": "2 - Med", "priority": 2, "is_default": True}]
        self.case_types = [{"id": 3, "name": "Automated", "is_default": False},
                           {"id": 7, "name": "Other", "is_default": True}]
        self.templates = [{"id": 1, "name": "Test Case (Text)", "is_default": True},
                          {"id": 2, "name": "Test Case (Steps)", "is_default": False}]

    def number(self, kind):
        return next(self._next[kind])

    def stamp(self):
        return int(self.now())

    def visible_from(self):
        return time.monotonic() + self.lag

    def visible(self, row):
        return time.monotonic() >= row.get("_visible", 0.0)

    # ---- making things ----

    def add_user(self, email, name="CI"):
        user = {"id": self.number("user"), "name": name, "email": email, "is_active": True, "role_id": 3,
                "role": "Tester", "is_admin": False}
        self.users[user["id"]] = user
        return user

    def add_project(self, name, suite_mode=1):
        project = {"id": self.number("project"), "name": name, "announcement": None, "show_announcement": False,
                   "is_completed": False, "completed_on": None, "suite_mode": suite_mode, "url": "",
                   "default_role_id": 3}
        self.projects[project["id"]] = project
        if suite_mode in (1, 2):
            self.add_suite(project["id"], "Master", is_master=True)
        return project

    def add_suite(self, project_id, name, is_master=False, is_baseline=False):
        suite = {"id": self.number("suite"), "name": name, "description": None, "project_id": project_id,
                 "is_master": is_master, "is_baseline": is_baseline, "is_completed": False, "completed_on": None,
                 "url": ""}
        self.suites[suite["id"]] = suite
        return suite

    def add_section(self, suite_id, name, parent_id=None, description=None):
        depth = 0 if parent_id is None else self.sections[parent_id]["depth"] + 1
        section = {"id": self.number("section"), "suite_id": suite_id, "name": name, "description": description,
                   "parent_id": parent_id, "display_order": len(self.sections) + 1, "depth": depth,
                   "_visible": time.monotonic() + self.lag}
        self.sections[section["id"]] = section
        return section

    def add_case(self, section_id, fields, number=None, user=1):
        now = self.stamp()
        case = {"id": number or self.number("case"), "title": "", "section_id": section_id,
                "suite_id": self.sections[section_id]["suite_id"], "template_id": 1, "type_id": 7, "priority_id": 4,
                "milestone_id": None, "refs": None, "created_by": user, "created_on": now, "updated_by": user,
                "updated_on": now, "estimate": None, "estimate_forecast": None,
                "display_order": len(self.cases) + 1, "is_deleted": 0, "labels": [],
                "_visible": time.monotonic() + self.lag}
        for field in self.case_fields:
            case[field["system_name"]] = None
        case.update(fields)
        self.cases[case["id"]] = case
        return case

    def delete_case(self, case_id):
        del self.cases[case_id]
        for tests in self.tests_of_run.values():
            tests.pop(case_id, None)

    def add_field(self, name, type_id=1, required=False, where="case", items=(), label=None, projects=None):
        """items: labels of a dropdown's options, numbered from 1; projects: ids, or None for all."""
        options = {"is_required": required, "default_value": ""}
        if items:
            options["items"] = "\n".join(f"{number}, {word}" for number, word in enumerate(items, 1))
        field = {"id": self.number("field"), "is_active": True, "type_id": type_id, "name": name,
                 "system_name": f"custom_{name}", "label": label or name.replace("_", " ").title(),
                 "description": None,
                 "configs": [{"id": f"cfg-{name}",
                              "context": {"is_global": projects is None, "project_ids": projects},
                              "options": options}],
                 "display_order": 1, "include_all": True, "template_ids": []}
        (self.case_fields if where == "case" else self.result_fields).append(field)
        if where == "case":
            for case in self.cases.values():
                case.setdefault(field["system_name"], None)
        return field

    def suite_cases(self, suite_id):
        return [case["id"] for case in self.cases.values() if case["suite_id"] == suite_id]

    def add_run(self, project_id, suite_id, fields, case_ids, user=1, plan_id=None):
        run = {"id": self.number("run"), "suite_id": suite_id, "name": "", "description": None,
               "milestone_id": None, "assignedto_id": None, "include_all": True, "is_completed": False,
               "completed_on": None, "config": None, "config_ids": [], "project_id": project_id,
               "plan_id": plan_id, "created_on": self.stamp(), "created_by": user, "updated_on": self.stamp(),
               "refs": None, "start_on": None, "due_on": None, "_visible": time.monotonic() + self.lag}
        run.update({key: value for key, value in fields.items() if key != "case_ids"})
        self.runs[run["id"]] = run
        self.tests_of_run[run["id"]] = {}
        self.set_run_cases(run, case_ids)
        return run

    def delete_run(self, run_id):
        """The run, its tests and their results are gone; so is an entry of a plan that loses its last run."""
        run = self.runs.pop(run_id)
        self.set_run_cases(run, [])
        del self.tests_of_run[run_id]
        for plan in self.plans.values():
            for entry in plan["_entries"]:
                entry["_runs"] = [number for number in entry["_runs"] if number != run_id]
            plan["_entries"] = [entry for entry in plan["_entries"] if entry["_runs"]]

    def add_milestone(self, project_id, name, parent=None, **fields):
        milestone = {"id": self.number("milestone"), "name": name, "description": None, "project_id": project_id,
                     "parent_id": parent, "refs": None, "start_on": None, "started_on": None, "due_on": None,
                     "is_started": False, "is_completed": False, "completed_on": None, "url": "",
                     "_visible": time.monotonic() + self.lag}
        milestone.update(fields)
        self.milestones[milestone["id"]] = milestone
        return milestone

    def add_plan(self, project_id, fields, user=1):
        plan = {"id": self.number("plan"), "name": "", "description": None, "milestone_id": None,
                "assignedto_id": None, "is_completed": False, "completed_on": None, "project_id": project_id,
                "created_on": self.stamp(), "created_by": user, "start_on": None, "due_on": None, "url": "",
                "_entries": [], "_visible": time.monotonic() + self.lag}
        plan.update(fields)
        self.plans[plan["id"]] = plan
        return plan

    def add_config_group(self, project_id, name):
        group = {"id": self.number("group"), "name": name, "project_id": project_id, "configs": []}
        self.groups[group["id"]] = group
        return group

    def add_config(self, group_id, name):
        config = {"id": self.number("config"), "name": name, "group_id": group_id}
        self.groups[group_id]["configs"].append(config)
        return config

    def config_ids(self, project_id):
        return {config["id"]: group["id"] for group in self.groups.values() if group["project_id"] == project_id
                for config in group["configs"]}

    def set_run_cases(self, run, case_ids):
        """The set replaces the one before: tests that are left out vanish, with their results."""
        tests = self.tests_of_run[run["id"]]
        for case_id in [case_id for case_id in tests if case_id not in set(case_ids)]:
            test = tests.pop(case_id)
            del self.tests[test["id"]]
            for result_id in [row["id"] for row in self.results.values() if row["test_id"] == test["id"]]:
                del self.results[result_id]
        for case_id in case_ids:
            if case_id not in tests:
                case = self.cases[case_id]
                test = {"id": self.number("test"), "case_id": case_id, "run_id": run["id"], "status_id": 3,
                        "title": case["title"], "assignedto_id": None, "template_id": case["template_id"],
                        "type_id": case["type_id"], "priority_id": case["priority_id"], "refs": case["refs"],
                        "estimate": None, "milestone_id": None, "labels": []}
                tests[case_id] = test
                self.tests[test["id"]] = test

    def add_result(self, test, fields, user=1):
        result = {"id": self.number("result"), "test_id": test["id"], "status_id": None, "created_on": self.stamp(),
                  "created_by": user, "assignedto_id": None, "comment": None, "version": None, "elapsed": None,
                  "defects": None, "custom_step_results": None, "attachment_ids": [],
                  "_run": test["run_id"], "_case": test["case_id"], "_visible": time.monotonic() + self.lag}
        for field in self.result_fields:
            result[field["system_name"]] = None
        result.update({key: value for key, value in fields.items() if key not in ("case_id", "test_id")})
        self.results[result["id"]] = result
        if result["status_id"] is not None:
            test["status_id"] = result["status_id"]
        return result

    # ---- what tests ask ----

    def status(self, status_id):
        return next((row for row in self.statuses if row["id"] == status_id), None)

    def section_path(self, section_id):
        path = []
        while section_id is not None:
            section = self.sections[section_id]
            path.insert(0, section["name"])
            section_id = section["parent_id"]
        return path

    def results_of(self, run_id=None, case_id=None):
        """Results in the order in which they were applied."""
        return [row for row in self.results.values()
                if (run_id is None or row["_run"] == run_id) and (case_id is None or row["_case"] == case_id)]

    def run_counts(self, run):
        counts = {f"{status['name']}_count": 0 for status in self.statuses}
        for test in self.tests_of_run[run["id"]].values():
            counts[self.status(test["status_id"])["name"] + "_count"] += 1
        return counts
