"""A demo with everything in it: apps, keys, consents, mails and people in every state that a page can show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from tests.browser.demo import ADMIN, ALICE, Demo
from tests.support.third_party import App

HOME = "https://notes.example.com"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
IDENTITY = ["openid", "profile", "email", "offline_access"]
SCOPES = [*IDENTITY, "workflows:read", "workflows:write"]


@dataclass
class Stage:
    """What is on it, by the names that the paths of screens use."""

    demo: Demo
    newcomer: str
    app: str
    native: str
    television: str
    machine: str
    disabled: str
    rotating: str
    old_secret: str
    key: str
    rotated: str
    revoked: str
    spare: str
    gone_user: str
    deleted_user: str
    owner: str
    user: str
    invited: str
    kid: str
    table: str
    hook: str
    delivery: str
    off_hook: str
    authorize: str
    authorize_native: str
    authorize_bare: str
    authorize_forum: str
    authorize_bad: str
    welcome: str
    reset: str
    unprotected: str
    misled: str

    def path(self, template: str) -> str:
        """A screen's path with the ids of this stage."""
        return template.format(**self.__dict__)


def build(demo: Demo) -> Stage:
    """Everything through the product's own forms."""
    alice, admin = demo.browser(ALICE), demo.browser(ADMIN)
    acme = demo.app(ALICE, "Acme Notes", homepage=HOME, description="Notes that find themselves.", scopes=SCOPES,
                    **{"redirect_uris-0": HOME + "/callback"})  # fmt: skip
    alice.fill(f"/apps/{acme.client_id}/scopes", optional_scopes=["workflows:write"])
    alice.fill(f"/apps/{acme.client_id}/edit", backchannel_logout_uri=HOME + "/signed-out",
               **{"post_logout_redirect_uris-0": HOME + "/goodbye"})  # fmt: skip
    forum = demo.app(ALICE, "Forum", scopes=IDENTITY, **{"redirect_uris-0": HOME + "/forum"})
    alice.fill(f"/apps/{forum.client_id}/edit", frontchannel_logout_uri=HOME + "/forum/signed-out")
    native = demo.app(ALICE, "Terminal", "native", scopes=SCOPES, **{"redirect_uris-0": "http://127.0.0.1/callback"})
    television = demo.app(ALICE, "Television", "native", scopes=SCOPES, grant_types=[DEVICE])
    machine = demo.app(ALICE, "Nightly report", "machine", scopes=["workflows:read"])
    stopped = demo.app(ALICE, "Old importer", "machine", scopes=["workflows:read"])
    alice.fill(f"/apps/{stopped.client_id}/disable")
    rotating = demo.app(ALICE, "Billing bridge", "machine", scopes=["workflows:read"])
    rotating.client_credentials()
    alice.fill(f"/apps/{rotating.client_id}/secrets/rotate", overlap="24h")
    keys = [demo.key(ALICE, name, permission=level, expires=ends) for name, level, ends in (
        ("CI deploys", "read_write", "7d"), ("Warehouse sync", "read_only", "90d"), ("Laptop", "read_only", "30d"),
        ("Staging", "read_only", "1y"))]  # fmt: skip
    alice.fill(f"/settings/api-keys/{keys[1]}/rotate", overlap="24h")
    alice.fill(f"/settings/api-keys/{keys[2]}/revoke")
    newcomer, bob, gone = demo.person("Nora New"), demo.person("Bob Stone"), demo.person("Gus Gone")
    acme.scope = "openid email workflows:read"
    acme.tokens(demo.browser(bob))
    web = App(
        demo.issuer, acme.wire, "demo-web-app", demo.card["demo-web-app"], redirect_uri="http://localhost:9000/callback"
    )
    for app in (acme, web):
        app.scope = "openid profile email workflows:read"
        app.tokens(alice)
    elsewhere = demo.visitor()
    elsewhere.sign_in(ALICE, demo.passwords[ALICE])
    acme.tokens(elsewhere)
    elsewhere.fill("/logout")
    native.scope = "openid offline_access workflows:read"
    native.tokens(alice)
    alice.fill(f"/connected-apps/{native.client_id}/revoke")
    deleted = demo.person("Dora Deleted")
    users = {email: _user(demo, email) for email in (ALICE, bob, gone, deleted)}
    admin.fill(f"/admin/users/{users[gone]}/disable")
    admin.fill(f"/admin/users/{users[deleted]}/delete", confirm_name=deleted)
    admin.fill("/admin/gateway-routes/new", name="reports", rules="GET /reports/** analytics:read")
    hooks = admin.open("/webhooks").links
    hook = _first(hooks, r"/webhooks/(wh_\w+)$")
    alice.fill("/webhooks/new", name="Billing", url="http://127.0.0.1:9/hooks", which="all", action="save")
    off_hook = _first(alice.open("/webhooks").links, r"/webhooks/(wh_\w+)$")
    invited = demo.welcome_link("ivy.invited@demo.test", "Ivy Invited")
    demo.visitor().fill("/password/reset", email=bob)
    mail = demo.visitor().open("/demo/mail?view=text")
    asking = {"scope": " ".join(SCOPES)}
    # Refused from her own browser: without PKCE, and from a place that only one software has.
    proxy = demo.app(ALICE, "Wiki", scopes=IDENTITY, **{"redirect_uris-0": "https://wiki.example.com/oauth2/callback"})
    unprotected = alice.get(proxy.ask(code_challenge=None, code_challenge_method=None, nonce=None).url)
    misled = alice.get(acme.ask(redirect_uri=HOME + "/callbak").url)
    return Stage(
        demo=demo,
        newcomer=newcomer,
        app=acme.client_id,
        native=native.client_id,
        television=television.client_id,
        machine=machine.client_id,
        disabled=stopped.client_id,
        rotating=rotating.client_id,
        old_secret=_first(alice.open(f"/apps/{rotating.client_id}/credentials").links, r"/secrets/(\w+)/revoke$"),
        key=keys[0],
        rotated=keys[1],
        revoked=keys[2],
        spare=keys[3],
        user=users[bob],
        gone_user=users[gone],
        deleted_user=users[deleted],
        owner=users[ALICE],
        invited=_user(demo, "ivy.invited@demo.test"),
        table="reports",
        hook=hook,
        delivery=_first(admin.open(f"/webhooks/{hook}/deliveries").links, r"/deliveries/(whd_\w+)$"),
        off_hook=off_hook,
        kid=_first(admin.open("/admin/signing-keys").links, r"/signing-keys/([^/]+)/retire$"),
        authorize=acme.ask(**asking).url,
        authorize_native=native.ask(**asking).url,
        authorize_bare=acme.ask(scope=None).url,
        authorize_forum=forum.ask(scope="openid").url,
        authorize_bad=acme.ask(redirect_uri="https://evil.example/callback").url,
        welcome=urlsplit(invited).path,
        unprotected=unprotected.header("X-Request-Id"),
        misled=misled.header("X-Request-Id"),
        reset=_first(mail.links, r"(/password/reset/.+)"),
    )


def _user(demo: Demo, email: str) -> str:
    found = demo.browser(ADMIN).open("/admin/users?q=" + quote(email))
    return _first(found.links, r"/admin/users/(usr\w+)$")


def _first(links: list[str], pattern: str) -> str:
    """The group of the first link that fits."""
    found = [match[1] for each in links if (match := re.search(pattern, each))]
    assert found, (pattern, links)
    return found[0]
