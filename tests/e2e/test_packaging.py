# SPDX-License-Identifier: Apache-2.0
"""What goes into the package: man pages that tell every command, completions that complete, units that verify,
configurations that are taken."""

import re
import shutil
import signal
import subprocess

import pytest

from reports import numbered
from resultd import REPOSITORY

ETC = REPOSITORY / "etc"
SYSTEMD = REPOSITORY / "systemd"


def run(*command, **keys):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **keys)


def commands(binary):
    words = re.findall(r"^  ([a-z]+) +[a-z]", run(binary, "--help").stdout, re.M)
    assert "import" in words and len(words) >= 7
    return words


def need(tool):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    return tool


# ---- man pages ----

def test_every_command_and_option_is_in_the_man_page(binary):
    page = (ETC / "man" / "resultd.1.scd").read_text()
    for command in commands(binary):
        assert re.search(rf"^\*{command}\b|, \*{command}\*", page, re.M), f"resultd(1) does not tell of {command}"
        told = run(binary, command, "--help").stdout.split("Global options")[0]
        if command in ("testrail", "aio", "axosoft"):
            continue  # their own help tells
        for option in set(re.findall(r"--[a-z][a-z-]+", told)):
            assert f"*{option}*" in page, f"resultd(1): {command} {option}"


def test_every_verb_of_aio_is_in_the_man_page(binary):
    page = (ETC / "man" / "resultd.1.scd").read_text()
    verbs = re.findall(r"^  ([a-z-]+(?: [a-z-]+)?)(?=  | [A-Z])", run(binary, "aio", "--help").stdout.split("All of")[0],
                       re.M)
    assert len(verbs) > 50 and "cycles create-from-set" in verbs
    for verb in verbs:
        assert f"*{verb}*" in page, f"resultd(1) does not tell of aio {verb}"


@pytest.mark.parametrize("page", ["resultd.1.scd", "resultd.8.scd", "resultd.yaml.5.scd.in"])
def test_man_pages_are_well_formed(page, tmp_path):
    text = (ETC / "man" / page).read_text().replace("@RESULTD_YAML@", (ETC / "resultd.yaml").read_text())
    made = run(need("scdoc"), input=text)
    assert made.returncode == 0, made.stderr
    assert ".TH" in made.stdout


# ---- completions ----

def bash_completion(binary, *words):
    script = (f'source "{ETC}/completions/resultd.bash"\n'
              f'COMP_WORDS=("{binary}" {" ".join(chr(34) + w + chr(34) for w in words)})\n'
              f'COMP_CWORD={len(words)}\n_resultd\nprintf "%s\\n" "${{COMPREPLY[@]}}"\n')
    done = run("bash", "-c", script)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split()


def test_bash_completes_commands_options_and_values(binary):
    assert set(commands(binary)) <= set(bash_completion(binary, ""))
    assert bash_completion(binary, "imp") == ["import"]
    assert "--run-key" in bash_completion(binary, "import", "--run")
    assert "--run-key" in bash_completion(binary, "--log-level", "error", "import", "--")
    assert bash_completion(binary, "parse", "--format", "s") == ["summary"]
    assert {"list", "show", "retry", "drop"} <= set(bash_completion(binary, "queue", ""))
    assert {"cycles", "runs", "traceability"} <= set(bash_completion(binary, "aio", ""))
    assert {"create", "create-from-set"} == set(bash_completion(binary, "aio", "cycles", "cr"))
    assert "--add-cases" in bash_completion(binary, "aio", "runs", "import", "--")
    assert bash_completion(binary, "aio", "cases", "import", "--upd") == ["--update-existing"]


def test_fish_completes(binary, tmp_path):
    need("fish")
    (tmp_path / "resultd").symlink_to(binary)
    done = run("fish", "--no-config", "-c", f"set -x PATH {tmp_path} $PATH\nsource {ETC}/completions/resultd.fish\n"
               "complete -C 'resultd '\necho ==\ncomplete -C 'resultd import --run'\necho ==\ncomplete -C 'resultd queue '\n"
               "echo ==\ncomplete -C 'resultd aio cycles cr'\necho ==\ncomplete -C 'resultd aio runs import --'",
               env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    first, second, third, verbs, options = done.stdout.split("==\n")
    for command in commands(binary):
        assert re.search(rf"^{command}\b", first, re.M), done.stdout + done.stderr
    assert "--run-key" in second and "--run-name" in second
    assert "retry" in third and verbs.split() == ["create", "create-from-set"] and "--add-cases" in options


def test_zsh_completion_is_sound():
    assert run(need("zsh"), "-n", str(ETC / "completions" / "_resultd")).stderr == ""


# ---- units ----

@pytest.mark.parametrize("unit", ["resultd.service", "resultd@.service"])
def test_units_are_locked_down(unit, tmp_path):
    """Rule K4: systemd's own score, at most 1.5."""
    need("systemd-analyze")
    name = unit.replace("@", "@one")
    (tmp_path / name).write_text((SYSTEMD / unit).read_text())
    scored = run("systemd-analyze", "security", "--offline=yes", "--threshold=15", str(tmp_path / name))
    assert scored.returncode == 0, scored.stdout[-400:] + scored.stderr


def test_the_two_units_differ_only_in_their_places():
    one = (SYSTEMD / "resultd.service").read_text()
    many = (SYSTEMD / "resultd@.service").read_text()
    for there, here in (("%i.yaml --state /var/lib/resultd/%i", "resultd.yaml"), ("StateDirectory=resultd/%i", "StateDirectory=resultd"),
                        ("RuntimeDirectory=resultd-%i", "RuntimeDirectory=resultd"), (" (%i)", "")):
        assert there in many
        many = many.replace(there, here)
    assert many == one


@pytest.mark.parametrize("path", sorted(p.name for p in (SYSTEMD / "drop-ins").iterdir()))
def test_drop_ins_are_documented(path):
    text = (SYSTEMD / "drop-ins" / path).read_text()
    assert text.startswith("#") and "[Service]" in text
    assert path in (ETC / "man" / "resultd.8.scd").read_text()


# ---- configurations ----

@pytest.mark.parametrize("path", ["deb/resultd.yaml", "examples/build-server/resultd.yaml", "examples/local.yaml"])
def test_configurations_are_taken(binary, path, tmp_path):
    key = tmp_path / "testrail-key"
    key.write_text("secret-of-the-test\n")
    key.chmod(0o600)
    checked = run(binary, "--config", str(ETC / path), "--state", str(tmp_path), "check",
                  env={"CREDENTIALS_DIRECTORY": str(tmp_path), "PATH": "/usr/bin:/bin"})
    assert checked.returncode == 0, checked.stderr
    assert "secret-of-the-test" not in checked.stdout


def test_conffiles_are_in_the_package():
    listed = (ETC / "deb" / "conffiles").read_text().split()
    cmake = (ETC / "CMakeLists.txt").read_text()
    for path in listed:
        folder, name = path.rsplit("/", 1)
        assert f"/{name} DESTINATION {folder}" in cmake


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_maintainer_scripts(script):
    path = ETC / "deb" / script
    assert path.stat().st_mode & 0o111
    assert run("sh", "-n", str(path)).returncode == 0
    assert "set -e" in path.read_text()


# ---- what an administrator reads ----

def test_a_normal_day_is_ignored_by_logcheck(resultd):
    """Each line that a day without trouble logs is matched by the rules; a line of trouble is not."""
    rules = [line for line in (ETC / "logcheck" / "resultd").read_text().splitlines() if line]
    resultd.scale = 1
    resultd.configure({"pages": {"type": "local", "dir": str(resultd.folder / "pages")}},
                      watch=[{"name": "inbox", "path": str(resultd.inbox) + "/{job}", "settle": "50ms",
                              "run": {"key": "{job}", "close_after": "500ms"}}])
    daemon = resultd.spawn("run")
    daemon.says("watching 1 director")
    resultd.drop("nightly/TEST-a.xml", numbered(3))
    resultd.drop("nightly/checkstyle.xml", "<checkstyle/>")
    daemon.says("delivered \"nightly\"")
    job = resultd.write("TEST-job.xml", numbered(2))
    assert resultd("submit", "--wait", "--run-key", "job", job).code == 0
    daemon.signal(signal.SIGHUP)
    daemon.says("reload")
    day = daemon.terminate()
    assert day.code == 0
    lines = [line.split(" ", 1)[1] for line in day.err.splitlines()]

    def ignored(line):
        # logcheck reads syslog's form; the rules are egrep's.
        syslog = "Nov 21 10:00:00 build1 resultd[812]: " + line
        return any(run("grep", "-Eq", rule, input=syslog).returncode == 0 for rule in rules)

    assert len(lines) >= 6
    for line in lines:
        assert ignored(line), line
    assert not ignored("testrail/rail: paused: 401: Authentication failed")
