"""Chromium as people use it: windows that report what the console says, and what is wrong with a page."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.services import chromium

PICTURES = Path(__file__).parents[2] / "artefacts" / "browser"
WIDE, MAIL, PHONE, SMALLEST = 1280, 600, 375, 320
HEIGHT = 900
# WCAG 2.2 up to AA, with what axe's authors hold for good practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ERROR = "Error – "
PATIENCE_MS = 15_000


# ---- windows ------------------------------------------------------------------------------------------------


@dataclass
class Chromium:
    """One running browser; each person gets a window of their own."""

    browser: Browser
    issuer: str
    _kept: dict[str, tuple[Page, list[str]]] = field(default_factory=dict)

    @contextlib.contextmanager
    def window(
        self,
        cookies: dict[str, str] | None = None,
        *,
        script: bool = True,
        scheme: str = "light",
        width: int = WIDE,
        quiet: bool = True,
    ) -> Iterator[Page]:
        """A window; at its end nothing may have been said in the console (`quiet`)."""
        page, complaints = self._open(script=script, scheme=scheme, width=width)
        page.context.add_cookies(self._given(cookies))
        try:
            yield page
            assert not (quiet and complaints), "\n".join(complaints)
        finally:
            page.context.close()

    @contextlib.contextmanager
    def same_window(self, person: str, cookies: dict[str, str]) -> Iterator[Page]:
        """A window for somebody who only looks: the one of before, for a new one takes a process.

        It is as a new one, with these cookies alone; one in which something went wrong is not used again.
        """
        page, complaints = self._kept.pop(person, None) or self._open()
        page.context.clear_cookies()
        page.context.add_cookies(self._given(cookies))
        page.set_viewport_size({"width": WIDE, "height": HEIGHT})
        page.emulate_media(color_scheme="light")
        try:
            yield page
            assert not complaints, "\n".join(complaints)
        except BaseException:
            page.context.close()
            raise
        self._kept[person] = page, complaints

    def _open(self, *, script: bool = True, scheme: str = "light", width: int = WIDE) -> tuple[Page, list[str]]:
        """A page in a context of its own, and what its console complains about."""
        options: dict[str, Any] = {"java_script_enabled": script, "color_scheme": scheme, "reduced_motion": "reduce"}
        context = self.browser.new_context(viewport={"width": width, "height": HEIGHT}, **options)
        context.set_default_timeout(PATIENCE_MS)
        complaints = _listen(context, self.issuer)
        return context.new_page(), complaints

    def _given(self, cookies: dict[str, str] | None) -> list[Any]:
        return [{"name": name, "value": value, "url": self.issuer} for name, value in (cookies or {}).items()]


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    """The program, for a folder of tests: Playwright's loop must be gone before somebody else starts one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=chromium.arguments())
        yield browser
        browser.close()


@contextlib.contextmanager
def looking_at(issuer: str, browser: Browser) -> Iterator[Chromium]:
    """Windows for the pages of one server, of which none is left."""
    yield Chromium(browser, issuer)
    for context in browser.contexts:
        context.close()


def _listen(context: BrowserContext, issuer: str) -> list[str]:
    """What the console of our own pages complains about: refused by the policy, broken scripts, missing files."""
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        opened = message.page.url if message.page else ""
        # Chromium also reports the status of a page that is an error page on purpose.
        of_page = "Failed to load resource" in message.text and (
            where == opened or not where.startswith(issuer + "/static")
        )
        if message.type == "error" and (where or opened).startswith(issuer) and not of_page:
            complaints.append(f"{opened}: {message.text}")

    context.on("console", heard)
    context.on("weberror", lambda error: complaints.append(f"uncaught: {error.error}"))
    return complaints


# ---- what is wrong with a page ------------------------------------------------------------------------------


Judge = Callable[[Page], list[str]]


def faults(page: Page) -> list[str]:
    """Everything that is wrong with this page in both themes and three widths."""
    return faults_at_a_desk(page) + faults_elsewhere(page)


def faults_at_a_desk(page: Page) -> list[str]:
    """What is wrong with it in a wide window by day, and what sticks out of narrower ones."""
    found = structure(page) + _overflowing_at(page, WIDE) + _judged_at(page, WIDE)
    return found + _overflowing_at(page, PHONE) + _overflowing_at(page, SMALLEST)


def faults_elsewhere(page: Page) -> list[str]:
    """What else is wrong with it on a phone, and by night."""
    return _by_night(page, WIDE) + _judged_at(page, PHONE) + _by_night(page, PHONE)


def faults_of_a_mail(page: Page) -> list[str]:
    """Everything that is wrong with a mail, which readers show in windows of their own, by day and by night."""
    found = _judged_at(page, MAIL) + _by_night(page, MAIL) + _judged_at(page, PHONE) + _by_night(page, PHONE)
    return found + _overflowing_at(page, MAIL) + _overflowing_at(page, SMALLEST)


JUDGES = [faults_at_a_desk, pytest.param(faults_elsewhere, marks=pytest.mark.long_screens)]


def _judged_at(page: Page, width: int) -> list[str]:
    _show_all(page, width)
    return [f"{width} px: {each}" for each in _axe(page, {"type": "tag", "values": RULES})]


def _by_night(page: Page, width: int) -> list[str]:
    _show_all(page, width)
    page.emulate_media(color_scheme="dark")
    found = [f"{width} px, dark: {each}" for each in _colours(page)]
    page.emulate_media(color_scheme="light")
    return found


def _show_all(page: Page, width: int) -> None:
    """As tall as the page: what a sticky bar covers for the moment is reached by scrolling."""
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.set_viewport_size({"width": width, "height": max(HEIGHT, page.evaluate("document.body.scrollHeight"))})


def _overflowing_at(page: Page, width: int) -> list[str]:
    page.set_viewport_size({"width": width, "height": HEIGHT})
    return [f"{width} px: {each}" for each in overflowing(page)]


def _colours(page: Page) -> list[str]:
    """The other theme changes colours alone, and in it another width only what is shown."""
    rule = {"type": "rule", "values": ["color-contrast"]}
    return _axe(page, rule, "window.unjudged") if page.evaluate(UNJUDGED) else []


# Whether anything is shown that was not when this was asked before: the first time the document, then what is new.
UNJUDGED = """() => {
  const shown = [...document.body.querySelectorAll("*")].filter(each => each.checkVisibility());
  window.unjudged = window.judged ? shown.filter(each => !window.judged.has(each)) : document;
  window.judged = new Set(shown);
  return unjudged === document || unjudged.length > 0;
}"""


def _axe(page: Page, run_only: dict[str, Any], where: str = "document") -> list[str]:
    if not page.evaluate("!!window.axe"):
        page.evaluate(AXE_SCRIPT)
    # Styles and media are not fetched anew: only rules about turned screens and sounds that start by themselves ask.
    options = {"resultTypes": ["violations"], "runOnly": run_only, "preload": False}
    found = page.evaluate(f"options => axe.run({where}, options).then(each => each.violations)", options)
    return [f"{each['id']}: {node['html'][:200]} {_why(node)}" for each in found for node in each["nodes"]]


def _why(node: dict[str, Any]) -> str:
    return " / ".join(str(each["message"]) for kind in ("any", "all", "none") for each in node[kind])[:300]


def overflowing(page: Page) -> list[str]:
    """What sticks out of the page on the right, so that people would have to scroll sideways."""
    return list(
        page.evaluate(
            """() => {
              const edge = document.documentElement.clientWidth;
              if (document.documentElement.scrollWidth <= edge) return [];
              const all = [...document.querySelectorAll("body *")];
              const wide = all.filter(e => e.getBoundingClientRect().right > edge + 1);
              return wide.slice(-3).map(e => "sticks out: " + e.outerHTML.slice(0, 160));
            }"""
        )
    )


STRUCTURE = """() => {
  const all = selector => [...document.querySelectorAll(selector)];
  const wrong = all("[aria-invalid=true]");
  const leads = all(".summary a").map(link => link.getAttribute("href").slice(1));
  return {
    title: document.title,
    h1: all("h1").length,
    main: all("main").length,
    wrong: wrong.length + all(".summary[role=alert]").length,
    unexplained: wrong.filter(e => e.type != "radio" && !e.ariaDescribedByElements?.length).map(e => e.name),
    twice: all("[id]").map(e => e.id).filter((id, index, ids) => ids.indexOf(id) != index),
    dead: leads.filter(id => !document.getElementById(id)),
    focus: document.activeElement?.matches(".summary, .summary *"),
  };
}"""


def structure(page: Page) -> list[str]:
    """The rules that every page keeps: one h1, one main, a title that says where one is and whether it went wrong."""
    seen = page.evaluate(STRUCTURE)
    found = []
    if not seen["title"].endswith(" – Kaie") or seen["title"].count(ERROR) > 1:
        found.append(f"title: {seen['title']!r}")
    if seen["wrong"] and not seen["title"].startswith(ERROR):
        found.append(f"the title hides the error: {seen['title']!r}")
    if (seen["h1"], seen["main"]) != (1, 1):
        found.append(f"{seen['h1']} h1 and {seen['main']} main")
    if seen["wrong"] and not seen["focus"]:
        found.append("the summary of the errors has no focus")
    return (
        found
        + [f"no reason at the field: {each}" for each in seen["unexplained"]]
        + [f"two elements have the id {each}" for each in seen["twice"]]
        + [f"the summary links to nothing: {each}" for each in seen["dead"]]
    )


def pictures_wanted() -> bool:
    """Whether somebody asked for pictures with PICTURES=1."""
    return bool(os.environ.get("PICTURES"))


def picture(page: Page, name: str, *, always: bool = False) -> None:
    """Keep how the page looks, for people who asked with PICTURES=1 (or `always`, of a page with a fault)."""
    if not (always or pictures_wanted()):
        return
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
