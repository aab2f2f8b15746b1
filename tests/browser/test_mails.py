"""Mails as a reader of mail shows them: in Chromium, in a window of 600 px and on a phone, by day and by night."""

from __future__ import annotations

from playwright.sync_api import Page

from authserver import config
from authserver.domain.ground import mail_texts, mails
from tests.support import chromium as windows
from tests.support.mailed import SETTINGS, VALUES, templates


def test_every_mail_can_be_read_and_its_button_pressed(page: Page) -> None:
    wrong: dict[str, list[str]] = {}
    with config.using(SETTINGS):
        for template in templates():
            subject, body = mail_texts.render(template, **VALUES[template])
            page.set_content(mails.as_html(SETTINGS, subject, body))
            windows.picture(page, f"mail-{template}")
            wrong[template] = windows.faults_of_a_mail(page)
            pressed = [found.bounding_box() for found in page.locator("a[style*=inline-block]").all()]
            wrong[template] += [f"a button of {box}" for box in pressed if not box or box["height"] < 44]
    assert {template: found for template, found in wrong.items() if found} == {}
