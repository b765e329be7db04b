# SPDX-License-Identifier: Apache-2.0
"""The command line: options, exit codes, receipts, and what each command says."""

import json
import os
import re
import signal
import subprocess

import pytest

from expect import each_case_once
from reports import case, junit, numbered, suite
from resultd import wait_until

BROKEN = '<testsuite name="S">\n<testcase name="a" </testsuite>\n'
TRUNCATED = '<testsuite name="S">\n<testcase name="test_00001" classname="shop.Cart"/>\n<testcase name="b">'


def known(testrail, count):
    return [testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
            for number in range(1, count + 1)]


class TestExitCodes:
    @pytest.fixture(autouse=True)
    def arranged(self, resultd, testrail):
        known(testrail, 3)
        resultd.deliver_to(testrail)

    def test_delivered(self, resultd):
        resultd.imports(resultd.write("a.xml", numbered(3)), code=0)

    def test_a_failed_test_is_no_failure_of_ours(self, resultd):
        resultd.imports(resultd.write("a.xml", junit(case("test_00001", failure="no"))), code=0)

    def test_fail_on_failed(self, resultd, testrail):
        resultd.imports(resultd.write("a.xml", junit(case("test_00001", failure="no"))), code=1,
                        options=["--fail-on", "failed"])
        assert testrail.status_names() == ["failed"]

    @pytest.mark.parametrize("inside", ['<skipped/><failure message="known"/>', '<flakyFailure message="once"/>'])
    def test_fail_on_failed_spares_known_failures_and_flakes(self, resultd, inside):
        resultd.imports(resultd.write("a.xml", junit(case("test_00001", inside=inside))), code=0,
                        options=["--fail-on", "failed"])

    def test_fail_on_failed_counts_duplicates(self, resultd, testrail):
        """An import that goes on where an earlier one ended answers for the whole."""
        bad = resultd.write("a.xml", junit(case("test_00001", failure="no")))
        good = resultd.write("b.xml", numbered(1, first=2))
        known = resultd.write("c.xml", junit(case("test_00003", inside='<skipped/><failure message="known"/>')))
        options = ["--run-key", "k", "--fail-on", "failed"]
        resultd.imports(bad, code=1, options=options)
        done = resultd.imports(bad, good, known, code=1, options=options)
        assert done.files("duplicate") == ["a.xml"]
        assert resultd.imports(good, known, code=0, options=options).files("duplicate") == ["b.xml", "c.xml"]
        assert resultd.imports(bad, code=0, options=["--run-key", "k"]).files("duplicate") == ["a.xml"]
        assert resultd.imports(bad, code=1, options=["--again", *options]).files("accepted") == ["a.xml"]

    def test_fail_on_failed_counts_duplicates_whose_run_is_forgotten(self, resultd, testrail):
        resultd.scale = 50000
        resultd.configure({"rail": resultd.rail(testrail)}, keep={"runs": "1m"})
        report = resultd.write("a.xml", junit(case("test_00001", failure="no")))
        resultd.imports(report, code=0, options=["--run-key", "k"])
        wait_until(lambda: resultd.delivers() and resultd.status()["runs"] == 0, what="the run to go")
        done = resultd.imports(report, code=1, options=["--run-key", "k", "--fail-on", "failed"])
        assert done.files("duplicate") == ["a.xml"]

    @pytest.mark.parametrize("args", [
        ["import"], ["import", "--no-such-option", "a.xml"], ["no-such-command"], [],
        ["import", "--timeout", "soon", "a.xml"], ["import", "--sink", "nobody", "a.xml"],
        ["parse", "--format", "runes", "a.xml"], ["import", "--set", "x", "a.xml"],
        ["import", "--timezone", "Mars/Phobos", "a.xml"], ["import", "--run-key", "", "a.xml"],
        ["queue", "export", "-"], ["import", "--run-name=", "a.xml"], ["import", "--state", "", "a.xml"],
        ["import", "--config=", "a.xml"], ["submit", "--timezone", "+9", "a.xml"]])
    def test_usage(self, resultd, args):
        resultd.write("a.xml", numbered(1))
        done = resultd(*args)
        assert done.code == 2 and (done.err + done.out).strip()
        assert done.out == ""

    def test_not_delivered_in_time(self, resultd, testrail):
        testrail.always("*", 503)
        done = resultd.imports(resultd.write("a.xml", numbered(3)), code=3, options=["--timeout", "2s"])
        assert done.delivery()["state"] in ("waiting", "unknown")

    @pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
    def test_interrupted_while_it_waits(self, resultd, testrail, signum):
        """A job that is cancelled: what was accepted is durable, and the receipt says so."""
        known(testrail, 1)
        resultd.deliver_to(testrail)
        resultd.scale = 1
        testrail.always("*", 503)
        importing = resultd.spawn("import", "--json", resultd.write("a.xml", numbered(1)))
        wait_until(lambda: testrail.calls(), what="a request")
        wait_until(lambda: resultd("status", "--json").code == 0 and resultd.status()["runs"] == 1, what="the run")
        importing.signal(signum)
        done = importing.wait()
        assert done.code == 3 and "interrupted" in done.err, done
        assert done.files("accepted") == ["a.xml"] and done.delivery()["state"] == "waiting", done

    def test_something_is_parked(self, resultd):
        resultd.imports(resultd.write("a.xml", junit(case("test_00001"), case("stranger"))), code=4)

    @pytest.mark.parametrize("bad, state, place", [
        (BROKEN, "malformed", "bad.xml:2:"), (TRUNCATED, "accepted", "bad.xml:3:"), ("", "malformed", "bad.xml"),
        (b"\x00\x01\x02", "malformed", "bad.xml:1:")])
    def test_some_input_is_bad_and_the_rest_is_handled(self, resultd, testrail, bad, state, place):
        done = resultd.imports(resultd.write("bad.xml", bad), resultd.write("good.xml", numbered(2, first=2)), code=5)
        entry = next(entry for entry in done.receipt["files"] if entry["path"].endswith("bad.xml"))
        assert entry["state"] == state and place in entry["reason"]
        assert entry["complete"] is False
        each_case_once(testrail, 3 if bad == TRUNCATED else 2)

    def test_a_path_that_is_not_there(self, resultd):
        done = resultd.imports(resultd.folder / "nothing.xml", resultd.write("a.xml", numbered(1)), code=5)
        assert done.files("unreadable") == ["nothing.xml"]

    def test_no_report_found(self, resultd):
        (resultd.folder / "empty").mkdir()
        assert resultd("import", resultd.folder / "empty").code == 5
        assert resultd("import", "--allow-empty", resultd.folder / "empty").code == 0

    def test_a_foreign_file_is_skipped_in_a_word(self, resultd):
        done = resultd.imports(resultd.write("other.xml", "<checkstyle/>"), resultd.write("a.xml", numbered(1)), code=0)
        assert done.files("skipped") == ["other.xml"]

    def test_of_several_the_first_of_the_order_counts(self, resultd):
        done = resultd.imports(resultd.write("bad.xml", BROKEN), resultd.write("a.xml", junit(
            case("test_00001", failure="no"), case("stranger"))), code=5, options=["--fail-on", "failed"])
        assert done.delivery()["parked"] == 1
        resultd.imports(resultd.write("b.xml", junit(case("test_00001", failure="yes"), case("stranger"))), code=1,
                        options=["--fail-on", "failed"])


def test_the_receipt_has_the_fields_of_the_contract(resultd, testrail):
    known(testrail, 3)
    resultd.deliver_to(testrail)
    done = resultd.imports(resultd.write("a.xml", numbered(3)), options=["--run-key", "k", "--run-name", "n"])
    receipt = done.receipt
    assert set(receipt) == {"files", "runs"}
    assert [{key: entry.get(key) for key in ("state", "complete", "cases")} for entry in receipt["files"]] == [
        {"state": "accepted", "complete": True, "cases": 3}]
    run, = receipt["runs"]
    assert (run["key"], run["name"], run["counts"]["passed"]) == ("k", "n", 3)
    delivery, = run["deliveries"]
    assert {"sink", "state", "remote_id", "url", "posted", "parked", "requests"} <= set(delivery)
    assert (delivery["sink"], delivery["state"], delivery["posted"], delivery["parked"]) == ("rail", "delivered", 3, 0)
    assert not delivery.get("last_error")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"])
def test_paths_come_from_standard_input(resultd, testrail, end):
    known(testrail, 4)
    resultd.deliver_to(testrail)
    names = [resultd.write("one two.xml", numbered(2)), resultd.write("b.xml", numbered(2, first=3))]
    done = resultd("import", "-", stdin="".join(f"{name}{end}" for name in names))
    assert done.code == 0, done
    each_case_once(testrail, 4)


def test_a_folder_is_walked_and_gzip_is_read(resultd, testrail):
    import gzip
    known(testrail, 4)
    resultd.deliver_to(testrail)
    resultd.write("deep/er/a.xml", numbered(2))
    resultd.write("deep/b.xml.gz", gzip.compress(numbered(2, first=3).encode()))
    resultd.write("deep/notes.txt", "nothing")
    resultd.imports(resultd.folder / "reports")
    each_case_once(testrail, 4)


def test_the_summary_names_the_run_and_links_to_it(resultd, testrail):
    known(testrail, 2)
    resultd.deliver_to(testrail)
    done = resultd("import", resultd.write("a.xml", numbered(2)), "--run-name", "nightly 7")
    assert done.code == 0, done
    said = done.out + done.err
    assert "nightly 7" in said and f"runs/view/{testrail.only_run['id']}" in said


def test_what_is_no_report_file_is_left_alone_and_said(resultd, testrail):
    known(testrail, 1)
    resultd.deliver_to(testrail)
    report = resultd.write("d/a.xml", numbered(1))
    (report.parent / "b.xml").symlink_to(resultd.write("elsewhere.xml", numbered(1, first=2)))
    os.mkfifo(report.parent / "c.xml")
    (report.parent / "latest").symlink_to(report.parent)
    done = resultd("import", "--json", report.parent)
    assert done.code == 0 and [entry["path"] for entry in done.receipt["files"]] == [str(report)], done
    assert "d/b.xml: left alone: it is a link" in done.err and "d/c.xml: left alone: " in done.err, done
    assert "latest" not in done.err


class TestOutput:
    """What is printed is whole, or it is said that it is not."""

    def run(self, resultd, *args, **keys):
        return subprocess.run(resultd._command(args), env=resultd._environment(), cwd=resultd.folder, timeout=60,
                              stdin=subprocess.DEVNULL, **keys)

    def test_json_is_utf8_whatever_files_and_runs_are_called(self, resultd, testrail):
        known(testrail, 2)
        resultd.configure({"rail": resultd.rail(testrail), "home": {"type": "local", "dir": str(resultd.folder / "p")}})
        report = resultd.write("a.xml", numbered(1))
        odd = os.fsencode(report.parent) + b"/lat\xfcn"
        os.mkdir(odd)
        os.rename(report, os.path.join(odd, b"TEST-\xff.xml"))
        for args in (["import", "--json", os.fsdecode(odd)],
                     ["import", "--json", "--run-name", os.fsdecode(b"n\xfe"), resultd.write("b.xml", numbered(2))],
                     ["queue", "list", "--all", "--json"], ["queue", "show", "1", "--json"], ["status", "--json"]):
            done = subprocess.run([*resultd._command(())[:3], *map(os.fsencode, args)], env=resultd._environment(),
                                  cwd=resultd.folder, capture_output=True, timeout=60)
            assert done.returncode == 0, done
            json.loads(done.stdout.decode("utf-8"))
        json.loads((resultd.folder / "p/runs.json").read_bytes().decode("utf-8"))

    @pytest.mark.parametrize("code, args", [
        (70, ["--version"]), (70, ["import", "--help"]), (70, ["check"]), (70, ["status"]), (70, ["queue", "list"]),
        (70, ["import", "--json", "a.xml"]), (0, ["import", "a.xml"]), (2, ["import", "--json"])])
    def test_output_that_cannot_be_written_is_no_success(self, resultd, code, args):
        report = resultd.write("a.xml", numbered(1))
        args = [str(report) if arg == "a.xml" else arg for arg in args]
        with open("/dev/full", "wb") as full:
            done = self.run(resultd, *args, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == code, done
        assert (b"standard output cannot be written" in done.stderr) == (code != 2), done

    def test_a_reader_that_has_read_enough_is_no_fault(self, resultd):
        report = resultd.write("a.xml", numbered(1))
        read, write = os.pipe()
        os.close(read)
        done = self.run(resultd, "import", "--json", str(report), stdout=write, stderr=subprocess.PIPE)
        os.close(write)
        assert done.returncode == 0 and done.stderr == b"", done

    def test_closed_standard_files_are_no_place_for_the_queue(self, resultd):
        report = resultd.write("a.xml", numbered(1))
        command = " ".join(resultd._command(["import", report]))
        done = subprocess.run(["sh", "-c", f"exec {command} <&- >&- 2>&-"], env=resultd._environment(),
                              cwd=resultd.folder, timeout=60)
        assert done.returncode == 0
        assert resultd.imports(report).files("duplicate") == ["a.xml"]


class TestParse:
    def test_the_model_as_json_lines(self, resultd):
        report = resultd.write("a.xml", junit(suite(suite(
            case("[C7] adds", time="0.25", failure="no", file="cart.py", line="12"),
            case("flaky", inside='<flakyFailure message="m" type="T"/>'), name="Inner"), name="Outer")))
        first, second = resultd("parse", report).lines
        assert first["suite"] == ["Outer", "Inner"] and first["class"] == "shop.Cart" and first["status"] == "failed"
        assert first["id"] == "shop.Cart.[C7] adds" and first["refs"] == ["C7"] and first["duration_ms"] == 250
        assert first["failure"]["message"] == "no" and (first["file"], first["line"]) == ("cart.py", 12)
        assert second["status"] == "passed" and second["flaky"] is True
        assert "stdout" not in second and "params" not in second

    def test_the_summary(self, resultd):
        report = resultd.write("a.xml", junit(case("a"), case("b", failure="x"), case("c", skipped="y")))
        line, = resultd("parse", "--format", "summary", report).lines
        assert {key: line[key] for key in ("format", "complete", "suites", "cases", "passed", "failed", "error",
                                           "skipped", "flaky", "duration_ms")} == {
            "format": "junit", "complete": True, "suites": 1, "cases": 3, "passed": 1, "failed": 1, "error": 0,
            "skipped": 1, "flaky": 0, "duration_ms": 750}

    def test_the_table(self, resultd):
        done = resultd("parse", "--format", "table", resultd.write("a.xml", junit(case("adds", failure="x"))))
        assert done.code == 0 and "adds" in done.out and "failed" in done.out

    def test_a_broken_report_is_named_with_its_place(self, resultd):
        done = resultd("parse", resultd.write("bad.xml", BROKEN), resultd.write("good.xml", numbered(1)))
        assert done.code == 5 and re.search(r"bad\.xml:2:\d+: ", done.err) and len(done.lines) == 1

    def test_it_touches_nothing(self, resultd, testrail):
        resultd.deliver_to(testrail)
        resultd("parse", resultd.write("a.xml", numbered(1)))
        assert not resultd.state.exists() and testrail.calls() == []


class TestCheck:
    def test_all_faults_are_named_in_one_pass(self, resultd):
        path = resultd.configure_text("\n".join([
            "state_dir: /tmp/x", "colour: red", "limits:", "  depth: many", "  text: -5KiB", "sinks:", "  rail:",
            "    type: testrail", "    url: ftp://example.com", "    usr: ci@example.com",
            "    run: {name: \"{run.name\"}", "  other:", "    type: telegraph", ""]))
        done = resultd("check")
        assert done.code == 2 and done.out == ""
        places = [int(line) for line in re.findall(rf"{re.escape(path.name)}:(\d+):\d+: ", done.err)]
        assert places == sorted(places) and {2, 4, 5, 9, 10, 11, 13} <= set(places)
        assert 'did you mean "user"' in done.err

    def test_a_fault_stops_every_command_before_it_starts(self, resultd, testrail):
        resultd.configure_text(json.dumps({"state_dir": str(resultd.state), "sinks": {
            "rail": resultd.rail(testrail, pol="x")}}))
        for command in (["run"], ["import", resultd.write("a.xml", numbered(1))], ["deliver"]):
            assert resultd(*command).code == 2
        assert not resultd.state.exists() and testrail.calls() == []

    def test_it_prints_what_it_understood_without_secrets(self, resultd, testrail):
        resultd.deliver_to(testrail, batch=17)
        done = resultd("check")
        assert done.code == 0, done
        assert "batch: 17" in done.out and "linger" in done.out and testrail.address in done.out
        assert testrail.key not in done.out + done.err and testrail.calls() == []

    def test_a_secret_in_a_file_for_all_to_read_is_refused_with_what_to_type(self, resultd, testrail):
        rail = resultd.rail(testrail, key=testrail.key)
        text = json.dumps({"state_dir": str(resultd.state), "sinks": {"rail": rail}})
        resultd.configure_text(text, mode=0o644)
        done = resultd("check")
        assert done.code == 2 and re.search(r"chmod (0?600|go-r|o-r|go=|640|0640)\S* ", done.err + " ")
        resultd.configure_text(text, mode=0o600)
        assert resultd("check").code == 0

    @pytest.mark.parametrize("proxy", ["proxy.example:3128", "http://bob:s3cr3t@proxy.example:3128"])
    def test_what_a_proxy_is_written_like(self, resultd, testrail, proxy):
        resultd.deliver_to(testrail, proxy=proxy)
        done = resultd("check")
        assert done.code == 2 and '"proxy" wants http://HOST:PORT' in done.err and "s3cr3t" not in done.err, done
        resultd.deliver_to(testrail, proxy="http://proxy.example:3128")
        assert resultd("check").code == 0

    def test_a_secret_comes_from_the_environment(self, resultd, testrail):
        known(testrail, 1)
        resultd.environment["RAIL_KEY"] = testrail.key
        resultd.secrets.append(testrail.key)
        resultd.deliver_to(testrail, key={"env": "RAIL_KEY", "file": None})
        resultd.imports(resultd.write("a.xml", numbered(1)))
        each_case_once(testrail, 1)

    def test_online_logs_in_and_looks_at_the_project(self, resultd, testrail):
        resultd.deliver_to(testrail)
        done = resultd("check", "--online")
        assert done.code == 0, done
        assert testrail.calls("get_current_user") and testrail.calls(method="POST") == []

    @pytest.mark.parametrize("keys, words", [
        ({"project": "Nowhere"}, "Nowhere"), ({"statuses": {"passed": "splendid"}}, "splendid"),
        ({"suite": "Nothing"}, "Nothing"), ({"automation_field": "robot_id"}, "robot_id")])
    def test_online_says_what_is_not_there(self, resultd, testrail, keys, words):
        resultd.deliver_to(testrail, **keys)
        done = resultd("check", "--online")
        assert done.code != 0 and words in done.out + done.err

    def test_online_says_that_the_key_is_wrong(self, resultd, testrail):
        resultd.write_key("a-wrong.key-222")
        resultd.deliver_to(testrail)
        done = resultd("check", "--online")
        assert done.code != 0 and "Authentication failed" in done.out + done.err
        assert testrail.refused_logins == 1


class TestQueueAndStatus:
    def test_nothing_waits(self, resultd, testrail):
        known(testrail, 1)
        resultd.deliver_to(testrail)
        resultd.imports(resultd.write("a.xml", numbered(1)))
        assert resultd("queue", "list").code == 0
        assert resultd("status").code == 0
        resultd.status()

    def test_what_waits_is_listed_with_the_reason(self, resultd, testrail):
        known(testrail, 1)
        resultd.deliver_to(testrail)
        testrail.always("*", 503)
        resultd.imports(resultd.write("a.xml", numbered(1)), code=3,
                        options=["--timeout", "2s", "--run-name", "nightly 9"])
        listed = resultd("queue", "list")
        assert listed.code == 0 and "nightly 9" in listed.out and "rail" in listed.out and "503" in listed.out
        said = resultd("status")
        assert said.code == 0 and "503" in said.out

    def test_a_locked_out_sink_is_said(self, resultd, testrail):
        known(testrail, 1)
        resultd.write_key("a-wrong.key-333")
        resultd.deliver_to(testrail)
        resultd.imports(resultd.write("a.xml", numbered(1)), code=3, options=["--timeout", "2s"])
        said = resultd("status")
        assert said.code == 0 and "Authentication failed" in said.out
        [need] = resultd.status()["needs"]
        assert "rail" in need and "Authentication failed" in need and "resultd deliver" in need

    def test_a_malformed_report_is_in_the_status(self, resultd, testrail):
        known(testrail, 1)
        resultd.deliver_to(testrail)
        resultd.imports(resultd.write("bad.xml", BROKEN), resultd.write("a.xml", numbered(1)), code=5)
        assert re.search(r"\b1\b", resultd("status").out)


def test_a_value_of_a_redacted_name_never_leaves(resultd, testrail):
    wanted = testrail.case("t", automation="shop.Cart.t")
    resultd.secrets.append("hunter2-hunter2")
    resultd.deliver_to(testrail)
    inside = ('<properties><property name="db_password" value="hunter2-hunter2"/>'
              '<property name="colour" value="red"/></properties>')
    resultd.imports(resultd.write("a.xml", junit(case("t", inside=inside))))
    assert "hunter2" not in json.dumps(testrail.results(wanted))
    assert all("hunter2" not in call.body.decode() for call in testrail.calls())


def test_secrets_stay_out_of_the_most_talkative_log(resultd, testrail):
    known(testrail, 3)
    resultd.deliver_to(testrail)
    testrail.answers("add_results_for_cases", 500)
    testrail.fault("get_projects", before="reset")
    done = resultd("--log-level", "debug", "import", "--timeout", "20h", resultd.write("a.xml", numbered(3)))
    assert done.code == 0, done
    assert "add_results" in done.err or "results" in done.err
    assert testrail.key not in done.err and "Basic " not in done.err


def test_help_is_given_on_demand(resultd):
    done = resultd("--help")
    assert done.code == 0
    for command in ("run", "import", "deliver", "parse", "check", "queue", "status"):
        assert re.search(rf"\b{command}\b", done.out)
    assert resultd("--version").code == 0
    for args in (["import", "a.xml", "--help"], ["queue", "list", "--help"], ["check", "--online", "--help"]):
        done = resultd(*args)
        assert done.code == 0 and done.out.startswith(f"resultd {args[0]} "), done


def test_an_unknown_option_is_called_by_its_name(resultd):
    for args in (["import", "--json", "-dash.xml"], ["parse", "--format", "summary", "-dash.xml"],
                 ["deliver", "-dash.xml"], ["status", "--json", "-dash.xml"], ["queue", "list", "-dash.xml"]):
        done = resultd(*args)
        assert done.code == 2 and '"-dash.xml"' in done.err, done
    done = resultd("submit", "--wait", "--nope", "a.xml")
    assert done.code == 2 and len(done.err.splitlines()) == 2 and '"--nope"' in done.err, done


def test_progress_is_shown_on_demand(resultd, testrail):
    known(testrail, 2)
    resultd.deliver_to(testrail)
    done = resultd("import", "--progress", "always", resultd.write("a.xml", numbered(2)))
    assert done.code == 0 and re.search(r"2", done.err)
    wait_until(lambda: testrail.only_run["is_completed"])


class TestDryRun:
    def plan(self, resultd, testrail, report, *options):
        done = resultd.imports(report, options=["--dry-run", "--run-name", "nightly", *options])
        assert testrail.calls(method="POST") == [] and done.delivery()["state"] == "planned"
        assert (done.delivery()["posted"], done.delivery()["evidence"]) == (0, 0)
        assert done.delivery()["last_error"] == "\n".join(done.delivery()["plan"])
        return done.delivery()["plan"]

    def test_shows_the_plan_and_sends_no_write(self, resultd, testrail):
        testrail.case("known", automation="shop.Cart.test_00001")
        resultd.deliver_to(testrail, create={"cases": True, "sections": True})
        report = resultd.write("a.xml", numbered(3))
        assert self.plan(resultd, testrail, report) == [
            'make the section "Cart"', 'make 2 cases in the section "Cart"', 'make the run "nightly" with 3 cases',
            "close the run", "post 3 results in 1 request"]
        assert len(self.plan(resultd, testrail, report, "--no-wait")) == 5
        # Nothing of it was accepted: the same import is new.
        done = resultd.imports(report)
        assert done.files("accepted") == ["a.xml"] and len(testrail.results()) == 3

    def test_lists_plan_milestone_sections_runs_and_files(self, resultd, testrail):
        testrail.section("Outer")
        resultd.deliver_to(testrail, create={"cases": True, "milestones": True, "configs": True}, milestone="2.0 / RC",
                           configs=["Browser / Firefox"], plan={"name": "Release {version}", "close": True},
                           evidence={"results": "all", "report": True})
        resultd.write("shot.png", "x")
        inside = "<system-out>[[ATTACHMENT|shot.png]]</system-out>"
        report = resultd.write("a.xml", junit(suite(
            suite(case("adds", inside=inside), suite(case("pays"), name="Till"), name="Shop"), name="Outer")))
        done = self.plan(resultd, testrail, report, "--set", "version=7")
        section, = testrail.store.sections
        assert done == [
            f'make the section "Shop" in the section {section}', 'make the section "Shop / Till"',
            'make 1 case in the section "Shop"', 'make 1 case in the section "Shop / Till"',
            'make the milestone "2.0"', 'make the milestone "RC"',
            'make the group of configurations "Browser"', 'make the configuration "Firefox"',
            'make the plan "Release 7"', 'make the entry "nightly" with 2 cases',
            'attach "shot.png" to the result of shop.Cart.adds', 'attach "a.xml" to the run',
            "close the plan", "post 2 results in 1 request", "attach 2 files"]
        out = resultd("import", "--dry-run", "--run-name", "nightly", "--set", "version=7", report).out
        assert '      make the plan "Release 7"\n' in out

    def test_lists_an_entry_for_each_suite(self, resultd, make_testrail):
        testrail = make_testrail(suite_mode=3)
        for name in ("Api", "Web"):
            row = testrail.store.add_suite(1, name)
            testrail.case(name, testrail.section("S", suite=row), automation=f"shop.Cart.{name}")
        resultd.deliver_to(testrail, suites="all")
        report = resultd.write("a.xml", junit(case("Api"), case("Web")))
        assert self.plan(resultd, testrail, report) == [
            'make the plan "nightly"', 'make the entry "nightly - Api" with 1 case',
            'make the entry "nightly - Web" with 1 case', "close the plan", "post 2 results in 2 requests"]

    def test_what_is_there_is_not_made_again(self, resultd, testrail):
        testrail.case("t", automation="shop.Cart.test_00001")
        testrail.plan("Release 1")
        testrail.milestone("2.0")
        resultd.deliver_to(testrail, plan="Release 1", milestone="2.0")
        assert self.plan(resultd, testrail, resultd.write("a.xml", numbered(1))) == [
            'make the entry "nightly" with 1 case', "post 1 result in 1 request"]

    def test_tests_without_a_case_are_told_as_parked(self, resultd, testrail):
        testrail.case("t", automation="shop.Cart.test_00001")
        resultd.deliver_to(testrail)
        plan = self.plan(resultd, testrail, resultd.write("a.xml", numbered(3)))
        assert plan[-1] == "park 2 tests" and "close the run" not in plan

    def test_a_fault_of_the_configuration_is_no_plan(self, resultd, testrail):
        resultd.deliver_to(testrail, project="Nowhere")
        done = resultd.imports(resultd.write("a.xml", numbered(1)), code=0, options=["--dry-run"])
        assert done.delivery()["state"] == "parked" and 'no project "Nowhere"' in done.delivery()["last_error"]

    def test_of_aio_it_tells_the_cycle_and_what_is_owed(self, resultd, aio):
        resultd.deliver_to_aio(aio)
        for number in (1, 2):
            aio.case(f"t{number}", automation=f"shop.Cart.test_0000{number}")
        done = resultd.imports(resultd.write("a.xml", numbered(2)), options=["--dry-run", "--run-name", "nightly"])
        assert done.delivery("aio")["plan"] == ['make the cycle "nightly"', "post 2 results in 1 request"]

    def test_without_a_tracker_to_be_asked_it_writes_no_page(self, resultd):
        done = resultd("import", "--dry-run", resultd.write("a.xml", numbered(2)))
        assert done.code == 0 and "post 2 results" in done.out
        assert not list(resultd.home.rglob("index.html"))
