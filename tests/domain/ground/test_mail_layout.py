"""Mails as HTML: laid out from their text, leading nowhere but here, harmless whatever others wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from authserver import config
from authserver.domain.ground import mail_layout, mail_texts, mails
from authserver.lib import colours
from tests.support.mailed import ISSUER, SETTINGS, VALUES, templates

BUTTONS = {
    "app_allowed": ["See your connected apps"], "app_offered": ["Accept or decline it"],
    "apps_inherited": ["See your apps"], "email_changed": [], "invitation": ["Choose a password"],
    "key_expiring": ["See the key"], "leaked": ["See what was done with it"], "new_device": ["This wasn't me"],
    "password_changed": ["This wasn't me"], "password_reset": ["Choose a new password"],
    "password_reset_done": ["This wasn't me"], "secret_expiring": ["See its secrets"], "sign_up_taken": ["Sign in"],
    "webhook_disabled": ["See the webhook"], "webhook_failing": ["See what failed"], "welcome": ["Choose a password"],
}  # fmt: skip


class Page(HTMLParser):
    """What a reader of mail gets: words, links, and whatever asks the network."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self._quiet = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._quiet = tag in ("style", "title")
        for name, value in attrs:
            if name == "href":
                self.links.append(value or "")
            elif name in ("src", "srcset", "background", "action") or name.startswith("on"):
                self.fetched.append(f"{tag} {name}")

    def handle_endtag(self, tag: str) -> None:
        self._quiet = False

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.words += data.split()


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with config.using(SETTINGS):
        yield


def page(template: str) -> Page:
    subject, body = mail_texts.render(template, **VALUES[template])
    return Page(mails.as_html(SETTINGS, subject, body))


def test_every_mail_is_looked_at() -> None:
    assert templates() == sorted(VALUES)


@pytest.mark.parametrize("template", templates())
def test_both_say_the_same(template: str) -> None:
    subject, body = mail_texts.render(template, **VALUES[template])
    shown = " ".join(page(template).words)
    for line in body.strip().splitlines()[:-1]:
        for word in re.sub(r"^- ", "", line).split():
            assert word.removesuffix(":") in shown, word
    assert subject.split()[0] in shown


@pytest.mark.parametrize("template", templates())
def test_it_leads_nowhere_but_here_and_fetches_nothing(template: str) -> None:
    shown = page(template)
    assert [link for link in shown.links if not link.startswith(ISSUER + "/")] == []
    assert shown.fetched == []
    assert shown.tags.isdisjoint({"script", "img", "link", "form", "iframe", "object", "svg"})


def test_a_mail_has_at_most_one_button_and_it_says_what_it_does() -> None:
    texts = {template: mail_texts.render(template, **VALUES[template])[1] for template in templates()}
    shown = {
        template: [part.lines[0] for part in mail_layout.parts(text, ISSUER) if part.kind == "button"]
        for template, text in texts.items()
    }
    assert shown == BUTTONS


def test_words_of_others_are_no_markup() -> None:
    html = mail_layout.html(
        "<b>Hi</b>", "Hello <script>alert(1)</script>,\n\nA: <img src=x>\n\n-- end", brand="<i>", issuer=ISSUER
    )
    assert "<script" not in html
    assert "<img" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/x", "https://auth.example.test.evil.example/x", "https://auth.example.test@evil.example/",
     "javascript:alert(1)", "https://auth.example.test/x y"],
)  # fmt: skip
def test_what_leads_elsewhere_is_no_button(address: str) -> None:
    found = list(mail_layout.parts(f"Open it:\n{address}\n\n-- end", ISSUER))
    assert [part.kind for part in found] == ["text"]


@pytest.mark.parametrize(
    ("fill", "text"), [("#0d5f52", "#ffffff"), ("#f4c400", "#000000"), ("#000000", "#ffffff"), ("#ffffff", "#000000")]
)
def test_an_accent_is_a_fill_with_readable_text(fill: str, text: str) -> None:
    assert colours.readable_on(fill) == text
    html = mail_layout.html("S", f"Open it:\n{ISSUER}/x\n\n-- end", brand="Kaie", issuer=ISSUER, accent=fill)
    assert f"background:{fill};color:{text}" in html
