"""GET and POST /oauth/logout: an app asks us to sign its person out (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for

from authserver.domain.authorization import logout_requests
from authserver.domain.authorization.logout_requests import LogoutRequest
from authserver.edge import csrf, current_user, headers, sign_out
from authserver.lib import redirect_uris
from authserver.oauth import logout_rules

blueprint = Blueprint("end_session", __name__)
PATH = "/oauth/logout"
# A request by POST comes from the app's site: it carries no form of ours, and no authority of the browser's.
csrf.exempt.add("end_session.begin_by_post")


@blueprint.get(PATH)
def begin() -> Response:
    """A request in the query."""
    return _go_on(logout_rules.judge(logout_rules.read(request.query_string.decode("latin-1"))))


@blueprint.post(PATH)
def begin_by_post() -> Response:
    """A request in a form: verified, then 303 to GET, since another site's form brings no cookies along."""
    sent = logout_rules.read(request.get_data(), request.content_type, query=bool(request.query_string))
    return _to("end_session.show", request=logout_requests.sealed(logout_rules.judge(sent)))


@blueprint.get(PATH + "/continue")
def show() -> Response:
    """What is due for a request that was verified before."""
    return _go_on(logout_requests.opened(request.args.get("request", "")))


@blueprint.post(PATH + "/confirm")
def confirm() -> Response:
    """The person wants it: sign out, and go back to the app if it has a registered address."""
    asked = logout_requests.opened(request.form.get("request", ""))
    headers.leave_out_form_action()
    return _end(asked)


def _go_on(asked: LogoutRequest) -> Response:
    """Who proves by a hint that it is about this sign-in ends it; everybody else's request is a question."""
    found = current_user.signed_in()
    if asked.problem or (found and not asked.is_about(found)):
        return _question(asked)
    return _end(asked)


def _end(asked: LogoutRequest) -> Response:
    """To the app, where its address is registered and somebody vouches for it; else a page with the way there."""
    client = logout_requests.client_of(asked)
    if client is None:
        flash("You are signed out.")
        return sign_out.to(url_for("login.show"))
    target = redirect_uris.append(asked.redirect_uri, {"state": asked.state})
    if client.vouched or current_user.signed_in():
        return sign_out.to(target)
    # Nobody acted here: a link alone leads to no app that nobody answers for (contract 11.49), and a hint is a link's
    # too: whoever signed in to an app of their own has one.
    host = redirect_uris.display_host(asked.redirect_uri)
    return make_response(render_template("pages/logout_done.html", client=client, host=host, target=target))


def _question(asked: LogoutRequest) -> Response:
    headers.leave_out_form_action()
    client = logout_requests.client_of(asked)
    page = render_template(
        "pages/logout_asked.html",
        sealed=logout_requests.sealed(asked),
        problem=asked.problem,
        client=client,
        host=redirect_uris.display_host(asked.redirect_uri) if client else "",
    )
    return make_response(page, 400 if asked.problem else 200)


def _to(endpoint: str, **values: Any) -> Response:
    answer: Any = redirect(url_for(endpoint, **values), 303)
    return make_response(answer)
