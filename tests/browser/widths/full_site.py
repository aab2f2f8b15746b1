"""A full installation in this process, served to a real browser; its pages come from the map of addresses."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.serving import make_server

from authserver import database
from authserver.domain.clients import transfers
from authserver.domain.demo import full, long_texts, seeding
from authserver.domain.ground import mails, one_time_links
from authserver.domain.people import links, users
from authserver.models import Client, ClientSecret, SigningKey, User, WebhookDelivery, WebhookEndpoint
from tests.support import served, standing
from tests.support.browsing import Browser, OverHttp
from tests.support.standing import Standing

PASSWORDS = seeding.FIXED_PASSWORDS
# Nothing that a person would see.
FILES = ("static", "kept_form.show", "logos.show", "icons.svg", "icons.ico", "icons.touch")
WHO = (seeding.ADMIN, seeding.ALICE, "")


@dataclass
class FullSite:
    """The running server and, by name, what stands for the variables of its addresses."""

    standing: Standing
    issuer: str
    values: dict[str, Any] = field(default_factory=dict)
    _cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def cookies(self, email: str) -> dict[str, str]:
        """Those of this person's sign-in; none for a stranger."""
        if email and email not in self._cookies:
            browser = Browser(self.issuer, OverHttp())
            browser.sign_in(email, PASSWORDS[email])
            self._cookies[email] = browser.wire.cookies()
        return dict(self._cookies.get(email, {}))

    def pages(self) -> dict[str, str]:
        """Every address that a person can open, by endpoint, with ids of the installation in it."""
        rules = [each for each in self.standing.app.url_map.iter_rules() if "GET" in (each.methods or ())]
        mine = [each for each in rules if each.endpoint not in FILES and not each.endpoint.startswith("machine:")]
        return {name: path for each in mine for name, path in self._addresses(each)}

    def _addresses(self, rule: Rule) -> Iterator[tuple[str, str]]:
        given = self.values.get(rule.endpoint, {})
        known = {name: given.get(name, self.values.get(name)) for name in rule.arguments}
        missing = sorted(name for name, value in known.items() if value is None)
        assert not missing, f"{rule.rule}: say in tests/browser/widths/full_site.py what stands for {missing}"
        built = rule.build(known, append_unknown=False)
        assert built is not None
        for queries in given.get("?", ({},)):
            name = " ".join((rule.endpoint, *queries.values())) if len(given.get("?", "")) > 1 else rule.endpoint
            yield name, built[1] + ("?" + urlencode(queries) if queries else "")


@contextlib.contextmanager
def running() -> Iterator[FullSite]:
    """The server on a free port of this machine."""
    port = served.free_port()
    issuer = f"http://localhost:{port}"
    with standing.standing("sqlite", demo=True, issuer=issuer, signup="on", outbound_allow=("localhost",)) as made:
        seeding.seed({}, fixed=True, keep=lambda _card: None)
        full.fill()
        server = make_server("127.0.0.1", port, made.app, threaded=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield FullSite(made, issuer, _values())
        finally:
            server.shutdown()
            server.server_close()


def _values() -> dict[str, Any]:
    alice = users.find_by_email(seeding.ALICE)
    assert alice is not None
    with database.reading() as session:
        app = session.get_one(Client, "cl_Full0000000000000000")
        secret = session.scalars(select(ClientSecret.id).where(ClientSecret.client_id == app.id)).first()
        hook = session.get_one(WebhookEndpoint, "wh_Full0000000000000000")
        delivery = session.scalars(select(WebhookDelivery.id).where(
            WebhookDelivery.endpoint_id == hook.id, WebhookDelivery.state == "failed")).first()  # fmt: skip
        kid = session.scalars(select(SigningKey.kid)).first()
    links.request_reset(seeding.ALICE)
    asking = {
        "response_type": "code", "client_id": app.id, "redirect_uri": app.redirect_uris[0], "state": "s", "nonce": "n",
        "scope": " ".join(name for name, _ in long_texts.SCOPES), "code_challenge": "A" * 43,
        "code_challenge_method": "S256", "prompt": "consent",
    }  # fmt: skip
    scope = long_texts.SCOPES[0][0]
    api = {"identifier": full._API}
    person = full._person(3)
    return {
        "client_id": app.id,
        "secret_id": secret,
        "webhook_id": hook.id,
        "delivery_id": delivery,
        "kid": kid,
        "user_id": person,
        "key_id": full._key(9),
        "request_id": "reqFull0000000000000000",
        "ending": "csv",
        "mail_id": mails.recent()[0].id,
        "authorization.begin": {"?": (asking,)},
        "admin_gateway_routes.edit": {"name": "every-department"},
        "admin_gateway_routes.ask_delete": {"name": "every-department"},
        "admin_permissions.edit": {"name": "full_access"},
        "admin_scopes.edit": {"name": scope},
        "admin_scopes.ask_delete": {"name": scope},
        "admin_resources.edit": {"?": (api,)},
        "admin_resources.ask_delete": {"?": (api,)},
        "apps_registering.new": {"?": ({}, {"kind": "web"}, {"kind": "machine"}, {"kind": "resource_server"})},
        "api_keys.index": {"?": ({}, {"whose": "all"})},
        "webhooks.index": {"?": ({}, {"whose": "all"})},
        "apps_transfer.show": {"client_id": transfers.waiting(alice.id)[0].client.id},
        "password_reset.choose": {"token": _link(alice, "reset")},
        "this_was_not_me.show": {"token": _link(alice, "not_me")},
        "welcome.show": {"token": _link(users.get(person), "welcome")},
    }


def _link(user: User, purpose: str) -> str:
    """The token of a fresh one-time link."""
    with database.transaction() as session:
        return one_time_links.make(session, session.merge(user), purpose).rpartition("/")[2]
