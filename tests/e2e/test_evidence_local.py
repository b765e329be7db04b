# SPDX-License-Identifier: Apache-2.0
"""Files in a folder of results: beside the page, linked as downloads, whatever they are called."""

import re
from urllib.parse import unquote

from planted import Planted
from reports import case, junit


def delivered(resultd, *rows):
    """A run of two tests with these files; its folder."""
    home = resultd.folder / "runs"
    resultd.configure({"home": {"type": "local", "dir": str(home)}})
    planted = Planted(resultd)
    planted.accept(resultd.write("a.xml", junit(case("good"), case("bad", failure="no"))))
    part = planted.parts()[-1]
    planted.add([(part, *row) for row in rows])
    done = resultd.delivers()
    return next(path for path in home.iterdir() if path.is_dir()), done


def links(folder):
    page = (folder / "index.html").read_text()
    return re.findall(r'<a download href="(files/[^"]+)">', page)


def test_files_lie_beside_the_page_and_are_linked_as_downloads(resultd):
    evil = b"<script>document.title = 'gone'</script>"
    folder, _ = delivered(resultd, (1, "shots/<b>cart & co.html", evil), (0, "ok.log", b"fine"),
                          (None, "ci 100%.log", b"all"), (1, "large.mp4", bytes(3 << 20)))
    found = {unquote(link): (folder / unquote(link)).read_bytes() for link in links(folder)}
    assert sorted(found.values(), key=len) == sorted([evil, b"fine", b"all", bytes(3 << 20)], key=len)
    assert (folder / "files" / "run" / "ci 100%.log").read_bytes() == b"all"
    page = (folder / "index.html").read_text()
    assert "<script>document" not in page and "<b>cart" not in page
    assert len({link.split("/")[1] for link in links(folder)}) == 3


def test_more_files_than_a_page_takes_are_there_and_said(resultd):
    folder, _ = delivered(resultd, *[(1, f"{number}.png", b"%d" % number) for number in range(230)])
    assert len([path for path in (folder / "files").rglob("*.png")]) == 230
    assert len(links(folder)) == 200 and "The others are in the folder" in (folder / "index.html").read_text()


def test_a_kept_copy_that_is_gone_is_parked_and_the_page_is_written(resultd):
    home = resultd.folder / "runs"
    resultd.configure({"home": {"type": "local", "dir": str(home)}})
    planted = Planted(resultd)
    planted.accept(resultd.write("a.xml", junit(case("bad", failure="no"))))
    planted.add([(planted.parts()[0], 0, "1.png", b"1"), (planted.parts()[0], 0, "2.png", b"22")])
    [(kept,)] = planted.rows("SELECT kept FROM evidence WHERE size = 1")
    (resultd.state / "evidence" / kept).unlink()
    resultd.delivers(code=4)
    assert [path.name for path in home.rglob("*.png")] == ["2.png"]
