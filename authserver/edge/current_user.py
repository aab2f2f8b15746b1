"""Who is signed in to this browser, and what a page may demand of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from flask import current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response

from authserver.domain.access import roles
from authserver.domain.people import sessions, sign_ins
from authserver.domain.people.sessions import SignedIn
from authserver.domain.people.users import User
from authserver.domain.record import acting
from authserver.edge import browser, return_path, session_state
from authserver.errors import NotFound
from authserver.lib import clock
from authserver.observability import context

View = TypeVar("View", bound=Callable[..., Any])
COOKIE = "session"
KEPT = "kept"  # names, in a page's address, a form that was kept to be filled in there
# Re-authentication window for sensitive acts.
RECENT_SECONDS = 300


def signed_in() -> SignedIn | None:
    """The live session of this browser, looked up once a request."""
    if "signed_in" not in g:
        g.signed_in = sessions.resolve(request.cookies.get(browser.cookie_name(COOKIE), ""))
        if g.signed_in:
            context.current().actor = f"user:{g.signed_in.user.id}"
            context.current().log["sub"] = g.signed_in.user.id
            _stand_on(g.signed_in)
    return cast("SignedIn | None", g.signed_in)


def lapsed() -> SignedIn | None:
    """The session of this browser that ended by time, and by nothing else; looked up once a request."""
    if "lapsed" not in g:
        token = request.cookies.get(browser.cookie_name(COOKIE), "")
        g.lapsed = sessions.lapsed(token) if signed_in() is None else None
    return cast("SignedIn | None", g.lapsed)


def me() -> SignedIn:
    """The session of a view behind `require_user`."""
    found = signed_in()
    if found is None:
        raise RuntimeError("this view is not behind require_user")
    return found


def remember(response: Response, token: str, found: SignedIn) -> None:
    """Give the browser its session cookie; it lives as long as the browser, the server knows the rest."""
    g.signed_in = found
    _stand_on(found)
    browser.set_cookie(response, COOKIE, token)
    session_state.renew(response)


def _stand_on(found: SignedIn) -> None:
    """What this request makes is written while its session stands alone."""
    asked = context.current()
    asked.stands_on, asked.stands_as = f"{acting.SESSION}:{found.session.id}", found.user.role


def stand_on_nothing() -> None:
    """What this request does from here on, a link lets it do, whoever is signed in to the browser."""
    asked = context.current()
    asked.stands_on = asked.stands_as = ""


def begin(response: Response, proven: User, method: str) -> None:
    """Sign a person in to this browser, proven by `method` (RFC 8176); the session it had before ends with it.

    `proven` is the person as they were when they proved it: if their password was changed since, this is refused.
    """
    before, asked, user = signed_in(), context.current(), proven
    sign_ins.note_sign_in(user, browser.cookie_digest())
    replaces = before.session.id if before else None
    token, found = sessions.open(user, amr=[method], ip=asked.ip, user_agent=asked.user_agent, replaces=replaces)
    asked.actor = f"user:{user.id}"
    remember(response, token, found)


def forget(response: Response) -> None:
    """Take the session cookie back."""
    g.signed_in = None
    stand_on_nothing()
    browser.drop_cookie(response, COOKIE)
    session_state.drop(response)


def require_user(view: View) -> View:
    """Only for signed-in people; others sign in first and come back."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if signed_in() is None:
            return to_sign_in()
        return view(*args, **kwargs)

    guarded.for_signed_in = True  # type: ignore[attr-defined]  # their forms are kept while one signs in again
    return cast("View", guarded)


def require_admin(view: View) -> View:
    """Only for administrators; others get the 404 of a page that is not there."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        found = signed_in()
        if found is None:
            return to_sign_in()
        if not found.user.is_admin:
            raise NotFound("There is no such page.", "an administrator's page was asked for")
        return view(*args, **kwargs)

    guarded.for_signed_in = True  # type: ignore[attr-defined]  # the same
    return cast("View", guarded)


def require_developer(view: View) -> View:
    """Only for people who may make apps, keys and webhooks here; others read whom to ask. Goes below `require_user`."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        roles.require_developer(me().user.role)
        return view(*args, **kwargs)

    guarded.for_developers = True  # type: ignore[attr-defined]  # a mark for the test
    return cast("View", guarded)


def require_recent(view: View) -> View:
    """Only shortly after a proof of who it is; else the password is asked again. Goes below `require_user`."""
    return require_recent_if(lambda **_: True, says="always")(view)


def require_recent_if(
    sensitive: Callable[..., bool], *, back: Callable[..., str] | None = None, says: str = "if it is sensitive"
) -> Callable[[View], View]:
    """The same where `sensitive`, asked with the parts of the address, says that this request changes enough.

    `back` makes the address to come back to, which may fill the form in again. Every view that is marked so carries
    what it `says` as `fresh_proof`, for the authority table.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if proven_lately() or not sensitive(**kwargs):
                return view(*args, **kwargs)
            return to_confirm(back(**kwargs) if back else "")

        guarded.fresh_proof = says  # type: ignore[attr-defined]  # a mark for the test
        return cast("View", guarded)

    return decorate


def proven_lately() -> bool:
    """Whether the person proved who they are within the last minutes."""
    return clock.now() - me().session.auth_time <= RECENT_SECONDS


def to_sign_in(back: str = "") -> Any:
    """Redirect to the sign-in page, and back here (or to `back`) afterwards. What a POST carried is asked for again."""
    return redirect(url_for("login.show", next=return_path.own(back) or _here()), 303)


def to_confirm(back: str = "") -> Any:
    """The same to the page on which who is signed in proves once more who they are."""
    return redirect(url_for("login.confirm", next=return_path.own(back) or _here()), 303)


def _here() -> str:
    """This page, without what was kept of a form: past another proof nothing is carried (contract 11.50)."""
    if request.method not in {"GET", "HEAD"}:
        return nearest_page(request.path)
    if KEPT not in request.args:
        return request.full_path.rstrip("?")
    rest = [(name, text) for name, texts in request.args.lists() for text in texts if name != KEPT]
    return f"{request.path}?{urlencode(rest)}".rstrip("?")


def nearest_page(path: str) -> str:
    """The page on which a form stood: the path of its POST, or the next one above it that can be opened."""
    pages = current_app.url_map.bind("")
    while path.strip("/"):
        if pages.test(path, method="GET"):
            return path
        path = path.rpartition("/")[0]
    return "/"
