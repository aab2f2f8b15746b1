"""/connected-apps: a person sees what they allowed, and takes it back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from authserver import database
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.clients import endings
from authserver.domain.grants import connected_apps, consents
from authserver.domain.people import departures, users
from authserver.lib import clock
from authserver.models import AuditEvent, Consent, Grant
from tests.support import authorizing, forms, protocol
from tests.support.authorizing import answer_consent, answer_of, authorize, change_app, followed, make_app, sign_in


@pytest.fixture
def hers(http: FlaskClient, alice: Any) -> FlaskClient:
    """Alice's browser, with one app allowed."""
    make_app()
    sign_in(http, alice)
    allow(http)
    return http


def allow(browser: FlaskClient, **changes: Any) -> None:
    answer_of(answer_consent(browser, followed(browser, authorize(browser, **changes))))


def post(browser: FlaskClient, path: str) -> Any:
    page = browser.get(path)
    form = page.text[page.text.index(f'action="{path}"') :]
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert token is not None
    return browser.post(path, data={"csrf_token": token[1]})


def grants() -> list[Grant]:
    with database.reading() as session:
        return list(session.query(Grant).order_by(Grant.created_at))


def events(type: str) -> int:
    with database.reading() as session:
        return session.query(AuditEvent).filter_by(type=type).count()


def test_it_says_in_sentences_what_each_app_can_do(hers: FlaskClient) -> None:
    text = hers.get("/connected-apps").text

    assert "Acme Notes" in text
    assert "See your workflows and their runs" in text
    assert "1 active sign-in" in text


def test_an_app_that_starts_a_sign_in_has_a_link_that_says_who_sends_the_person(hers: FlaskClient) -> None:
    """OpenID Connect Core 1.0, section 4: `iss` is in it; whose page it stands on is not."""
    assert "Open Acme Notes" not in hers.get("/connected-apps").text
    change_app(initiate_login_uri="https://notes.example.com/login?from=us")
    link = "https://notes.example.com/login?from=us&amp;iss=http%3A%2F%2Flocalhost%3A8000"
    assert f'href="{link}" rel="noopener noreferrer" aria-label="Open Acme Notes"' in hers.get("/connected-apps").text


@pytest.mark.parametrize("end", [users.disable, departures.delete])
def test_it_says_that_an_app_is_stopped_because_its_owner_is(hers: FlaskClient, bob: Any, end: Any) -> None:
    change_app(owner_id=bob.id)
    assert "the account of its owner" not in hers.get("/connected-apps").text
    end(bob.id)
    text = hers.get("/connected-apps").text

    assert "It can do nothing now: the account of its owner is disabled or deleted." in text
    assert "No active sign-in" in text or end is users.disable


def test_it_says_that_an_app_is_disabled(hers: FlaskClient) -> None:
    change_app(disabled_at=clock.now())

    assert "It can do nothing now: it is disabled." in hers.get("/connected-apps").text


def test_it_is_empty_at_first(http: FlaskClient, alice: Any) -> None:
    sign_in(http, alice)

    assert "You haven&#39;t allowed any apps." in http.get("/connected-apps").text


def test_it_shows_nobody_elses_apps(hers: FlaskClient, browser: Any, mallory: Any) -> None:
    other = browser()
    sign_in(other, mallory)

    assert "Acme Notes" not in other.get("/connected-apps").text
    assert other.get("/connected-apps/notes/revoke").status_code == 404


def test_nobody_revokes_for_others(hers: FlaskClient, browser: Any, mallory: Any) -> None:
    make_app("other", redirect_uris=["https://other.example.com/callback"])
    other = browser()
    sign_in(other, mallory)
    allow(other, client_id="other", redirect_uri="https://other.example.com/callback")
    page = other.get("/connected-apps/other/revoke")
    token = re.findall(r'name="csrf_token" value="([^"]+)"', page.text)

    for each in token:
        assert other.post("/connected-apps/notes/revoke", data={"csrf_token": each}).status_code in (400, 404)
    assert [grant.revoked_at for grant in grants() if grant.client_id == "notes"] == [None]


def test_strangers_sign_in_first(app: Any, http: FlaskClient) -> None:
    assert http.get("/connected-apps").location.startswith("/login?next=")


def test_revoking_ends_everything_of_the_app_at_once(hers: FlaskClient) -> None:
    allow_again = authorize(hers)
    assert "code" in answer_of(allow_again)

    response = post(hers, "/connected-apps/notes/revoke")

    assert response.location == "/connected-apps"
    assert all(grant.revoked_at for grant in grants())
    assert answer_of(authorize(hers, prompt="none"))["error"] == "consent_required"
    assert events("consent.revoked") == 1


def change(browser: FlaskClient, keep: list[str]) -> Any:
    path = "/connected-apps/notes/change"
    form = forms.form_on(browser.get(path).text, path)
    return browser.post(path, data={**form.values, "scope": keep})


WIDE = "workflows:read workflows:write offline_access"


def test_a_single_scope_is_taken_back_and_every_token_with_it(hers: FlaskClient) -> None:
    allow(hers, scope=WIDE)
    page = hers.get("/connected-apps/notes/change").text
    assert len(re.findall(r'name="scope"[^>]* checked', page)) == page.count('name="scope"') == 3

    assert change(hers, ["workflows:read", "offline_access"]).location == "/connected-apps"

    assert grants() and all(grant.revoked_at for grant in grants())
    (app,) = connected_apps.list_for(grants()[0].user_id)
    assert app.connected and app.scopes == ("workflows:read", "offline_access")
    assert answer_of(authorize(hers, scope=WIDE, prompt="none"))["error"] == "consent_required"
    assert "code" in answer_of(authorize(hers, scope="workflows:read", prompt="none"))
    with database.reading() as session:
        (event,) = session.query(AuditEvent).filter_by(type="consent.narrowed")
        assert event.data == {"scopes": ["workflows:write"]}


def test_what_is_kept_as_it_was_ends_nothing(hers: FlaskClient) -> None:
    allow(hers, scope=WIDE)
    assert change(hers, [*WIDE.split(), "users:manage"]).location == "/connected-apps"
    assert not any(grant.revoked_at for grant in grants()) and events("consent.narrowed") == 0
    assert "users:manage" not in connected_apps.list_for(grants()[0].user_id)[0].scopes


def test_nothing_left_is_no_change_but_a_revocation(hers: FlaskClient) -> None:
    allow(hers, scope=WIDE)
    refused = change(hers, [])
    assert refused.status_code == 422 and "Revoke the app instead" in refused.text
    assert refused.text.count('name="scope"') == 3
    assert not re.search(r'name="scope"[^>]* checked', refused.text), "what was unticked stays so"
    assert not any(grant.revoked_at for grant in grants())


def test_of_an_app_that_is_never_asked_about_nothing_can_be_changed(hers: FlaskClient, ada: Any) -> None:
    allow(hers, scope=WIDE)
    change_app(skip_consent=True, owner_id=ada.id)
    assert hers.get("/connected-apps/notes/change").status_code == 404
    assert "/connected-apps/notes/change" not in hers.get("/connected-apps").text


def test_nobody_changes_what_others_allowed(hers: FlaskClient, browser: Any, mallory: Any) -> None:
    allow(hers, scope=WIDE)
    theirs = browser()
    sign_in(theirs, mallory)
    token = forms.token(theirs, "connected_apps.narrow")
    assert theirs.get("/connected-apps/notes/change").status_code == 404
    data = {"csrf_token": token, "scope": ["workflows:read"]}
    assert theirs.post("/connected-apps/notes/change", data=data).status_code == 404
    assert not any(grant.revoked_at for grant in grants())


def test_a_revoked_app_stays_visible_and_comes_back_only_by_consent(hers: FlaskClient) -> None:
    post(hers, "/connected-apps/notes/revoke")
    page = hers.get("/connected-apps").text

    assert "Earlier apps (1)" in page
    assert "The app has to ask you again." in page
    assert hers.get("/connected-apps/notes/revoke").status_code == 404
    allow(hers)
    assert "1 active sign-in" in hers.get("/connected-apps").text


def test_what_was_revoked_is_asked_for_whole_again(hers: FlaskClient) -> None:
    allow(hers, scope="workflows:read workflows:write")
    post(hers, "/connected-apps/notes/revoke")
    allow(hers)

    with database.reading() as session:
        assert session.query(Consent).one().scopes == ["workflows:read"]


def test_the_note_on_signed_tokens_tells_the_apps_real_lifetime(hers: FlaskClient) -> None:
    assert "at most 1 hour." in hers.get("/connected-apps/notes/revoke").text
    change_app(access_token_ttl=300)
    assert "at most 5 min." in hers.get("/connected-apps/notes/revoke").text


def test_all_can_be_revoked_together(hers: FlaskClient) -> None:
    make_app("other", redirect_uris=["https://other.example.com/callback"])
    allow(hers, client_id="other", redirect_uri="https://other.example.com/callback")
    assert "Revoke all 2 apps?" in hers.get("/connected-apps/revoke-all").text

    post(hers, "/connected-apps/revoke-all")

    assert all(grant.revoked_at for grant in grants())
    assert events("consent.revoked") == 2


def test_revoking_is_no_get(hers: FlaskClient) -> None:
    hers.get("/connected-apps/notes/revoke")
    hers.get("/connected-apps/revoke-all")

    assert [grant.revoked_at for grant in grants()] == [None]


def test_a_first_party_app_without_consent_is_listed_by_its_grants(http: FlaskClient, alice: Any) -> None:
    make_app(skip_consent=True)
    sign_in(http, alice)
    answer_of(authorize(http))

    assert "Acme Notes" in http.get("/connected-apps").text
    post(http, "/connected-apps/notes/revoke")
    assert all(grant.revoked_at for grant in grants())


def test_an_app_that_nobody_used_for_half_a_year_is_marked(hers: FlaskClient) -> None:
    with database.transaction() as session:
        session.query(Consent).one().granted_at = clock.now() - 200 * 86_400

    assert "Not used for 6 months" in hers.get("/connected-apps").text


def test_a_revocation_is_all_or_nothing(hers: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from authserver.domain.record import audit

    def fail(*_args: Any, **_values: Any) -> None:
        raise RuntimeError("the log is full")

    monkeypatch.setattr(audit, "record", fail)

    assert post(hers, "/connected-apps/notes/revoke").status_code == 500
    assert [grant.revoked_at for grant in grants()] == [None]
    assert "code" in answer_of(authorizing.authorize(hers))


def test_revoking_offers_to_end_what_the_app_made(hers: FlaskClient, alice: Any) -> None:
    manager = protocol.register(name="Manager", scopes=MANAGING)
    token = protocol.tokens_for(alice.id, manager, scopes=MANAGING)["access_token"]
    made = [
        hers.post("/v1/api-keys", json={"name": name, "permission": "read_only"}, headers=bearer(token)).json["data"]
        for name in ("Ended", "Kept")
    ]
    path = f"/connected-apps/{manager.id}/revoke"
    text = hers.get(path).text
    for each in made:
        assert re.search(f'name="end" value="key:{each["id"]}" checked', text)
    token = re.search(r'name="csrf_token" value="([^"]+)"', text[text.index(f'action="{path}"') :])
    assert token is not None
    answer = hers.post(
        path,
        data={"csrf_token": token[1], "end": f"key:{made[0]['id']}", "shown": [f"key:{each['id']}" for each in made]},
        follow_redirects=True,
    )
    assert "Manager can no longer use your account. 1 thing that it made ended, too." in answer.text
    live = {each.name for each in api_keys.page(alice.id, status="active")[0]}
    assert "Kept" in live and "Ended" not in live


def made_by(browser: FlaskClient, person: Any, app: Any, name: str) -> str:
    token = protocol.tokens_for(person.id, app, scopes=MANAGING)["access_token"]
    body = {"name": name, "permission": "read_only"}
    return str(browser.post("/v1/api-keys", json=body, headers=bearer(token)).json["data"]["id"])


def live_keys(person: Any) -> set[str]:
    return {each.id for each in api_keys.page(person.id, status="active")[0]}


def test_taking_a_part_back_offers_to_end_what_the_app_made(hers: FlaskClient, alice: Any) -> None:
    manager = protocol.register(name="Manager", scopes=MANAGING)
    with database.transaction() as session:
        consents.record(session, alice.id, manager.id, resources=(), asked=MANAGING, allowed=MANAGING)
    ended, kept = (made_by(hers, alice, manager, name) for name in ("Ended", "Kept"))
    path = f"/connected-apps/{manager.id}/change"
    text = hers.get(path).text
    assert f'name="end" value="key:{ended}" checked' in text
    form = forms.form_on(text, path)
    late = made_by(hers, alice, manager, "Late")
    data = {**form.values, "scope": MANAGING[1:], "end": f"key:{ended}", "shown": [f"key:{ended}", f"key:{kept}"]}
    answer = hers.post(path, data=data, follow_redirects=True)
    assert "It has to sign you in again. 2 things that it made ended, too." in answer.text
    assert live_keys(alice) == {kept} and late != kept


def test_what_earlier_apps_made_is_found_and_ended(hers: FlaskClient, alice: Any) -> None:
    """Also of an app that is gone for good, with what people allowed it."""
    apps = [protocol.register(name=name, scopes=MANAGING) for name in ("Revoked", "Purged", "Allowed")]
    revoked, purged, allowed = (made_by(hers, alice, app, "Made") for app in apps)
    consents.revoke(alice.id, apps[0].id)
    endings.remove(None, apps[1].id)
    endings.purge(clock.now() + 1)
    assert 'href="/connected-apps/made"' in hers.get("/connected-apps").text
    text = hers.get("/connected-apps/made").text
    assert f"key:{revoked}" in text and f"key:{purged}" in text and f"key:{allowed}" not in text
    data = forms.form_on(text, "/connected-apps/made").values
    hers.post("/connected-apps/made", data={**data, "end": [f"key:{revoked}", f"key:{purged}", f"key:{allowed}"]})
    assert live_keys(alice) == {allowed}
    assert (
        "Of what apps made for you that have no access any more, nothing still works."
        in hers.get("/connected-apps/made").text
    )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


MANAGING = ["keys:manage", "workflows:read", "analytics:read"]
