# SPDX-License-Identifier: Apache-2.0
"""The folder that is the default: JSON Lines and a page for each run, and an index."""

import json
from html.parser import HTMLParser

from reports import case, junit, method, numbered, testng
from resultd import wait_until


class Page(HTMLParser):
    """The text of a page, its links, and whatever it would fetch from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.text, self.links, self.fetched = "", [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "a":
            self.links.append(values.get("href"))
        source = values.get("href") if tag == "link" else values.get("src")
        if source and not source.startswith("data:"):
            self.fetched.append(source)

    def handle_data(self, data):
        self.text += data


def home_of(resultd):
    """Where runs lie without a configuration."""
    return resultd.home / "state" / "resultd" / "runs"


def lines_of(folder):
    return [json.loads(line) for path in sorted(folder.rglob("results.jsonl"))
            for line in path.read_text().splitlines()]


def test_without_a_configuration_runs_become_pages(resultd):
    report = resultd.write("a.xml", junit(case("adds"), case("removes", failure="the <cart> is empty"),
                                          case("pays", skipped="no card")))
    done = resultd.imports(report, options=["--run-name", "first try"])
    assert done.delivery("local")["state"] == "delivered" and done.delivery("local")["posted"] == 3
    index = Page((home_of(resultd) / "index.html").read_text())
    assert "first try" in index.text and index.fetched == []
    pages = [link for link in index.links if link and link.endswith(".html")]
    page = Page((home_of(resultd) / pages[0]).read_text())
    assert "first try" in page.text and "removes" in page.text and page.fetched == []
    assert "the <cart> is empty" in page.text, "text is escaped, and whole"
    assert sorted(line["name"] for line in lines_of(home_of(resultd))) == ["adds", "pays", "removes"]


def test_hostile_names_do_not_become_markup(resultd):
    name = '"><script>alert(1)</script>'
    resultd.imports(resultd.write("a.xml", junit(case(name, failure="</script><script>alert(2)</script>"))),
                    options=["--run-name", "<b>bold</b>"])
    for path in home_of(resultd).rglob("*.html"):
        text = path.read_text()
        assert "<script>alert" not in text and "<b>bold</b>" not in text


def test_hostile_run_names_do_not_leave_the_folder(resultd):
    resultd.imports(resultd.write("a.xml", numbered(1)),
                    options=["--run-name", "../../../../evil", "--run-key", "../../key\x07/\u00e4"])
    outside = [path for path in resultd.folder.rglob("*evil*") if home_of(resultd) not in path.parents]
    assert outside == [] and len(lines_of(home_of(resultd))) == 1


def test_a_try_that_testng_tried_again_makes_a_pass_flaky_in_any_order(resultd):
    again = method("pays", "SKIP", message="timed out").replace(' name=', ' retried="true" name=', 1)
    done = resultd.imports(resultd.write("testng-results.xml", testng(again, method("pays"))),
                           resultd.write("b.xml", testng(method("ships"), again.replace("pays", "ships"))))
    counts = done.receipt["runs"][0]["counts"]
    assert (counts["tests"], counts["passed"], counts["skipped"], counts["flaky"]) == (2, 2, 0, 2)
    for line in lines_of(home_of(resultd)):
        assert (line["status"], line["flaky"]) == ("passed", True), line
        assert [attempt["status"] for attempt in line["attempts"]] == ["skipped", "passed"], line


def test_each_run_has_a_page_and_the_index_lists_them(resultd):
    for number in (1, 2, 3):
        resultd.imports(resultd.write(f"{number}.xml", numbered(number)),
                        options=["--run-key", f"build/{number}", "--run-name", f"build {number}"])
    index = Page((home_of(resultd) / "index.html").read_text())
    for number in (1, 2, 3):
        assert f"build {number}" in index.text
    assert len({link for link in index.links if link and link.endswith(".html")}) == 3
    assert len(lines_of(home_of(resultd))) == 6


def test_it_stands_beside_a_tracker(resultd, testrail):
    testrail.case("t", automation="shop.Cart.test_00001")
    folder = resultd.folder / "pages"
    resultd.configure({"rail": resultd.rail(testrail), "home": {"type": "local", "dir": str(folder)}})
    done = resultd.imports(resultd.write("a.xml", numbered(1)))
    assert done.delivery("home")["state"] == "delivered" and done.delivery("rail")["state"] == "delivered"
    assert len(lines_of(folder)) == 1 and (folder / "index.html").exists()


def test_many_results_do_not_make_many_rows(resultd):
    resultd.imports(resultd.write("a.xml", numbered(30_000)))
    assert len(lines_of(home_of(resultd))) == 30_000
    assert max(path.stat().st_size for path in home_of(resultd).rglob("*.html")) < 2 << 20


def test_killed_while_writing_the_lines_are_there_once(resultd):
    report = resultd.write("a.xml", numbered(20_000))
    importing = resultd.spawn("import", report)

    def writing():
        return not importing.running or any(
            path.stat().st_size for path in home_of(resultd).rglob("results.jsonl"))
    wait_until(writing, timeout=60, what="the first lines")
    importing.kill()
    resultd.imports(report)
    names = [line["name"] for line in lines_of(home_of(resultd))]
    assert len(names) == len(set(names)) == 20_000
