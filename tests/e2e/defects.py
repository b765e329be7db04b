# SPDX-License-Identifier: Apache-2.0
"""What tests of the section `defects` share: its configuration, and reports of failures."""

from reports import case, junit
from standins import axosoft as axo


def secret(resultd, name, text):
    path = resultd.folder / name
    path.write_text(text)
    path.chmod(0o600)
    if text not in resultd.secrets:
        resultd.secrets.append(text)
    return {"file": str(path)}


def section(resultd, axosoft, **keys):
    base = {"type": "axosoft", "url": axosoft.address, "token": secret(resultd, "axosoft.token", axo.TOKEN),
            "project": "Datahub", "workflow_step": "Bug", "mode": "create", "after": {"runs": 1}}
    return {key: value for key, value in {**base, **keys}.items() if value is not None}


def local(resultd):
    return {"home": {"type": "local", "dir": str(resultd.folder / "runs")}}


def configure(resultd, axosoft, sinks=None, **keys):
    return resultd.configure(sinks or local(resultd), defects=section(resultd, axosoft, **keys))


def stack(cause, line=17):
    return (f"&#10;\tat com.shop.{cause}.connect({cause}.java:{line})&#10;\tat com.shop.Base.run(Base.java:{line + 4})")


def failing(count, causes=("Database", "Network", "Payment"), salt=0):
    """count failing tests of as many causes as are named; the message of each has numbers of its own."""
    rows = []
    for number in range(count):
        cause = causes[number % len(causes)]
        text = (f"{cause} gave up after {number * 7 + salt} ms on node-{number:03d} (request "
                f"{number:08x}-1111-4222-8333-{salt:012x})")
        rows.append(f'<testcase classname="shop.Test{number}" name="t{number}" time="0.1"><failure type="TimeoutError"'
                    f' message="{text}">{text}{stack(cause, 17)}</failure></testcase>\n')
    return junit(*rows, case("passes"))


def run(resultd, name, text, code=0, options=()):
    return resultd.imports(resultd.write(f"{name}.xml", text), code=code, options=["--run-name", name, *options])


def make_one(resultd, axosoft, **keys):
    configure(resultd, axosoft, **keys)
    run(resultd, "first", junit(case("pays", failure="no answer")))
    return next(iter(axosoft.items.values()))


def again(resultd, name="again"):
    return run(resultd, name, junit(case("pays", failure="no answer")))
