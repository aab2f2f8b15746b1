"""The issuer as others reach it: the network, TLS, our own metadata, the clock of its answer."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from authserver.cli.doctor.findings import Finding
from authserver.config import Settings
from authserver.lib import clock

SECONDS = 5


def address(settings: Settings) -> Iterator[Finding]:
    """The issuer as others reach it: the network, TLS, our own metadata, and the clock of its answer."""
    parts = urlsplit(settings.issuer)
    path = (
        f"{parts.path}/.well-known/oauth-authorization-server"
        if not parts.path
        else (f"/.well-known/oauth-authorization-server{parts.path}")
    )
    context = ssl.create_default_context()
    connection = (
        http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=SECONDS, context=context)
        if settings.https
        else http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)
    )
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read(100_000)
        except ssl.SSLError as error:
            yield Finding("TLS", "bad", f"{error.reason or error}", "renew the certificate at your proxy")
            return
        except (OSError, http.client.HTTPException) as error:
            yield Finding("issuer", "warn", f"does not answer from here ({type(error).__name__})", "authserver serve")
            return
    yield from _answered(settings, answer, body)
    if not settings.https:
        yield Finding("TLS", "warn", "the issuer is http: good for this machine alone")


def _answered(settings: Settings, answer: http.client.HTTPResponse, body: bytes) -> Iterator[Finding]:
    try:
        told = json.loads(body).get("issuer")
    except (ValueError, AttributeError):
        told = None
    if told != settings.issuer:
        yield Finding(
            "issuer", "bad", "something else answers under this address", "point the proxy at `authserver serve`"
        )
        return
    yield Finding("issuer", "ok", "answers under its own name")
    if settings.https:
        yield Finding("TLS", "ok", "the certificate is good")
    date = answer.getheader("Date")
    if date:
        off = abs(int(parsedate_to_datetime(date).timestamp()) - clock.now())
        state = "ok" if off <= clock.LEEWAY // 2 else "bad"
        yield Finding(
            "clock", state, f"{off} s apart from the server's", "" if state == "ok" else "timedatectl set-ntp true"
        )
