#!/usr/bin/env python3
"""The page of a report in a real browser: it runs without a complaint, asks for nothing but itself, and filters,
sorting, keys, the view in space and two runs side by side work; hostile replies are shown and do nothing; 10,000
samples stay few elements. Pictures of it, for people to look at, go to $FATHOM_PAGE_PICTURES where that is set."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from browser import Browser  # noqa: E402

FATHOM = os.environ.get("FATHOM_BIN", "build/release/bin/fathom")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES = os.environ.get("FATHOM_PAGE_PICTURES")

HOSTILE = [
    "<script>document.title = 'owned'</script> (100, 200, 1.0)",
    "</script><img src=x onerror=\"document.title = 'owned'\"><!-- <script> (1, 2, 1.0)",
    "\u202ereversed\u2066 \u200b zero \x00 NUL \x1b[31m \x07 (5, 6, 1.0)",
    "x" * 1_000_000 + "<b>end</b>",
    "&lt;b&gt; ${document.title='owned'} `{{7*7}}` \u2028 \ud83d\ude00 (7, 8, 1.0)",
]

failures = []


def expect(what, found, wanted):
    if found != wanted:
        failures.append("%s: found %r, not %r" % (what, found, wanted))


def fathom(*words):
    done = subprocess.run([FATHOM, *words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("fathom %s: %s" % (" ".join(words), done.stderr))
    return done


def seen(page):
    """The ids on the cards, in the order in which they stand."""
    return page.run("""[...document.querySelectorAll('.list > li')].sort((a, b) => a.ariaPosInSet - b.ariaPosInSet)
        .map((li) => li.querySelector('.title > span').textContent)""")


def count(page):
    return page.run("document.querySelector('.controls .count').textContent")


def to_samples(page):
    page.run("document.querySelector('#samples').scrollIntoView({behavior: 'instant'})")
    page.settle()


def filters_and_sorting(page):
    to_samples(page)
    everything = count(page)
    page.choose("select[data-key=verdict]", "no")
    fewer = count(page)
    expect("a filter leaves out", fewer != everything and fewer.endswith(" of 32"), True)
    expect("the view stands in the address", page.run("location.hash"), "#verdict=no")
    page.choose("select[data-key=verdict]", "")
    page.choose("select[data-key=sort]", "dfd")
    values = "[...document.querySelectorAll('.card')].map((c) => samples[c.dataset.sample].of[0].m.dfd)"
    up = page.run(values)
    expect("sorted upwards", up, sorted(up))
    expect("there are cards", len(up) > 3, True)
    page.click("button[data-key=down]")
    down = page.run(values)
    expect("sorted downwards", down, sorted(down, reverse=True))
    page.click("button[data-key=flipped]")
    flips = page.run("samples.filter((s) => s.of[0].m.success !== s.of[1].m.success).length")
    expect("flipped", count(page), "%d of 32" % flips)
    expect("some flip", 0 < flips < 32, True)
    page.click("button[data-key=flipped]")
    page.choose("select[data-key=run]", "1")
    page.choose("select[data-key=cause]", "path")
    causes = page.run("samples.filter((s) => s.of[1].cause === 'path').length")
    expect("those that fail first at one stage", (count(page), causes > 0), ("%d of 32" % causes, True))
    page.run("[...document.querySelectorAll('.controls button')].find((b) => b.textContent === 'reset').click()")
    page.settle()
    expect("reset shows all", count(page), everything)
    expect("reset empties the address", page.run("location.hash"), "")


def keys(page):
    page.run("document.activeElement.blur()")
    page.key("/")
    page.type("bowl")
    expect("/ goes to the search, which finds text", page.run(
        "[...document.querySelectorAll('.card')].map((c) => textOf(Number(c.dataset.sample)).includes('bowl'))"
        ".reduce((all, one) => all && one, document.querySelectorAll('.card').length > 0)"), True)
    expect("the search leaves out", count(page) != "32 of 32", True)
    page.run("document.querySelector('.controls input').value = ''; "
             "document.querySelector('.controls input').dispatchEvent(new Event('input'))")
    to_samples(page)
    page.run("document.querySelector('.card').focus()")
    page.key("ArrowRight")
    expect("right moves to the next card", page.run("document.activeElement.dataset.sample"), "1")
    page.key("End")
    expect("End moves to the last", page.run("document.activeElement.dataset.sample"), "31")
    page.key("Home")
    page.key("Enter")
    expect("Enter opens", page.run("document.querySelector('dialog').open"), True)
    page.key("ArrowRight")
    expect("right goes to the next sample", page.run("document.querySelector('dialog .count').textContent"), "2 of 32")
    expect("the runs stand side by side", page.run(
        "(([a, b]) => a.top === b.top && a.right <= b.left)"
        "([...document.querySelectorAll('dialog .side')].map((s) => s.getBoundingClientRect()))"), True)
    expect("the stages of both traces are judged", page.run(
        "[...document.querySelectorAll('dialog .side')].map((s) =>"
        " [...s.querySelectorAll('td')].filter((d) => d.textContent === 'stage').length)"), [6, 6])
    expect("what was read is marked", page.run(
        "[...document.querySelectorAll('dialog .side:first-child pre mark')].map((m) => m.textContent[0] + m.textContent.slice(-1))"
        ".filter((ends) => ends === '()').length === samples[1].of[0].path.length"), True)
    space = "document.querySelector('.space canvas')"
    page.run(space + ".scrollIntoView({behavior: 'instant'}); " + space + ".focus()")
    before = page.run(space + ".dataset.turn")
    page.key("ArrowLeft")
    turned = page.run(space + ".dataset.turn")
    page.drag(".space canvas", 80, 30)
    dragged = page.run(space + ".dataset.turn")
    expect("keys and the pointer turn the scene", len({before, turned, dragged}), 3)
    expect("the scene has a cloud", page.run(
        "(() => { const c = %s, d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, s = new Set();"
        " for (let i = 0; i < d.length; i += 4) s.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); return s.size > 200; })()" % space), True)
    page.key("Escape")
    expect("Esc closes", page.run("document.querySelector('dialog').open"), False)
    expect("and the focus is back on the card", page.run("document.activeElement.dataset.sample"), "1")


def names(page):
    """Whatever can be operated has a name that a screen reader speaks."""
    expect("controls without a name", page.run(
        """[...document.querySelectorAll('button, select, input, canvas[tabindex]')].filter((e) => !(e.ariaLabel ||
        e.textContent.trim() || (e.closest('label') && e.closest('label').textContent.trim()))).map((e) => e.outerHTML)"""), [])
    expect("pictures without alt", page.run("document.querySelectorAll('img:not([alt])').length"), 0)


def looks(page, url):
    for name, given in (("light", {}), ("dark", {"dark": True}), ("phone", {"phone": True})):
        page.look(390 if name == "phone" else 1280, 844 if name == "phone" else 1000, **given)
        page.open(url)
        expect(name + ": nothing wider than the window",
               page.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), True)
        if not PICTURES:
            continue
        for at in ("header", "#samples"):
            page.run("document.querySelector(%r).scrollIntoView({behavior: 'instant'})" % at)
            page.picture(os.path.join(PICTURES, "%s-%s.png" % (name, at.strip("#"))))
        page.run("location.hash = 'sample=4'")
        page.run("new Promise((done) => setTimeout(done, 500))")
        page.picture(os.path.join(PICTURES, name + "-sample.png"))
    page.look(1280, 900)


def paper(page):
    page.call("Emulation.setEmulatedMedia", media="print")
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    page.settle()
    expect("all cards are printed", len(seen(page)), 32)
    expect("nothing is wider than the paper",
           page.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), True)
    page.run("window.dispatchEvent(new Event('afterprint'))")
    page.call("Emulation.setEmulatedMedia", media="screen")


def hostile(page):
    for i in range(len(HOSTILE)):
        page.run("location.hash = 'sample=%d'" % i)
        page.run("new Promise((done) => setTimeout(done, 50))")
        text = page.run("document.querySelector('dialog pre').textContent")
        for word in ("<script>", "</script>", "<b>", "&lt;b&gt;"):
            if word in HOSTILE[i] and len(HOSTILE[i]) < 1000:
                expect("reply %d shows %s" % (i, word), word in text, True)
        expect("reply %d holds nothing that acts" % i, any(c in text for c in "\u202e\u2066\u200b\x00\x1b\x07\u2028"), False)
    expect("a long line is cut, its end is there", page.run(
        "(() => { location.hash = 'sample=3'; return new Promise((done) => setTimeout(() => done(["
        "document.querySelector('dialog pre').textContent.length < 20000,"
        "document.querySelector('dialog pre').textContent.endsWith('<b>end</b>')]), 80)); })()"), [True, True])
    expect("nothing ran", page.run("document.title").find("owned"), -1)
    expect("no element came out of a reply", page.run("document.querySelectorAll('pre b, pre img, pre script').length"), 0)


def many(work, run):
    """10,000 samples without data: copies of a graded line."""
    big = os.path.join(work, "many")
    os.mkdir(big)
    shutil.copy(os.path.join(run, "results.json"), big)
    with open(os.path.join(run, "manifest.json")) as file:
        manifest = json.load(file)
    manifest["data"]["dir"] = "/nonexistent"
    with open(os.path.join(big, "manifest.json"), "w") as file:
        json.dump(manifest, file)
    with open(os.path.join(run, "samples.jsonl")) as file:
        lines = [json.loads(line) for line in file]
    with open(os.path.join(big, "samples.jsonl"), "w") as file:
        for i in range(10000):
            file.write(json.dumps({**lines[i % len(lines)], "id": "s%d" % i}) + "\n")
    return big


def ten_thousand(page):
    expect("all are there", count(page), "10000 of 10000")
    expect("few are in the document", page.run("document.querySelectorAll('.card').length < 200"), True)
    page.run("window.scrollTo({top: document.body.scrollHeight / 2, behavior: 'instant'})")
    page.run("new Promise((done) => setTimeout(done, 100))")
    page.settle()
    middle = int(seen(page)[0][1:])
    expect("scrolling brings those in the middle", 3000 < middle < 7000, True)
    page.run("document.querySelector('.controls input').value = 's9999';"
             "document.querySelector('.controls input').dispatchEvent(new Event('input'))")
    page.settle()
    expect("the search finds one of them", seen(page), ["s9999"])


def main():
    if not CHROMIUM:
        print("skipped: no chromium on this machine")
        return 77
    work = tempfile.mkdtemp(prefix="fathom-page-")
    os.environ.setdefault("FATHOM_CACHE", os.path.join(work, "cache"))
    at = lambda name: os.path.join(work, name)  # noqa: E731
    fathom("run", "tabletop", "--adapter", "jitter", "--set", "noise_px=15", "--out", at("jitter"))
    fathom("run", "tabletop", "--adapter", "straight", "--out", at("straight"))
    with open(at("hostile.jsonl"), "w") as file:
        for i, text in enumerate(HOSTILE):
            file.write(json.dumps({"id": str(i), "status": "ok", "text": text}) + "\n")
    fathom("run", "tabletop", "--adapter", "replay", "--set", "file=" + at("hostile.jsonl"), "--out", at("hostile"))
    fathom("report", at("jitter"), at("straight"), "--html", at("two.html"), "--steps")
    fathom("report", at("jitter"), "--html", at("linked.html"), "--pictures", "link")
    fathom("report", at("hostile"), "--html", at("hostile.html"))
    fathom("report", many(work, at("jitter")), "--html", at("many.html"))

    page = Browser(CHROMIUM)
    url = lambda name: "file://" + at(name)  # noqa: E731
    try:
        looks(page, url("two.html"))
        page.open(url("two.html"))
        filters_and_sorting(page)
        keys(page)
        names(page)
        paper(page)
        page.open(url("hostile.html"))
        hostile(page)
        page.open(url("many.html"))
        ten_thousand(page)
        asked = [r for r in page.requests if not r.startswith("data:")]
        expect("requests", sorted(set(asked)), sorted(["about:blank"] * ("about:blank" in asked) +
                                                      [url(n) for n in ("hostile.html", "many.html", "two.html")]))
        page.open(url("linked.html"))
        to_samples(page)
        expect("linked pictures load", page.run(
            "new Promise((done) => setTimeout(() => done([...document.images].slice(0, 3).every((i) => i.naturalWidth > 0)"
            " && document.images.length > 2), 300))"), True)
        expect("complaints", page.complaints, [])
    finally:
        page.close()
        shutil.rmtree(work, ignore_errors=True)
    for failure in failures:
        print(failure)
    return 1 if failures else 0


sys.exit(main())
