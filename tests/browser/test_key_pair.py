"""A key pair made on the page: its public half is registered, its private half signs and has never been sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from joserfc.jwk import ECKey
from playwright.sync_api import Browser, Page, Request

from tests.support import long_sets, own_jwts
from tests.support.served import KINDS, PASSWORD, Served

pytestmark = [pytest.mark.browser, pytest.mark.served]


def sign_in(page: Page, served: Served, email: str) -> None:
    served.user(email)
    page.goto(served.issuer + "/login")
    page.fill("[name=email]", email)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(served.issuer + "/")


@pytest.mark.parametrize("served", long_sets.others_later(KINDS, now="sqlite"), indirect=True)
def test_a_pair_made_in_the_browser_signs_for_the_app(served: Served, program: Browser, tmp_path: Path) -> None:
    sent: list[str] = []

    def note(request: Request) -> None:
        sent.append(request.url + (request.post_data or ""))

    page = program.new_page()
    page.on("request", note)
    sign_in(page, served, "alice@example.test")
    page.goto(served.issuer + "/apps/new?kind=machine")
    page.fill("[name=name]", "Nightly job")
    page.check("[name=scopes][value='workflows:read']")
    page.click("summary:has-text('Advanced')")
    with page.expect_download() as download:
        page.click("[data-pair]")
    download.value.save_as(tmp_path / "private-key.pem")
    page.get_by_role("button", name="Register app").click()
    page.wait_for_load_state()
    page.close()

    pem = (tmp_path / "private-key.pem").read_bytes()
    key = ECKey.import_key(pem, {"alg": "ES256", "use": "sig"})
    secret = str(key.as_dict(private=True)["d"])
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert not any("PRIVATE KEY" in each or secret in each for each in sent)

    (app,) = [each for each in served.cli("client", "list") if each["name"] == "Nightly job"]
    token = own_jwts.signed(key, own_jwts.claims(app["client_id"], aud=f"{served.issuer}/v1"), kid=None)
    caller = served.machine("Gateway", "--introspect-all")
    found = caller.introspect(token)
    assert (found["active"], found["sub"], found["credential"]) == (True, app["client_id"], "jwt")
