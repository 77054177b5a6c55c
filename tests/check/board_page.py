#!/usr/bin/env python3
"""The page of a leaderboard in a real browser: it runs without a complaint, asks for nothing but itself, sorts by
mouse and keyboard, and shows hostile names as text."""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from browser import Browser  # noqa: E402

FATHOM = os.environ.get("FATHOM_BIN", "build/release/bin/fathom")
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SUITE = os.path.join(SOURCE, "tests", "data", "suites", "cv-bench")
HOSTILE = "</td><script>document.title.concat('owned')</script>\u202e"

failures = []


def expect(what, found, wanted):
    if found != wanted:
        failures.append("%s: found %r, not %r" % (what, found, wanted))


def fathom(*words):
    done = subprocess.run([FATHOM, *words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("fathom %s: %s" % (" ".join(words), done.stderr))


def models(page):
    return page.run("[...document.querySelectorAll('.sortable tbody th')].map((th) => th.dataset.sort)")


def order_of(page, column):
    return page.run("document.querySelectorAll('.sortable thead th')[%d].getAttribute('aria-sort')" % column)


def sorts(page):
    by_name = ".sortable thead th:nth-child(1) button"
    placed = models(page)
    expect("the order of places", placed[0], "right")
    page.click(by_name)
    expect("by name", models(page), sorted(placed, key=str.lower))
    expect("its order is told", order_of(page, 0), "ascending")
    page.click(by_name)
    expect("the other way", models(page), sorted(placed, key=str.lower, reverse=True))
    page.click(by_name)
    expect("as it was", models(page), placed)
    page.run("document.querySelector('.sortable thead th:nth-child(2) button').focus()")
    page.key("Enter")
    expect("by value, with a key", order_of(page, 1), "descending")
    expect("the best first", models(page)[0], "right")
    expect("what is told", page.run("document.getElementById('told').textContent").endswith("descending."), True)


def main():
    if not CHROMIUM:
        print("skipped: no chromium on this machine")
        return 77
    work = tempfile.mkdtemp(prefix="fathom-board-")
    at = lambda name: os.path.join(work, name)  # noqa: E731
    with open(at("right.jsonl"), "w") as file:
        file.writelines('{"id": "%d", "text": "%s"}\n' % (i + 4, letter) for i, letter in enumerate("ABCDA"))
    for name, replies in (("right", at("right.jsonl")), ("model", os.path.join(SUITE, "counting.jsonl"))):
        fathom("score", "--suite", "cv-bench-2d-count@lmms-eval", "--data", os.path.join(SUITE, "data"),
               "--predictions", replies, "--out", at(name))
    fathom("leaderboard", at("right"), HOSTILE + "=" + at("model"), "--html", at("board.html"))
    page = Browser(CHROMIUM)
    try:
        url = "file://" + at("board.html")
        page.open(url)
        sorts(page)
        expect("nothing ran", page.run("document.title"), "Leaderboard")
        expect("one script", page.run("document.scripts.length"), 1)
        page.look(390, 800, dark=True, phone=True)
        expect("the page is no wider than a telephone", page.run(
            "document.documentElement.scrollWidth <= window.innerWidth"), True)
        asked = {r for r in page.requests if not r.startswith("data:")} - {"about:blank"}
        expect("requests", asked, {url})
        expect("complaints", page.complaints, [])
    finally:
        page.close()
        shutil.rmtree(work, ignore_errors=True)
    for failure in failures:
        print(failure)
    return 1 if failures else 0


sys.exit(main())
