"""Who may register apps, make keys and webhooks (AUTHSERVER_DEVELOPERS): one judgement for pages, API and transfers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver import api
from authserver.domain.access import roles
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.clients import clients, endings, transfers
from authserver.domain.clients.metadata import Registration
from authserver.domain.people import users
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import wishes as webhook_wishes
from authserver.errors import Conflict, Invalid
from tests.conftest import PASSWORD, Person
from tests.support import forms

MAKING = ("/apps/new", "/apps/new?kind=web", "/apps/import", "/settings/api-keys/new", "/webhooks/new")
TOOLS = ("/apps", "/settings/api-keys", "/webhooks", "/playground", "/usage", "/errors")
OWN = ("/settings/connected-apps", "/settings/sessions", "/settings/security", "/settings/profile")
ASKED = {
    "/v1/api-keys": {"name": "Made", "permission": "read_only"},
    "/v1/clients": {"client_name": "Made", "redirect_uris": ["https://made.example.test/cb"], "scope": "openid"},
    "/v1/webhooks": {"name": "Made", "url": "https://hooks.example.test/in"},
}
# What else is made through the API: by administrators.
NOT_DEVELOPERS = {"/v1/users", "/v1/resources", "/v1/registration-tokens", "/v1/signing-keys"}


@pytest.fixture
def overrides(request: pytest.FixtureRequest) -> dict[str, Any]:
    asked = getattr(request, "param", "developers")
    return asked if isinstance(asked, dict) else {"developers": asked}


@pytest.fixture
def as_alice(http: FlaskClient, alice: Person) -> FlaskClient:
    forms.sign_in(http, alice.email, PASSWORD)
    return http


def links_of(page: str) -> set[str]:
    side = re.search(r"<nav[^>]*>.*?</nav>", page, re.DOTALL)
    assert side
    return set(re.findall(r'href="([^"]+)"', side[0]))


@pytest.mark.parametrize("path", MAKING)
def test_a_person_without_the_role_reads_whom_to_ask(as_alice: FlaskClient, path: str) -> None:
    answer = as_alice.get(path)
    assert answer.status_code == 403
    assert "Ask an administrator for the role developer" in answer.get_data(as_text=True)


def test_a_form_that_was_open_makes_nothing_after_the_role_is_gone(http: FlaskClient, alice: Person) -> None:
    users.set_role(alice.id, "developer")
    forms.sign_in(http, alice.email, PASSWORD)
    form = forms.form_on(http.get("/settings/api-keys/new").get_data(as_text=True), "/settings/api-keys/new")
    users.set_role(alice.id, "user")

    answer = forms.post(http, form, name="Late", permission="read_only")

    assert answer.status_code == 403
    assert not api_keys.page(alice.id)[0]


def test_their_side_bar_holds_their_account_and_no_tools(as_alice: FlaskClient) -> None:
    page = as_alice.get("/").get_data(as_text=True)
    shown = links_of(page)
    assert not shown & set(TOOLS)
    assert "/apps/new" not in page and "/settings/api-keys/new" not in page
    assert all(f'href="{path}"' in page for path in ("/settings/sessions",))


@pytest.mark.parametrize("role", ["developer", "admin"])
def test_developers_and_administrators_have_the_tools(http: FlaskClient, alice: Person, role: str) -> None:
    users.set_role(alice.id, role)
    forms.sign_in(http, alice.email, PASSWORD)
    assert {"/apps", "/settings/api-keys", "/webhooks"} <= links_of(http.get("/").get_data(as_text=True))
    assert http.get("/settings/api-keys/new").status_code == 200


@pytest.mark.parametrize("overrides", ["everybody"], indirect=True)
def test_by_default_everybody_has_them(as_alice: FlaskClient) -> None:
    assert "/apps" in links_of(as_alice.get("/").get_data(as_text=True))
    assert as_alice.get("/apps/new").status_code == 200


@pytest.mark.parametrize("overrides", ["admins"], indirect=True)
def test_where_administrators_alone_make_them_a_developer_makes_none(http: FlaskClient, alice: Person) -> None:
    users.set_role(alice.id, "developer")
    forms.sign_in(http, alice.email, PASSWORD)
    answer = http.get("/apps/new")
    assert answer.status_code == 403
    assert "administrators alone" in answer.get_data(as_text=True)


def test_what_they_have_goes_on_and_can_be_ended(as_alice: FlaskClient, alice: Person) -> None:
    clients.register(alice.user, Registration(name="Notes", kind="machine"))
    key, _ = api_keys.create(alice.user, Wish(name="Old", permission="read_only"))
    page = as_alice.get("/").get_data(as_text=True)
    assert "1 app, 1 key" in page and 'href="/settings/api-keys"' in page
    assert "Old" in as_alice.get("/settings/api-keys").get_data(as_text=True)
    asked = as_alice.get(f"/settings/api-keys/{key.id}/revoke").get_data(as_text=True)
    forms.post(as_alice, forms.form_on(asked, f"/settings/api-keys/{key.id}/revoke"))
    assert api_keys.get(alice.id, key.id).revoked_at is not None


@pytest.mark.parametrize("path", ASKED)
def test_the_api_makes_none_for_them_either(app: Flask, alice: Person, path: str) -> None:
    _, value = api_keys.create(alice.user, Wish(name="Old", permission="full_access"))
    said = {"Authorization": f"Bearer {value}"}

    refused = app.test_client().post(path, json=ASKED[path], headers=said)
    users.set_role(alice.id, "developer")
    made = app.test_client().post(path, json=ASKED[path], headers=said)

    assert refused.status_code == 403 and "Ask an administrator" in refused.get_data(as_text=True)
    assert made.status_code == 201


def test_every_maker_of_the_api_is_for_developers_or_says_whose_it_is() -> None:
    makers = {route.path: route.handler for route in api.ROUTES if route.creates and "{" not in route.path}
    marked = {path for path, handler in makers.items() if getattr(handler, "for_developers", False)}
    assert marked == set(ASKED)
    assert set(makers) - marked == NOT_DEVELOPERS


def test_every_page_that_makes_something_of_ones_own_is_for_developers(app: Flask) -> None:
    making = {
        rule.rule: getattr(app.view_functions[rule.endpoint], "for_developers", False)
        for rule in app.url_map.iter_rules()
        if rule.rule.endswith(("/new", "/import")) and not rule.rule.startswith("/admin/")
    }
    assert making and all(making.values()), making


@pytest.mark.parametrize("overrides", [{"developers": "developers", "playground": "on"}], indirect=True)
def test_what_makes_something_under_another_name_is_for_developers_too(as_alice: FlaskClient, alice: Person) -> None:
    """The playground makes an app and keys with one press; a rotation makes a key, for ever again."""
    key, value = api_keys.create(alice.user, Wish(name="Old", permission="full_access"))
    posts = {
        "/playground/apps": "playground.make_client", "/playground/keys": "playground.make_key",
        f"/settings/api-keys/{key.id}/rotate": "api_keys.rotate",
    }  # fmt: skip
    for path, endpoint in posts.items():
        answer = as_alice.post(path, data={"csrf_token": forms.token(as_alice, endpoint), "overlap": "7d"})
        assert answer.status_code == 403, path
    said = {"Authorization": f"Bearer {value}"}
    assert as_alice.post(f"/v1/api-keys/{key.id}/rotate", json={}, headers=said).status_code == 403
    assert [each.id for each in api_keys.page(alice.id)[0]] == [key.id]
    assert not clients.owned_by(alice.user)[0]


def test_no_app_becomes_the_property_of_somebody_who_could_register_none(alice: Person, bob: Person) -> None:
    users.set_role(bob.id, "developer")
    row, _ = clients.register(users.get(bob.id), Registration(name="Notes", kind="machine"))
    with pytest.raises(Conflict, match="developers and administrators alone have apps"):
        transfers.offer(users.get(bob.id), row.id, alice.user)


def test_nor_where_the_role_is_lost_between_offer_and_acceptance(alice: Person, bob: Person) -> None:
    for person in (alice, bob):
        users.set_role(person.id, "developer")
    row, _ = clients.register(users.get(bob.id), Registration(name="Notes", kind="machine"))
    transfers.offer(users.get(bob.id), row.id, users.get(alice.id))
    users.set_role(alice.id, "user")
    with pytest.raises(Conflict):
        transfers.accept(users.get(alice.id), row.id, "end")


@pytest.mark.parametrize("role", ["", "root", "Admin", "user ", "developers"])
def test_a_role_that_is_none_is_refused_with_those_that_are(alice: Person, role: str) -> None:
    with pytest.raises(Invalid, match="user, developer or admin"):
        users.set_role(alice.id, role)


def test_every_role_fits_its_column() -> None:
    assert max(map(len, roles.ROLES)) <= 10


def test_a_key_that_they_cannot_rotate_offers_no_rotation(as_alice: FlaskClient, alice: Person) -> None:
    key, _ = api_keys.create(alice.user, Wish(name="Old", permission="read_only"))
    for path in ("", f"/{key.id}", f"/{key.id}/revoke"):
        assert "/rotate" not in as_alice.get(f"/settings/api-keys{path}").get_data(as_text=True)


def test_a_deleted_app_of_theirs_is_not_brought_back(as_alice: FlaskClient, alice: Person) -> None:
    row, _ = clients.register(alice.user, Registration(name="Notes", kind="machine"))
    endings.remove(alice.user, row.id)
    token = forms.token(as_alice, "apps_danger.restore")
    assert as_alice.post(f"/apps/{row.id}/restore", data={"csrf_token": token}).status_code == 403


def test_nor_is_an_app_or_a_webhook_of_theirs_made_into_another(app: Flask, alice: Person) -> None:
    """Another name, another address or more of what it reaches: what they could not register."""
    users.set_role(alice.id, "developer")
    row, _ = clients.register(alice.user, Registration(name="Notes", kind="machine", scopes=("workflows:read",)))
    _, value = api_keys.create(alice.user, Wish(name="Old", permission="full_access"))
    call = app.test_client()
    said = {"Authorization": f"Bearer {value}"}
    hook = call.post("/v1/webhooks", json=ASKED["/v1/webhooks"], headers=said).get_json()["data"]["id"]
    wider = [{"client_name": "Bank"}, {"scope": "workflows:read workflows:write"}, {"jwt_reuse": True}]
    led_away = {"url": "https://elsewhere.example.test/in"}

    def changed() -> list[int]:
        asked = [(f"/v1/clients/{row.id}", each) for each in wider] + [(f"/v1/webhooks/{hook}", led_away)]
        return [call.patch(path, json=each, headers=said).status_code for path, each in asked]

    users.set_role(alice.id, "user")
    assert changed() == [403] * 4
    narrower = [{"scope": ""}, {"client_uri": "https://notes.example.test"}]
    assert [call.patch(f"/v1/clients/{row.id}", json=each, headers=said).status_code for each in narrower] == [200] * 2
    assert call.patch(f"/v1/webhooks/{hook}", json={"active": False}, headers=said).status_code == 200
    users.set_role(alice.id, "developer")
    assert changed() == [200] * 4


def test_nor_on_their_pages(as_alice: FlaskClient, alice: Person) -> None:
    row, _ = clients.register(alice.user, Registration(name="Notes", kind="machine"))
    hook = webhook_endpoints.create(alice.user, webhook_wishes.Wish("Made", "https://hooks.example.test/in"))[0]
    for path, change in (
        (f"/apps/{row.id}/edit", {"name": "Bank"}),
        (f"/webhooks/{hook.id}/edit", {"url": "https://elsewhere.example.test/in"}),
    ):
        form = forms.form_on(as_alice.get(path).get_data(as_text=True), path)
        assert forms.post(as_alice, form, **change).status_code == 403
        assert forms.post(as_alice, form).status_code == 303
