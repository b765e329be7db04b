# SPDX-License-Identifier: Apache-2.0
"""resultd submit: a job hands its reports to the daemon, with what its CI system says about it."""

import json
import os
import re
import subprocess

import pytest

from expect import each_case_once
from reports import case, junit, numbered
from resultd import REPOSITORY, wait_until


@pytest.fixture
def daemon(resultd, testrail):
    for number in range(1, 31):
        testrail.case(f"case {number}", automation=f"shop.Cart.test_{number:05d}")
    resultd.scale = 1
    resultd.configure({"rail": resultd.rail(testrail, linger="100ms")},
                      control={"path": str(resultd.folder / "c.sock"), "mode": "0666"})
    started = resultd.spawn("run")
    started.says("watching")
    return started


def test_a_job_is_gone_before_its_results_are_delivered(resultd, testrail, daemon):
    hang = testrail.fault("add_results_for_cases", before="hang")
    done = resultd("submit", "--run-key", "k", resultd.write("a.xml", numbered(2)))
    assert done.code == 0 and "1 files accepted" in done.out, done
    testrail.wait_for("add_results_for_cases")
    hang.release()
    testrail.wait_for("close_run", answered=True)
    each_case_once(testrail, 2)
    assert daemon.terminate().code == 0


def test_wait_and_the_receipt(resultd, testrail, daemon):
    report = resultd.write("a.xml", numbered(2))
    done = resultd("submit", "--wait", "--json", "--run-key", "k", "--timeout", "60s", report)
    assert done.code == 0, done
    assert done.delivery()["state"] == "delivered" and done.delivery()["posted"] == 2
    assert done.receipt["files"][0] == {"path": str(report), "state": "accepted", "complete": True, "cases": 2}
    assert done.receipt["runs"][0]["counts"]["passed"] == 2


@pytest.mark.parametrize("options, text, code", [
    (["--wait", "--timeout", "60s", "--fail-on", "failed"], junit(case("test_00001", failure="no")), 1),
    (["--wait", "--timeout", "60s"], numbered(1, first=100), 4),
    ([], "<testsuite><testcase name='a' </testsuite>", 5),
    ([], "<html/>", 5),
    (["--allow-empty"], "<html/>", 0),
    (["--no-wait"], numbered(1), 2),
    (["--sink", "nobody"], numbered(1), 2),
    (["--watch", "nobody"], numbered(1), 2),
])
def test_exit_codes(resultd, testrail, daemon, options, text, code):
    done = resultd("submit", "--run-key", "k", *options, resultd.write("a.xml", text))
    assert done.code == code, done


@pytest.mark.parametrize("command", [["submit", "--wait"], ["import"]])
def test_fail_on_failed_counts_duplicates(resultd, testrail, daemon, command):
    report = resultd.write("a.xml", junit(case("test_00001", failure="no")))
    options = ["--json", "--timeout", "60s", "--run-key", "k", "--fail-on", "failed"]
    for state in ("accepted", "duplicate"):
        done = resultd(*command, *options, report)
        assert done.code == 1 and done.files(state) == ["a.xml"], done
    assert testrail.status_names() == ["failed"]


def test_the_example_for_gitlab_makes_one_run_that_ends(resultd, testrail, daemon):
    """The very lines of etc/examples: a job for each shard, and one that ends their run."""
    text = (REPOSITORY / "etc/examples/gitlab/.gitlab-ci.yml").read_text()
    each, last = [" ".join(found.split()) for found in re.findall(r"- resultd (submit (?:.*\n)(?:      \S.*\n)*)", text)]
    environment = {**resultd._environment(), "RESULTD_CONTROL": str(resultd.folder / "c.sock"), "GITLAB_CI": "true",
                   "CI_PROJECT_PATH": "shop/web", "CI_PROJECT_NAME": "web", "CI_PIPELINE_ID": "711",
                   "CI_PIPELINE_IID": "11", "CI_JOB_NAME": "test"}

    def job(line, **more):
        return subprocess.run(["sh", "-c", f"exec {resultd.binary} {line}"], env={**environment, **more}, text=True,
                              cwd=resultd.folder, capture_output=True, timeout=120)

    for shard in (1, 2):
        (resultd.folder / f"report-{shard}.xml").write_text(numbered(2, first=shard * 2 - 1))
        done = job(each, CI_NODE_INDEX=str(shard))
        assert done.returncode == 0, done
    assert not testrail.calls("close_run")
    done = job(last, CI_JOB_NAME="report")
    assert done.returncode == 0 and "4 tests" in done.stdout and "2 duplicate" in done.stdout, done
    each_case_once(testrail, 4)
    assert testrail.only_run["name"] == "web 11" and testrail.only_run["is_completed"]
    assert daemon.terminate().code == 0


def test_not_delivered_within_the_timeout(resultd, testrail, daemon):
    hang = testrail.fault("add_results_for_cases", before="hang")
    done = resultd("submit", "--wait", "--timeout", "1s", "--run-key", "k", resultd.write("a.xml", numbered(2)))
    assert done.code == 3, done
    hang.release()
    testrail.wait_for("close_run", answered=True)


def test_the_ci_variables_of_the_job_name_its_run(resultd, testrail, daemon):
    resultd.environment = {"JENKINS_URL": "http://ci.example/", "JOB_NAME": "nightly", "BUILD_NUMBER": "17",
                           "BUILD_URL": "http://ci.example/job/nightly/17/", "GIT_BRANCH": "origin/main"}
    done = resultd("submit", "--wait", "--json", "--timeout", "60s", resultd.write("a.xml", numbered(2)))
    assert done.code == 0, done
    assert "nightly" in done.receipt["runs"][0]["key"] and done.receipt["runs"][0]["name"] == "nightly #17"
    assert testrail.only_run["name"] == "nightly #17"


def test_the_context_file_goes_along(resultd, testrail, daemon):
    for name in ("one", "two"):
        resultd.write(f"{name}/resultd.json", json.dumps({"key": name, "name": f"run {name}"}))
        resultd.write(f"{name}/TEST-a.xml", numbered(2, first=1 if name == "one" else 3))
    done = resultd("submit", "--wait", "--json", "--timeout", "60s", resultd.folder / "reports")
    assert done.code == 0, done
    assert {run["key"]: run["name"] for run in done.receipt["runs"]} == {"one": "run one", "two": "run two"}
    each_case_once(testrail, 4)


def test_a_broken_report_does_not_stop_the_others(resultd, testrail, daemon):
    resultd.write("a.xml", numbered(2))
    resultd.write("b.xml", "<testsuite><testcase name='a' </testsuite>")
    (resultd.folder / "reports" / "c.xml").symlink_to("/nowhere/at/all")
    done = resultd("submit", "--json", "--run-key", "k", resultd.folder / "reports")
    assert done.code == 5, done
    assert done.files("accepted") == ["a.xml"] and done.files("malformed") == ["b.xml"]


def test_several_hundred_files_in_one_go(resultd, testrail, daemon):
    for number in range(300):
        resultd.write(f"TEST-{number}.xml", junit(case(f"test_{number % 30 + 1:05d}", time=f"0.{number}")))
    done = resultd("submit", "--json", "--run-key", "k", resultd.folder / "reports")
    assert done.code == 0 and len(done.files("accepted")) == 300, done


def test_nobody_answers(resultd, testrail):
    resultd.configure({"home": {"type": "local", "dir": str(resultd.home)}}, control=str(resultd.folder / "c.sock"))
    done = resultd("submit", resultd.write("a.xml", numbered(1)))
    assert done.code == 70 and "is resultd running?" in done.err, done


def test_a_daemon_that_is_being_restarted_is_waited_for(resultd, testrail, daemon):
    assert daemon.terminate().code == 0
    waiting = resultd.spawn("submit", "--json", "--run-key", "k", resultd.write("a.xml", numbered(2)))
    resultd.spawn("run").says("watching")
    done = waiting.wait()
    assert done.code == 0 and done.files("accepted") == ["a.xml"], done


def test_a_daemon_that_dies_while_it_is_waited_on(resultd, testrail, daemon):
    hang = testrail.fault("add_results_for_cases", before="hang")
    waiting = resultd.spawn("submit", "--wait", "--json", "--timeout", "90s", "--run-key", "k",
                            resultd.write("a.xml", numbered(2)))
    testrail.wait_for("add_results_for_cases")
    daemon.kill()
    hang.release()
    resultd.scale = 500                                     # of the look-ups, which are minutes apart
    resultd.spawn("run")
    done = waiting.wait(100)
    assert done.code == 0 and done.delivery()["state"] == "delivered", done
    each_case_once(testrail, 2)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
class TestAnotherUser:
    """nobody: neither root, nor the user of the daemon, nor in the group of the socket."""

    @staticmethod
    def as_nobody(resultd, *args):
        for path in [resultd.folder, *resultd.folder.parents]:
            if path.stat().st_uid == os.geteuid() and len(path.parts) > 2 and path != resultd.state:
                path.chmod(path.stat().st_mode | 0o755)
        environment = {**resultd._environment(), "HOME": "/nonexistent", "ASAN_OPTIONS": "detect_leaks=0"}
        environment.pop("XDG_STATE_HOME")
        done = subprocess.run([str(resultd.binary), *map(str, args)], env=environment, cwd="/", user="nobody",
                              group="nogroup", extra_groups=[], capture_output=True, text=True, timeout=60,
                              check=False)
        return done

    @pytest.fixture(autouse=True)
    def reachable(self, resultd):
        probe = subprocess.run([str(resultd.binary), "--version"], user="nobody", group="nogroup", extra_groups=[],
                               capture_output=True, check=False)
        if probe.returncode != 0:
            pytest.skip("the binary lies where nobody else may look")

    def test_hands_over_what_the_daemon_could_not_open(self, resultd, testrail, daemon):
        report = resultd.write("a.xml", numbered(2))
        report.chmod(0o600)
        os.chown(report, 65534, 65534)
        done = self.as_nobody(resultd, "submit", "--wait", "--timeout", "60s", "--run-key", "k", "--control",
                              resultd.folder / "c.sock", report)
        assert done.returncode == 0, done
        each_case_once(testrail, 2)

    def test_may_look_but_change_nothing(self, resultd, testrail, daemon):
        public = resultd.folder / "public.yaml"
        public.write_text(json.dumps({"control": str(resultd.folder / "c.sock"), "state_dir": str(resultd.state)}))
        public.chmod(0o644)
        looked = self.as_nobody(resultd, "--config", public, "status")
        assert looked.returncode == 2 and "differs" in looked.stderr, looked

    def test_without_rights_one_clear_line(self, resultd, testrail, daemon):
        (resultd.folder / "c.sock").chmod(0o660)
        report = resultd.write("a.xml", numbered(2))
        report.chmod(0o644)
        done = self.as_nobody(resultd, "submit", "--control", resultd.folder / "c.sock", report)
        assert done.returncode == 2, done
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1 and "no right to use the control socket" in lines[0] and "root" in lines[0], done

    def test_a_mode_that_was_changed_by_hand_lets_nobody_in(self, resultd, testrail, daemon):
        assert daemon.terminate().code == 0
        resultd.configure({"rail": resultd.rail(testrail)}, control=str(resultd.folder / "c.sock"))
        resultd.spawn("run").says("watching")
        (resultd.folder / "c.sock").chmod(0o666)
        report = resultd.write("a.xml", numbered(2))
        report.chmod(0o644)
        done = self.as_nobody(resultd, "submit", "--control", resultd.folder / "c.sock", report)
        assert done.returncode == 2 and "may not use this socket" in done.stderr, done


def test_the_workspace_may_go_at_once(resultd, testrail, daemon):
    report = resultd.write("a.xml", numbered(2))
    assert resultd("submit", "--run-key", "k", report).code == 0
    report.unlink()
    testrail.wait_for("close_run", answered=True)
    each_case_once(testrail, 2)
    wait_until(lambda: resultd.status()["deliveries"]["delivered"] == 1, what="the delivery")


def evidence_sink(resultd, testrail, daemon):
    """The daemon again, with a sink that wants what reports name."""
    assert daemon.terminate().code == 0
    resultd.configure({"rail": resultd.rail(testrail, linger="100ms", evidence={"results": "all"})},
                      control=str(resultd.folder / "c.sock"))
    resultd.spawn("run").says("watching")


def test_files_that_a_report_names_are_handed_over_with_it(resultd, testrail, daemon):
    evidence_sink(resultd, testrail, daemon)
    shot = resultd.write("shots/one.png", b"\x89PNG\r\n\x1a\n" + b"picture" * 100)
    secret = resultd.folder.parent / "secret.txt"           # beneath neither the report's folder nor the job's
    secret.write_text("not beneath")
    named = "".join(f"[[ATTACHMENT|{name}]]\n" for name in ("shots/one.png", "../../secret.txt", "shots/never.png"))
    report = resultd.write("a.xml", junit(case("test_00001", failure="no",
                                               inside=f"<system-out>{named}</system-out>")))
    resultd.folder.joinpath("reports").chmod(0o700)
    done = resultd("submit", "--wait", "--json", "--timeout", "60s", "--run-key", "k", report)
    assert done.code == 0 and done.delivery()["evidence"] == 1, done
    evidence = resultd.status()["evidence"]
    assert evidence["kept"] == 1 and evidence["missing"] + evidence["refused"] == 2, evidence
    shot.unlink()
    assert b"not beneath" not in b"".join(path.read_bytes() for path in resultd.state.rglob("*") if path.is_file())


def test_many_files_are_handed_over(resultd, testrail, daemon):
    evidence_sink(resultd, testrail, daemon)
    names = [f"shots/{number}.txt" for number in range(230)]
    for number, name in enumerate(names):
        resultd.write(name, f"shot {number}")
    cases = [case(f"test_{number + 1:05d}", inside="<system-out>"
                  + "".join(f"[[ATTACHMENT|{name}]]\n" for name in names[number * 10:number * 10 + 10])
                  + "</system-out>") for number in range(23)]
    done = resultd("submit", "--json", "--run-key", "k", resultd.write("a.xml", junit(*cases)))
    assert done.code == 0, done
    evidence = resultd.status()["evidence"]
    assert evidence["kept"] == 230 and evidence["missing"] == 0, evidence
