"""What people see of a server that has more to do than it can: the note on the form, and the page of a full room."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import requests
from playwright.sync_api import Page, Route

from tests.support import served
from tests.support.browsing import Browser, OverHttp

NOTE = "Too many people are signing in right now"
PEOPLE = 12
SECONDS = 30
_numbers = itertools.count()
# In a process of its own: an assembled server leaves its settings behind.
_MADE = """
import json
from authserver import config, create_app
from authserver.edge.turned_away import Page
from authserver.observability import context
settings = config.load()
app = create_app(settings)
with config.using(settings), context.using(context.Context(request_id="req_7TqXv2mK9bRw4sYc")):
    told = Page.made(app, "").answer()
print(json.dumps([told.status, dict(told.headers), told.body.decode()]))
"""


def signing_in(page: Page) -> None:
    """More people sign in at once than passwords are looked at."""
    deadline = time.monotonic() + SECONDS
    with _crowd(page.url):
        while not page.get_by_text(NOTE).count() and time.monotonic() < deadline:
            page.locator("main [name=email]").fill(_somebody())
            page.locator("main [name=password]").fill("wrong")
            page.locator("main").get_by_role("button", name="Sign in", exact=True).click()
    assert page.get_by_text(NOTE).count()


def asking_for_pages(page: Page) -> None:
    """The page that a worker made when it started, in the place of this one."""
    parts = urlsplit(page.url)
    with tempfile.TemporaryDirectory(prefix="authserver-full-") as folder:
        url = f"sqlite:///{folder}/full.sqlite3"
        given = served.environment(url, Path(folder), parts.port or 0)
        made = subprocess.run(
            [sys.executable, "-c", _MADE], env=given, cwd=folder, capture_output=True, text=True, check=True
        )
    status, headers, body = json.loads(made.stdout.splitlines()[-1])

    def full(route: Route) -> None:
        route.fulfill(status=status, headers=headers, body=body)

    page.route(page.url, full)
    page.reload()


@contextlib.contextmanager
def _crowd(login: str) -> Iterator[None]:
    parts = urlsplit(login)
    over = threading.Event()

    def come() -> None:
        browser = Browser(f"{parts.scheme}://{parts.netloc}", OverHttp())
        while not over.is_set():
            with contextlib.suppress(requests.RequestException):
                browser.fill("/login", email=_somebody(), password="wrong")

    people = [threading.Thread(target=come, daemon=True) for _ in range(PEOPLE)]
    for each in people:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in people:
            each.join(SECONDS)


def _somebody() -> str:
    """Nobody's address, and each time another one: attempts are counted by name."""
    return f"crowd.{next(_numbers)}@demo.test"
