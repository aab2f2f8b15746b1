"""The answer to an authorization request: query, fragment or form_post, always with `iss` (RFC 9207)."""

from __future__ import annotations

from flask import Response, g, make_response, render_template

from authserver import config
from authserver.domain.authorization.requests import Destination
from authserver.edge import headers, session_state
from authserver.lib import redirect_uris


def send(to: Destination, **members: str) -> Response:
    """Hand `members` to the app with the state as it came and our issuer; `to` must be verified."""
    members |= {"iss": config.current().issuer} | ({} if to.state is None else {"state": to.state})
    if "code" in members and (watched := session_state.of(to.client_id, to.redirect_uri)):
        members["session_state"] = watched
    if to.response_mode == "form_post":
        return _form_post(to, members)
    if g.get("answers_a_form"):
        return _hand_over(to, members)
    # Never 307, which would carry the person's form along (RFC 9700 section 4.12).
    return Response(status=303, headers={"Location": _appended(to, members)})


def answers_a_form() -> None:
    """This answer ends a chain that began with a form on a page with `form-action 'self'`: no redirect may leave."""
    g.answers_a_form = True


def location(to: Destination, **members: str) -> str:
    """The same as a link that a person follows, for apps that nobody vouches for."""
    members |= {"iss": config.current().issuer} | ({} if to.state is None else {"state": to.state})
    return _appended(to, members)


def _appended(to: Destination, members: dict[str, str]) -> str:
    append = redirect_uris.append_fragment if to.response_mode == "fragment" else redirect_uris.append
    return append(to.redirect_uri, members)


def _form_post(to: Destination, members: dict[str, str]) -> Response:
    headers.leave_out_form_action()
    page = render_template(
        "pages/form_post.html",
        # A registered query keeps what is the app's own; the answer has each of our names once (class C3).
        action=redirect_uris.append(to.redirect_uri, {}),
        members=members,
        host=redirect_uris.display_host(to.redirect_uri),
    )
    return make_response(page)


def _hand_over(to: Destination, members: dict[str, str]) -> Response:
    """A page that moves on by itself, or by its link (contract 11.22)."""
    target, host = _appended(to, members), redirect_uris.display_host(to.redirect_uri)
    response = make_response(render_template("pages/hand_over.html", target=target, host=host))
    response.headers["Refresh"] = f"0; url={target}"
    return response
