# SPDX-License-Identifier: Apache-2.0
"""The control socket: commands beside the process that holds the state directory, and hostile clients."""

import json
import os
import re
import socket
import stat

import pytest

from expect import each_case_once
from reports import numbered
from resultd import stays, wait_until


@pytest.fixture
def held(resultd, testrail):
    """A daemon with nothing to watch but an empty inbox, and cases 1 to 30."""
    for number in range(1, 31):
        testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
    resultd.scale = 1

    def start(sink=None, max_age="6h", **keys):
        resultd.configure({"rail": resultd.rail(testrail, linger="100ms", **(sink or {}))},
                          watch=[{"name": "inbox", "path": str(resultd.inbox), "settle": "100ms",
                                  "run": {"close_after": "1s", "max_age": max_age}}], **keys)
        daemon = resultd.spawn("run")
        daemon.says("watching")
        return daemon
    return start


class Client:
    """One who speaks the protocol, or does not."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self.read = self.socket.makefile("rb")

    def send(self, data, fds=()):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode() + b"\n"
        try:
            sent = socket.send_fds(self.socket, [data], list(fds))
            self.socket.sendall(data[sent:])
        except (BrokenPipeError, ConnectionResetError):
            pass                                            # it had heard enough; its answer is there to be read
        return self

    def reply(self):
        try:
            line = self.read.readline()
        except ConnectionResetError:                        # it hung up on what it had not read
            return None
        return json.loads(line) if line else None

    def greet(self):
        reply = self.send({"do": "hello", "protocol": 1}).reply()
        assert reply["re"] == "hello", reply
        return reply


def refused(client):
    """Says no, and hangs up."""
    reply = client.reply()
    assert reply["re"] == "error" and reply["text"], reply
    assert client.reply() is None
    return reply["text"]


class TestRow59TwoProcessesOneDirectory:
    def test_row_59_run_exits_and_says_who_holds_it(self, resultd, held):
        daemon = held()
        second = resultd("run")
        assert second.code == 3 and str(daemon.process.pid) in second.err, second
        assert daemon.running

    def test_row_59_an_import_goes_through_the_daemon(self, resultd, testrail, held):
        daemon = held()
        done = resultd.imports(resultd.write("a.xml", numbered(3)), options=["--timeout", "60s", "--run-key", "k"])
        assert done.delivery()["posted"] == 3 and done.files("accepted") == ["a.xml"]
        again = resultd.imports(resultd.write("a.xml", numbered(3)), options=["--timeout", "60s", "--run-key", "k"])
        assert again.files("duplicate") == ["a.xml"]
        each_case_once(testrail, 3)
        assert daemon.terminate().code == 0

    def test_row_59_an_import_goes_through_an_import(self, resultd, testrail, held):
        for number in range(1, 31):
            testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
        resultd.deliver_to(testrail, create={"cases": True})
        hang = testrail.fault("add_results_for_cases", before="hang")
        first = resultd.spawn("import", "--timeout", "20h", resultd.write("a.xml", numbered(2)))
        testrail.wait_for("add_results_for_cases")
        second = resultd.imports(resultd.write("b.xml", numbered(2, first=3)))
        assert second.delivery()["state"] == "delivered"
        assert first.running
        hang.release()
        assert first.wait().code == 0

    def test_row_59_what_the_holder_leaves_is_done_by_who_asked(self, resultd, testrail, held):
        """The holder ends while another waits on it: that one takes the directory and goes on."""
        daemon = held()
        resultd.scale = 500
        hang = testrail.fault("add_results_for_cases", before="hang")
        waiting = resultd.spawn("import", "--json", "--timeout", "20h", resultd.write("a.xml", numbered(3)))
        testrail.wait_for("add_results_for_cases")
        daemon.kill()
        hang.release()
        done = waiting.wait()
        assert done.code == 0 and done.files("accepted") == ["a.xml"], done
        assert done.delivery()["state"] == "delivered"
        each_case_once(testrail, 3)

    def test_who_asks_needs_none_of_the_secrets_of_the_service(self, resultd, testrail, held):
        """The key is a credential of the service's unit: nobody else has it, and `status` must answer all the same."""
        folder = resultd.folder / "credentials"
        folder.mkdir()
        (folder / "rail").write_text(testrail.key)
        resultd.environment["CREDENTIALS_DIRECTORY"] = str(folder)
        daemon = held({"key": {"credential": "rail", "file": None}})
        del resultd.environment["CREDENTIALS_DIRECTORY"]
        done = resultd.imports(resultd.write("a.xml", numbered(3)), options=["--timeout", "60s"])
        assert done.code == 0 and done.delivery()["posted"] == 3, done
        each_case_once(testrail, 3)
        assert resultd.status()["pid"] == daemon.process.pid
        for command in (["status"], ["queue", "list"], ["queue", "retry"], ["deliver"]):
            done = resultd(*command)
            assert done.code == 0 and done.err == "", done
        assert daemon.terminate().code == 0
        assert [resultd(*command).code for command in (["status"], ["queue", "list"])] == [0, 0]
        for command in (["deliver"], ["import", resultd.write("b.xml", numbered(1))], ["import", "--dry-run", "."]):
            done = resultd(*command)
            assert len(done.err.splitlines()) == 1, done
            assert done.code == 2 and re.search(r":\d+:\d+: \"key\": credential rail: ", done.err), done

    def test_row_59_an_import_that_does_not_deliver_is_waited_for(self, resultd, testrail, held):
        resultd.deliver_to(testrail, create={"cases": True, "section": "S"})
        resultd.imports(resultd.write("a.xml", numbered(2)), options=["--no-wait"])
        assert resultd.delivers().code == 0
        assert len(testrail.results()) == 2

    def test_other_sinks_are_refused(self, resultd, testrail, held):
        held()
        mine = resultd.config.read_text()
        resultd.configure({"rail": resultd.rail(testrail, linger="200ms")})
        done = resultd("import", resultd.write("a.xml", numbered(1)))
        assert done.code == 2 and '"rail" differs' in done.err, done
        assert resultd("status").code == 2
        resultd.config.write_text(mine)
        assert resultd("status").code == 0

    def test_deliver_queue_and_status_go_through_the_daemon(self, resultd, testrail, held):
        held()
        hang = testrail.fault("add_results_for_cases", before="hang")
        resultd("submit", "--run-key", "k", "--control", resultd.state / "control", resultd.write("a.xml", numbered(2)))
        testrail.wait_for("add_results_for_cases")
        listed = resultd("queue", "list", "--json").lines[0]
        assert [row["key"] for row in listed] == ["k"]
        shown = resultd("queue", "show", str(listed[0]["id"]), "--json").lines[0]
        assert shown["on_its_way"]["rows"] == 2
        assert resultd.status()["results"] == 2
        hang.release()
        assert resultd("deliver", "--timeout", "60s").code == 0
        each_case_once(testrail, 2)

    def test_drop_retry_export_and_import_by_the_socket(self, resultd, testrail, make_resultd, held):
        held(sink={"create": {"cases": False}})
        resultd("submit", "--run-key", "k", "--control", resultd.state / "control",
                resultd.write("a.xml", numbered(2, first=100)))
        wait_until(lambda: resultd.status()["deliveries"]["parked"] == 1, what="parked")
        number = str(resultd("queue", "list", "--json").lines[0][0]["id"])
        out = resultd.folder / "carried"
        done = resultd("queue", "export", out, number)
        assert done.code == 0 and stat.S_IMODE(out.stat().st_mode) == 0o600, done
        assert resultd("queue", "import", out).code == 0
        assert resultd("queue", "export", out).code == 2, "what is there is not overwritten"
        assert "dropped" in resultd("queue", "drop", number, "--yes").out
        assert resultd("queue", "retry", number).code == 0
        wait_until(lambda: resultd.status()["deliveries"]["parked"] == 1, what="parked again")
        assert resultd("queue", "show", "9999").code == 2


class TestTheSocket:
    def test_its_mode_and_place(self, resultd, held):
        path = resultd.folder / "c.sock"
        daemon = held(control={"path": str(path), "mode": "0600"})
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_ISSOCK(path.stat().st_mode)
        assert os.readlink(resultd.state / "control") == str(path)
        assert resultd("status").code == 0
        assert daemon.terminate().code == 0
        assert not path.exists() and not (resultd.state / "control").is_symlink()

    def test_a_long_path_and_a_socket_that_was_left(self, resultd, held):
        deep = resultd.folder / ("d" * 60) / ("e" * 60)
        deep.mkdir(parents=True)
        daemon = held(control=str(deep / "control.sock"))
        assert resultd("status").code == 0
        daemon.kill()
        assert (deep / "control.sock").exists()
        held(control=str(deep / "control.sock"))
        assert resultd("status").code == 0

    def test_a_group_that_is_not_there_or_a_file_in_the_way(self, resultd, held):
        path = resultd.folder / "c.sock"
        resultd.configure({"home": {"type": "local", "dir": str(resultd.home)}},
                          control={"path": str(path), "group": "no-such-group"})
        done = resultd("run")
        assert done.code == 70 and "no-such-group" in done.err, done
        resultd.configure({"home": {"type": "local", "dir": str(resultd.home)}}, control=str(path))
        path.write_text("mine")
        done = resultd("run")
        assert done.code == 70 and str(path) in done.err and path.read_text() == "mine", done

    def test_hostile_lines(self, resultd, held):
        daemon = held()
        at = resultd.state / "control"
        nasty = [b"\n", b"{}\n", b"[]\n", b"null\n", b"\x00\n", b"{\"do\":\"hello\"\n", b"{\"do\":\"hello\"}\n",
                 b"{\"do\":\"hello\",\"protocol\":1.5}\n", b"{\"do\":\"hello\",\"protocol\":99}\n",
                 b"{\"do\":\"nothing\"}\n", b"{\"do\":\"status\"}\n", b"[" * 500000 + b"\n", b"{\"a\":" * 2000 + b"\n",
                 b"x" * (600 * 1024), b"\xff\xfe\n", b"{\"do\":\"hello\",\"do\":\"status\",\"protocol\":1}\n",
                 b"{\"do\":\"hello\",\"protocol\":1,\"sinks\":[1]}\n",
                 b"{\"do\":\"hello\",\"protocol\":1,\"sinks\":{\"rail\":\"x\"}}\n"]
        for line in nasty:
            assert refused(Client(at).send(line)), line[:80]
        greeted = [b"{\"do\":\"file\",\"id\":1,\"path\":\"/x\"}\n", b"{\"do\":\"end\",\"runs\":[-1]}\n",
                   b"{\"do\":\"answer\",\"yes\":true}\n", b"{\"do\":\"queue\",\"verb\":\"explode\"}\n",
                   b"{\"do\":\"queue\",\"verb\":\"export\",\"file\":\"x\"}\n",
                   b"{\"do\":\"key\",\"id\":1,\"path\":\"/x\"}\n",
                   b"{\"do\":\"deliver\",\"sink\":\"none\",\"timeout_ms\":1}\n",
                   b"{\"do\":\"open\",\"source\":\"submit\",\"watch\":\"none\"}\n",
                   b"{\"do\":\"open\",\"source\":\"submit\",\"sinks\":[\"none\"]}\n"]
        for line in greeted:
            client = Client(at)
            client.greet()
            assert refused(client.send(line))
        assert resultd("status").code == 0
        assert daemon.terminate().code == 0

    def test_descriptors_of_every_kind(self, resultd, held):
        daemon = held()
        report = resultd.write("a.xml", numbered(1))
        client = Client(resultd.state / "control")
        client.greet()
        assert client.send({"do": "open", "source": "submit", "run_key": "k"}).reply()["re"] == "open"
        reader, writer = os.pipe()
        kinds = [reader, os.open("/", os.O_RDONLY), os.open("/dev/zero", os.O_RDONLY),
                 os.open(report, os.O_PATH), os.open(report, os.O_WRONLY), client.socket.fileno()]
        for number, fd in enumerate(kinds):
            reply = client.send({"do": "file", "id": number, "path": "/x.xml"}, [fd]).reply()
            assert reply["id"] == number and reply["state"] == "unreadable", reply
        good = os.open(report, os.O_RDONLY)
        os.lseek(good, 10, os.SEEK_SET)
        assert client.send({"do": "file", "id": 9, "path": "/x.xml"}, [good]).reply()["state"] == "accepted"
        assert client.send({"do": "end", "runs": [1, 777]}).reply()["re"] == "end"
        many = Client(resultd.state / "control")
        many.send({"do": "hello", "protocol": 1}, [good] * 40)
        assert many.reply()["re"] in ("hello", "error")
        for fd in (*kinds[:-1], writer, good):
            os.close(fd)
        assert daemon.terminate().code == 0

    def test_a_client_that_sends_no_more_gets_its_answers(self, resultd, held):
        """As `printf ... | socat - UNIX:...` does: it closes its own direction as soon as it has asked."""
        daemon = held()
        client = Client(resultd.state / "control")
        client.send(b'{"do":"hello","protocol":1}\n' + b'{"do":"status"}\n' * 40)
        client.socket.shutdown(socket.SHUT_WR)
        assert [client.reply()["re"] for _ in range(41)] == ["hello"] + ["status"] * 40
        assert client.reply() is None, "and then the end"
        # One that goes altogether while it waits is noticed all the same.
        client = Client(resultd.state / "control")
        client.greet()
        client.send({"do": "await", "runs": [], "timeout_ms": 600_000})
        client.socket.shutdown(socket.SHUT_WR)
        client.read.close()
        client.socket.close()
        wait_until(lambda: resultd.status()["control"]["clients"] == 1, what="its end")
        assert daemon.terminate().code == 0

    def test_a_client_that_goes_away_leaves_what_it_gave(self, resultd, testrail, held):
        daemon = held()
        client = Client(resultd.state / "control")
        client.greet()
        assert client.send({"do": "open", "source": "submit", "run_key": "k"}).reply()["re"] == "open"
        with open(resultd.write("a.xml", numbered(2)), "rb") as report:
            client.send({"do": "file", "id": 1, "path": "/a.xml"}, [report.fileno()])
        client.socket.shutdown(socket.SHUT_RDWR)
        client.socket.close()
        wait_until(lambda: resultd.status()["results"] == 2, what="what was given")
        assert daemon.terminate().code == 0

    def test_a_run_whose_client_vanished_ends_by_the_rules_of_its_watch(self, resultd, testrail, held):
        daemon = held()
        client = Client(resultd.state / "control")
        client.greet()
        assert client.send({"do": "open", "source": "submit", "run_key": "k", "watch": "inbox"}).reply()["re"] == "open"
        with open(resultd.write("a.xml", numbered(2)), "rb") as report:
            reply = client.send({"do": "file", "id": 1, "path": "/a.xml"}, [report.fileno()]).reply()
        assert reply["state"] == "accepted"
        # While it is there its run is not quiet, however long it takes (close_after is 1 s).
        stays(lambda: testrail.runs == [] or not testrail.only_run["is_completed"], 2.5, what="an open run")
        client.socket.shutdown(socket.SHUT_RDWR)
        client.socket.close()
        testrail.wait_for("close_run", timeout=20, answered=True)
        each_case_once(testrail, 2)
        assert daemon.terminate().code == 0

    def test_a_run_that_was_to_be_kept_open_grows_old(self, resultd, testrail, held):
        daemon = held(max_age="4s")
        for number, key in ((1, "k"), (3, "k")):
            path = resultd.write(f"{number}.xml", numbered(2, first=number))
            assert resultd("submit", "--keep-open", "--watch", "inbox", "--run-key", key, "--control",
                           resultd.state / "control", path).code == 0
        # Quiet does not end it (close_after is 1 s), its age does; and a restart forgets neither.
        stays(lambda: testrail.runs == [] or not testrail.only_run["is_completed"], 1.5, what="an open run")
        assert daemon.terminate().code == 0
        again = resultd.spawn("run")
        testrail.wait_for("close_run", timeout=20, answered=True)
        each_case_once(testrail, 4)
        assert again.terminate().code == 0

    def test_descriptors_that_no_line_takes_are_bounded_over_all_clients(self, resultd, held):
        daemon = held()
        at = resultd.state / "control"
        before = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
        hoarders = [Client(at) for _ in range(12)]
        with open("/dev/null", "rb") as null:
            for client in hoarders:
                client.greet()
                client.send(b'{"do":"file",', [null.fileno()] * 32)
            for client in hoarders[:4]:
                assert "too many descriptors" in refused(client)
        wait_until(lambda: len(os.listdir(f"/proc/{daemon.process.pid}/fd")) <= before + 8 * 33 + 8,
                   what="bounded descriptors")
        assert resultd("submit", "--control", at, resultd.write("a.xml", numbered(2))).code == 0
        assert daemon.terminate().code == 0

    def test_requests_without_end_are_taken_a_few_at_a_time(self, resultd, held):
        daemon = held()
        client = Client(resultd.state / "control")
        client.greet()
        # The last one is answered as soon as it is taken.
        client.send(b'{"do":"status"}\n' * 200 + b'{"do":"receipt","runs":[]}\n' * 200
                    + b'{"do":"hello","protocol":1}\n')
        answered = 0
        while client.reply()["re"] != "hello":
            answered += 1
        assert answered >= 400 - 16
        for _ in range(400 - answered):
            assert client.reply()["re"] in ("status", "receipt")
        assert daemon.terminate().code == 0

    def test_clients_beyond_the_limit_are_told(self, resultd, held):
        daemon = held()
        clients = [Client(resultd.state / "control") for _ in range(128)]
        for client in clients:
            client.greet()
        assert "too many" in refused(Client(resultd.state / "control"))
        for client in clients:
            client.socket.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: resultd("status", "--json").code == 0, what="room again")
        assert daemon.terminate().code == 0

    def test_a_job_beyond_the_limit_waits_until_there_is_room(self, resultd, testrail, held):
        daemon = held()
        at = resultd.state / "control"
        clients = [Client(at) for _ in range(128)]
        for client in clients:
            client.greet()
        waiting = [resultd.spawn(command, *options, "--json", "--timeout", "60s", "--run-key", command,
                                 resultd.write(f"{command}.xml", numbered(2, first=first)))
                   for command, options, first in (("submit", ("--wait", "--control", at), 1), ("import", (), 3))]
        stays(lambda: all(job.running for job in waiting), 1.0, what="jobs that come again")
        for client in clients:
            client.socket.shutdown(socket.SHUT_RDWR)
        for job in waiting:
            done = job.wait()
            assert done.code == 0 and done.delivery()["state"] == "delivered", done
        each_case_once(testrail, 4)
        assert daemon.terminate().code == 0
