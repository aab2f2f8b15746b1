"""Pairwise subjects and sectors (OpenID Connect Core 8, Registration 1.0 section 5)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authserver import database
from authserver.domain import outbound
from authserver.domain.access import scopes
from authserver.domain.clients import clients, sector_identifiers
from authserver.domain.clients.metadata import DEVICE, Registration
from authserver.domain.clients.metadata.registration import CODE
from authserver.domain.grants import subjects
from authserver.errors import Invalid
from authserver.models import PairwiseSubject
from tests.conftest import Person
from tests.support import authorizing, protocol
from tests.support.authorizing import answer_consent, answer_of, authorize, followed, sign_in
from tests.support.protocol import App, bearer, send, tokens_for
from tests.support.races import in_parallel

SECTOR = "https://sector.example.com/redirects.json"
CALLBACK, OTHER = "https://app.example.test/cb", "https://other.example.test/cb"


def shop(host: str = "shop.example.com", **columns: Any) -> App:
    made = {"subject_type": "pairwise", "redirect_uris": [f"https://{host}/cb"], "scopes": ["openid"]}
    return protocol.register(**made | {"grant_types": ["authorization_code", "refresh_token"]} | columns)


def sub_of(app: App, person: Person) -> str:
    """What every way of asking says, each the same."""
    with mock.patch.object(protocol, "CALLBACK", clients.get(app.id).redirect_uris[0]):
        tokens = tokens_for(person.id, app, scopes=["openid"])
    userinfo = send("/oauth/userinfo", headers=bearer(tokens["access_token"]), method="GET").json["sub"]
    said = {userinfo, *(protocol.claims(tokens[name])["sub"] for name in ("id_token", "access_token"))}
    said |= {protocol.introspect(app, tokens[name]).json["sub"] for name in ("access_token", "refresh_token")}
    said |= {protocol.claims(protocol.refresh(app, tokens["refresh_token"]).json["id_token"])["sub"]}
    (one,) = said
    return str(one)


def test_an_app_knows_a_person_by_the_same_sub_for_good_and_no_other_sector_does(
    app: Flask, alice: Person, bob: Person
) -> None:
    """Core 8.1: never the same for another sector, and not to be turned back by anybody but us."""
    first, second = shop(), shop("blog.example.com")
    alices = sub_of(first, alice)
    assert alices == sub_of(first, alice)
    assert len({alices, sub_of(second, alice), sub_of(first, bob), alice.id, bob.id}) == 5
    assert alice.id not in alices and len(alices) <= 255 and alices.isascii()


def test_apps_of_one_sector_know_a_person_by_the_same_sub(app: Flask, alice: Person) -> None:
    """Core 8.1: the host of the sector identifier, else that of the redirect URIs."""
    named = {"sector_identifier_uri": SECTOR}
    assert sub_of(shop(**named), alice) == sub_of(shop("blog.example.com", **named), alice)
    assert sub_of(shop(), alice) == sub_of(shop(redirect_uris=["https://SHOP.example.com/two"]), alice)


def test_an_app_of_devices_names_nobody_elses_host_as_its_sector(app: Flask, alice: Person) -> None:
    """It gets its people without a code at that host, so only keys that a document there names would prove it."""
    theirs, own = shop(), {"grant_types": [CODE, DEVICE, "refresh_token"]}
    evil = shop(**own)
    assert len({sub_of(theirs, alice), sub_of(evil, alice), sub_of(shop(**own), alice)}) == 3
    assert sub_of(evil, alice) == sub_of(evil, alice)
    listed = {"sector_identifier_uri": SECTOR}
    assert sub_of(shop(**listed), alice) != sub_of(shop(**listed, **own), alice)


def test_public_is_the_default_and_is_the_person_for_everybody(app: Flask, alice: Person) -> None:
    assert sub_of(shop(subject_type="public"), alice) == alice.id
    assert clients.get(protocol.register().id).subject_type == "public"


def test_what_was_issued_keeps_its_sub_when_the_app_changes_its_mind(app: Flask, alice: Person) -> None:
    first = shop()
    with mock.patch.object(protocol, "CALLBACK", "https://shop.example.com/cb"):
        tokens = tokens_for(alice.id, first, scopes=["openid"])
    protocol.change(first, subject_type="public")
    again = protocol.refresh(first, tokens["refresh_token"]).json
    assert protocol.claims(again["id_token"])["sub"] == protocol.claims(tokens["id_token"])["sub"] != alice.id


def test_no_answer_of_ours_tells_the_app_who_it_is_for_everybody(app: Flask, http: FlaskClient, alice: Person) -> None:
    """Core 8.1, 17.3: an app that has the token of its person learns their `sub` alone."""
    first = shop()
    with mock.patch.object(protocol, "CALLBACK", "https://shop.example.com/cb"):
        token = tokens_for(alice.id, first, scopes=["openid"], session_id="ses1")["access_token"]
    known = protocol.claims(token)["sub"]
    for path in ("/v1/me", "/v1/users", f"/v1/users/{known}"):
        answer = http.get(path, headers=bearer(token))
        assert answer.status_code == 200, path
        assert alice.id not in answer.text, path


@pytest.mark.parametrize("scope", sorted(scopes.NAMING))
def test_what_speaks_of_the_account_by_ids_of_everybody_is_not_for_such_an_app(
    app: Flask, ada: Person, scope: str
) -> None:
    wanted = Registration(name="Shop", redirect_uris=("https://shop.example.com/cb",), scopes=("openid", scope))
    with pytest.raises(Invalid) as refused:
        clients.register(ada.user, dataclasses.replace(wanted, subject_type="pairwise"))
    assert list(refused.value.problems) == ["subject_type"]
    assert scope in clients.register(ada.user, wanted)[0].scopes


@pytest.mark.parametrize(
    "path", ["/v1/sessions", "/v1/grants", "/v1/audit-events", "/v1/usage", "/v1/api-keys", "/v1/clients"]
)
def test_nor_where_it_got_that_before_or_changed_its_mind(
    app: Flask, http: FlaskClient, alice: Person, path: str
) -> None:
    """Session, grants and keys have ids that two apps could compare, events the person's own."""
    had = ["openid", *sorted(scopes.NAMING)]
    first = shop(scopes=had)
    assert clients.get(first.id).scopes == ("openid",)
    with mock.patch.object(protocol, "CALLBACK", "https://shop.example.com/cb"):
        token = tokens_for(alice.id, first, scopes=had)["access_token"]
    assert http.get(path, headers=bearer(token)).status_code == 403


def test_a_hint_and_a_requested_sub_are_the_apps_own(app: Flask, http: FlaskClient, alice: Person, bob: Person) -> None:
    first = shop(id="shop", redirect_uris=[authorizing.CALLBACK])
    sign_in(http, alice)
    asked = {"client_id": "shop", "scope": "openid"}
    code = answer_of(answer_consent(http, followed(http, authorize(http, **asked))))["code"]
    fields = {"redirect_uri": authorizing.CALLBACK, "code_verifier": authorizing.VERIFIER}
    id_token = protocol.exchange(first, code, **fields).json["id_token"]
    assert "code" in answer_of(authorize(http, **asked, prompt="none", id_token_hint=id_token))
    for wanted, error in ((protocol.claims(id_token)["sub"], None), (alice.id, "login_required")):
        claims = json.dumps({"id_token": {"sub": {"value": wanted}}})
        assert answer_of(authorize(http, **asked, prompt="none", claims=claims)).get("error") == error
    sign_in(http, bob)
    answer = answer_of(authorize(http, **asked, prompt="none", id_token_hint=id_token))
    assert answer["error"] == "login_required"


def test_an_account_has_its_own_tokens_in_its_history(app: Flask, alice: Person) -> None:
    """Whose a revoked token was, whatever its app called them."""
    first = shop()
    with mock.patch.object(protocol, "CALLBACK", "https://shop.example.com/cb"):
        token = tokens_for(alice.id, first, scopes=["openid"])["access_token"]
    protocol.revoke(first, token)
    with database.reading() as session:
        from authserver.models import AuditEvent

        event = session.query(AuditEvent).filter_by(type="token.revoked").one()
    assert event.owner_id == alice.id


def test_of_many_first_sign_ins_at_once_all_get_the_same_sub(app: Flask, alice: Person) -> None:
    """On both databases."""
    first = shop()

    def met() -> str | None:
        with database.transaction() as session:
            return subjects.assign(session, first.id, alice.id)

    assert len(set(in_parallel(12, met))) == 1
    with database.reading() as session:
        assert session.query(PairwiseSubject).count() == 1


# Registration


class Place:
    """What stands at the sector identifier."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: outbound.Answer | Exception = outbound.Answer(200, (), b"", 1)

    def fetch(self, url: str, *_: Any, **__: Any) -> outbound.Answer:
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def show(self, body: Any, status: int = 200, *, cut: bool = False) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = outbound.Answer(status, (), raw, 1, cut)


@pytest.fixture
def place(app: Flask) -> Iterator[Place]:
    made = Place()
    with mock.patch.object(outbound, "fetch", made.fetch):
        yield made


def registration(**values: Any) -> Registration:
    made = {"name": "Shop", "kind": "web", "scopes": ("openid",), "subject_type": "pairwise"}
    return Registration(**made | {"redirect_uris": (CALLBACK, OTHER), "sector_identifier_uri": SECTOR} | values)


def refusal(owner: Person, **values: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        clients.register(owner.user, registration(**values))
    return refused.value.problems


def test_the_document_lists_every_redirect_uri(place: Place, alice: Person) -> None:
    """Registration 1.0, section 5."""
    place.show([CALLBACK, OTHER, "https://third.example.test/cb"])
    row, _ = clients.register(alice.user, registration())
    assert (row.subject_type, row.sector_identifier_uri, place.asked) == ("pairwise", SECTOR, [SECTOR])


def test_a_change_of_redirect_uris_is_looked_up_again_and_no_other(place: Place, alice: Person) -> None:
    place.show([CALLBACK, OTHER])
    row, _ = clients.register(alice.user, registration())
    sector_identifiers._kept.forget()
    clients.revise(alice.user, row.id, registration(name="Another name"))
    assert len(place.asked) == 1
    with pytest.raises(Invalid):
        clients.revise(alice.user, row.id, registration(redirect_uris=(CALLBACK, "https://evil.example.test/cb")))
    assert len(place.asked) == 2
    assert clients.get(row.id).redirect_uris == (CALLBACK, OTHER)


ANSWERS: dict[str, Any] = {
    "another host's list": b'["https://evil.example/cb"]', "one of two": [CALLBACK], "no list": {"redirect_uris": []},
    "an empty list": [], "numbers": [1, 2], "nested": [[CALLBACK, OTHER]], "no JSON": b"<html>", "not UTF-8": b"\xff",
    "very deep": b"[" * 5000, "a slash more": [CALLBACK + "/", OTHER],
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_a_document_that_says_something_else_is_refused(place: Place, alice: Person, name: str) -> None:
    place.show(ANSWERS[name])
    assert list(refusal(alice)) == ["sector_identifier_uri"]


@pytest.mark.parametrize("failure", [outbound.Blocked("10.0.0.1 is private."), outbound.Failed("No answer."), 404, 302])
def test_a_document_that_is_not_to_be_had_is_refused(place: Place, alice: Person, failure: Any) -> None:
    """Class C23: the guard decides, and what a host says is never shown."""
    if isinstance(failure, int):
        place.show([CALLBACK, OTHER], failure)
    else:
        place.answer = failure
    assert list(refusal(alice)) == ["sector_identifier_uri"]


@pytest.mark.parametrize(
    "uri",
    ["http://sector.example.com/", "https://127.0.0.1/", "https://[::1]/", "https://localhost/", "ftp://x/", "x",
     "https://169.254.169.254/latest", "https://u:p@sector.example.com/", "https://" + "x" * 600],
)  # fmt: skip
def test_an_address_that_is_not_public_https_is_never_asked(place: Place, alice: Person, uri: str) -> None:
    assert list(refusal(alice, sector_identifier_uri=uri)) == ["sector_identifier_uri"]
    assert not place.asked


@pytest.mark.parametrize(
    "uris", [(CALLBACK, OTHER), ("http://127.0.0.1/cb",), ("com.example.app:/cb",), (CALLBACK, "http://localhost/cb")]
)
def test_without_a_document_one_https_host_makes_the_sector(place: Place, alice: Person, uris: tuple[str, ...]) -> None:
    """Core 8.1: several hosts need one; loopback and schemes of one's own are nobody's hosts."""
    kind = "web" if all(uri.startswith("https") for uri in uris) else "native"
    problems = refusal(alice, redirect_uris=uris, sector_identifier_uri="", kind=kind)
    assert list(problems) == ["sector_identifier_uri"]
    clients.register(alice.user, registration(redirect_uris=(CALLBACK, CALLBACK + "2"), sector_identifier_uri=""))


def test_redirect_uris_that_no_device_comes_by_make_no_sector(place: Place, alice: Person) -> None:
    device = {"grant_types": (CODE, DEVICE), "redirect_uris": (CALLBACK,)}
    assert list(refusal(alice, sector_identifier_uri="", **device)) == ["sector_identifier_uri"]
    keys = "https://app.example.test/keys"
    by_keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": keys}
    for listed, proof in (([CALLBACK], {}), ([CALLBACK], by_keys), ([CALLBACK, keys], {"jwks_uri": keys})):
        place.show(listed)
        sector_identifiers._kept.forget()
        assert list(refusal(alice, **device, **proof)) == ["sector_identifier_uri"]
        assert list(refusal(alice, grant_types=(DEVICE,), redirect_uris=(), **proof)) == ["sector_identifier_uri"]
    place.show([CALLBACK, keys])
    sector_identifiers._kept.forget()
    row, _ = clients.register(alice.user, registration(**device, **by_keys))
    assert sector_identifiers.of(clients.get(row.id)) == "sector.example.com"
    alone = {"grant_types": (DEVICE,), "redirect_uris": (), "kind": "native"}
    clients.register(alice.user, registration(sector_identifier_uri="", **alone))


def test_there_is_no_third_type(place: Place, alice: Person) -> None:
    assert list(refusal(alice, subject_type="ephemeral", sector_identifier_uri="")) == ["subject_type"]
