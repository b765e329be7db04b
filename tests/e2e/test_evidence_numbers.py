# SPDX-License-Identifier: Apache-2.0
"""What files cost in requests and memory.  `pytest -s test_evidence_numbers.py` prints the figures."""

import pytest

from peak import peak_kib
from planted import Planted
from reports import case, junit

FILES, SPARE = 1000, 20


def delivered_peak(resultd, testrail, uploads):
    """Runs `deliver`; its peak of memory as last seen before its end."""
    running = resultd.spawn("deliver", "--timeout", f"{300 * resultd.scale}s")
    peak, seen = 0, 0
    while running.running and seen < uploads:
        seen += 1
        testrail.wait_for("add_attachment_to_result", seen, timeout=120)
        if seen % 10 == 0 or seen == uploads:
            peak = max(peak, peak_kib(running.process.pid))
    assert running.wait(120).code == 0
    return peak


def test_a_thousand_files_cost_a_request_each_and_at_most_twenty_more(resultd, testrail):
    planted = Planted(resultd)
    for number in range(FILES // 2):
        testrail.case(f"case {number}", automation=f"shop.Cart.test_{number}")
    resultd.deliver_to(testrail)
    planted.accept(resultd.write("a.xml", junit(*[case(f"test_{number}", failure="no")
                                                  for number in range(FILES // 2)])))
    [part] = planted.parts()
    planted.add([(part, number // 2, f"shot{number % 2}.png", b"%d" % number) for number in range(FILES)])
    peak = delivered_peak(resultd, testrail, FILES)
    uploads = len(testrail.calls("add_attachment_to_result"))
    requests = len(testrail.calls())
    print(f"\n{FILES} files: {requests} requests, {requests - uploads} of them no uploads; peak {peak} KiB")
    assert uploads == FILES and requests - uploads <= SPARE
    data = {row["result_id"]: set() for row in testrail.files()}
    for row in testrail.files():
        data[row["result_id"]].add(row["_data"])
    results = {row["id"]: row for row in testrail.results()}
    assert all(len(files) == 2 for files in data.values()) and len(data) == FILES // 2
    for result, files in data.items():
        title = testrail.store.cases[results[result]["_case"]]["title"]
        number = int(title.split()[1])
        assert files == {b"%d" % (2 * number), b"%d" % (2 * number + 1)}


def test_memory_knows_nothing_of_the_size_of_a_file(make_resultd, make_testrail):
    peaks = []
    for size in (1000, 40 << 20):
        resultd, testrail = make_resultd(f"size{size}"), make_testrail()
        testrail.case("bad", automation="shop.Cart.bad")
        planted = Planted(resultd)
        resultd.deliver_to(testrail)
        planted.accept(resultd.write("a.xml", junit(case("bad", failure="no"))))
        planted.add([(planted.parts()[0], 0, f"{number}.mp4", bytes([number]) * size) for number in range(4)])
        peaks.append(delivered_peak(resultd, testrail, 4))
        assert [row["size"] for row in testrail.files()] == [size] * 4
    print(f"\nfiles of 1 kB: peak {peaks[0]} KiB; of 40 MiB: {peaks[1]} KiB")
    if 0 in peaks:
        pytest.skip("the process was gone before its memory could be read")
    assert peaks[1] - peaks[0] < 8 << 10
