"""A person at a browser without a screen: reads a page, fills in its form, presses the button."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authserver.edge import csrf

VOID_TYPES = {"checkbox", "radio"}


@dataclass
class Form:
    """A form of a page, with the values that the page put into it."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._open: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(given.get("action", ""), given.get("method", "get").lower())
            self.found.append(self._open)
        elif tag == "input" and self._open and "name" in given:
            self._open.types[given["name"]] = given.get("type", "text")
            if given.get("type") not in VOID_TYPES or "checked" in given:
                self._open.values[given["name"]] = given.get("value", "on")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def forms(html: str) -> list[Form]:
    """Every form of a page."""
    parser = _Forms()
    parser.feed(html)
    return parser.found


def form_on(html: str, action: str) -> Form:
    """The form of a page that posts to this path."""
    return next(each for each in forms(html) if each.action.partition("?")[0] == action)


def submit(http: FlaskClient, page: str, action: str | None = None, **fields: str) -> TestResponse:
    """Open `page`, fill in its form that posts to `action` (else to the page itself) and send it."""
    html = http.get(page).get_data(as_text=True)
    return post(http, form_on(html, action or page.partition("?")[0]), **fields)


def post(http: FlaskClient, form: Form, **fields: str) -> TestResponse:
    """Send a form as it was read, with some fields filled in."""
    return http.post(form.action, data={**form.values, **fields})


def token(http: FlaskClient, endpoint: str) -> str:
    """A valid form token of this browser for any endpoint, as if a page had offered the form to it."""
    with http:
        http.get("/login")
        return csrf.token(endpoint)


def sign_in(http: FlaskClient, email: str, password: str, page: str = "/login") -> TestResponse:
    """Sign a person in."""
    return submit(http, page, "/login", email=email, password=password)
