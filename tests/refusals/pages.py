"""What the owner of an app reads where `error_uri` leads, and everybody else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from flask.testing import FlaskClient

from authserver.domain.insight import refusals

# A JWT is known by its two objects: three letters alone come up by chance in the tokens of forms.
SECRETS = re.compile(r"kaie_(ak|cs|ac|rt|at)_|eyJ[\w-]+\.eyJ")


@dataclass(frozen=True)
class Said:
    """A row of the page's table that failed."""

    check: str
    expected: str
    received: str


class _Table(HTMLParser):
    """The cells of the first table, without the small print below a check's name."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._small = self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")
            self._inside = True
        elif tag == "span":
            self._small = ("class", "sub") in attrs

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._inside = False
        elif tag == "span":
            self._small = False

    def handle_data(self, data: str) -> None:
        if self._inside and not self._small:
            self.rows[-1][-1] += data


def failed(owner: FlaskClient, request_id: str) -> list[Said]:
    """What failed, as the page of this request says it to who may read it."""
    refusals.flush()
    answer = owner.get(f"/refused/{request_id}", follow_redirects=True)
    assert answer.status_code == 200 and "Why did this fail?" in answer.text, "nobody is told why"
    assert not SECRETS.search(answer.text), "a credential is on the page"
    table = _Table()
    table.feed(answer.text[answer.text.index("<table") : answer.text.index("</table")])
    found = [row for row in table.rows if len(row) == 4]
    return [
        Said(check.lower(), expected, received) for check, expected, received, result in found if result == "Failed"
    ]


def is_nobodys(anybody: FlaskClient, request_id: str) -> bool:
    """Whether the page of this request is the one that says nothing."""
    refusals.flush()
    answer = anybody.get(f"/refused/{request_id}")
    return answer.status_code == 200 and "There is none here that your account may read." in answer.text
