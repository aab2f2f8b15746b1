"""What settings may be together."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
from collections.abc import Collection, Iterator
from urllib.parse import parse_qs, urlsplit

from authserver.config import databases
from authserver.config.settings import Settings, is_loopback

_UNPROTECTED = "AUTHSERVER_PLAINTEXT_BACKENDS=yes allows it in a network that is yours alone"


def broken(settings: Settings, wrong: Collection[str] = ()) -> list[str]:
    """A sentence for every rule that is broken; one that reads a setting which is wrong by itself is left alone."""
    return [sentence for names, sentence in _judge(settings) if not set(names) & set(wrong)]


def unprotected(settings: Settings) -> list[tuple[str, str]]:
    """Backends on other hosts whose way there is not verified: the setting, and what would protect it."""
    found = []
    for name in ("database_url", "migrate_database_url"):
        if not databases.is_protected(getattr(settings, name)):
            found.append((name, "sslmode=verify-full, with sslrootcert=FILE or sslrootcert=system"))
    if not _is_protected_redis(settings.redis_url):
        found.append(("redis_url", "rediss:// with the certificate verified"))
    return found


def _judge(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    if settings.https and settings.plaintext_backends != "yes":
        for name, remedy in unprotected(settings):
            yield (
                ("issuer", "plaintext_backends", name),
                f"{name}: on another host an https issuer needs {remedy}; {_UNPROTECTED}",
            )
    if settings.signup == "on" and not settings.mail:
        yield ("signup", "smtp_url"), "signup: needs smtp_url, because new addresses are proven by mail"
    if settings.smtp_url and not settings.mail_from:
        yield ("smtp_url", "mail_from"), "mail_from: needed when smtp_url is set, such as no-reply@example.com"
    if settings.trust_any_proxy != "yes" and _are_everybody(settings.trusted_proxies):
        yield (
            ("trusted_proxies", "trust_any_proxy"),
            "trusted_proxies: these are all addresses, so anybody could name any address as theirs; "
            "name your proxy's, or set AUTHSERVER_TRUST_ANY_PROXY=yes if nothing else reaches the port",
        )
    for short, long in (("session_idle_ttl", "session_max_ttl"), ("refresh_token_idle_ttl", "refresh_token_max_ttl")):
        if getattr(settings, short) > getattr(settings, long):
            yield (short, long), f"{short}: longer than {long}, which would end it before; make it at most as long"
    if settings.port and settings.metrics_bind == f"{_bracketed(settings.host)}:{settings.port}":
        yield ("host", "port", "metrics_bind"), "metrics_bind: the same address as host and port; choose another port"
    if settings.migrate_database_url and settings.sqlite:
        yield (
            ("database_url", "migrate_database_url"),
            "migrate_database_url: SQLite has no roles; leave it out, or set database_url to the same PostgreSQL",
        )

    if settings.opentelemetry == "on" and (missing := _missing_for_telemetry()):
        yield ("opentelemetry",), f"opentelemetry: {missing}"


def _missing_for_telemetry() -> str:
    """What keeps spans from being sent: packages, or a protocol that they do not speak."""
    if importlib.util.find_spec("opentelemetry") is None:
        return "its packages are not installed; pip install 'authserver[otel]', or leave it off"
    for name in ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"):
        if os.environ.get(name, "http/protobuf") != "http/protobuf":
            return f"{name}: only http/protobuf is spoken here; set it so, and the endpoint to the port of HTTP (4318)"
    return ""


def _are_everybody(networks: Collection[str]) -> bool:
    """Networks that together are all addresses, however they are written."""
    parsed = [ipaddress.ip_network(text) for text in networks]
    for version in (4, 6):
        whole = ipaddress.collapse_addresses([each for each in parsed if each.version == version])  # type: ignore[type-var]  # of one version
        if any(each.prefixlen == 0 for each in whole):
            return True
    return False


def _is_protected_redis(url: str) -> bool:
    parts = urlsplit(url)
    if not url or is_loopback(parts.hostname or ""):
        return True
    said = {name: values[-1].lower() for name, values in parse_qs(parts.query).items()}
    verified = said.get("ssl_cert_reqs", "required") == "required"
    named = said.get("ssl_check_hostname") not in {"false", "no", "0"}
    return parts.scheme in {"rediss", "valkeys"} and verified and named


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
