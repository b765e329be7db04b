# SPDX-License-Identifier: Apache-2.0
"""The stand-in for AIO Tests itself: what it refuses, what it records, how its answers look."""

import base64
import http.client
import json

import pytest

from standins.aio import ROUTES, Aio
from standins.http_server import Answer

AT = "project/AT"


class Client:
    """The plainest of HTTP clients."""

    def __init__(self, server):
        self.server, self.login = server, server.login

    def ask(self, method, path, body=None, headers=(), drop=(), prefix=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        said = {"Authorization": self.login, "User-Agent": "test"}
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            said["Content-Type"] = "application/json; charset=utf-8"
        said.update(dict(headers))
        for name in drop:
            said.pop(name)
        connection.putrequest(method, f"{prefix or self.server.base}/{path}", skip_accept_encoding=True)
        for name, value in said.items():
            connection.putheader(name, value)
        if body is not None or method != "GET":
            body = body.encode() if isinstance(body, str) else body or b""
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        self.headers = dict(answer.getheaders())
        return answer.status, data

    def json(self, method, path, body=None, **keys):
        """The JSON of a 200, which is as the vendor describes it."""
        status, data = self.ask(method, f"{AT}/{path}", body, **keys)
        assert status == 200, data
        value = json.loads(data) if data else None
        if self.server.spec:
            parts = path.partition("?")[0].split("/")
            assert self.server.spec.check_answer(method, parts, value) == []
        return value

    def refused(self, method, path, body=None, **keys):
        """(status, plain text) of a refusal."""
        status, data = self.ask(method, path if path.startswith("project") else f"{AT}/{path}", body, **keys)
        assert status != 200, data
        assert self.headers["Content-Type"].startswith("text/plain")
        return status, data.decode()

    def form(self, path, *parts, method="POST"):
        """parts: (name, file name or None, type or None, bytes)."""
        body = b""
        for name, filename, kind, data in parts:
            head = f'--XyZ\r\nContent-Disposition: form-data; name="{name}"'
            head += f'; filename="{filename}"' if filename else ""
            head += f"\r\nContent-Type: {kind}" if kind else ""
            body += head.encode() + b"\r\n\r\n" + data + b"\r\n"
        return self.ask(method, f"{AT}/{path}", body + b"--XyZ--\r\n",
                        {"Content-Type": "multipart/form-data; boundary=XyZ"})


@pytest.fixture(params=["cloud", "server"])
def server(request):
    one = Aio(request.param, "/jira" if request.param == "server" else "").start()
    one.project()
    yield one
    one.stop()


@pytest.fixture
def client(server):
    return Client(server)


def a_cycle(client, title="nightly", **fields):
    return client.json("POST", "testcycle/detail", {"title": title, **fields})


def bulk(client, cycle, *bodies, query=""):
    return client.json("POST", f"testcycle/{cycle['key']}/bulk/testrun/update{query}", {"testRuns": list(bodies)})


# ---- logins, paths, shapes ----

def test_each_deployment_has_its_own_path_and_login():
    cloud, server = Aio(), Aio("server", "/jira")
    assert cloud.base == "/aio-tcms/api/v1" and cloud.login.startswith("AioAuth ")
    assert server.base == "/jira/rest/aio-tcms-api/1.0" and server.login.startswith("Basic ")


def test_wants_the_login(server, client):
    client.login = client.login[:-4] + "AAAA"
    status, words = client.refused("GET", "config")
    assert status == 401 and words and server.refused_logins == 1 and server.violations == []
    client.login = "Digest x"
    assert client.refused("GET", "config")[0] == 401
    assert len(server.violations) == 1


def test_data_center_takes_a_personal_access_token():
    server = Aio("server").start()
    server.project()
    client = Client(server)
    client.login = f"Bearer {server.pat}"
    assert client.json("GET", "config/testrun/status")[0]["name"] == "Not Run"
    client.login = "Basic " + base64.b64encode(b"ci:wrong").decode()
    assert client.refused("GET", "config")[0] == 401
    server.stop()
    assert server.violations == []


@pytest.mark.parametrize("method, path, body, keys, status, words", [
    ("GET", f"{AT}/nothing", None, {}, 404, "No such endpoint"),
    ("GET", f"{AT}/testcycle//detail", None, {}, 404, "path"),
    ("POST", f"{AT}/config", {}, {}, 404, "No such endpoint"),
    ("GET", f"{AT}/config?colour=red", None, {}, 400, "query key colour"),
    ("GET", f"{AT}/testcase?startAt=x", None, {}, 400, "startAt is a number"),
    ("GET", f"{AT}/testcase?startAt=1&startAt=2", None, {}, 400, "twice"),
    ("GET", f"{AT}/config", None, {"prefix": "/rest/aio-tcms/1.0"}, 404, "not an API path"),
    ("GET", f"{AT}/config", None, {"drop": ["User-Agent"]}, 400, "User-Agent"),
    ("GET", f"{AT}/config", "{}", {}, 400, "a GET with a body"),
    ("POST", f"{AT}/testcycle/detail", b"title=x", {"headers": {"Content-Type": "text/plain"}}, 415, "JSON"),
    ("POST", f"{AT}/testcycle/detail", '{"title":', {"headers": {"Content-Type": "application/json"}}, 400,
     "Invalid JSON"),
    ("POST", f"{AT}/testcycle/detail", {}, {}, 400, "title is mandatory"),
    ("POST", f"{AT}/testcycle/detail", {"title": "x" * 256}, {}, 400, "255"),
    ("POST", f"{AT}/testcycle/detail", {"title": "x", "colour": 1}, {}, 400, "not a known field"),
    ("POST", f"{AT}/testcycle/detail", {"title": "x", "key": "AT-CY-9"}, {}, 400, "set by the server alone"),
    ("POST", f"{AT}/testcycle/detail", {"title": "x", "tags": [{"ID": 1}]}, {}, 400, "tags"),
    ("POST", f"{AT}/testcycle/detail", {"title": "x", "folder": 5}, {}, 400, "folder must be an object"),
    ("POST", f"{AT}/testcycle/search", {"title": "x"}, {}, 400, "title must be an object"),
    ("POST", f"{AT}/testcycle/search", {"title": {"comparisonType": "LIKE", "value": "x"}}, {}, 400, "one of"),
    ("POST", f"{AT}/testcycle/search", {"key": {"list": ["x"] * 101}}, {}, 400, "1 to 100"),
    ("PUT", f"{AT}/testcycle/folder/hierarchy", {"folderHierarchy": []}, {}, 400, "folderHierarchy"),
    ("POST", f"{AT}/testcase", {"title": "x", "status": "Published"}, {}, 400, "status must be an object"),
])
def test_refuses_and_records_what_is_not_documented(server, client, method, path, body, keys, status, words):
    said, text = client.refused(method, path, body, **keys)
    assert said == status and words in text
    assert len(server.violations) == 1
    assert server.cycles == []


def test_projects_by_key_or_id_disabled_and_unknown(server, client):
    assert client.ask("GET", "project/10010/config")[0] == 200
    assert client.refused("GET", "project/NO/config")[0] == 404
    server.only_project.enabled = False
    assert client.refused("GET", "config") == (401, "AIO Tests is not enabled for this project")
    assert server.violations == []


def test_a_project_that_may_only_be_read(server, client):
    case = server.case("a")
    cycle = server.cycle("old", [case])
    server.only_project.permission, server.only_project.permission_error = 1, "JIRA_PROJ_NO_ACCESS"
    assert client.json("GET", f"testcycle/{cycle['key']}/detail")["permission"] == {
        "value": 1, "error": "JIRA_PROJ_NO_ACCESS"}
    assert client.refused("POST", "testcycle/detail", {"title": "x"})[0] == 403
    server.refusal_status = 400
    assert client.refused("POST", f"testcycle/{cycle['key']}/testcase/{case['key']}/testrun", {})[0] == 400
    assert server.status_names(case) == ["Not Run"] and server.violations == []


# ---- configuration, tags, folders ----

def test_configuration_lists_have_ids_of_their_project(server, client):
    other = server.project("OTHER", 10020)
    assert client.json("GET", "config")["runStatuses"] == client.json("GET", "config/testrun/status")
    assert {row["ID"] for row in client.json("GET", "config/testrun/status")}.isdisjoint(
        row["ID"] for row in other.run_statuses)
    for path in ("testrun/testrunstep/status", "testcase/status", "testcase/type", "testcase/priority",
                 "testcase/automationstatus", "testcase/scripttype", "customfieldtype"):
        assert client.json("GET", f"config/{path}")
    server.store.add_field(server.only_project, "Browser", "SINGLE_SELECT_LIST", statuses=["Failed"], values=["a"])
    field, = client.json("GET", "config/customfield")
    assert field["runAssociation"]["requiredForRunStatuses"][0]["name"] == "Failed"


def test_tags_are_got_or_made(server, client):
    first = client.json("POST", "tag", [{"name": "nightly"}, {"name": "linux"}])
    assert client.json("POST", "tag", [{"name": "nightly"}]) == first[:1]
    assert client.json("GET", "tag") == first
    cycle = a_cycle(client, tags=[{"tag": {"ID": first[0]["ID"]}}])
    assert cycle["tags"][0]["tag"]["name"] == "nightly"
    assert client.refused("POST", "testcycle/detail", {"title": "x", "tags": [{"tag": {"ID": 7}}]})[0] == 400


def test_folders_are_got_or_made_and_stand_in_a_tree(server, client):
    leaf = client.json("PUT", "testcycle/folder/hierarchy", {"folderHierarchy": ["CI", "nightly"]})
    again = client.json("PUT", "testcycle/folder/hierarchy", {"baseFolderId": leaf["parentID"],
                                                              "folderHierarchy": ["nightly"]})
    assert again == leaf
    tree, = client.json("GET", "testcycle/folder")
    assert tree["name"] == "CI" and tree["children"][0]["ID"] == leaf["ID"]
    assert client.json("GET", "testcase/folder") == []
    assert a_cycle(client, folder={"ID": leaf["ID"]})["folder"]["name"] == "nightly"
    server.refuse_folders = 500
    assert client.refused("PUT", "testcycle/folder/hierarchy", {"folderHierarchy": ["x"]})[0] == 500


def test_data_center_may_lack_endpoints():
    server = Aio("server").start()
    server.project()
    client = Client(server)
    assert client.refused("GET", "testset/folder") == (404, "Not Found")
    server.missing.add("attach_run")
    server.stop()
    assert server.violations == []


# ---- cases ----

def test_cases_are_made_found_and_replaced(server, client):
    case = client.json("POST", "testcase?uniqueAutoKey=true", {
        "title": "Pay", "automationKey": "shop.Pay.card", "status": {"name": "Published"},
        "scriptType": {"name": "Classic"}, "steps": [{"stepType": "TEXT", "step": "go", "expectedResult": "there"}]})
    assert case["key"] == "AT-TC-1" and case["version"] == 1 and case["status"]["name"] == "Published"
    assert client.refused("POST", "testcase?uniqueAutoKey=true", {
        "title": "Twin", "automationKey": "shop.Pay.card"})[0] == 400
    server.case("Other", automation="shop.Pay.cash")
    for criterion, count in (({"automationKey": {"comparisonType": "EXACT_MATCH", "value": "shop.Pay.card"}}, 1),
                             ({"automationKey": {"value": "shop.Pay"}}, 2), ({"title": {"value": "pay"}}, 0),
                             ({"key": {"comparisonType": "IN", "list": ["AT-TC-2", "AT-TC-9"]}}, 1), ({}, 2),
                             ({"createdDate": {"comparisonType": "AFTER", "value1": 4102444800000}}, 0)):
        assert len(client.json("POST", "testcase/search", criterion)["items"]) == count
    detail = client.json("GET", "testcase/AT-TC-1/detail?needAttachments=true")
    assert detail["versions"] == [{"version": 1, "ID": case["ID"]}] and detail["steps"][0]["ID"]
    detail["title"] = "Pay by card"
    del detail["versions"]              # of the answer alone
    assert client.json("PUT", "testcase/AT-TC-1/detail", detail)["automationKey"] == "shop.Pay.card"
    assert "automationKey" not in client.json("PUT", f"testcase/{case['ID']}/detail", {"title": "Bare"})
    assert client.refused("GET", "testcase/AT-TC-99/detail")[0] == 404
    assert server.violations == []


def test_steps_want_a_script_type_and_lists_want_what_exists(server, client):
    assert "Script type" in client.refused("POST", "testcase", {
        "title": "x", "steps": [{"stepType": "TEXT", "step": "go"}]})[1]
    assert client.refused("POST", "testcase", {"title": "x", "priority": {"name": "Huge"}})[0] == 400
    assert client.json("POST", "testcase", {"title": "x"})["status"]["name"] == "Draft"
    assert server.violations == []


def test_lists_come_in_pages_that_are_clamped(server, client):
    for number in range(130):
        server.case(f"case {number}")
    page = client.json("GET", "testcase?startAt=100&maxResults=20")
    assert (len(page["items"]), page["startAt"], page["isLast"]) == (20, 100, False)
    for asked in (5, 500, 0):
        page = client.json("GET", f"testcase?maxResults={asked}")
        assert (len(page["items"]), page["maxResults"], page["isLast"]) == (100, 100, False)
    server.no_is_last = True
    assert "isLast" not in client.json("GET", "testcase?startAt=130")


# ---- cycles ----

def test_cycles_are_made_found_locked_closed_and_deleted(server, client):
    first, twin = a_cycle(client, "n 1", objective="token 77"), a_cycle(client, "n 1")
    assert first["key"] != twin["key"] and first["createdDate"] < 1e11
    found = client.json("POST", "testcycle/search", {"title": {"comparisonType": "EXACT_MATCH", "value": "n 1"}})
    assert [row["key"] for row in found["items"]] == [first["key"], twin["key"]]
    assert found["items"][0]["objective"] == "token 77"
    assert client.json("GET", "testcycle/AT-CY-Adhoc/detail")["isSystemDefined"] is True
    case, other = server.case("a"), server.case("b")
    path = f"testcycle/{first['key']}"
    bulk(client, first, {"testCaseKey": case["key"], "testRunStatus": "Passed"})
    assert client.json("PUT", f"{path}/state", {"name": "LOCKED", "value": True}) is None
    answer = bulk(client, first, {"testCaseKey": other["key"], "testRunStatus": "Passed"},
                  {"testCaseKey": case["key"], "testRunStatus": "Failed"})
    assert answer["status"] == "SUCCESS_WITH_ERROR" and "locked" in answer["errors"][other["key"]]["message"]
    assert client.json("PUT", f"{path}/state", {"name": "CLOSED", "value": True}) is None
    detail = client.json("GET", f"{path}/detail")
    assert detail["isClosed"] and detail["isLockedForEdit"] and detail["closedDate"] < 1e11
    assert "closed" in client.refused("POST", f"{path}/bulk/testrun/update", {
        "testRuns": [{"testCaseKey": case["key"]}]})[1]
    assert "not empty" in client.refused("DELETE", path)[1]
    assert client.json("DELETE", f"{path}?emptyCycleBeforeDelete=true") is None
    assert client.refused("DELETE", path)[0] == 404
    assert server.violations == []


def test_a_cycle_is_replaced_whole(server, client):
    cycle = a_cycle(client, objective="o", jiraTaskIDs=["AT-7"])
    detail = client.json("GET", f"testcycle/{cycle['key']}/detail")
    assert client.json("PUT", f"testcycle/{cycle['key']}/detail", {**detail, "title": "new"})["objective"] == "o"
    assert "objective" not in client.json("PUT", f"testcycle/{cycle['key']}/detail", {"title": "bare"})


def test_a_cycle_from_a_set_has_its_published_cases(server, client):
    cases = [server.case("a"), server.case("b", published=False)]
    made = server.store.add_set(server.only_project, {"title": "smoke"}, cases)
    assert client.json("POST", "testset/search", {"title": {"value": "smo"}})["items"][0]["key"] == made["key"]
    cycle = client.json("POST", "testcycle/testset/create", {"title": "c", "sourceIDs": [made["key"]]})
    summary = client.json("GET", f"testcycle/{cycle['key']}/summary")
    assert (summary["totalTests"], summary["totalRuns"]) == (1, 1)
    assert client.refused("POST", "testcycle/testset/create", {"title": "c", "sourceIDs": ["AT-TS-9"]})[0] == 404


def test_what_was_made_may_show_late(server, client):
    server.store.lag = 60.0
    cycle = a_cycle(client, "late")
    assert client.json("POST", "testcycle/search", {"title": {"value": "late"}})["items"] == []
    assert client.json("GET", f"testcycle/{cycle['key']}/detail")["title"] == "late"


# ---- marks ----

def test_a_bulk_mark_adds_cases_updates_the_latest_run_or_makes_one(server, client):
    case, cycle = server.case("a"), a_cycle(client)
    mark = {"testCaseKey": case["key"], "testRunStatus": "Failed", "effort": 12, "comments": ["boom"],
            "isAutomated": True}
    answer = bulk(client, cycle, mark, query="?createNewRun=true")      # ignored: the case was not there
    assert (answer["status"], answer["successCount"]) == ("SUCCESS", 1)
    first = answer["processedData"][case["key"]]
    again = bulk(client, cycle, {**mark, "testRunStatus": "Passed"})["processedData"][case["key"]]
    assert again["ID"] == first["ID"] and again["comments"] == ["boom", "boom"] and first["createdDate"] > 1e11
    third = bulk(client, cycle, mark, query="?createNewRun=true")["processedData"][case["key"]]
    assert third["ID"] != first["ID"]
    assert server.status_names(case) == ["Passed", "Failed"]
    assert server.statuses_by_key() == {case["key"]: ["Passed", "Failed"]}
    listed, = client.json("GET", f"testcycle/{cycle['key']}/testcase")["items"]
    assert listed["latestRun"]["ID"] == third["ID"] != listed["ID"]
    listed, = client.json("GET", f"testcycle/{cycle['key']}/testrun")["items"]
    assert [run["ID"] for run in listed["runs"]] == [third["ID"], first["ID"]]
    assert server.violations == []


def test_a_bulk_mark_answers_key_by_key(server, client):
    good, draft, foreign = server.case("a"), server.case("b", published=False), server.case("c")
    foreign["_permission"] = 1
    server.store.add_field(server.only_project, "Reason", statuses=["Blocked"])
    failing = server.case("d")
    server.refuse_mark = lambda key, body: "no luck" if key == failing["key"] else None
    cycle = a_cycle(client)
    keys = [good["key"], draft["key"], foreign["key"], failing["key"], "OTHER-TC-1"]
    answer = bulk(client, cycle, *[{"testCaseKey": key, "testRunStatus": "Passed"} for key in keys])
    assert answer["status"] == "SUCCESS_WITH_ERROR"
    assert (answer["requestCount"], answer["successCount"], answer["errorCount"]) == (5, 1, 4)
    said = {key: error["message"] for key, error in answer["errors"].items()}
    assert "not published" in said[draft["key"]] and "permission" in said[foreign["key"]]
    assert said[failing["key"]] == "no luck" and "does not exist" in said["OTHER-TC-1"]
    answer = bulk(client, cycle, {"testCaseKey": good["key"], "testRunStatus": "Blocked"})
    assert answer["status"] == "FAILED" and "mandatory" in answer["errors"][good["key"]]["message"]
    answer = bulk(client, cycle, {"testCaseKey": good["key"], "testRunStatus": "Blocked", "customFieldValueToUpdate": [
        {"customFieldUpdateOperationType": "REPLACE_EXISTING", "customValue": {"name": "Reason", "value": "x"}}]})
    assert answer["status"] == "SUCCESS"
    answer = bulk(client, cycle, {"testCaseKey": good["key"], "testRunStatus": "passed"})
    assert answer["errors"][good["key"]]["message"] == "Run status passed does not exist"
    assert server.status_names(good) == ["Blocked"] and server.violations == []


@pytest.mark.parametrize("marks, words", [
    ([], "testRuns"),
    ([{"testRunStatus": "Passed"}], "testCaseKey is mandatory"),
    ([{"testCaseKey": "AT-TC-1"}, {"testCaseKey": "AT-TC-1"}], "stands twice"),
    ([{"testCaseKey": f"AT-TC-{number}"} for number in range(101)], "101 results"),
    ([{"testCaseKey": "AT-TC-1", "testRunStatus": {"name": "Passed"}}], "testRunStatus must be a text"),
    ([{"testCaseKey": "AT-TC-1", "comments": "x"}], "comments must be a list"),
    ([{"testCaseKey": "AT-TC-1", "effort": -1}], "effort"),
    ([{"testCaseKey": "AT-TC-1", "executedByID": "me"}], "not known"),
    ([{"testCaseKey": "AT-TC-1", "jiraDefectIDs": [5]}], "not known"),
])
def test_a_bulk_mark_of_the_wrong_shape(server, client, marks, words):
    server.case("a")
    cycle = server.cycle("c")
    status, text = client.refused("POST", f"testcycle/{cycle['key']}/bulk/testrun/update", {"testRuns": marks})
    assert status == 400 and words in text
    assert len(server.violations) == 1 and server.runs() == []


def test_a_site_may_refuse_cases_outside_the_cycle(server, client):
    case, cycle = server.case("a"), a_cycle(client)
    mark = {"testCaseKey": case["key"], "testRunStatus": "Passed"}
    server.outside = "flag"
    assert "not part" in bulk(client, cycle, mark)["errors"][case["key"]]["message"]
    assert bulk(client, cycle, mark, query="?addCaseToCycle=true")["status"] == "SUCCESS"
    server.outside = "refuse"
    other = server.case("b")
    assert bulk(client, cycle, {"testCaseKey": other["key"]})["status"] == "FAILED"
    client.json("POST", f"testcycle/{cycle['key']}/testcase/{other['key']}")
    assert bulk(client, cycle, {"testCaseKey": other["key"], "testRunStatus": "Passed"})["status"] == "SUCCESS"
    client.json("POST", f"testcycle/{cycle['key']}/testcase/{other['key']}")
    assert server.status_names(other) == ["Passed", "Not Run"] and server.violations == []


def test_one_mark_alone(server, client):
    case, cycle = server.case("a"), a_cycle(client)
    path = f"testcycle/{cycle['key']}/testcase/{case['key']}"
    status_id = str(server.only_project.run_statuses[2]["ID"])
    marked = client.json("POST", f"{path}/testrun?createNewRun=true", {
        "testRunStatus": status_id, "comments": ["c"], "jiraDefectsUpdate": {"jiraDefectIDs": [10, 11]}})
    assert marked["testRunStatus"] == "Passed" and marked["jiraDefectIDs"] == [10, 11]
    client.json("POST", f"{path}/testrun", {"jiraDefectsUpdate": {
        "jiraDefectIDs": [10], "jiraBulkListOperationType": "DELETE_EXISTING"}})
    assert "comments" not in client.json("GET", f"{path}/testrun")
    run = client.json("GET", f"{path}/testrun?fetchDetails=true")
    assert run["comments"][0]["comment"] == "c" and run["jiraDefectIDs"] == [11] and "customFields" not in run
    assert client.json("POST", f"{path}/comment", {"comment": "later"})["ID"]
    assert server.comments(server.runs()[0]) == ["c", "later"]


def test_a_whole_run_with_its_steps(server, client):
    case = server.case("a", scriptType={"name": "Classic"}, steps=[{"stepType": "TEXT", "step": step} for step in "xy"])
    cycle = server.cycle("c", [case])
    run = server.runs()[0]
    path = f"testcycle/{cycle['key']}/testrun/{run['ID']}"
    body = client.json("GET", path)
    step = body["testRunSteps"][0]
    step.update(testRunStepStatus={"name": "Failed"}, actualResult="no", comments=[{"comment": "why"}])
    body.update(testRunStatus={"name": "Failed"}, comments=[{"comment": "all"}])
    after = client.json("POST", path, body)
    assert [row["testRunStepStatus"]["name"] for row in after["testRunSteps"]] == ["Failed", "Not Run"]
    assert after["testRunSteps"][0]["comments"][0]["comment"] == "why" and after["comments"][0]["comment"] == "all"
    assert client.refused("POST", path, {"testRunSteps": [{"ID": 1}]})[0] == 400
    reset = client.json("PUT", f"{path}/reset")
    assert reset["testRunStatus"]["name"] == "Not Run" and "comments" not in reset
    assert "latest" in client.refused("DELETE", path)[1]
    client.json("POST", f"testcycle/{cycle['key']}/testcase/{case['key']}")
    assert client.json("DELETE", path) is None
    assert client.refused("GET", path)[0] == 404


def test_fields_of_many_runs_change_by_a_search(server, client):
    cases = [server.case(title) for title in "abc"]
    cycle = server.cycle("c", cases)
    answer = client.json("PUT", f"testcycle/{cycle['key']}/bulk/testrun", {
        "testRunSearchRequest": {"key": {"comparisonType": "IN", "list": [case["key"] for case in cases[:2]]}},
        "testRunBulkUpdateRequest": {"testRunStatus": {"name": "Blocked"}}})
    assert answer["successCount"] == 2
    assert [server.status_names(case) for case in cases] == [["Blocked"], ["Blocked"], ["Not Run"]]


# ---- attachments, import, migration ----

def test_attachments_want_a_file_of_a_real_type_and_pile_up(server, client):
    case = server.case("a", scriptType={"name": "Classic"}, steps=[{"stepType": "TEXT", "step": "x"}])
    cycle = server.cycle("c", [case])
    run = server.runs()[0]
    base = f"testcycle/{cycle['key']}"
    shot = ("file", "shot.png", "image/png", b"\x89PNG\r\n--XyZ not the end")
    for path in (f"{base}/testrun/{run['ID']}/attachment", f"{base}/testcase/{case['key']}/attachment"):
        status, data = client.form(path, shot)
        assert status == 200
    record = json.loads(data)
    assert (record["name"], record["mimeType"], record["size"]) == ("shot.png", "image/png", len(shot[3]))
    assert len(server.attached(run)) == 2
    assert client.ask("GET", f"{AT}/attachment/{record['ID']}") == (200, shot[3])
    assert client.form(f"{base}/testrun/{run['ID']}/testrunstep/{run['testRunSteps'][0]['ID']}/attachment", shot)[0] \
        == 200
    assert client.form(f"{base}/attachment", ("file", "a.log", "text/plain", b"x"))[0] == 200
    assert len(client.json("GET", f"{base}/detail?needAttachments=true")["attachments"]) == 1
    assert "attachments" not in client.json("GET", f"{base}/detail")
    assert client.form(f"{base}/attachment", ("file", "a.exe", "application/x-msdownload", b"x"))[0] == 400
    assert server.violations == []
    assert client.form(f"{base}/attachment", ("file", "a.log", None, b"x"))[0] == 400
    assert client.form(f"{base}/attachment", ("file", "a.log", "text/plain", b"x"), ("more", None, None, b"1"))[0] == 400
    assert client.form(f"{base}/attachment", ("file", None, "text/plain", b"x"))[0] == 400
    assert len(server.violations) == 3


JUNIT = b"""<testsuite><testcase classname="shop.Pay" name="card" time="1.5"/>
<testcase classname="shop.Pay" name="AT-TC-2 cash"><failure message="no cash"/></testcase>
<testcase classname="shop.Pay" name="cheque"><skipped/></testcase></testsuite>"""


def test_a_report_is_imported_key_by_key(server, client):
    card, cash = server.case("card", automation="shop.Pay.card"), server.case("cash", key="AT-TC-2")
    cycle = a_cycle(client)
    file = ("file", "TEST-shop.xml", "text/xml", JUNIT)
    yes = ("addCaseToCycle", None, None, b"true")
    status, data = client.form(f"testcycle/{cycle['key']}/import/results?type=JUnit", file, yes)
    answer = json.loads(data)
    assert status == 200 and answer["status"] == "SUCCESS_WITH_ERROR" and answer["errorCount"] == 1
    assert answer["processedData"]["shop.Pay.card"]["tcKey"] == card["key"]
    assert answer["processedData"]["shop.Pay.AT-TC-2 cash"]["runId"] == [server.runs(cash)[0]["ID"]]
    assert answer["errors"]["shop.Pay.cheque"]["message"] == "No case found for this result"
    assert server.statuses_by_key() == {card["key"]: ["Passed"], cash["key"]: ["Failed"]}
    if server.spec:
        assert server.spec.check_answer("POST", ["testcycle", "1", "import", "results"], answer) == []
    client.form(f"testcycle/{cycle['key']}/import/results?type=junit", file, yes, ("createCase", None, None, b"true"))
    assert server.status_names(card) == ["Passed", "Passed"] and len(server.only_project.cases) == 3
    assert server.violations == []
    assert client.form(f"testcycle/{cycle['key']}/import/results?type=JUnit", file)[0] == 400
    assert client.form(f"testcycle/{cycle['key']}/import/results?type=XML", file, yes)[0] == 400
    assert len(server.violations) == 2


def test_a_batch_is_done_after_some_polls(server, client):
    server.case("card", automation="shop.Pay.card")
    cycle = a_cycle(client)
    status, data = client.form(f"testcycle/{cycle['key']}/import/results/batch?type=JUnit",
                               ("file", "x.xml", "text/xml", JUNIT), ("addCaseToCycle", None, None, b"true"))
    batch = json.loads(data)
    assert status == 200 and batch["status"] == "QUEUED"
    assert client.json("GET", f"batch/{batch['batchId']}")["status"] == "RUNNING"
    done = client.json("GET", f"batch/{batch['batchId']}")
    assert (done["status"], done["errorCases"]) == ("FINISHED_WITH_ERROR", 2)
    assert client.refused("GET", "batch/none")[0] == 404


def test_runs_of_the_past_are_migrated(server, client):
    case = server.case("a")
    cycle = client.json("POST", "testcycle/detail/migrate", {"title": "2020", "createdDate": 1577836800})
    assert cycle["createdDate"] == 1577836800
    answer = client.json("POST", f"testcycle/{cycle['key']}/testruns/bulk/migrate?returnFullRunResponse=true", {
        "testCases": [{"testCaseKey": case["key"], "externalCaseID": "e1", "testRuns": [
            {"externalRunID": "r2", "testRunStatus": "Failed", "createdDate": 1577836800000, "comments": ["x"]},
            {"externalRunID": "r1", "testRunStatus": "Passed", "createdDate": 1577836700000},
            {"externalRunID": "r3", "testRunStatus": "Nope"}]},
            {"testCaseKey": "AT-TC-99", "externalCaseID": "e2", "testRuns": [{"externalRunID": "r4"}]}]})
    said = answer["migrateCycleCaseResponseMap"]
    assert said["e1"]["migrateRunResponseMap"]["r2"]["testRunDetail"]["createdDate"] == 1577836800000
    assert "Nope" in said["e1"]["migrateRunResponseMap"]["r3"]["error"]["message"]
    assert "does not exist" in said["e2"]["error"]["message"]
    assert client.json("POST", f"testcycle/{cycle['key']}/testcase/{case['key']}/testrun/migrate",
                       {"testRunStatus": "Blocked", "createdDate": 1577836900})["testRunStatus"] == "Blocked"
    assert client.json("GET", f"testcycle/{cycle['key']}/testcase/{case['key']}/testrun")["testRunStatus"]["name"] \
        == "Blocked"
    assert sorted(server.status_names(case)) == ["Blocked", "Failed", "Passed"] and server.violations == []
    twice = {"testCaseKey": case["key"], "testRuns": [{"externalRunID": "a"}, {"externalRunID": "a"}],
             "externalCaseID": "e"}
    assert client.refused("POST", f"testcycle/{cycle['key']}/testruns/bulk/migrate", {"testCases": [twice]})[0] == 400
    assert len(server.violations) == 1


def test_traceability_of_a_requirement(server, client):
    case = server.case("a", jiraRequirementIDs=["AT-7"])
    server.cycle("c", [case])
    traced, = client.json("GET", "traceability/requirement/AT-7?maxRunCount=5")
    assert traced["testCase"]["key"] == case["key"] and len(traced["testRuns"]) == 1
    assert client.json("GET", "traceability/requirement/AT-8") == []


# ---- limits, faults ----

def test_the_rate_limit_says_nothing_of_when(server, client):
    server.rate = 60
    assert [client.ask("GET", f"{AT}/tag")[0] for _ in range(61)] == [200] * 60 + [429]
    assert "Retry-After" not in client.headers
    server.retry_after = str
    assert client.ask("GET", f"{AT}/tag")[0] == 429 and 1 <= int(client.headers["Retry-After"]) <= 60


def test_under_load_answers_are_empty(server, client):
    server.empty_after = 1
    a_cycle(client)
    assert client.ask("POST", f"{AT}/testcycle/detail", {"title": "second"}) == (200, b"")
    assert len(server.cycles) == 2
    server.empty_applies = False
    assert client.ask("POST", f"{AT}/testcycle/detail", {"title": "third"}) == (200, b"")
    assert len(server.cycles) == 2


def test_faults_are_scripted_by_endpoint(server, client):
    server.answers("create_cycle", 500, Answer(429, ""))
    server.fault("create_cycle", call=3, after="empty")
    said = [client.ask("POST", f"{AT}/testcycle/detail", {"title": "x"})[0] for _ in range(3)]
    assert said == [500, 429, 200] and len(server.cycles) == 1
    assert [call.applied for call in server.calls("create_cycle")] == [False, False, True]
    server.body_max = 100
    assert client.ask("POST", f"{AT}/testcycle/detail", {"title": "x" * 200})[0] == 413


def test_errors_may_be_json(server, client):
    server.json_errors = True
    status, data = client.ask("GET", f"{AT}/testcycle/AT-CY-77/detail")
    assert status == 404 and json.loads(data)["message"] == "Cycle AT-CY-77 does not exist"


def test_every_endpoint_is_one_that_the_vendor_describes(server):
    if server.spec is None:
        pytest.skip("no description of the interface (RESULTD_API)")
    for route in ROUTES:
        short, operation = server.spec.find(route.method, ["1" if part.startswith("{") else part
                                                           for part in route.parts[2:]])
        assert operation is not None, route.name
        assert {row["name"] for row in operation.get("parameters", []) if row["in"] == "query"} == route.query, short
        kinds = list(operation.get("requestBody", {}).get("content", {}))
        assert kinds == {None: [], "form": ["multipart/form-data"]}.get(route.body, ["application/json"])
