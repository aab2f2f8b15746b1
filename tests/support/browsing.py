"""A browser without scripts, over real HTTP or into the app itself: reads forms as they are and presses buttons."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import requests
from flask.testing import FlaskClient

USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SECONDS = 30
Fields = Mapping[str, Any] | Sequence[tuple[str, str]]


# ---- answers ------------------------------------------------------------------------------------------------


@dataclass
class Button:
    """A submit button: what it sends, and what it says."""

    name: str
    value: str
    text: str = ""


@dataclass
class Form:
    """A form as its page wrote it: where it goes, what it would send, its buttons."""

    action: str
    method: str
    values: dict[str, list[str]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    @property
    def path(self) -> str:
        return urlsplit(self.action).path

    def filled(self, **fields: Any) -> list[tuple[str, str]]:
        """What the browser sends with these fields changed; None leaves one out, a list sends it repeatedly."""
        for name in fields:
            assert name in self.names or any(name == each.name for each in self.buttons), (
                f"there is no field {name!r} in the form for {self.action}; there are {self.names}"
            )
        chosen: dict[str, Any] = {**self.values, **fields}
        pairs: list[tuple[str, str]] = []
        for name, value in chosen.items():
            each = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
            pairs += [(name, str(one)) for one in each]
        return pairs


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._form: Form | None = None
        self._area = self._select = ""
        self._text: list[str] | None = None
        self._button: Button | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value if value is not None else "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form and "disabled" not in given:
            self._control(tag, given, self._form)

    def _control(self, tag: str, given: dict[str, str], form: Form) -> None:
        name, kind = given.get("name", ""), given.get("type", "text" if tag == "input" else "submit")
        if tag == "button" and kind == "submit":
            self._button, self._text = Button(name, given.get("value", "")), []
            form.buttons.append(self._button)
        elif tag == "input" and name:
            form.names.append(name)
            if kind not in {"checkbox", "radio", "submit", "file"} or "checked" in given:
                form.values.setdefault(name, []).append(given.get("value", "on" if kind == "checkbox" else ""))
        elif tag == "textarea" and name:
            form.names.append(name)
            self._area, self._text = name, []
        elif tag == "select" and name:
            form.names.append(name)
            self._select = name
        elif tag == "option" and self._select and (self._select not in form.values or "selected" in given):
            form.values[self._select] = [given.get("value", "")]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "button" and self._button and self._text is not None:
            self._button.text, self._button, self._text = " ".join("".join(self._text).split()), None, None
        elif tag == "textarea" and self._area and self._form and self._text is not None:
            self._form.values.setdefault(self._area, []).append("".join(self._text).removeprefix("\n"))
            self._area, self._text = "", None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)


@dataclass
class Answer:
    """An answer of the server, whichever way it came."""

    status: int
    url: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        import json

        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        """Status and error code: what a refusal of RFC 6749 is compared with."""
        return self.status, self.json.get("error", "") if self.body.startswith(b"{") else ""

    @property
    def location(self) -> str:
        return self.header("Location")

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters in the query of the Location, each exactly once."""
        found = parse_qs(urlsplit(self.location).query, keep_blank_values=True)
        assert all(len(values) == 1 for values in found.values()), self.location
        return {name: values[0] for name, values in found.items()}

    def _parsed(self) -> _Parser:
        parser = _Parser()
        parser.feed(self.text)
        return parser

    @property
    def forms(self) -> list[Form]:
        return self._parsed().forms

    @property
    def links(self) -> list[str]:
        """Where the page's links lead, as whole URLs."""
        return [urljoin(self.url, href) for href in self._parsed().links]

    def form(self, path: str) -> Form:
        """The form that posts to this path, or to one that ends in it."""
        found = [each for each in self.forms if each.method == "post" and re.search(path + "$", each.path)]
        assert found, f"no form for {path} at {self.url} ({self.status}): {[each.action for each in self.forms]}"
        return found[0]


# ---- ways to the server -------------------------------------------------------------------------------------


class Wire(Protocol):
    """A way to the server that keeps cookies."""

    def send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer: ...

    def cookies(self) -> dict[str, str]: ...


class OverHttp:
    """Real requests to a served process."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False

    def send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        got = self.session.request(
            method, url, data=body or None, headers=dict(headers), allow_redirects=False, timeout=SECONDS
        )
        return Answer(got.status_code, url, list(got.raw.headers.items()), got.content)

    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.session.cookies}


class InProcess:
    """Flask's own test client: the whole WSGI application, without a socket."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(url)
        got = self.client.open(
            path=parts.path or "/",
            query_string=parts.query,
            base_url=f"{parts.scheme}://{parts.netloc}",
            method=method,
            data=body or None,
            headers=list(headers.items()),
        )
        return Answer(got.status_code, url, list(got.headers.items()), got.get_data())

    def cookies(self) -> dict[str, str]:
        return {key[-1]: cookie.value for key, cookie in self.client._cookies.items()}


# ---- a person, or a program, at that wire -------------------------------------------------------------------


class Browser:
    """What a person uses: follows our own redirects, never one that leads away, fills in forms."""

    def __init__(self, issuer: str, wire: Wire) -> None:
        self.issuer, self.wire = issuer, wire

    def send(self, method: str, path: str, fields: Fields | None = None, **headers: str) -> Answer:
        """One request, redirects not followed."""
        body = urlencode(fields, doseq=True).encode() if fields else b""
        given = {"User-Agent": USER_AGENT} | {name.replace("_", "-"): value for name, value in headers.items()}
        if body or method == "POST":
            given.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return self.wire.send(method, urljoin(self.issuer + "/", path), body, given)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def open(self, path: str) -> Answer:
        """A page, after whatever redirects of ours lead to it."""
        return self.follow(self.get(path))

    def follow(self, answer: Answer) -> Answer:
        """Go on while the way stays on our host; what leads away is returned as it is."""
        for _ in range(10):
            target = urljoin(answer.url, answer.location)
            if answer.status not in (302, 303, 307) or not target.startswith(self.issuer + "/"):
                return answer
            answer = self.get(target)
        raise AssertionError(f"redirects without end at {answer.url}")

    def submit(self, form: Form, **fields: Any) -> Answer:
        """Send a form; the answer may be a redirect."""
        return self.send("POST", urljoin(self.issuer + "/", form.action), form.filled(**fields))

    def fill(self, page: str, path: str = "", **fields: Any) -> Answer:
        """Open a page, fill in its form for `path` (by default the page's own), send it, follow."""
        opened = self.open(page)
        return self.follow(self.submit(opened.form(path or urlsplit(page).path), **fields))

    def sign_in(self, email: str, password: str) -> Answer:
        """Sign in; the page one arrives at."""
        answer = self.fill("/login", email=email, password=password)
        assert answer.status in (200, 404), f"sign-in of {email}: {answer.status} {answer.text[:2000]}"
        return answer
