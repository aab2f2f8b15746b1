"""A person with a browser without scripts who goes from a site to our pages and back, over both of them."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from tests.support.browsing import USER_AGENT, Answer, Form

SECONDS = 30
STEPS = 12
_REFRESH = re.compile(r"^0; ?url=(.+)$", re.IGNORECASE)


class Visitor:
    """Follows every redirect; signs in and allows wherever our server asks."""

    def __init__(self, issuer: str, email: str, password: str, trusts: Path) -> None:
        self.issuer, self.email, self.password = issuer, email, password
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(trusts)
        self.session.headers["User-Agent"] = USER_AGENT
        self.way: list[str] = []  # every address in the order it was opened

    def open(self, url: str) -> Answer:
        """The page that one arrives at, after whatever our server asks."""
        return self.go_on(self._answer(self.session.get(url, timeout=SECONDS)))

    def submit(self, page: Answer, form: Form, **fields: Any) -> Answer:
        """Fill in a site's own form and press its button."""
        return self.go_on(self._send(page, form, **fields))

    def sign_out(self) -> None:
        """Press *Sign out* on a page of ours."""
        page = self._answer(self.session.get(f"{self.issuer}/settings/sessions", timeout=SECONDS))
        self._send(page, page.form("/logout"))

    def is_signed_out(self) -> bool:
        """Whether our pages know nobody at this browser."""
        return self._answer(self.session.get(f"{self.issuer}/settings/sessions", timeout=SECONDS)).url.startswith(
            f"{self.issuer}/login"
        )

    def wait_until_sent_away(self, url: str) -> None:
        """Until a site, which was told that the sign-in ended, knows nobody here either."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            answer = self.session.get(url, allow_redirects=False, timeout=SECONDS)
            if answer.is_redirect:
                return
            time.sleep(0.2)
        raise AssertionError(f"{url} answers {answer.status_code}: {answer.text[:2000]}")

    def press(self, page: Answer, path: str = "", **fields: Any) -> Answer:
        """The same with the form that leads to a path (by default the only one)."""
        form = page.form(path) if path else page.forms[0]
        if len(form.buttons) == 1 and form.buttons[0].name:
            fields.setdefault(form.buttons[0].name, form.buttons[0].value)
        return self.submit(page, form, **fields)

    def go_on(self, answer: Answer) -> Answer:
        """Do what our pages ask, until a page is somebody else's or asks for nothing known."""
        for _ in range(STEPS):
            following = self._next(answer)
            if following is None:
                return answer
            answer = following
        raise AssertionError(f"no end at {answer.url}: {self.way}")

    def _next(self, answer: Answer) -> Answer | None:
        if not answer.url.startswith(self.issuer + "/"):
            return None
        moved = _REFRESH.match(dict(answer.headers).get("Refresh", ""))
        if moved:
            return self._answer(self.session.get(urljoin(answer.url, moved[1]), timeout=SECONDS))
        forms = {form.path: form for form in answer.forms}
        if "/login" in forms:
            return self._send(answer, forms["/login"], email=self.email, password=self.password)
        if "/oauth/authorize/consent" in forms:
            return self._send(answer, forms["/oauth/authorize/consent"], action="allow")
        outward = [form for form in answer.forms if form.action.startswith("http") and "code" in form.names]
        return self._send(answer, outward[0]) if outward else None  # response_mode=form_post

    def _send(self, page: Answer, form: Form, **fields: Any) -> Answer:
        filled = form.filled(**fields)
        url = urljoin(page.url, form.action)
        if form.method == "get":
            return self._answer(self.session.get(url, params=filled, timeout=SECONDS))
        # What browsers send with a form; Django asks for it over https.
        headers = {"Referer": page.url} if not page.url.startswith(self.issuer) else {}
        return self._answer(self.session.post(url, data=filled, headers=headers, timeout=SECONDS))

    def _answer(self, got: requests.Response) -> Answer:
        self.way += [each.url for each in (*got.history, got)]
        return Answer(got.status_code, got.url, list(got.headers.items()), got.content)
