"""Settings: one frozen dataclass; the sentence under a field is its documentation."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import importlib.util
import ipaddress
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from authserver.errors import BadSettings
from authserver.lib import outbound

PREFIX = "AUTHSERVER_"
DEFAULT_FILE = "authserver.toml"
SECRETS = frozenset(
    {"secret_key", "secret_key_fallbacks", "kek", "kek_fallbacks", "database_url", "redis_url", "smtp_url"}
)
# Names that other platforms set for every program; ours win over them.
PLAIN_NAMES = {
    "DATABASE_URL": "database_url",
    "REDIS_URL": "redis_url",
    "PORT": "port",
    "WEB_CONCURRENCY": "workers",
}
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can choose. Times are seconds; `30d`, `12h`, `15m` are understood."""

    issuer: str = "http://localhost:8000"
    """The one name of this server: no trailing slash, https unless loopback, never taken from a request."""
    database_url: str = ""
    """`sqlite:///…` or `postgresql+psycopg://…`; empty means a SQLite file in `data_dir`."""
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
    refresh_grace: int = 10
    """How long the same spent refresh token yields the same successor; 0 is strict."""
    authorization_code_ttl: int = 60
    """Life of an authorization code."""
    require_pkce: str = "auto"
    """PKCE for public clients, and for others unless a `nonce` protects (`auto`), for `all`, or for `public` ones."""
    registration: str = "token"
    """Dynamic registration: `off`, `token` (with an initial access token) or `open`."""
    cimd: str = "on"
    """Client id metadata documents: `on` or `off`."""
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
    """Connections each worker keeps to PostgreSQL; as many again are opened under load."""
    db_synchronous: str = "FULL"
    """SQLite's `synchronous`: `FULL`, or `NORMAL` for speed at the price of the last writes in a power cut."""
    log_level: str = "INFO"
    """`DEBUG`, `INFO`, `WARNING` or `ERROR`."""
    log_format: str = "auto"
    """`json`, `console`, or `auto`: console when stderr is a terminal."""
    lane: str = "on"
    """`off` serves every request through Flask, for comparison and for debugging."""
    demo: bool = False
    """Set by the `demo` command alone."""

    @property
    def slug(self) -> str:
        """Start of new credentials: lower-case ASCII letters and digits of the brand."""
        return re.sub(r"[^a-z0-9]", "", self.brand.lower()) or "auth"

    @property
    def https(self) -> bool:
        """Whether the issuer is https: then cookies are Secure and `__Host-`."""
        return self.issuer.startswith("https://")

    @property
    def loopback(self) -> bool:
        """Whether the issuer's host is this machine."""
        return (urlsplit(self.issuer).hostname or "") in LOOPBACK_HOSTS

    @property
    def host_name(self) -> str:
        """The issuer's host and port, as a Host header gives them."""
        return urlsplit(self.issuer).netloc

    @property
    def has_playground(self) -> bool:
        """Whether /playground is there."""
        return self.playground == "on" or (self.demo and not self.playground)

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL in SQLAlchemy's spelling."""
        if not self.database_url:
            return f"sqlite:///{Path(self.data_dir).absolute() / 'authserver.sqlite3'}"
        for short in ("postgres://", "postgresql://"):
            if self.database_url.startswith(short):
                return "postgresql+psycopg://" + self.database_url.removeprefix(short)
        return self.database_url

    @property
    def sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return self.sqlalchemy_url.startswith("sqlite")

    @property
    def mail(self) -> bool:
        """Whether people can be reached: by SMTP, or by the demo's mail page."""
        return bool(self.smtp_url) or self.demo


_current: Settings | None = None


def current() -> Settings:
    """The settings of this process, installed at assembly."""
    if _current is None:
        raise RuntimeError("settings are not installed: create_app() or a command does it")
    return _current


def install(settings: Settings) -> None:
    """Make these the settings of the process."""
    global _current
    _current = settings


@contextlib.contextmanager
def using(settings: Settings) -> Iterator[Settings]:
    """Install settings for a block, for tests and for commands that look at another installation."""
    global _current
    before, _current = _current, settings
    try:
        yield settings
    finally:
        _current = before


def load(environ: Mapping[str, str] | None = None, file: Path | None = None, **flags: Any) -> Settings:
    """Read flags, then the environment, then `authserver.toml`, then defaults. Raises BadSettings with one line."""
    environ = os.environ if environ is None else environ
    chosen = _from_file(file, environ) | _from_environment(environ)
    chosen |= {name: (str(value), "the command line") for name, value in flags.items() if value is not None}
    values = {name: _parse(name, text, source) for name, (text, source) in chosen.items()}
    settings = Settings(**values)
    _check(settings)
    return settings


def sources(environ: Mapping[str, str] | None = None, file: Path | None = None) -> dict[str, str]:
    """Where each setting that is not a default was set, for `config show`."""
    environ = os.environ if environ is None else environ
    chosen = _from_file(file, environ) | _from_environment(environ)
    return {name: source for name, (_, source) in chosen.items()}


def exposed_secrets(environ: Mapping[str, str] | None = None, file: Path | None = None) -> dict[str, Path]:
    """Files with secrets that every account of this machine may read, by the setting (docs/decisions/0013)."""
    environ = os.environ if environ is None else environ
    files = {
        key: Path(path)
        for name, path in environ.items()
        if (key := name.removeprefix(PREFIX).removesuffix("_FILE").lower()) in SECRETS and name == _file_variable(key)
    }
    path = _file_path(file, environ)
    files |= {key: path for key in _from_file(file, environ) if key in SECRETS}
    return {key: path for key, path in files.items() if path.stat().st_mode & stat.S_IROTH}


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


def is_rate_limit(text: str) -> bool:
    """Whether this reads as a limit, such as `1000/hour`."""
    return re.fullmatch(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", text) is not None


_FIELDS = {field.name: field for field in dataclasses.fields(Settings)}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY}
_CHOICES = {
    "require_pkce": ("auto", "all", "public"),
    "registration": ("off", "token", "open"),
    "cimd": ("on", "off"),
    "signup": ("on", "off"),
    "trust_any_proxy": ("yes", "no"),
    "playground": ("", "on", "off"),
    "lane": ("on", "off"),
    "db_synchronous": ("FULL", "NORMAL"),
    "log_level": ("DEBUG", "INFO", "WARNING", "ERROR"),
    "log_format": ("auto", "json", "console"),
}
# (lowest, highest) of whole numbers: zero or less never means "no limit".
_RANGES = {
    "access_token_ttl": (1, DAY),
    "refresh_token_idle_ttl": (1, 400 * DAY),
    "refresh_token_max_ttl": (1, 400 * DAY),
    "refresh_grace": (0, 300),
    "authorization_code_ttl": (1, 600),
    "session_idle_ttl": (1, 90 * DAY),
    "session_max_ttl": (1, 90 * DAY),
    "login_failures_per_account": (1, 1_000_000),
    "login_failures_per_address": (1, 1_000_000),
    "authorization_requests_per_address": (1, 1_000_000),
    "connections_per_address": (0, 1_000_000),
    "port": (0, 65_535),
    "workers": (1, 512),
    "threads": (1, 256),
    "db_pool_size": (1, 200),
}


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    found = {field: (environ[name], name) for name, field in PLAIN_NAMES.items() if environ.get(name)}
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name == PREFIX + "CONFIG":
            continue
        key = name.removeprefix(PREFIX).lower()
        if key.endswith("_file") and key.removesuffix("_file") in _FIELDS:
            key, text = key.removesuffix("_file"), _read_secret(name, text)
            if environ.get(PREFIX + key.upper()):
                raise BadSettings(f"{name} and {PREFIX}{key.upper()}: set one of the two")
        _require_known(key, name)
        found[key] = (text, name)
    return found


def _file_variable(key: str) -> str:
    return f"{PREFIX}{key.upper()}_FILE"


def _file_path(file: Path | None, environ: Mapping[str, str]) -> Path:
    return file or Path(environ.get(PREFIX + "CONFIG") or DEFAULT_FILE)


def _from_file(file: Path | None, environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    path = _file_path(file, environ)
    if not path.exists():
        if file or environ.get(PREFIX + "CONFIG"):
            raise BadSettings(f"{path}: there is no such file")
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSettings(f"{path}: not readable as TOML ({type(error).__name__})") from None
    found = {}
    for key, value in table.items():
        _require_known(key, str(path))
        if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value)):
            raise BadSettings(f"{key} in {path}: a plain value or a list of plain values is allowed")
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        found[key] = (text, str(path))
    return found


def _read_secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise BadSettings(f"{name}: the file it names cannot be read") from None


def _require_known(key: str, source: str) -> None:
    if key in _FIELDS and key != "demo":
        return
    near = difflib.get_close_matches(key, _FIELDS, n=1)
    hint = f"; did you mean {near[0]}?" if near else "; `authserver config show` lists all"
    raise BadSettings(f"{source}: there is no setting {key[:60]!r}{hint}")


def _parse(name: str, text: str, source: str) -> Any:
    kind = str(_FIELDS[name].type)
    text = text.strip()
    if kind == "bool":
        return text.lower() in {"1", "true", "on"}
    if kind == "int":
        return _parse_number(name, text, source)
    if kind.startswith("tuple"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if name in _CHOICES:
        return _parse_choice(name, text, source)
    return text


def _parse_number(name: str, text: str, source: str) -> int:
    low, high = _RANGES[name]
    match = re.fullmatch(r"(\d{1,12}) ?([smhd]?)", text, re.A)
    number = int(match[1]) * _UNITS.get(match[2], 1) if match else -1
    if not low <= number <= high:
        raise BadSettings(f"{name} (set in {source}): a whole number from {low} to {high} is allowed")
    return number


def _parse_choice(name: str, text: str, source: str) -> str:
    for choice in _CHOICES[name]:
        if text.lower() == choice.lower():
            return choice
    allowed = ", ".join(choice for choice in _CHOICES[name] if choice)
    raise BadSettings(f"{name} (set in {source}): allowed are {allowed}")


def _check(settings: Settings) -> None:
    _check_issuer(settings)
    _check_database(settings)
    for name in ("secret_key", "kek"):
        value = getattr(settings, name)
        if value and len(value) < 32:
            raise BadSettings(f"{name}: at least 32 characters are needed")
    if any(len(old) < 32 for old in settings.secret_key_fallbacks + settings.kek_fallbacks):
        raise BadSettings("secret_key_fallbacks, kek_fallbacks: each needs at least 32 characters")
    for network in settings.trusted_proxies:
        _check_network(network)
    _check_everybody(settings)
    _check_outbound(settings)
    if settings.rate_limit_token != "off" and not is_rate_limit(settings.rate_limit_token):
        raise BadSettings(
            f"rate_limit_token: {settings.rate_limit_token!r} is neither a limit like 1000/minute nor off"
        )
    for name in ("rate_limit_api_key", "rate_limit_oauth", "rate_limit_jwt", "rate_limit_webhook"):
        if not is_rate_limit(getattr(settings, name)):
            raise BadSettings(f"{name}: a limit such as 1000/hour is allowed")
    if settings.redis_url and not re.match(r"(redis|rediss|valkey|valkeys)://[^/]", settings.redis_url):
        raise BadSettings("redis_url: a URL such as redis://127.0.0.1:6379/0 is allowed")
    if settings.redis_url and importlib.util.find_spec("redis") is None:
        raise BadSettings("redis_url: needs the extra: pip install 'authserver[redis]'")
    if settings.accent and not re.fullmatch(r"#[0-9a-fA-F]{6}", settings.accent):
        raise BadSettings("accent: a colour such as #0d5f52 is allowed")
    if not 1 <= len(settings.brand) <= 40 or not settings.brand.isprintable():
        raise BadSettings("brand: 1 to 40 printable characters are allowed")
    if settings.signup == "on" and not settings.mail:
        raise BadSettings("signup: needs smtp_url, because new addresses are proven by mail")
    if settings.security_contact and not re.fullmatch(r"(mailto:|https://)[^\s]+", settings.security_contact):
        raise BadSettings("security_contact: mailto:security@example.com or an https:// address is allowed")
    if settings.smtp_url and not re.match(r"smtps?://", settings.smtp_url):
        raise BadSettings("smtp_url: smtp://… or smtps://… is allowed")
    if settings.smtp_url and not settings.mail_from:
        raise BadSettings("mail_from: needed when smtp_url is set")


def _check_issuer(settings: Settings) -> None:
    parts = urlsplit(settings.issuer)
    try:
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    plain = parts.query == parts.fragment == "" and parts.username is None and port_is_fine
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
        raise BadSettings("issuer: a URL such as https://auth.example.com is allowed, without query or fragment")
    if settings.issuer.endswith("/"):
        raise BadSettings("issuer: no trailing slash is allowed; clients compare it byte by byte")
    if parts.scheme == "http" and not settings.loopback:
        raise BadSettings("issuer: https is needed unless the host is localhost, 127.0.0.1 or [::1]")


def _check_database(settings: Settings) -> None:
    if not re.match(r"(sqlite|postgresql\+psycopg)://", settings.sqlalchemy_url):
        raise BadSettings("database_url: sqlite:///… or postgresql+psycopg://… is allowed")
    if not settings.loopback and "sslmode=disable" in settings.database_url:
        raise BadSettings("database_url: sslmode=disable is not allowed beyond this machine")


def _check_outbound(settings: Settings) -> None:
    try:
        outbound.parse_allowed(settings.outbound_allow)
    except ValueError as error:
        raise BadSettings(f"outbound_allow: {error}") from None
    if settings.outbound_ca and not Path(settings.outbound_ca).is_file():
        raise BadSettings("outbound_ca: there is no such file")


def _check_everybody(settings: Settings) -> None:
    """Networks that together are all addresses, however they are written."""
    networks = [ipaddress.ip_network(text) for text in settings.trusted_proxies]
    for version in (4, 6):
        whole = ipaddress.collapse_addresses([each for each in networks if each.version == version])  # type: ignore[type-var]  # of one version
        if any(each.prefixlen == 0 for each in whole) and settings.trust_any_proxy != "yes":
            raise BadSettings(
                "trusted_proxies: these are all addresses, so anybody could name any address as theirs; "
                "name your proxy's, or set AUTHSERVER_TRUST_ANY_PROXY=yes if nothing else reaches the port"
            )


def _check_network(text: str) -> None:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise BadSettings(f"trusted_proxies: {text[:60]!r} is not a network; an example is 10.0.0.0/8") from None
