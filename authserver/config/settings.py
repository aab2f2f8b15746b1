"""Settings: one frozen dataclass; the sentence under a field is its documentation."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from authserver.lib import latin

SECRETS = frozenset(
    {
        "secret_key",
        "secret_key_fallbacks",
        "kek",
        "kek_fallbacks",
        "database_url",
        "migrate_database_url",
        "redis_url",
        "smtp_url",
    }
)
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can choose. Times are seconds; `30d`, `12h`, `15m` are understood."""

    issuer: str = "http://localhost:8000"
    """The one name of this server: no trailing slash, https unless loopback, never taken from a request."""
    database_url: str = ""
    """`sqlite:///…` or `postgresql+psycopg://…`; empty means a SQLite file in `data_dir`."""
    migrate_database_url: str = ""
    """The database as the schema's owner, for `authserver migrate`; then `serve` needs a role that reads and writes."""
    redis_url: str = ""
    """Valkey or Redis for rate-limit counters shared by several nodes; nothing else depends on it."""
    data_dir: str = "var"
    """Folder of the SQLite file and of whatever else is kept on this machine."""
    secret_key: str = ""
    """At least 32 characters; keys for cookies, forms, links and sealing are derived from it."""
    secret_key_fallbacks: tuple[str, ...] = ()
    """Earlier secret keys, comma separated: they still verify and open, and nothing new is made with them."""
    kek: str = ""
    """The key that seals signing keys and other secrets at rest; derived from `secret_key` when empty."""
    kek_fallbacks: tuple[str, ...] = ()
    """Earlier sealing keys, comma separated, until `authserver rewrap` has run."""
    brand: str = "Kaie"
    """The name on pages and mails; its slug starts every new credential."""
    accent: str = ""
    """A CSS colour for the accent (`#0d5f52`); empty keeps the built-in pine."""
    access_token_ttl: int = 3600
    """Life of an access token."""
    refresh_token_idle_ttl: int = 30 * DAY
    """A refresh token that is not used for this long is dead."""
    refresh_token_max_ttl: int = 90 * DAY
    """The end of a refresh family, however often it is used."""
    introspection_cache: int = 0
    """Milliseconds for which a worker may repeat an answer of introspection or the gateway to the same caller; at most
    1000. What this worker records ends its answers at once, what others record within that time."""
    refresh_grace: int = 10
    """How long the same spent refresh token yields the same successor; 0 is strict."""
    authorization_code_ttl: int = 60
    """Life of an authorization code."""
    require_pkce: str = "auto"
    """PKCE for public clients, and for others unless a `nonce` protects (`auto`), for `all`, or for `public` ones."""
    registration: str = "token"
    """Dynamic registration of apps: `off`, `token` (with an initial access token) or `open`, for everybody."""
    registration_scopes: tuple[str, ...] = ("openid", "profile", "email", "phone", "address", "offline_access")
    """Scopes that apps which register themselves may have, beside those of APIs that are open to them; no others."""
    cimd: str = "on"
    """Apps whose client_id is the URL of a document that describes them: `on` or `off`."""
    developers: str = "everybody"
    """Who may register apps, make API keys and webhooks: `everybody`, `developers` (the role and above) or `admins`."""
    device: str = "on"
    """Signing in on a device by a code that is typed elsewhere (RFC 8628): `on` or `off`."""
    logout_channels: str = "on"
    """Whether apps are told when a sign-in ends (OpenID back-channel logout): `on` or `off`."""
    signup: str = "off"
    """Self-service accounts: `on` (needs mail) or `off`."""
    outbound_allow: tuple[str, ...] = ()
    """Networks, hosts or `host:port`s that server-side fetches may reach although they are private."""
    outbound_ca: str = ""
    """CA bundle for server-side fetches; empty means the system's."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks whose `X-Forwarded-*` headers are believed."""
    trust_any_proxy: str = "no"
    """`yes` allows `trusted_proxies` that mean everybody (`0.0.0.0/0`): whoever reaches the port names any address."""
    connections_per_address: int = 256
    """Unfinished requests of one address in each worker; 0 is no limit. Trusted proxies have none."""
    rate_limit_api_key: str = "1000/hour"
    """Limit of each API key."""
    rate_limit_oauth: str = "1000/hour"
    """Limit of each client and subject with access tokens."""
    api_max_age: int = 0
    """Seconds since a person signed in whose token makes or changes something through `/v1`; 0 asks for none."""
    rate_limit_jwt: str = "1000/hour"
    """Limit of each client with server-to-server JWTs."""
    rate_limit_token: str = "1000/minute"
    """Limit of token requests: of each client for itself, of each grant, of a public client's address; or `off`."""
    rate_limit_webhook: str = "100/minute"
    """Limit of deliveries to each webhook endpoint."""
    login_failures_per_account: int = 10
    """Failed sign-ins from unknown devices for one account within 15 minutes."""
    login_failures_per_address: int = 50
    """Failed sign-ins from one address within 15 minutes."""
    authorization_requests_per_address: int = 600
    """Authorization requests from one address within 10 minutes; each person who is signed in has their own."""
    playground: str = ""
    """`on` or `off`; empty means on in the demo alone."""
    session_idle_ttl: int = 30 * 60
    """A session without activity ends after this long."""
    session_max_ttl: int = 12 * 3600
    """A session ends after this long whatever happens."""
    security_contact: str = ""
    """Whom to tell of a weakness, for /.well-known/security.txt: `mailto:…` or `https://…`; empty: no such file."""
    smtp_url: str = ""
    """`smtp://user:password@host:587` (STARTTLS) or `smtps://…:465`; without it no mail leaves."""
    mail_from: str = ""
    """Sender of mails."""
    metrics_bind: str = "127.0.0.1:9464"
    """Where `/metrics` answers; `off` switches it off."""
    host: str = "127.0.0.1"
    """Address that `serve` binds."""
    port: int = 8000
    """Port that `serve` binds."""
    workers: int = 1
    """Worker processes of `serve`."""
    threads: int = 4
    """Blocking threads in each worker."""
    db_pool_size: int = 5
    """Connections each worker keeps to PostgreSQL; under load it opens twice as many, or one for every thread."""
    db_pooler: str = "auto"
    """Whether PgBouncer or its like hands connections on after each transaction: `yes`, `no`, `auto` finds out."""
    db_synchronous: str = "FULL"
    """SQLite's `synchronous`: `FULL`, or `NORMAL` for speed at the price of the last writes in a power cut."""
    backup_dir: str = ""
    """Where `worker` puts backups, each verified; empty means that somebody else makes them."""
    backup_every: int = 86_400
    """How long after the last backup, by whatever means, `worker` makes the next."""
    backup_keep: int = 14
    """How many of its backups `worker` keeps; older ones go once a newer one is verified."""
    log_level: str = "INFO"
    """`DEBUG`, `INFO`, `WARNING` or `ERROR`."""
    log_format: str = "auto"
    """`json`, `console`, or `auto`: console when stderr is a terminal."""
    opentelemetry: str = "off"
    """`on` sends a span for each request, and the figures, to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names;
    needs the packages of the extra `otel`."""
    lane: str = "on"
    """`off` serves every request through Flask, for comparison and for debugging."""
    plaintext_backends: str = "no"
    """`yes` lets an https issuer talk to a database or Redis on another host without verified TLS."""
    demo: bool = False
    """Set by the `demo` command alone."""

    @property
    def slug(self) -> str:
        """Start of new credentials: the brand in lower-case ASCII letters and digits, `Südwind` as `suedwind`."""
        return re.sub(r"[^a-z0-9]", "", latin.plain(self.brand.lower())) or "auth"

    @property
    def https(self) -> bool:
        """Whether the issuer is https: then cookies are Secure and `__Host-`."""
        return self.issuer.startswith("https://")

    @property
    def loopback(self) -> bool:
        """Whether the issuer's host is this machine."""
        return is_loopback(urlsplit(self.issuer).hostname or "")

    @property
    def host_name(self) -> str:
        """The issuer's host and port, as a Host header gives them."""
        return urlsplit(self.issuer).netloc

    @property
    def has_playground(self) -> bool:
        """Whether /playground is there."""
        return self.playground == "on" or (self.demo and not self.playground)

    @property
    def has_devices(self) -> bool:
        """Whether devices sign people in by a code (RFC 8628)."""
        return self.device == "on"

    @property
    def has_logout_channels(self) -> bool:
        """Whether apps are told of the end of a sign-in (OpenID Connect Back-Channel and Front-Channel Logout 1.0)."""
        return self.logout_channels == "on"

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL in SQLAlchemy's spelling."""
        from authserver.config import databases

        if not self.database_url:
            return f"sqlite:///{Path(self.data_dir).absolute() / 'authserver.sqlite3'}"
        return databases.spelled(self.database_url)

    @property
    def sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return not self.database_url or self.database_url.startswith("sqlite:")

    @property
    def mail(self) -> bool:
        """Whether people can be reached: by SMTP, or by the demo's mail page."""
        return bool(self.smtp_url) or self.demo


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name or address."""
    if host.lower() in LOOPBACK_HOSTS:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def documentation() -> dict[str, str]:
    """The sentence of each setting, from the source beside its field."""
    source = Path(__file__).read_text(encoding="utf-8")
    return dict(re.findall(r'^    (\w+): [^\n]+\n    """(.+?)"""', source, re.M | re.S))


def shown(settings: Settings) -> dict[str, Any]:
    """All settings with secrets masked."""
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return {
        name: "•••" if name in SECRETS and value else (list(value) if isinstance(value, tuple) else value)
        for name, value in values.items()
    }


FIELDS = {field.name: field for field in dataclasses.fields(Settings)}
