"""Clients: what may be registered, who may change it, how secrets are replaced."""

from __future__ import annotations

import dataclasses
import json
import threading
from typing import Any

import pytest
from flask import Flask

from authserver import database
from authserver.domain.access import resources, scopes
from authserver.domain.clients import clients, endings, ownership
from authserver.domain.clients import directory as client_directory
from authserver.domain.clients import metadata as client_metadata
from authserver.domain.clients import secrets as client_secrets
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.clients.metadata import Registration
from authserver.domain.grants import consents
from authserver.domain.ground import cache
from authserver.domain.people import users
from authserver.domain.record import audit
from authserver.domain.signing import keys as signing_keys
from authserver.errors import Conflict, Denied, Invalid, NotFound
from authserver.lib import clock, secrets
from authserver.models import Client, Grant
from tests.conftest import Person
from tests.support.keys import signing_with
from tests.support.tables import rows

CALLBACK = "https://app.example.test/callback"
WEB = Registration(name="Acme Notes", kind="web", redirect_uris=(CALLBACK,), scopes=("openid", "workflows:read"))
PUBLIC_JWK = {
    "kty": "EC", "crv": "P-256", "kid": "one",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}  # fmt: skip


def changed(**values: Any) -> Registration:
    return dataclasses.replace(WEB, **values)


def kinds_of_events() -> list[str]:
    return [event.type for event in audit.page(limit=100)[0] if event.type.startswith(("client.", "token."))][::-1]


@pytest.mark.parametrize(
    ("wanted", "public", "grants", "method", "application_type"),
    [
        (WEB, False, ["authorization_code", "refresh_token"], None, "web"),
        (changed(kind="spa"), True, ["authorization_code", "refresh_token"], "none", "web"),
        (changed(kind="native"), True, ["authorization_code", "refresh_token"], "none", "native"),
        (Registration(name="Job", kind="machine"), False, ["client_credentials"], None, "web"),
        (Registration(name="API", kind="resource_server"), False, [], None, "web"),
    ],
)
def test_the_kind_settles_everything_else(
    app: Flask, ada: Person, wanted: Registration, public: bool, grants: list[str], method: str, application_type: str
) -> None:
    client, secret = clients.register(ada.user, wanted)
    assert (client.public, client.grant_types, client.token_endpoint_auth_method) == (public, grants, method)
    assert client.application_type == application_type
    assert client.require_pkce is None
    assert (secret is None) == public


@rows(
    ("wanted", "field"),
    [
        (changed(name=" "), "name"),
        (changed(name="x" * 101), "name"),
        (changed(name="Acme\u202eetoN"), "name"),
        (changed(name="Acme\nNotes"), "name"),
        (changed(kind="desktop"), "kind"),
        (changed(public=True), "kind"),
        (changed(redirect_uris=()), "redirect_uris"),
        (changed(redirect_uris=(CALLBACK, "http://app.example.test/")), "redirect_uris.1"),
        (changed(redirect_uris=(CALLBACK, CALLBACK)), "redirect_uris.1"),
        (changed(redirect_uris=("https://*.example.test/",)), "redirect_uris.0"),
        (changed(redirect_uris=("https://app.example.test/#x",)), "redirect_uris.0"),
        (changed(redirect_uris=("javascript:alert(1)",)), "redirect_uris.0"),
        (changed(redirect_uris=("com.example.app:/cb",)), "redirect_uris.0"),
        (changed(redirect_uris=tuple(f"{CALLBACK}/{n}" for n in range(51))), "redirect_uris"),
        (changed(post_logout_redirect_uris=("http://app.example.test/",)), "post_logout_redirect_uris.0"),
        (changed(homepage="javascript:alert(1)"), "homepage"),
        (changed(homepage="http://app.example.test/"), "homepage"),
        (changed(policy_uri="http://127.0.0.1/"), "policy_uri"),
        (changed(tos_uri="data:text/html,x"), "tos_uri"),
        (changed(contacts=("nobody",)), "contacts.0"),
        (changed(allowed_cors_origins=("https://app.example.test/path",)), "allowed_cors_origins.0"),
        (changed(allowed_cors_origins=("*",)), "allowed_cors_origins.0"),
        (changed(grant_types=("password",)), "grant_types"),
        (changed(grant_types=("refresh_token",)), "grant_types"),
        (changed(grant_types=()), "grant_types"),
        (changed(kind="spa", grant_types=("authorization_code", "client_credentials")), "grant_types"),
        (changed(kind="spa", token_endpoint_auth_method="client_secret_basic"), "token_endpoint_auth_method"),
        (changed(token_endpoint_auth_method="none"), "token_endpoint_auth_method"),
        (changed(token_endpoint_auth_method="client_secret_jwt"), "token_endpoint_auth_method"),
        (changed(kind="spa", require_pkce=False), "require_pkce"),
        (changed(application_type="native", require_pkce=False), "require_pkce"),
        (changed(response_modes=("query.jwt",)), "response_modes"),
        (changed(scopes=("openid", "nonsense")), "scopes"),
        (changed(default_scopes=("email",)), "default_scopes"),
        (changed(optional_scopes=("email",)), "optional_scopes"),
        (changed(required_scopes=("email",)), "required_scopes"),
        (changed(optional_scopes=("openid",), required_scopes=("openid",)), "required_scopes"),
        (changed(resources=("https://api.example.test",)), "resources"),
        (changed(resource_server_for=("https://api.example.test",)), "resource_server_for"),
        (changed(kind="native", redirect_uris=("http://127.0.0.1/cb",), skip_consent=True), "skip_consent"),
        (changed(kind="native", redirect_uris=(CALLBACK, "com.example.app:/cb"), skip_consent=True), "skip_consent"),
        (changed(application_type="native", redirect_uris=("http://127.0.0.1/cb",), skip_consent=True), "skip_consent"),
        (changed(access_token_format="paseto"), "access_token_format"),
        (changed(access_token_ttl=0), "access_token_ttl"),
        (changed(access_token_ttl=86_401), "access_token_ttl"),
        (changed(id_token_alg="none"), "id_token_alg"),
        (changed(id_token_alg="HS256"), "id_token_alg"),
        (changed(id_token_alg="PS256"), "id_token_alg"),  # nobody made a key for it
        (changed(userinfo_alg="none"), "userinfo_alg"),
        (changed(introspection_alg="none"), "introspection_alg"),
        (changed(introspection_alg="HS256"), "introspection_alg"),
        (changed(default_max_age=-1), "default_max_age"),
        (changed(default_max_age=31_536_001), "default_max_age"),
        (changed(default_acr_values=("a b",)), "default_acr_values"),
        (changed(default_acr_values=("",)), "default_acr_values"),
        (changed(default_acr_values=("aal1",) * 21), "default_acr_values"),
        (changed(userinfo_alg="EdDSA"), "userinfo_alg"),
        (changed(jwks={"keys": [PUBLIC_JWK | {"d": "AA"}]}), "jwks"),
        (changed(jwks={"keys": [{"kty": "oct", "k": "AA"}]}), "jwks"),
        (changed(request_object_alg="HS256"), "request_object_alg"),
        (changed(request_uris=("http://app.example.test/r",)), "request_uris.0"),
        (changed(request_uris=("https://127.0.0.1/r",)), "request_uris.0"),
        (changed(request_uris=("https://[::1]/r",)), "request_uris.0"),
        (changed(request_uris=("https://localhost/r",)), "request_uris.0"),
        (changed(request_uris=("https://u:p@app.example.test/r",)), "request_uris.0"),
        (changed(request_uris=("https://app.example.test/" + "r" * 512,)), "request_uris.0"),
        (changed(request_uris=("https://app.example.test/r",) * 2), "request_uris.1"),
        (changed(request_uris=tuple(f"https://app.example.test/{each}" for each in range(11))), "request_uris"),
        (changed(jwks={"keys": []}), "jwks"),
        (changed(jwks={"kty": "EC"}), "jwks"),
        (changed(jwks={"keys": [PUBLIC_JWK]}, jwks_uri="https://app.example.test/jwks"), "jwks_uri"),
        (changed(jwks_uri="http://app.example.test/jwks"), "jwks_uri"),
        (changed(jwks_uri="https://127.0.0.1/jwks"), "jwks_uri"),
        (changed(jwks_uri="https://169.254.169.254/latest"), "jwks_uri"),
        (changed(jwks_uri="https://[::1]/jwks"), "jwks_uri"),
        (changed(jwks_uri="https://localhost/jwks"), "jwks_uri"),
        (changed(jwks_uri="https://0x7f.1/jwks"), "jwks_uri"),
        (changed(jwks_uri="https://database.internal/jwks"), "jwks_uri"),
        (changed(metadata_extra={"x": "y" * 20_000}), "metadata"),
        (changed(client_id="a b"), "client_id"),
    ],
)
def test_what_breaks_a_rule_is_refused_at_its_field(app: Flask, ada: Person, wanted: Registration, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        clients.register(ada.user, wanted)
    assert field in refused.value.problems
    assert client_directory.owned_by(None)[1] == 0


@pytest.mark.parametrize("alg", ["PS256", "EdDSA"])
def test_an_algorithm_can_be_chosen_once_a_key_signs_with_it(app: Flask, ada: Person, alg: str) -> None:
    """OpenID Connect Registration 1.0, section 2: what the metadata lists can be registered, and nothing else."""
    wanted = changed(id_token_alg=alg, userinfo_alg=alg)
    with signing_with(alg):
        row, _ = clients.register(ada.user, wanted)
        assert (row.id_token_alg, row.userinfo_alg) == (alg, alg)
        assert alg in signing_keys.algs()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"scopes": ("admin",)}, "scopes"),
        ({"scopes": ("introspect",)}, "scopes"),
        ({"resource_server_for": ("https://api.example.test",)}, "resource_server_for"),
        ({"introspect_all": True}, "introspect_all"),
        ({"skip_consent": True}, "skip_consent"),
        ({"resources": ("https://bobs.example.test",)}, "resources"),
        ({"client_id": "my-choice"}, "client_id"),
        ({"kind": "resource_server", "redirect_uris": ()}, "kind"),
    ],
)
def test_owners_cannot_give_what_is_for_administrators(
    app: Flask, mallory: Person, bob: Person, ada: Person, more: dict[str, Any], field: str
) -> None:
    resources.create("https://api.example.test", "API")
    resources.create("https://bobs.example.test", "Bob's", owner_id=bob.id)
    with pytest.raises(Invalid) as refused:
        clients.register(mallory.user, changed(**more))
    assert field in refused.value.problems
    clients.register(ada.user, changed(**more))  # an administrator may, so the refusal was about who asked


def test_the_owner_of_an_app_that_keeps_a_secret_may_say_that_it_sends_neither_pkce_nor_a_nonce(
    app: Flask, alice: Person
) -> None:
    client, _ = clients.register(alice.user, changed(require_pkce=False))
    assert client.require_pkce is False
    for word in (True, None, False):
        wanted = dataclasses.replace(clients.registration_of(client), require_pkce=word)
        assert clients.revise(alice.user, client.id, wanted).require_pkce is word


def test_nobody_says_it_for_an_app_that_registered_itself(app: Flask, alice: Person, ada: Person) -> None:
    client, _ = clients.register(alice.user, changed())
    with database.transaction() as session:
        session.merge(client).self_registered = True
    for by in (alice.user, ada.user, None):
        with pytest.raises(Invalid) as refused:
            clients.revise(by, client.id, dataclasses.replace(clients.registration_of(client), require_pkce=False))
        assert list(refused.value.problems) == ["require_pkce"]


def test_an_owner_keeps_what_an_administrator_gave_and_can_still_edit(app: Flask, alice: Person, ada: Person) -> None:
    client, _ = clients.register(alice.user, changed(scopes=("introspect",), require_pkce=False), trusted=True)
    wanted = dataclasses.replace(clients.registration_of(client), name="Renamed", default_scopes=None)
    row = clients.revise(alice.user, client.id, wanted)
    assert (row.name, row.scopes, row.require_pkce) == ("Renamed", ["introspect"], False)


@pytest.mark.parametrize(
    "act",
    [
        lambda user, id: ownership.visible_to(user, id),
        lambda user, id: clients.revise(user, id, WEB),
        lambda user, id: endings.disable(user, id),
        lambda user, id: endings.enable(user, id),
        lambda user, id: endings.remove(user, id),
        lambda user, id: endings.revoke_tokens(user, id),
        lambda user, id: client_secrets.rotate(user, id, 0),
        lambda user, id: client_secrets.revoke(user, id, "cs_x"),
    ],
)
def test_a_stranger_finds_nothing_whatever_she_tries(app: Flask, alice: Person, mallory: Person, act: Any) -> None:
    client, _ = clients.register(alice.user, WEB)
    with pytest.raises(NotFound) as foreign:
        act(mallory.user, client.id)
    with pytest.raises(NotFound) as unknown:
        act(mallory.user, "cl_unknown")
    assert foreign.value.public == unknown.value.public
    assert kinds_of_events() == ["client.created"]


def test_only_the_digest_of_a_secret_is_stored(app: Flask, alice: Person) -> None:
    client, secret = clients.register(alice.user, WEB)
    assert secret is not None
    facts = clients.get(client.id)
    assert [each.digest for each in facts.secrets] == [secrets.digest(secret)]
    assert secrets.kind_of(secret) == "cs"
    (row,) = client_secrets.of(client.id)
    assert secret not in str({name: getattr(row, name) for name in row.__table__.c.keys()})  # noqa: SIM118


def test_a_warm_lookup_sends_no_statement(app: Flask, alice: Person, statements: Any) -> None:
    client, _ = clients.register(alice.user, WEB)
    clients.find(client.id)
    clients.find("cl_unknown")
    with statements() as sent:
        assert clients.find(client.id) is not None
        assert clients.find("cl_unknown") is None
    assert sent == []


def test_however_many_apis_an_app_names_the_database_is_asked_no_oftener(
    app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    monkeypatch.setattr(cache, "forget", lambda: asked.append(None))
    with pytest.raises(Invalid, match="Check the highlighted fields"):
        clients.register(alice.user, changed(resources=tuple(f"https://{n}.example.test" for n in range(5000))))
    assert len(asked) == 1


def test_facts_hold_every_column_of_the_table() -> None:
    names = {field.name for field in dataclasses.fields(ClientFacts)}
    judged = {"secrets", "native", "owner_disabled", "vouched", "tokens_ended_before"}
    # The first two say together which tokens ended, judged by whose they are; the others are nothing for the protocol.
    hidden = {"tokens_not_before", "former_owner_id", "registration_digest", "registered_with"}
    assert set(Client.__table__.columns.keys()) - hidden == names - judged


@pytest.mark.parametrize(
    ("kind", "uris", "native", "remembered"),
    [
        ("web", (CALLBACK,), False, True),
        ("web", ("http://localhost/cb",), False, True),
        ("spa", (CALLBACK,), False, True),
        ("spa", ("http://localhost:3000/",), True, False),
        ("spa", (CALLBACK, "http://localhost:3000/"), False, False),
        ("native", ("http://127.0.0.1/cb",), True, False),
        ("native", ("com.example.app:/cb",), True, False),
        ("native", (CALLBACK,), True, True),
    ],
)
def test_who_gets_any_port_and_who_is_always_asked(
    app: Flask, alice: Person, kind: str, uris: tuple[str, ...], native: bool, remembered: bool
) -> None:
    client, _ = clients.register(alice.user, changed(kind=kind, redirect_uris=uris))
    facts = clients.get(client.id)
    assert (facts.native, all(consents.remembered(facts, uri) for uri in uris)) == (native, remembered)


def test_a_clients_admin_scope_holds_only_while_its_owner_is_an_administrator(app: Flask, ada: Person) -> None:
    client, _ = clients.register(ada.user, Registration(name="Job", kind="machine", scopes=("admin", "workflows:read")))
    assert clients.get(client.id).scopes == ("admin", "workflows:read")
    users.create("second@example.test", name="Second Root", role="admin")  # the last one stays
    users.set_role(ada.id, "user")
    assert clients.get(client.id).scopes == ("workflows:read",)


def test_an_edit_from_an_old_form_is_refused_and_nothing_is_lost(app: Flask, alice: Person) -> None:
    client, _ = clients.register(alice.user, WEB)
    clients.revise(alice.user, client.id, changed(name="First"), version=1)
    with pytest.raises(Conflict):
        clients.revise(alice.user, client.id, changed(name="Second"), version=1)
    assert clients.get(client.id).name == "First"


def test_of_many_edits_at_once_exactly_one_wins(app: Flask, alice: Person) -> None:
    client, _ = clients.register(alice.user, WEB)
    results: list[str] = []

    def edit(name: str) -> None:
        try:
            clients.revise(alice.user, client.id, changed(name=name), version=1)
            results.append(name)
        except Conflict:
            results.append("")

    threads = [threading.Thread(target=edit, args=(f"Name {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [name for name in results if name]
    assert len(results) == 8
    assert winners == [clients.get(client.id).name]


def test_kind_and_owner_survive_every_edit(app: Flask, alice: Person) -> None:
    client, _ = clients.register(alice.user, WEB)
    row = clients.revise(alice.user, client.id, changed(kind="spa", public=True))
    assert (row.kind, row.public, row.owner_id) == ("web", False, alice.id)


def test_rotation_overlaps_and_a_second_one_needs_force(app: Flask, alice: Person) -> None:
    client, first = clients.register(alice.user, WEB)
    rotation = client_secrets.rotate(alice.user, client.id, 86_400)
    assert rotation.secret != first
    assert rotation.previous_ends_at == pytest.approx(clock.now() + 86_400, abs=5)
    assert len(client_secrets.active(client.id)) == 2
    with pytest.raises(Conflict):
        client_secrets.rotate(alice.user, client.id, 0)
    forced = client_secrets.rotate(alice.user, client.id, 3_600, force=True)
    active = client_secrets.active(client.id)
    assert [row.digest for row in active] == [secrets.digest(forced.secret), secrets.digest(rotation.secret)]
    assert active[1].expires_at is not None


def test_a_rotation_without_overlap_ends_the_old_secret_at_once(app: Flask, alice: Person) -> None:
    client, _ = clients.register(alice.user, WEB)
    rotation = client_secrets.rotate(alice.user, client.id, 0)
    assert rotation.previous_ends_at is None
    valid = [each.digest for each in clients.get(client.id).secrets if each.valid_at(clock.now())]
    assert valid == [secrets.digest(rotation.secret)]


def test_an_old_secret_can_be_ended_early_but_the_last_never(app: Flask, alice: Person) -> None:
    client, _ = clients.register(alice.user, WEB)
    client_secrets.rotate(alice.user, client.id, 86_400)
    new, old = client_secrets.active(client.id)
    client_secrets.revoke(alice.user, client.id, old.id)
    with pytest.raises(Conflict):
        client_secrets.revoke(alice.user, client.id, new.id)
    with pytest.raises(NotFound):
        client_secrets.revoke(alice.user, client.id, old.id)


@pytest.mark.parametrize("overlap", [-1, 8 * 86_400, 10**9])
def test_an_overlap_is_at_most_a_week(app: Flask, alice: Person, overlap: int) -> None:
    client, _ = clients.register(alice.user, WEB)
    with pytest.raises(Invalid):
        client_secrets.rotate(alice.user, client.id, overlap)


def test_a_client_without_a_secret_cannot_get_one(app: Flask, alice: Person) -> None:
    client, _ = clients.register(alice.user, changed(kind="spa"))
    with pytest.raises(Denied):
        client_secrets.rotate(alice.user, client.id, 0)


def test_disabling_shows_at_once_and_can_be_undone(app: Flask, alice: Person) -> None:
    client, _ = clients.register(alice.user, WEB)
    assert clients.get(client.id).enabled
    endings.disable(alice.user, client.id)
    assert not clients.get(client.id).enabled
    endings.enable(alice.user, client.id)
    assert clients.get(client.id).enabled
    assert kinds_of_events() == ["client.created", "client.disabled", "client.enabled"]


@pytest.mark.parametrize("stop", [endings.disable, endings.remove])
def test_an_owner_cannot_undo_what_an_administrator_stopped(app: Flask, alice: Person, ada: Person, stop: Any) -> None:
    client, _ = clients.register(alice.user, WEB)
    stop(ada.user, client.id)
    if stop is endings.remove:
        endings.restore(alice.user, client.id)
    with pytest.raises(Denied):
        endings.enable(alice.user, client.id)
    assert not clients.get(client.id).enabled
    endings.enable(ada.user, client.id)
    assert clients.get(client.id).enabled


def grant(client_id: str, user_id: str) -> None:
    with database.transaction() as session:
        session.add(
            Grant(
                id=secrets.random_id("gr_"), client_id=client_id, user_id=user_id, scopes=[], resources=[], amr=[],
                auth_time=clock.now(), created_at=clock.now(), expires_at=clock.now() + 1000, revoked_because="",
            )
        )  # fmt: skip


def test_revoking_all_tokens_ends_every_sign_in(app: Flask, alice: Person, bob: Person) -> None:
    client, _ = clients.register(alice.user, WEB)
    other, _ = clients.register(alice.user, WEB)
    for client_id in (client.id, client.id, other.id):
        grant(client_id, bob.id)
    assert client_directory.standing(client.id).grants == 2
    assert client_directory.standing(client.id).people == 1
    before = clock.now()
    assert endings.revoke_tokens(alice.user, client.id) == 2
    assert client_directory.standing(client.id).grants == 0
    assert client_directory.standing(other.id).grants == 1
    assert (clients.get(client.id).tokens_not_before or 0) > before


def test_a_deleted_client_can_be_restored_for_a_week_without_its_tokens(
    app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = clients.register(alice.user, WEB)
    grant(client.id, alice.id)
    endings.remove(alice.user, client.id)
    with pytest.raises(NotFound):
        clients.get(client.id)
    assert client_directory.owned_by(alice.user)[1] == 0
    assert client_directory.owned_by(alice.user, status="deleted")[1] == 1
    endings.restore(alice.user, client.id)
    assert client_directory.standing(client.id).grants == 0
    endings.remove(alice.user, client.id)
    later = clock.now() + client_directory.RESTORABLE_SECONDS + 1
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(NotFound):
        endings.restore(alice.user, client.id)
    assert endings.purge(later - client_directory.RESTORABLE_SECONDS) == 1
    assert clients.find(client.id) is None


def test_a_search_takes_percent_and_underscore_as_they_are(app: Flask, alice: Person) -> None:
    clients.register(alice.user, changed(name="100% sure"))
    clients.register(alice.user, changed(name="Acme"))
    found, total = client_directory.owned_by(alice.user, search="0% s")
    assert (total, [line.client.name for line in found]) == (1, ["100% sure"])
    assert client_directory.owned_by(alice.user, search="_")[1] == 2  # the ids have one: cl_…


def test_a_document_keeps_unknown_members_and_takes_no_secret(app: Flask, alice: Person) -> None:
    document = {
        "client_name": "Acme", "redirect_uris": [CALLBACK], "scope": "openid workflows:read", "vendor_note": "x-1",
        "client_secret": "mine", "client_id": "mine", "owner_id": "usr_x",
        "token_endpoint_auth_method": "client_secret_post",
    }  # fmt: skip
    client, secret = clients.register(alice.user, client_metadata.from_json(json.dumps(document)))
    assert client.metadata_extra == {"vendor_note": "x-1"}
    assert client.id != "mine"
    assert secret != "mine"
    assert client.owner_id == alice.id
    back = client_metadata.to_document(clients.get(client.id))
    assert back | {"client_name": "Acme", "vendor_note": "x-1", "scope": "openid workflows:read"} == back
    assert client_metadata.complete(client_metadata.from_document(back)) == clients.registration_of(client)


@rows(
    ("text", "field"),
    [
        ("{", "metadata"),
        ("[]", "metadata"),
        ('{"a": NaN}', "metadata"),
        ("[" * 100_000, "metadata"),
        ('{"redirect_uris": "https://a.example/"}', "redirect_uris"),
        ('{"x": "\\ud800"}', "metadata"),
        ('{"x": "\\u0000"}', "metadata"),
        ('{"client_name": 5}', "client_name"),
        ('{"scope": ["openid"]}', "scope"),
        ('{"response_types": ["token"]}', "response_types"),
        ('{"dpop_bound_access_tokens": true}', "dpop_bound_access_tokens"),
        ('{"require_pushed_authorization_requests": true}', "require_pushed_authorization_requests"),
    ],
)
def test_a_bad_document_is_refused_at_its_member(app: Flask, text: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        client_metadata.from_json(text)
    assert field in refused.value.problems


def test_somebody_has_at_most_a_hundred_apps(app: Flask, mallory: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "MAX_PER_OWNER", 1)
    clients.register(mallory.user, WEB)
    with pytest.raises(Invalid):
        clients.register(mallory.user, WEB)


def test_a_deleted_app_comes_back_only_where_there_is_room(
    app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "MAX_PER_OWNER", 1)
    first, _ = clients.register(alice.user, WEB)
    endings.remove(alice.user, first.id)
    second, _ = clients.register(alice.user, WEB)
    with pytest.raises(Invalid, match="limit"):
        endings.restore(alice.user, first.id)
    endings.remove(alice.user, second.id)
    assert endings.restore(alice.user, first.id).deleted_at is None


def test_an_edit_is_recorded_with_what_it_changed(app: Flask, alice: Person) -> None:
    client, _ = clients.register(alice.user, WEB)
    clients.revise(alice.user, client.id, changed(name="New name"))
    (event, *_), _total = audit.page(client_id=client.id)
    assert (event.type, event.owner_id) == ("client.updated", alice.id)
    assert event.data["changed"]["name"] == ["Acme Notes", "New name"]
    assert audit.verify().sound


def test_our_scopes_are_there_and_seeding_again_changes_nothing(app: Flask) -> None:
    before = scopes.all()
    assert set(before) >= {"openid", "workflows:read", "admin", "introspect"}
    with database.transaction() as session:
        scopes.seed(session)
    assert scopes.all() == before


# ---- public keys ----------------------------------------------------------------------------------------------


PEM = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7
6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
-----END PUBLIC KEY-----
"""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (json.dumps(PUBLIC_JWK), 1),
        (json.dumps({"keys": [PUBLIC_JWK, PUBLIC_JWK]}), 2),
        (PEM, 1),
        (PEM + "\n" + PEM, 2),
        ("\n  " + PEM.replace("\n", "\r\n"), 1),
    ],
)
def test_public_keys_are_read_in_every_form_people_have(text: str, count: int) -> None:
    found = client_metadata.key_set(text)
    assert found is not None and len(found["keys"]) == count
    assert {(key["x"], key["y"]) for key in found["keys"]} == {(PUBLIC_JWK["x"], PUBLIC_JWK["y"])}


@pytest.mark.parametrize(
    "text",
    [
        "words", "[1]", "7", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        PEM.replace("PUBLIC", "PRIVATE"), PEM.replace("PUBLIC", "EC PRIVATE"), PEM + "and words",
        PEM[:-20],
    ],
)  # fmt: skip
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        client_metadata.key_set(text)
    assert refused.value.field == "jwks"


ENCRYPTION = PUBLIC_JWK | {"use": "enc", "kid": "enc-1"}
STRANGE: list[Any] = [
    ENCRYPTION, {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}, PUBLIC_JWK | {"alg": "ES256K"},
    PUBLIC_JWK | {"crv": "P-9"},
    PUBLIC_JWK | {"key_ops": ["encrypt"]}, PUBLIC_JWK | {"kid": 7}, {"kty": "RSA", "n": "AA", "e": "AQAB"}, {}, 7, None,
]  # fmt: skip


def test_a_key_set_is_taken_key_by_key(alice: Person) -> None:
    """RFC 7517 section 5: what is not understood is ignored, the rest is kept."""
    for at, strange in enumerate(STRANGE):
        both = [strange, PUBLIC_JWK] if at % 2 else [PUBLIC_JWK, strange]
        asked = {"keys": both, "issued_by": "a tool"}
        row, _ = clients.register(alice.user, changed(jwks=asked))
        assert row.jwks == {"keys": [PUBLIC_JWK]}, strange
        (said,) = client_metadata.ignored_keys(asked)
        assert said.startswith(f"Key {1 if at % 2 else 2} is ignored. ") and said.endswith("."), said


def test_a_key_set_of_which_nothing_is_left_is_refused_and_says_why(alice: Person) -> None:
    with pytest.raises(Invalid) as refused:
        clients.register(alice.user, changed(jwks={"keys": [ENCRYPTION, {"kty": "new"}]}))
    said = refused.value.problems["jwks"]
    assert "Key 1 is ignored. The key is not meant for signatures." in said and "Key 2 is ignored." in said


@pytest.mark.parametrize(
    "private", [PUBLIC_JWK | {"d": "AA"}, {"kty": "oct", "k": "AA"}, {"kty": "AKP", "pub": "AA", "priv": "AA"}]
)
def test_a_private_key_refuses_the_whole_set(alice: Person, private: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        clients.register(alice.user, changed(jwks={"keys": [PUBLIC_JWK, ENCRYPTION, private]}))
    assert "private" in refused.value.problems["jwks"]


def test_nothing_is_no_key_set() -> None:
    assert client_metadata.key_set(" \n") is None


@pytest.mark.parametrize(
    ("overrides", "uri", "accepted"),
    [
        ({}, "https://keys.example.com/jwks.json", True),
        ({}, "http://127.0.0.1:8080/jwks.json", False),
        ({}, "https://keys/jwks.json", False),
        ({}, "https://keys.internal/jwks.json", False),
        ({"outbound_allow": ("other.internal",)}, "https://keys.internal/jwks.json", False),
        ({"outbound_allow": ("keys.internal",)}, "https://keys.internal/jwks.json", True),
        ({"outbound_allow": ("127.0.0.1",)}, "http://127.0.0.1:8080/jwks.json", True),
        ({"outbound_allow": ("localhost:8080",)}, "http://localhost:8080/jwks.json", True),
        ({"outbound_allow": ("10.0.0.0/8",)}, "https://127.0.0.1/jwks.json", False),
    ],
)
def test_keys_may_stand_where_the_operator_lets_this_server_go(app: Flask, uri: str, accepted: bool) -> None:
    wanted = client_metadata.complete(changed(jwks_uri=uri))
    if accepted:
        client_metadata.check(wanted, trusted=True, owner_id=None)
    else:
        with pytest.raises(Invalid) as refused:
            client_metadata.check(wanted, trusted=True, owner_id=None)
        assert set(refused.value.problems) == {"jwks_uri"}


@pytest.mark.parametrize(
    ("limit", "good"), [("5000/hour", True), ("0/hour", False), ("many", False), ("1/week", False)]
)
def test_a_limit_of_its_own_reads_as_one(app: Flask, limit: str, good: bool) -> None:
    wanted = client_metadata.complete(changed(rate_limit=limit))
    if good:
        client_metadata.check(wanted, trusted=True, owner_id=None)
    else:
        with pytest.raises(Invalid):
            client_metadata.check(wanted, trusted=True, owner_id=None)


def test_owners_do_not_raise_their_own_limit(alice: Person) -> None:
    with pytest.raises(Invalid) as refused:
        clients.register(alice.user, changed(rate_limit="1000000/second"))
    assert set(refused.value.problems) == {"rate_limit"}


@pytest.mark.parametrize("limit", [None, "", "4/hour", "1000000/second"])
def test_a_limit_stays_as_an_administrator_set_it(alice: Person, limit: str | None) -> None:
    row = clients.register(alice.user, WEB)[0]
    row = clients.revise(None, row.id, dataclasses.replace(clients.registration_of(row), rate_limit="5/hour"))
    with pytest.raises(Invalid) as refused:
        clients.revise(alice.user, row.id, dataclasses.replace(clients.registration_of(row), rate_limit=limit))
    assert set(refused.value.problems) == {"rate_limit"}
    named = dataclasses.replace(clients.registration_of(row), name="Another name")
    assert clients.revise(alice.user, row.id, named).rate_limit == "5/hour"


def test_owners_may_let_their_jwts_be_used_again(alice: Person) -> None:
    client, _ = clients.register(alice.user, changed(jwks={"keys": [PUBLIC_JWK]}, jwt_reuse=True))
    found = clients.find(client.id)
    assert found is not None and found.jwt_reuse and found.rate_limit is None
