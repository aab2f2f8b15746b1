"""Makers of authority are found by what they write, and a restricted credential gets nothing from them (11.37)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, select

from authserver import api, database
from authserver.domain.access import resources
from authserver.domain.people import departures, users
from authserver.domain.webhooks import endpoints as webhook_endpoints
from authserver.domain.webhooks.wishes import Wish
from authserver.edge import restricted
from authserver.lib import secrets
from authserver.models import SignInSession
from authserver.tables import Base
from tests.api.conftest import Caller, key_of
from tests.conftest import Person
from tests.support import protocol

# Tables whose new rows are authority, or whose named columns say how far one reaches. A table in neither line fails.
AUTHORITY: dict[str, frozenset[str]] = {
    "users": frozenset({"role", "disabled_at", "deleted_at", "password_hash", "email"}),
    "one_time_links": frozenset(),
    "clients": frozenset(
        {"scopes", "default_scopes", "redirect_uris", "jwks", "jwks_uri", "grant_types", "resources", "skip_consent",
         "introspect_all", "resource_server_for", "token_endpoint_auth_method", "owner_id", "disabled_at", "rate_limit",
         "access_token_ttl", "require_pkce", "registration_digest"}
    ),
    "client_secrets": frozenset(),
    "registration_tokens": frozenset({"uses", "expires_at"}),
    "api_keys": frozenset({"permission", "expires_at", "allowed_networks", "rate_limit"}),
    "client_transfers": frozenset(),
    "webhook_endpoints": frozenset({"url", "everybody", "secret_sealed", "events"}),
    "consents": frozenset({"granted"}),
    "grants": frozenset({"scopes"}),
    "access_tokens": frozenset(),
    "device_authorizations": frozenset(),
    "refresh_tokens": frozenset(),
    "authorization_codes": frozenset(),
    "sessions": frozenset({"auth_time"}),
    "permission_levels": frozenset({"scopes"}),
    "scopes": frozenset({"admin_only", "self_service"}),
    "resources": frozenset({"owner_id", "open", "open_rate_limit", "access_token_ttl", "max_age", "acr_values"}),
    "route_tables": frozenset({"rules"}),
}  # fmt: skip
RECORDS = {
    "attempt_counters", "audit_checkpoints", "audit_events", "audit_head", "authorization_requests", "blocked_apps",
    "cache_changes", "client_logos",
    "cache_versions", "demo_workflows", "fetched_jwks", "form_nonces", "idempotency_keys", "kept_forms",
    "known_devices", "last_runs", "machine_clocks",
    "logout_notices", "mails", "pairwise_subjects", "refusals", "revoked_tokens", "signing_keys", "usage_counts",
    "usage_totals", "used_jtis", "used_usernames",
    "webhook_attempts", "webhook_deliveries",
    "webhook_events", "write_probes",
}  # fmt: skip
NEW_CLIENT = {"client_name": "Made", "redirect_uris": ["https://made.example.test/cb"], "scope": "openid"}
HOOK = {"name": "Hook", "url": "https://hooks.example.test/in", "everybody": True}
# Operation → bodies that it understands: each is sent by a key without and by one with a restriction.
BODIES: dict[str, list[Any]] = {
    "POST /v1/api-keys": [{"name": "Made", "permission": "read_only"}],
    "PATCH /v1/api-keys/{id}": [{"name": "Renamed"}, {"rate_limit": "5/hour"}],
    "POST /v1/api-keys/{id}/rotate": [{}],
    "POST /v1/clients": [NEW_CLIENT],
    "PATCH /v1/clients/{id}": [
        {"client_name": "Renamed"}, {"redirect_uris": ["https://other.example.test/cb"]}, {"scope": "openid email"},
        {"skip_consent": True}, {"introspect_all": True}, {"rate_limit": "9/hour"}, {"disabled": False},
        {"access_token_ttl": 900},
    ],
    "POST /v1/clients/{id}/secrets": [{"force": True}],
    "POST /v1/clients/{id}/transfer": [{"owner": "alice@example.test"}],
    "POST /v1/webhooks": [HOOK],
    "PATCH /v1/webhooks/{id}": [{"url": "https://hooks.example.test/other"}, {"name": "Renamed"}],
    "POST /v1/webhooks/{id}/secret": [{}],
    "POST /v1/users": [{"email": "made@example.test"}],
    "PATCH /v1/users/{id}": [{"name": "Renamed"}, {"role": "admin"}, {"disabled": False}],
    "POST /v1/signing-keys": [{"algs": []}],
    "POST /v1/registration-tokens": [{}],
    "POST /v1/resources": [{"identifier": "https://new.example.test/mcp", "name": "New", "scope": "made:here"}],
    "PATCH /v1/resources/{id}": [{"open": True}, {"access_token_ttl": 600}, {"name": "Renamed"}, {"scope": "a:read"}],
}  # fmt: skip
RESTRICTIONS: dict[str, dict[str, Any]] = {
    "networks": {"allowed_networks": ("127.0.0.0/8",)},
    "limit": {"rate_limit": "999/hour"},
    "life": {"expires_in": 86_400},
}


@contextmanager
def writes() -> Iterator[set[str]]:
    """The authority that is written in the block: `table` for a new row, `table.column` for a changed one."""
    seen: set[str] = set()

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        words = statement.replace('"', "").split()
        table = words[2] if words[0] == "INSERT" else words[1] if words[0] == "UPDATE" else ""
        if words[0] == "INSERT" and table in AUTHORITY:
            seen.add(table)
        for column in AUTHORITY.get(table, ()) if words[0] == "UPDATE" else ():
            if f"{column}=" in statement.partition("WHERE")[0]:
                seen.add(f"{table}.{column}")

    event.listen(database.engine(), "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine(), "before_cursor_execute", note)


class Things:
    """Something of Ada's for the variables of each path, as it was before."""

    def __init__(self, ada: Person, alice: Person) -> None:
        self.ada, self.alice = ada, alice

    def path(self, path: str) -> str:
        noun = path.split("/")[2]
        if "{" not in path:
            return path
        if path == "/v1/users/{id}/restore":
            return path.replace("{id}", self._deleted())
        made = {
            "api-keys": self._key, "clients": self._client, "webhooks": self._webhook, "users": self._user,
            "sessions": self._session, "resources": self._resource,
        }.get(noun, lambda: "none")()  # fmt: skip
        for name in ("{id}", "{kid}"):
            path = path.replace(name, made)
        return path.replace("{secret_id}", "none").replace("{delivery_id}", "none")

    def _key(self) -> str:
        from authserver.domain.api_keys import keys as api_keys

        return api_keys.create(self.ada.user, api_keys.Wish("Old", "read_only", expires_in=3600))[0].id

    def _client(self) -> str:
        return protocol.register(owner_id=self.ada.id, scopes=["openid", "email"], disabled_at=1).id

    def _webhook(self) -> str:
        return webhook_endpoints.create(self.ada.user, Wish("Hook", "https://hooks.example.test/in"))[0].id

    def _user(self) -> str:
        made = users.create(f"bob{len(users.page()[0])}@example.test")
        users.disable(made.id)
        return made.id

    def _deleted(self) -> str:
        made = users.create(f"{secrets.random_id('gone').lower()}@example.test")
        return departures.delete(made.id).id

    def _resource(self) -> str:
        identifier = f"https://{secrets.random_id('api').lower()}.example.test"
        return resources.id_of(resources.create(identifier, "An API").identifier)

    def _session(self) -> str:
        with database.reading() as session:
            return session.scalar(select(SignInSession.id)) or "none"


@pytest.fixture
def things(ada: Person, alice: Person) -> Things:
    return Things(ada, alice)


def test_every_table_is_authority_or_a_record() -> None:
    assert set(Base.metadata.tables) == set(AUTHORITY) | RECORDS
    assert not set(AUTHORITY) & RECORDS


def test_whatever_writes_authority_is_marked_and_the_marked_refuse_a_restricted_key(
    call: Caller, things: Things, ada: Person
) -> None:
    wrong: list[str] = []
    whole, bound = key_of(ada, expires_in=None), {name: key_of(ada, **each) for name, each in RESTRICTIONS.items()}
    assert {f"{route.method} {route.path}" for route in api.ROUTES if route.body} <= {*BODIES, *READERS}
    for route in (each for each in api.ROUTES if each.method not in ("GET",)):
        name, mark = f"{route.method} {route.path}", restricted.authority_of(route.handler)
        for body in BODIES.get(name, [None]):
            with writes() as written:
                path = things.path(route.path)
                written.clear()
                answer = call(route.method, path, whole, body)
            assert answer.status < 500, (name, answer.json)
            made = sorted(each for each in written if not (route.method == "DELETE" and "." in each))
            if name in BODIES and answer.status >= 400:
                wrong.append(f"{name} {body}: {answer.json}")
            if made and not mark:
                wrong.append(f"{name} {body} writes {made} and has no mark")
            if mark != "none while restricted" or not made:
                continue
            for restriction, key in bound.items():
                with writes() as written:
                    path = things.path(route.path)
                    written.clear()
                    refused = call(route.method, path, key, body)
                if refused.status != 403 or "restriction" not in str(refused.json) or written:
                    wrong.append(f"{name} {body} by a key with {restriction}: {refused.status}, {sorted(written)}")
    assert not wrong, "\n".join(wrong)


READERS = {
    "POST /v1/clients/{id}/transfer/accept",
    "POST /v1/webhooks/{id}/verify",
    "POST /v1/webhooks/{id}/replay",
    "POST /v1/leaks",
}
