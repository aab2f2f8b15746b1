"""Security headers: one table for pages, one for machines."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import g
from werkzeug.wrappers import Response

from authserver import config
from authserver.lib import secrets

HSTS = "max-age=63072000; includeSubDomains"
REPORTS = "/csp-reports"
ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
MACHINE_CSP = "default-src 'none'; frame-ancestors 'none'; sandbox"
NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"), ("Vary", "Cookie, Authorization"))


def for_machines(*, cacheable: bool = False) -> list[tuple[str, str]]:
    """Headers of JSON answers; `cacheable` ones (JWKS, metadata) set their own Cache-Control; anybody may read them."""
    headers = [*ALWAYS, ("Content-Security-Policy", MACHINE_CSP)]
    headers.append(("Cross-Origin-Resource-Policy", "cross-origin" if cacheable else "same-origin"))
    if not cacheable:
        headers += NO_STORE
    return headers + hsts()


def missing(given: tuple[str, ...], *, cacheable: bool = False) -> Sequence[tuple[str, str]]:
    """Those of `for_machines` that an answer with headers of these names lacks."""
    return _missing(given, cacheable, bool(hsts()))


@functools.lru_cache(maxsize=256)  # answers of one kind have the same headers
def _missing(given: tuple[str, ...], cacheable: bool, _hsts: bool) -> Sequence[tuple[str, str]]:
    names = {name.lower() for name in given}
    return tuple(pair for pair in for_machines(cacheable=cacheable) if pair[0].lower() not in names)


def hsts() -> list[tuple[str, str]]:
    """Strict-Transport-Security for an https issuer, and never for loopback hosts."""
    settings = config.current()
    return [("Strict-Transport-Security", HSTS)] if settings.https and not settings.loopback else []


def nonce() -> str:
    """The CSP nonce of this page: 128 bits, made once a request."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.random_token(16)
    return str(g.csp_nonce)


def leave_out_form_action() -> None:
    """Let this page's forms end anywhere (contract 11.22).

    Browsers apply `form-action` to every redirect after a POST, and an app's URI may redirect on to any scheme.
    """
    g.any_form_target = True


def frame(origins: Sequence[str]) -> None:
    """Let this page hold frames of these origins: apps that sign their person out (contract 11.53)."""
    g.frames = tuple(origins)


def let_be_framed() -> None:
    """Let any site hold this page in a frame: it has nothing to click (contract 11.53)."""
    g.framed = True


def keep_opener() -> None:
    """Let the window that opened this one go on talking to it: an app's sign-in in a popup (contract 11.22)."""
    g.keeps_opener = True


def for_pages(response: Response) -> Response:
    """Put the page headers on a Flask answer."""
    if g.get("keeps_opener"):
        response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    for name, value in [
        *ALWAYS,
        ("Reporting-Endpoints", f'csp="{_reports()}"'),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        *hsts(),
    ]:
        response.headers.setdefault(name, value)
    if g.get("framed"):
        del response.headers["X-Frame-Options"]
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers.setdefault("Content-Security-Policy", _policy())
    if response.headers.get("Cache-Control", "no-store") == "no-store":  # static files say something else
        for name, value in NO_STORE:
            response.headers.setdefault(name, value)
    return response


def _reports() -> str:
    return urlsplit(config.current().issuer).path + REPORTS


def _policy() -> str:
    """The policy of this page, with what its view asked for."""
    mark, frames = f"'nonce-{nonce()}'", g.get("frames", ())
    form_action = "" if g.get("any_form_target") else "form-action 'self'; "
    frame_src = f"frame-src {' '.join(frames)}; " if frames else ""
    framed_by = "*" if g.get("framed") else "'none'"
    return (
        f"default-src 'none'; script-src {mark} 'strict-dynamic'; style-src 'self' {mark}; img-src 'self'; "
        f"font-src 'self'; connect-src 'self'; {frame_src}{form_action}base-uri 'none'; object-src 'none'; "
        f"frame-ancestors {framed_by}; require-trusted-types-for 'script'; trusted-types 'none'; "
        f"report-uri {_reports()}; report-to csp"
    )
