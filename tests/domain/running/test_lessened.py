"""What was taken since a backup stays taken after a restore: on both databases, and for every column (E15)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, insert, inspect, select, update

from authserver import database
from authserver.domain.access import permissions, resources
from authserver.domain.api_keys import keys as api_keys
from authserver.domain.api_keys.keys import Wish
from authserver.domain.clients import blocked_apps, endings, registration_tokens, transfers
from authserver.domain.grants import consents
from authserver.domain.ground import cache
from authserver.domain.people import addresses, users
from authserver.domain.people.credentials import passwords
from authserver.domain.running import lessened, recovery
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks import wishes as webhook_wishes
from authserver.errors import Denied
from authserver.lib import clock
from authserver.models import BlockedApp, Client, Consent, RegistrationToken, User, WebhookEndpoint
from authserver.tables import Base
from tests.conftest import PASSWORD, Person
from tests.support import protocol

NEW = "seven green lanterns drift"
KEPT = (*lessened.RULES, *lessened.UNITED)


@pytest.fixture
def backup(app: Flask) -> Iterator[Callable[[], Callable[..., dict[str, int]]]]:
    """Call it to keep what these tables hold; what it returns puts that back as a restore does."""

    def save() -> Callable[..., dict[str, int]]:
        with database.reading() as session:
            tables = [each.__table__ for each in KEPT]
            held = [(each, [dict(row) for row in session.execute(select(each)).mappings()]) for each in tables]

        def restore(**how: Any) -> dict[str, int]:
            known = recovery.endings(**({"all_of_them": True} if how.get("keep_tokens") else {}))
            with database.transaction() as session:
                for table, rows in held:
                    keys = list(table.primary_key.columns)
                    there = {tuple(each) for each in session.execute(select(*keys))}
                    for row in rows:
                        is_it = [key == row[key.name] for key in keys]
                        new = tuple(row[key.name] for key in keys) not in there
                        session.execute(insert(table).values(row) if new else update(table).where(*is_it).values(row))
                session.execute(delete(BlockedApp))
            cache.reset()
            done = dict(recovery.after_restore(known, **how))
            cache.reset()
            return done

        return restore

    yield save


def stored(model: Any, key: Any) -> Any:
    with database.reading() as session:
        return session.get_one(model, key)


def test_whoever_was_demoted_is_no_administrator_again(backup: Any, ada: Person, bob: Person) -> None:
    users.set_role(bob.id, "admin")
    restore = backup()
    users.set_role(bob.id, "developer")
    restore()
    assert users.get(bob.id).role == "developer" and users.get(ada.id).role == "admin"


def test_whoever_was_made_an_administrator_since_is_what_the_backup_says(backup: Any, ada: Person, bob: Person) -> None:
    restore = backup()
    users.set_role(bob.id, "admin")
    restore()
    assert users.get(bob.id).role == "user"


def test_a_password_that_was_changed_opens_nothing_again_nor_does_the_new_one(
    backup: Any, alice: Person, bob: Person
) -> None:
    restore = backup()
    with time_machine.travel(clock.now() + 60):
        passwords.change(alice.user, PASSWORD, NEW)
        assert restore()["passwords"] == 1
        for password in (PASSWORD, NEW):
            assert passwords.check(alice.email, password) is None
        assert passwords.check(bob.email, PASSWORD) is not None


def test_nor_does_one_that_was_disowned(backup: Any, alice: Person) -> None:
    restore = backup()
    with database.transaction() as session:
        session.execute(update(User).where(User.id == alice.id).values(password_hash=None))
    restore()
    assert passwords.check(alice.email, PASSWORD) is None


def test_a_registration_token_that_was_revoked_or_used_up_registers_nothing(backup: Any) -> None:
    revoked, used = registration_tokens.create(uses=5), registration_tokens.create(uses=1)
    restore = backup()
    registration_tokens.revoke(revoked[0].id)
    assert registration_tokens.spend(used[1])
    restore()
    assert not registration_tokens.is_good(revoked[1]) and not registration_tokens.is_good(used[1])
    assert stored(RegistrationToken, used[0].id).used == 1


def test_an_app_has_back_nothing_that_was_taken_from_it(backup: Any) -> None:
    key, gone = ({"kty": "RSA", "kid": kid, "n": "AQAB", "e": "AQAB"} for kid in ("kept", "gone"))
    app = protocol.register(
        scopes=["openid", "workflows:read", "workflows:write"], introspect_all=True, installation=True,
        redirect_uris=["https://a.example.test/cb", "https://b.example.test/cb"], jwks={"keys": [key, gone]},
        registration_digest=b"x" * 32,
    )  # fmt: skip
    restore = backup()
    with database.transaction() as session:
        taken = {
            "scopes": ["openid", "workflows:read"], "introspect_all": False, "jwks": {"keys": [key]},
            "redirect_uris": ["https://a.example.test/cb", "https://c.example.test/cb"], "registration_digest": None,
        }  # fmt: skip
        session.execute(update(Client).where(Client.id == app.id).values(taken))
    restore()
    row = stored(Client, app.id)
    assert row.scopes == ["openid", "workflows:read"] and row.introspect_all is False
    assert row.redirect_uris == ["https://a.example.test/cb"] and row.jwks == {"keys": [key]}
    assert row.registration_digest is None and row.disabled_at is None


def test_an_app_that_went_to_somebody_else_is_nobodys_to_open(backup: Any, alice: Person, bob: Person) -> None:
    app = protocol.register(owner_id=alice.id)
    restore = backup()
    transfers.offer(alice.user, app.id, bob.user)
    transfers.accept(bob.user, app.id, transfers.END)
    assert restore()["stopped"] == 1
    assert protocol.client_credentials(app).error == (401, "invalid_client")
    with pytest.raises(Denied):
        endings.enable(alice.user, app.id)


def test_what_an_administrator_stopped_is_not_switched_on_by_its_owner(backup: Any, alice: Person, ada: Person) -> None:
    app = protocol.register(owner_id=alice.id)
    restore = backup()
    endings.disable(ada.user, app.id)
    restore()
    with pytest.raises(Denied):
        endings.enable(alice.user, app.id)


def test_an_offer_of_then_is_none_any_more(backup: Any, alice: Person, bob: Person) -> None:
    app = protocol.register(owner_id=alice.id)
    transfers.offer(alice.user, app.id, bob.user)
    backup()()
    assert transfers.find(app.id) is None


def test_a_consent_is_as_narrow_as_it_was_made(backup: Any, alice: Person) -> None:
    app = protocol.register()
    with database.transaction() as session:
        both = ("openid", "workflows:read")
        consents.record(session, alice.id, app.id, resources=(), asked=both, allowed=both)
    restore = backup()
    consents.narrow(alice.id, app.id, ["openid"])
    restore()
    with database.reading() as session:
        assert session.scalars(select(Consent)).one().granted == {"": ["openid"]}


def test_a_key_keeps_to_its_networks_and_a_level_to_its_scopes(backup: Any, alice: Person) -> None:
    row, value = api_keys.create(alice.user, Wish("CI", "read_write"))
    restore = backup()
    with database.transaction() as session:
        session.get_one(type(row), row.id).allowed_networks = ["192.0.2.0/24"]
    permissions.change("read_write", set(permissions.get("read_write").scopes) - {"triggers:write"})
    restore()
    assert api_keys.check(value, "127.0.0.1") is None and api_keys.check(value, "192.0.2.7") is not None
    assert "triggers:write" not in permissions.get("read_write").scopes


def test_a_block_stays_and_an_api_that_was_closed_is_closed(backup: Any) -> None:
    resources.create("https://notes.example.test", "Notes", open=True)
    restore = backup()
    blocked_apps.block("evil.example.test")
    resources.update("https://notes.example.test", name="Notes", open=False)
    restore()
    assert [each.value for each in blocked_apps.all()] == ["evil.example.test"]
    found = resources.find("https://notes.example.test")
    assert found is not None and not found.open


def test_a_webhook_that_was_deleted_or_led_elsewhere_sends_nothing(backup: Any, alice: Person) -> None:
    wish = webhook_wishes.Wish("Made", "https://hooks.example.test/in")
    gone, moved = (webhook_endpoints.create(alice.user, wish)[0].id for _ in range(2))
    restore = backup()
    webhook_endpoints.delete(alice.id, gone)
    with database.transaction() as session:
        session.get_one(WebhookEndpoint, moved).url = "https://hooks.example.test/new"
    restore()
    assert stored(WebhookEndpoint, gone).deleted_at and stored(WebhookEndpoint, moved).stopped_at


def test_an_address_that_nobody_vouches_for_any_more_is_vouched_for_no_more(backup: Any, alice: Person) -> None:
    restore = backup()
    addresses.set_email_verified(alice.id, False)
    restore()
    assert users.get(alice.id).email_verified_at is None


def test_tokens_that_are_kept_are_not_those_that_all_of_an_app_ended_with(backup: Any) -> None:
    app = protocol.register()
    restore = backup()
    endings.revoke_tokens(None, app.id)
    ended = stored(Client, app.id)
    restore(keep_tokens=True)
    row = stored(Client, app.id)
    assert (row.tokens_not_before, row.tokens_epoch) == (ended.tokens_not_before, ended.tokens_epoch)


def test_a_restore_into_another_installation_takes_nothing(app: Flask, alice: Person) -> None:
    """Names of levels are the same everywhere: those of a new one say nothing about what was taken here."""
    before = permissions.get("full_access").scopes
    known = recovery.Known([], {"signing_keys": {"of another": ()}, "permission_levels": {"full_access": ([],)}})
    with database.transaction() as session:
        assert lessened.take(session, known.reach) == {"passwords": 0, "stopped": 0, "lessened": 0}
    assert permissions.get("full_access").scopes == before


# What decides nothing about authority, or what a restore is for.
NOT_AUTHORITY = {
    "users": "id email email_key username chosen_name given_name family_name standard_claims created_at"
    " person_updated_at last_login_at",
    "api_keys": "id digest hint name note owner_id created_at rotated_to reminded_days last_used_at last_used_ip",
    "clients": "id name kind application_type public auth_signing_alg subject_type sector_identifier_uri"
    " backchannel_logout_uri backchannel_logout_session_required frontchannel_logout_uri"
    " frontchannel_logout_session_required response_modes optional_scopes required_scopes access_token_format"
    " access_token_ttl id_token_alg userinfo_alg introspection_alg default_max_age require_auth_time"
    " default_acr_values id_token_claims request_object_alg shared_until former_owner_id homepage initiate_login_uri"
    " description logo_uri logo_digest policy_uri tos_uri contacts software_id software_version metadata_extra"
    " self_registered registered_with first_used_at document_url document_fetched_at document_fresh_until created_at"
    " updated_at version",
    "client_secrets": "id client_id digest hint created_at created_by reminded_days last_used_at last_used_ip",
    "consents": "id user_id client_id granted_at updated_at",
    "registration_tokens": "id digest hint created_by created_at",
    "resources": "identifier name access_token_format access_token_typ access_token_alg access_token_ttl created_at",
    "scopes": "name title cannot level resource optional builtin position",
    "permission_levels": "name title position",
    "webhook_endpoints": "id owner_id name headers_sealed signature_header secret_sealed secret_made_at"
    " old_secret_sealed old_secret_ends_at draft created_at updated_at failing_since failures warned_at held_until"
    " probe_at last_attempt_at last_ms leased_until leased_by",
    "route_tables": "name updated_at",
}
ENDED_WHOLLY = "access_tokens authorization_codes authorization_requests client_transfers device_authorizations grants"
ENDED_WHOLLY += " logout_notices one_time_links refresh_tokens sessions signing_keys"
NO_AUTHORITY = "attempt_counters audit_checkpoints audit_events audit_head cache_changes cache_versions client_logos"
NO_AUTHORITY += (
    " demo_workflows fetched_jwks form_nonces idempotency_keys kept_forms known_devices last_runs machine_clocks mails"
)
NO_AUTHORITY += " pairwise_subjects refusals usage_counts usage_totals used_jtis webhook_attempts webhook_deliveries"
NO_AUTHORITY += " webhook_events write_probes"


def test_every_table_and_column_has_a_rule_or_is_no_authority() -> None:
    united = {each.__tablename__ for each in lessened.UNITED}
    ruled = {each.__tablename__ for each in lessened.RULES}
    assert ruled | united | {*ENDED_WHOLLY.split(), *NO_AUTHORITY.split()} == set(Base.metadata.tables)
    for model, rules in lessened.RULES.items():
        ended = {column.key for each, _, column in recovery.ENDED if each is model}
        known = {*rules, *ended, *NOT_AUTHORITY[model.__tablename__].split()}
        assert known == {column.key for column in inspect(model).column_attrs}, model
