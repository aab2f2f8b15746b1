"""A form whose session ran out is there again, filled, after signing in: every form of ours, whoever made it."""

from __future__ import annotations

import re

import pytest

from authserver.domain.people import kept_forms
from tests.browser.demo import ADMIN, ALICE, Demo
from tests.browser.running_out import go_on, run_out
from tests.browser.screens import ADMIN as OF_ADMIN
from tests.browser.screens import PERSON
from tests.browser.stage import Stage
from tests.support import typed_forms
from tests.support.browsing import Browser
from tests.support.typed_forms import TypedForm

pytestmark = [pytest.mark.browser, pytest.mark.served]
# Forms that stand on no page of their own: what is asked for by whoever is not signed in, and the look of the page.
OPEN = re.compile(
    r"/login.*|/logout|/oauth/logout.*|/settings/theme|/password/reset.*|/signup|/welcome/.*|/oauth/authorize/account"
)


def forms_of(person: Browser, paths: list[str]) -> dict[str, tuple[str, TypedForm]]:
    """By what it is for, the page and each form on the pages of these paths."""
    found: dict[str, tuple[str, TypedForm]] = {}
    for path in paths:
        opened = person.open(path)
        for form in typed_forms.of(opened.text):
            if not OPEN.fullmatch(form.path):
                fields = ",".join(sorted({each.name for each in form.controls}))
                found.setdefault(f"{re.sub(r'/[^/]*[0-9][^/]*', '/*', form.path)} {fields}", (path, form))
    return found


@pytest.mark.parametrize(
    ("email", "screens"), [(ALICE, PERSON), (ADMIN, OF_ADMIN)], ids=["a person", "an administrator"]
)
def test_every_form_is_there_again_as_it_was_filled_in(demo: Demo, stage: Stage, email: str, screens: object) -> None:
    person = demo.visitor()
    person.sign_in(email, demo.passwords[email])
    cookies = person.wire.cookies()
    lost = []
    found = forms_of(person, [stage.path(each.path) for each in screens])  # type: ignore[attr-defined]
    for name, (path, form) in found.items():
        form.fill()
        run_out(demo, cookies)
        sent = person.send("POST", form.action, form.sent)
        go_on(demo, cookies)
        way = re.search(r"next=(/kept-form/\w+)", sent.location)
        shown = person.open(way[1]) if way else person.follow(sent)
        wanted = {pair: 1 for pair in form.says if not kept_forms.is_secret(*pair)}
        there = [each for each in typed_forms.of(shown.text) if each.path == form.path]
        missing = [sorted(wanted.keys() - each.says.keys()) + sorted(set(each.says) - set(wanted)) for each in there]
        alone = not form.typed and shown.status == 200 and "You were signed out." in shown.text
        if [] not in missing and not alone:
            lost.append(f"{path}: {name}: {shown.status} {shown.url} {missing}")
    assert len(found) > 10
    assert not lost, "\n".join(lost)
