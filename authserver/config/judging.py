"""Which kind each setting is, and the verdict on everything that was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authserver.config import databases, kinds
from authserver.config.kinds import Kind, Wrong
from authserver.config.reading import Given
from authserver.config.settings import DAY, FIELDS

ON_OFF = kinds.word("on", "off")
PER_WINDOW = kinds.count(1, 1_000_000)
KINDS: dict[str, Kind] = {
    "issuer": kinds.issuer,
    "database_url": databases.url,
    "migrate_database_url": databases.url,
    "redis_url": kinds.redis_url,
    "data_dir": kinds.folder,
    "secret_key": kinds.secret,
    "secret_key_fallbacks": kinds.secrets,
    "kek": kinds.secret,
    "kek_fallbacks": kinds.secrets,
    "brand": kinds.brand,
    "security_contact": kinds.contact,
    "accent": kinds.colour,
    "access_token_ttl": kinds.seconds(1, DAY),
    "refresh_token_idle_ttl": kinds.seconds(1, 400 * DAY),
    "refresh_token_max_ttl": kinds.seconds(1, 400 * DAY),
    "introspection_cache": kinds.count(0, 1000),
    "api_max_age": kinds.seconds(0, 90 * DAY),
    "refresh_grace": kinds.seconds(0, 300),
    "authorization_code_ttl": kinds.seconds(1, 600),
    "require_pkce": kinds.word("auto", "all", "public"),
    "registration": kinds.word("off", "token", "open"),
    "registration_scopes": kinds.scopes,
    "cimd": ON_OFF,
    "developers": kinds.word("everybody", "developers", "admins"),
    "device": ON_OFF,
    "logout_channels": ON_OFF,
    "signup": ON_OFF,
    "outbound_allow": kinds.openings,
    "outbound_ca": kinds.certificates,
    "trusted_proxies": kinds.networks,
    "trust_any_proxy": kinds.word("no", "yes"),
    "connections_per_address": kinds.count(0, 1_000_000),
    "rate_limit_api_key": kinds.rate_limit,
    "rate_limit_oauth": kinds.rate_limit,
    "rate_limit_jwt": kinds.rate_limit,
    "rate_limit_token": kinds.rate_limit_or_off,
    "rate_limit_webhook": kinds.rate_limit,
    "login_failures_per_account": PER_WINDOW,
    "login_failures_per_address": PER_WINDOW,
    "authorization_requests_per_address": PER_WINDOW,
    "playground": kinds.word("", "on", "off"),
    "session_idle_ttl": kinds.seconds(1, 90 * DAY),
    "session_max_ttl": kinds.seconds(1, 90 * DAY),
    "smtp_url": kinds.smtp_url,
    "mail_from": kinds.sender,
    "metrics_bind": kinds.bind,
    "host": kinds.address,
    "port": kinds.count(0, 65_535),
    "workers": kinds.count(1, 512),
    "threads": kinds.count(1, 256),
    "db_pool_size": kinds.count(1, 200),
    "db_pooler": kinds.word("auto", "yes", "no"),
    "db_synchronous": kinds.word("FULL", "NORMAL"),
    "backup_dir": kinds.folder,
    "backup_every": kinds.seconds(300, 30 * DAY),
    "backup_keep": kinds.count(1, 10_000),
    "log_level": kinds.word("DEBUG", "INFO", "WARNING", "ERROR"),
    "log_format": kinds.word("auto", "json", "console"),
    "opentelemetry": ON_OFF,
    "lane": ON_OFF,
    "plaintext_backends": kinds.word("no", "yes"),
    "demo": kinds.flag,
}


def judge(given: Mapping[str, Given]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that are fine, and a line for each that is not, by the name of its setting."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name in FIELDS:
        if name in given:
            try:
                values[name] = _value(name, given[name].text.strip())
            except Wrong as problem:
                wrong[name] = f"{name} (set in {given[name].source}): {problem}"
    return values, wrong


def _value(name: str, text: str) -> Any:
    if not text and FIELDS[name].default not in ("", ()):
        raise Wrong(f"it is empty; leave it out for the default, {FIELDS[name].default}")
    if len(text) > kinds.MAX_LENGTH:
        raise Wrong(f"it is longer than {kinds.MAX_LENGTH:,} characters")
    if "\x00" in text or (name not in _LINES and any(ord(character) < 32 for character in text)):
        raise Wrong("it holds a line break or another control character; one line is needed")
    return KINDS[name](text)


# A key may be what `openssl rand -base64 64` prints, which is two lines.
_LINES = {"secret_key", "secret_key_fallbacks", "kek", "kek_fallbacks"}
