"""Why did this fail? In a browser without scripts: what is used is chosen, and the lines stand there."""

from __future__ import annotations

import pytest

from tests.browser.demo import ALICE
from tests.browser.stage import Stage
from tests.support.chromium import Chromium

pytestmark = [pytest.mark.browser, pytest.mark.served]


def test_the_lines_of_what_is_chosen_stand_there_without_a_script(chromium: Chromium, stage: Stage) -> None:
    with chromium.window(stage.demo.cookies(ALICE), script=False) as page:
        page.goto(f"{stage.demo.issuer}/errors/{stage.misled}")
        card = page.locator("#software")
        assert card.locator("pre").count() == 0
        card.get_by_label("What do you use?").select_option("mod-auth-openidc")
        card.get_by_role("button", name="Show").click()
        assert page.url.endswith("?with=mod-auth-openidc#software")
        assert card.locator("pre").inner_text() == 'OIDCRedirectURI "YOUR_REDIRECT_URI"'
        card.get_by_role("link", name="The whole configuration of mod_auth_openidc").click()
        assert page.get_by_label("What do you use?").input_value() == "mod-auth-openidc"
        assert "OIDCProviderMetadataURL" in page.locator("main").inner_text()


def test_what_the_form_is_filled_with_is_saved_by_the_owner_alone(chromium: Chromium, stage: Stage) -> None:
    with chromium.window(stage.demo.cookies(ALICE), script=False) as page:
        page.goto(f"{stage.demo.issuer}/errors/{stage.misled}")
        page.get_by_role("link", name="Add this redirect URI").click()
        fields = page.locator("input[name^='redirect_uris-']")
        values = [each.input_value() for each in fields.all()]
        assert "https://notes.example.com/callbak" in values and "https://notes.example.com/callback" in values
