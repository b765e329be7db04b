# SPDX-License-Identifier: Apache-2.0
"""What a test says about what arrived, in words that several tests share."""

from collections import Counter, defaultdict

from standins.testrail_rules import STRING_MAX

# statuses: of the configuration's defaults
POSTED = {"passed": "passed", "failed": "failed", "error": "failed", "skipped": "retest"}


def posted_status(line):
    """The status name that a line of `parse --format jsonl` is posted with."""
    if line.get("known_failure"):
        return "retest"
    return POSTED[line["status"]]


def identity(line):
    """What makes two executions attempts of one test."""
    return (line.get("variant"), tuple(line.get("suite", ())), line.get("class"), line.get("name"),
            tuple(line.get("params", ())))


def each_case_once(testrail, count, run=None):
    """One result for each of count cases, no more and no less, and nothing else."""
    with testrail.lock:
        rows = testrail.results(run=run)
        per_case = Counter(row["_case"] for row in rows)
    again = {case: times for case, times in per_case.items() if times > 1}
    assert not again, f"results applied more than once: {again}\n{testrail.story()}"
    assert len(per_case) == count, f"{len(per_case)} of {count} cases have a result\n{testrail.story()}"


def one_closed_run(testrail, cases=None):
    run = testrail.only_run
    assert run["is_completed"], testrail.story()
    if cases is not None:
        assert len(testrail.store.tests_of_run[run["id"]]) == cases
    return run


def kept_id(automation, kept):
    """The form that an automation id has over there: one that is too long is cut, with a mark behind ~."""
    if automation is None or len(automation.encode()) <= STRING_MAX:
        return automation
    short = [each for each in kept if each is not None and "~" in each
             and automation.startswith(each.rpartition("~")[0])]
    assert len(short) == 1 and len(short[0].encode()) <= STRING_MAX, f"{automation[:80]}...: {short}"
    return short[0]


def results_match_reports(testrail, lines):
    """Every test of the reports has exactly one result, under its automation id and with its status.

    Where a test ran more than once, the status of any of its attempts will do here: which attempt decides
    is another test's matter.
    """
    tests = defaultdict(list)
    for line in lines:
        tests[identity(line)].append(line)
    got = testrail.results_by_automation()
    wanted = defaultdict(list)
    for attempts in tests.values():
        automation = kept_id(attempts[-1].get("id"), got)
        wanted[automation].append({posted_status(line) for line in attempts})
    assert set(got) == set(wanted), (f"missing: {sorted(map(str, set(wanted) - set(got)))}, "
                                     f"too many: {sorted(map(str, set(got) - set(wanted)))}")
    for automation, choices in wanted.items():
        posted = Counter(got[automation])
        assert sum(posted.values()) == len(choices), f"{automation}: {posted} for {choices}"
        for choice in choices:
            if len(choice) == 1:
                posted[next(iter(choice))] -= 1
        left = +posted
        assert min(posted.values()) >= 0, f"{automation}: {got[automation]} for {choices}"
        assert set(left) <= set().union(*choices), f"{automation}: {got[automation]} for {choices}"
