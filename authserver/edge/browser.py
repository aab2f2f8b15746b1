"""The browser cookie: a random mark that ties forms, authorization requests and known devices to one browser."""

from __future__ import annotations

from flask import g, request
from werkzeug.wrappers import Response

from authserver import config
from authserver.lib import secrets

YEAR = 365 * 86_400


def cookie_name(name: str) -> str:
    """`__Host-…` under https, so that no sibling host can set it; plain on loopback http."""
    return f"__Host-authserver_{name}" if config.current().https else f"authserver_{name}"


def mark() -> str:
    """This browser's mark; a new one is sent with the answer."""
    if "browser_mark" not in g:
        sent = request.cookies.get(cookie_name("browser"), "")
        g.browser_is_new = not 40 <= len(sent) <= 64
        g.browser_mark = secrets.random_token() if g.browser_is_new else sent
    return str(g.browser_mark)


def sends_cookies() -> bool:
    """Whether this browser sent any cookie of ours; the first page that it sees gives it one."""
    return any(cookie_name(name) in request.cookies for name in ("browser", "session"))


def cookie_digest() -> bytes:
    """SHA-256 of the mark, which is what the database keeps."""
    return secrets.digest(mark())


def send(response: Response) -> Response:
    """Set the cookie where a mark was made."""
    if g.get("browser_is_new"):
        set_cookie(response, "browser", g.browser_mark, max_age=YEAR)
    return response


def set_cookie(
    response: Response, name: str, value: str, *, max_age: int | None = None, for_scripts: bool = False
) -> None:
    """A cookie for this host alone, out of reach of scripts unless it is `for_scripts`."""
    response.set_cookie(
        cookie_name(name),
        value,
        max_age=max_age,
        path="/",
        secure=config.current().https,
        httponly=not for_scripts,
        samesite="Lax",
    )


def drop_cookie(response: Response, name: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(cookie_name(name), path="/", secure=config.current().https, httponly=True, samesite="Lax")
