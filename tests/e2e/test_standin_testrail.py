# SPDX-License-Identifier: Apache-2.0
"""The stand-in itself: what it refuses, what it records, how its faults look to a client."""

import base64
import http.client
import json
import socket
import threading

import pytest

from standins.http_server import Answer
from standins.testrail import TestRail


class Client:
    """The plainest of HTTP clients."""

    def __init__(self, server):
        self.server = server
        self.login = "Basic " + base64.b64encode(f"{server.user}:{server.key}".encode()).decode()
        self.connection = None

    def ask(self, method, path, body=None, headers=(), drop=(), prefix="/index.php?/api/v2/", fresh=True):
        if fresh or self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        said = {"Authorization": self.login, "Content-Type": "application/json", "User-Agent": "test", **dict(headers)}
        for name in drop:
            said.pop(name)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        self.connection.putrequest(method, prefix + path, skip_accept_encoding=True)
        for name, value in said.items():
            self.connection.putheader(name, value)
        if body is not None:
            body = body.encode() if isinstance(body, str) else body
            self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body)
        answer = self.connection.getresponse()
        data = answer.read()
        self.headers = dict(answer.getheaders())
        return answer.status, data

    def get(self, path, **keys):
        status, data = self.ask("GET", path, **keys)
        return status, json.loads(data)

    def post(self, path, body, **keys):
        status, data = self.ask("POST", path, body, **keys)
        return status, json.loads(data)


@pytest.fixture
def server():
    one = TestRail().start()
    one.project()
    one.automation_field()
    yield one
    one.stop()


@pytest.fixture
def client(server):
    return Client(server)


def a_run(server, client, count=3):
    cases = [server.case(f"case {number}") for number in range(count)]
    status, run = client.post("add_run/1", {"name": "r", "include_all": False,
                                            "case_ids": [case["id"] for case in cases]})
    assert status == 200
    return run, cases


@pytest.mark.parametrize("keys, status, words", [
    ({"path": "get_project/1", "drop": ["User-Agent"]}, 500, "User-Agent"),
    ({"path": "get_project/1", "drop": ["Content-Type"]}, 400, "Content-Type header missing"),
    ({"path": "get_project/1", "prefix": "/index.php/api/v2/"}, 404, "not an API URL"),
    ({"path": "get_cases/1?limit=2"}, 400, "joined with &"),
    ({"path": "get_cases/1&limit=0"}, 400, "limit"),
    ({"path": "get_cases/1&limit=251"}, 400, "limit"),
    ({"path": "get_cases/1&colour=red"}, 400, "not known"),
    ({"path": "get_cases/1&refs=%zz"}, 400, "percent"),
    ({"path": "get_everything/1"}, 404, "Invalid uri"),
    ({"path": "add_run/1"}, 404, 'Unsupported HTTP method "get"'),
    ({"path": "get_project/x"}, 400, "valid ID"),
    ({"path": "get_project"}, 404, "path arguments"),
])
def test_refuses_and_records_what_the_interface_forbids(server, client, keys, status, words):
    said, body = client.get(**keys)
    assert said == status and words in body["error"]
    assert len(server.violations) == 1


@pytest.mark.parametrize("body, status, words", [
    ("", 411, "without a body"),
    ("[]", 400, "not a valid object"),
    ('{"name":', 400, "Invalid JSON"),
    ('{"name":"a","name":"b"}', 400, "twice"),
    ({"name": "x" * 251, "include_all": True}, 400, "too long"),
    ({"include_all": True}, 400, "Field :name is a required field."),
    ({"name": "x", "include_all": 1}, 400, "valid boolean"),
    ({"name": "x", "include_all": False, "case_ids": []}, 400, "no cases"),
    ({"name": "x", "case_ids": [1001]}, 400, "include_all"),
    ({"name": "x", "include_all": False, "case_ids": ["1001"]}, 400, "array of IDs"),
    ({"name": "x", "colour": "red"}, 400, "not a known field"),
    ({"name": "x\u0007", "include_all": True}, 400, "character"),
    (b'{"name":"\xff"}', 400, "UTF-8"),
])
def test_refuses_bodies_of_the_wrong_shape(server, client, body, status, words):
    said, answer = client.post("add_run/1", body)
    assert said == status and words in answer["error"]
    assert len(server.violations) == 1
    assert server.runs == []


def test_refuses_an_unknown_case_in_a_run_without_calling_it_a_violation(server, client):
    status, answer = client.post("add_run/1", {"name": "x", "include_all": False, "case_ids": [77]})
    assert status == 400 and answer["error"] == "Field :case_ids is not a valid ID."
    assert server.violations == []


def test_wants_the_login(server, client):
    client.login = "Basic " + base64.b64encode(b"ci@example.com:wrong").decode()
    status, answer = client.get("get_current_user")
    assert status == 401 and answer["error"].startswith("Authentication failed: invalid or missing user/password")
    assert server.refused_logins == 1 and server.violations == []


@pytest.mark.parametrize("mode", [2, 3])
def test_wants_the_suite_where_a_project_has_several(mode):
    server = TestRail().start()
    project = server.project(suite_mode=mode)
    suite = server.store.add_suite(project["id"], "Web")
    client = Client(server)
    status, answer = client.get(f"get_cases/{project['id']}")
    assert status == 400 and answer["error"] == "Field :suite_id is a required field."
    assert client.get(f"get_cases/{project['id']}&suite_id={suite['id']}")[0] == 200
    status, answer = client.post(f"add_run/{project['id']}", {"name": "x"})
    assert status == 400 and "suite_id" in answer["error"]
    server.stop()
    assert len(server.violations) == 2


@pytest.mark.parametrize("fields, words", [
    ({"elapsed": "0s"}, "Field :results.elapsed is not in a valid time span format."),
    ({"elapsed": ""}, "elapsed"),
    ({"elapsed": "0.035s"}, "elapsed"),
    ({"elapsed": 5}, "elapsed"),
    ({"status_id": 3}, "Field :results.status_id is not a valid status."),
    ({"status_id": 99}, "Field :results.status_id is not a valid status."),
    ({"status_id": "1"}, "status_id"),
    ({"comment": 5}, "comment"),
    ({"custom_nothing": "x"}, "not a known field"),
])
def test_one_bad_result_refuses_the_whole_batch(server, client, fields, words):
    run, cases = a_run(server, client)
    status, answer = client.post(f"add_results_for_cases/{run['id']}", {"results": [
        {"case_id": cases[0]["id"], "status_id": 1},
        {"case_id": cases[1]["id"], "status_id": 1, **fields}]})
    assert status == 400 and words in answer["error"]
    assert server.results() == []


def test_an_unknown_case_in_a_batch_is_named_and_nothing_is_stored(server, client):
    run, cases = a_run(server, client)
    status, answer = client.post(f"add_results_for_cases/{run['id']}", {"results": [
        {"case_id": cases[0]["id"], "status_id": 1}, {"case_id": 4711, "status_id": 1}]})
    assert status == 400
    assert answer["error"] == ("Field :results contains one or more invalid results (case C4711 unknown or not "
                               "part of the test run)")
    assert server.results() == [] and server.violations == []


def test_an_empty_batch_is_refused(server, client):
    run, _ = a_run(server, client)
    status, answer = client.post(f"add_results_for_cases/{run['id']}", {"results": []})
    assert status == 400 and answer["error"] == "Field :results cannot be empty (one result is required)"
    assert len(server.violations) == 1


def test_results_come_back_in_the_order_of_the_request(server, client):
    run, cases = a_run(server, client)
    order = [cases[2], cases[0], cases[2]]
    status, answer = client.post(f"add_results_for_cases/{run['id']}", {"results": [
        {"case_id": case["id"], "status_id": index + 4, "elapsed": "1m 5s"} for index, case in enumerate(order[:2])]
        + [{"case_id": cases[2]["id"], "status_id": 1}]})
    assert status == 200 and [row["case_id"] for row in answer] == [case["id"] for case in order]
    assert server.status_names(cases[2]) == ["retest", "passed"]
    assert client.get(f"get_run/{run['id']}")[1]["passed_count"] == 1


def test_a_field_that_was_made_required_refuses_and_is_shown(server, client):
    run, cases = a_run(server, client)
    server.require_of_results("version")
    result = {"case_id": cases[0]["id"], "status_id": 1}
    status, answer = client.post(f"add_results_for_cases/{run['id']}", {"results": [result]})
    assert status == 400 and answer["error"] == "Field :results.version is a required field."
    field = client.get("get_result_fields")[1][0]
    assert field["system_name"] == "version" and field["configs"][0]["options"]["is_required"]
    assert client.post(f"add_results_for_cases/{run['id']}", {"results": [{**result, "version": "1"}]})[0] == 200


def test_a_closed_run_takes_nothing(server, client):
    run, cases = a_run(server, client)
    assert client.post(f"close_run/{run['id']}", {})[1]["is_completed"] is True
    for path, body in (("add_results_for_cases", {"results": [{"case_id": cases[0]["id"], "status_id": 1}]}),
                       ("update_run", {"name": "y"}), ("close_run", {})):
        status, answer = client.post(f"{path}/{run['id']}", body)
        assert status == 400 and "completed" in answer["error"]


def test_replacing_the_cases_of_a_run_drops_their_results(server, client):
    run, cases = a_run(server, client)
    client.post(f"add_results_for_cases/{run['id']}",
                {"results": [{"case_id": case["id"], "status_id": 1} for case in cases]})
    client.post(f"update_run/{run['id']}", {"case_ids": [cases[0]["id"]]})
    assert [row["_case"] for row in server.results()] == [cases[0]["id"]]
    assert client.get(f"get_tests/{run['id']}")[1]["size"] == 1


def test_a_run_of_a_plan_cannot_be_edited_alone(server, client):
    case = server.case("a")
    run = server.store.add_run(1, case["suite_id"], {"name": "x", "include_all": False}, [case["id"]], plan_id=5)
    status, answer = client.post(f"update_run/{run['id']}", {"name": "y"})
    assert status == 400 and "belongs to a test plan" in answer["error"]
    assert client.get("get_runs/1")[1]["runs"] == []
    assert len(client.get("get_runs/1&is_completed=0&include_plan_runs=1")[1]["runs"]) == 1


def test_cases_are_made_in_bulk_or_not_at_all(server, client):
    section = server.section("S")
    path = f"add_cases/{section['id']}"
    assert client.post(path, [{"title": "a"}])[0] == 400
    status, answer = client.post(path, {"cases": [{"title": "a"}, {"title": "b" * 251}]})
    assert status == 400 and "cases[1].title is too long" in answer["error"]
    assert server.store.cases == {}
    status, answer = client.post(path, {"cases": [{"title": "a", "custom_automation_id": "x.a"}, {"title": "a"}]})
    assert status == 200 and [case["title"] for case in answer["cases"]] == ["a", "a"]
    long_id = "\u00e9" * 126
    status, answer = client.post(path, {"cases": [{"title": "c", "custom_automation_id": long_id}]})
    assert status == 400 and "too long (250" in answer["error"]


def test_sections_form_a_tree_and_names_may_repeat(server, client):
    _, root = client.post("add_section/1", {"name": "S"})
    _, twin = client.post("add_section/1", {"name": "S"})
    _, child = client.post("add_section/1", {"name": "T", "parent_id": root["id"]})
    assert root["id"] != twin["id"] and child["depth"] == 1
    assert server.store.section_path(child["id"]) == ["S", "T"]
    assert client.post("add_section/1", {"name": "U", "parent_id": 9})[0] == 400


def test_lists_come_in_pages(server, client):
    for number in range(7):
        server.case(f"case {number}")
    page = client.get("get_cases/1&limit=3&offset=3")[1]
    assert [page["offset"], page["limit"], page["size"]] == [3, 3, 3]
    assert page["_links"]["next"] == "/api/v2/get_cases/1&limit=3&offset=6"
    assert client.get("get_cases/1&limit=3&offset=6")[1]["_links"]["next"] is None
    server.zero_limit_links = True
    assert "limit=0" in client.get("get_cases/1&limit=3")[1]["_links"]["next"]
    server.bare_lists = True
    assert len(client.get("get_cases/1&limit=3")[1]) == 7


def test_an_older_server_lacks_things(server, client):
    server.missing = {"add_cases", "get_current_user"}
    server.banner = True
    status, data = client.ask("GET", "get_current_user")
    assert status == 404 and data.startswith(b"USER AUTHENTICATION SUCCESSFUL!\n")
    assert json.loads(data.partition(b"\n")[2])["error"] == "Invalid uri"
    assert server.violations == []


def test_rich_text_comes_back_wrapped(server, client):
    case = server.case("a", automation="x > y & z")
    server.rich_text = True
    assert client.get(f"get_case/{case['id']}")[1]["custom_automation_id"] == "<p>x &gt; y &amp; z</p>\n"


def test_the_rate_limit_says_when(server, client):
    server.rate, server.rate_window = 2, 60.0
    assert [client.ask("GET", "get_statuses")[0] for _ in range(3)] == [200, 200, 429]
    assert 1 <= int(client.headers["Retry-After"]) <= 60
    server.retry_after = None
    assert client.ask("GET", "get_statuses")[0] == 429 and "Retry-After" not in client.headers


def test_faults_are_scripted_by_call(server, client):
    server.answers("get_statuses", 503, 200, Answer(429, "", {"Retry-After": "7"}))
    server.fault("get_project", call=2, before="close")
    assert [client.ask("GET", "get_statuses")[0] for _ in range(4)] == [503, 200, 429, 200]
    assert client.ask("GET", "get_project/1")[0] == 200
    with pytest.raises(http.client.RemoteDisconnected):
        client.ask("GET", "get_project/1")
    assert client.ask("GET", "get_project/1")[0] == 200


@pytest.mark.parametrize("how, error", [
    ("reset", ConnectionResetError), ("close", http.client.RemoteDisconnected),
    ("partial", http.client.IncompleteRead), ("hang", TimeoutError)])
def test_a_lost_answer_was_applied_and_a_lost_request_was_not(server, client, how, error):
    run, cases = a_run(server, client)
    body = {"results": [{"case_id": cases[0]["id"], "status_id": 1}]}
    for when, applied in (("before", 0), ("after", 1)):
        server.fault("add_results_for_cases", **{when: how})
        try:
            client.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=0.5)
            with pytest.raises(error):
                client.ask("POST", f"add_results_for_cases/{run['id']}", body, fresh=False)
        finally:
            client.connection.close()
        assert len(server.results()) == applied


@pytest.mark.parametrize("how, body", [("empty", b""), ("html", b"<!DOCTYPE"), ("other", b'{"hello"')])
def test_an_answer_may_say_nothing_of_use(server, client, how, body):
    run, cases = a_run(server, client)
    server.fault("add_results_for_cases", after=how)
    status, data = client.ask("POST", f"add_results_for_cases/{run['id']}",
                              {"results": [{"case_id": cases[0]["id"], "status_id": 1}]})
    assert status == 200 and data.startswith(body) and len(data) >= len(body)
    assert len(server.results()) == 1


def test_an_endless_answer_does_not_end(server, client):
    server.fault("get_statuses", after="endless")
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(f"GET /index.php?/api/v2/get_statuses HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\n"
                       f"Content-Type: application/json\r\nAuthorization: {client.login}\r\n\r\n".encode())
    read = 0
    while read < 4 << 20:
        read += len(connection.recv(1 << 16))
    connection.close()


def test_a_hanging_request_goes_on_when_it_is_released(server, client):
    fault = server.fault("get_statuses", before="hang")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(client.ask("GET", "get_statuses")[0]))
    thread.start()
    server.wait_for("get_statuses", count=1, timeout=10)
    assert answers == []
    fault.release()
    thread.join(10)
    assert answers == [200]


def test_connections_are_kept_and_told_apart(server, client):
    for _ in range(2):
        client.ask("GET", "get_statuses", fresh=False)
    client.ask("GET", "get_statuses")
    assert [(call.connection, call.on_connection) for call in server.calls()] == [(1, 1), (1, 2), (2, 1)]


def test_down_refuses_and_up_is_the_same_place(server, client):
    port = server.port
    client.ask("GET", "get_statuses", fresh=False)
    server.down()
    with pytest.raises(ConnectionRefusedError):
        client.ask("GET", "get_statuses")
    server.up()
    assert server.port == port and client.ask("GET", "get_statuses")[0] == 200


def test_chunked_answers_are_whole(server, client):
    server.chunked = True
    assert len(client.get("get_statuses")[1]) == 5


def test_look_ups_filter_by_time_and_maker(server, client):
    server.store.now = lambda: 1000.0
    run, _ = a_run(server, client)
    server.store.now = lambda: 2000.0
    assert client.get("get_runs/1&created_after=999&created_by=1&is_completed=0")[1]["size"] == 1
    assert client.get("get_runs/1&created_after=1000")[1]["size"] == 0
    assert client.get("get_runs/1&created_by=2")[1]["size"] == 0
    assert client.get(f"get_results_for_run/{run['id']}&created_after=5")[1]["size"] == 0


def test_what_was_made_may_show_late(server, client):
    server.store.lag = 60.0
    a_run(server, client)
    assert client.get("get_runs/1")[1]["size"] == 0
    assert len(server.runs) == 1
