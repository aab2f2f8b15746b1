"""GET and POST /oauth/authorize (RFC 6749 section 4.1, OIDC Core 3.1.2, RFC 9207)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for

from authserver.domain.authorization import answers as authorization_answers
from authserver.domain.authorization import requests as authorization_requests
from authserver.domain.authorization import steps as authorization_steps
from authserver.domain.authorization.requests import UNBOUND, Asked, Destination, Pending, Refusal
from authserver.domain.authorization.steps import Step
from authserver.domain.clients.client_id_metadata import NotDescribed
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.people.sessions import SignedIn
from authserver.edge import (
    authorization_answer,
    browser,
    csrf,
    current_user,
    error_pages,
    explanations,
    headers,
    refused,
)
from authserver.errors import Check, DomainError
from authserver.lib import redirect_uris
from authserver.oauth import authorization_parameters, authorization_rules, client_id_metadata, request_object
from authserver.oauth.authorization_parameters import Parameters, Untrusted
from authserver.observability import context, logs

blueprint = Blueprint("authorization", __name__)
# A request by POST comes from the app's site: it carries no form of ours, and no authority of the browser's.
csrf.exempt.add("authorization.begin_by_post")
MAX_SHOWN = 300


@blueprint.get("/oauth/authorize")
def begin() -> Response:
    """A request in the query: stored, then whatever it needs next."""
    sent = authorization_parameters.read(request.query_string.decode("latin-1"))
    if (first := client_id_metadata.before(sent)) is not None:
        return first
    asked = _asked(sent)
    handle, pending = authorization_requests.store(
        asked, browser=browser.cookie_digest(), found=current_user.signed_in()
    )
    return _go_on(handle, pending)


@blueprint.post("/oauth/authorize")
def begin_by_post() -> Response:
    """A request in a form: stored, then 303 to GET (contract 11.12).

    Another site's form brings no cookies along, so the request is bound to the browser by the GET that follows.
    """
    if request.query_string:
        told = "A request by POST has all its parameters in the body."
        check = Check("query", False, "none: parameters are in the body", "parameters")
        raise Untrusted(told, client=authorization_rules.claimed(request.get_data(), request.content_type), check=check)
    sent = authorization_parameters.read(request.get_data(), request.content_type)
    if (first := client_id_metadata.before(sent)) is not None:
        return first
    asked = _asked(sent)
    handle, _pending = authorization_requests.store(asked, browser=UNBOUND, found=None)
    return _to("authorization.proceed", handle)


@blueprint.get("/oauth/authorize/continue")
def proceed() -> Response:
    """Where sign-in and account choice come back to; the stored request says what is next."""
    handle, found = request.args.get("request", ""), current_user.signed_in()
    pending = authorization_requests.get(handle, browser=browser.cookie_digest(), found=found)
    return _go_on(handle, pending)


@blueprint.app_errorhandler(Untrusted)
def on_untrusted(error: Untrusted) -> Response:
    """Our own page, with nothing that leads away from here."""
    expected = " or ".join(error.expected)
    parameter = error.parameter.replace("_", " ") or "request"
    check = error.check or Check(parameter, False, expected, error.received or "(nothing)")
    _note_refusal("invalid_request", error.message, error.client.id if error.client else "", [check], 400)
    trusted = _may_see_settings(error.client)
    received = error.received
    page = render_template(
        "errors/oauth_error.html",
        parameter=error.parameter,
        expected=list(error.expected) if trusted else "",
        received=received if received is None or len(received) <= MAX_SHOWN else received[:MAX_SHOWN] + "…",
        detail=error.message,
        client_href=_settings_of(error.client) if error.client and trusted else "",
        refusal_href=url_for("errors.show", request_id=context.current().request_id) if trusted else "",
    )
    return make_response(page, 400)


@blueprint.app_errorhandler(NotDescribed)
def on_not_described(error: NotDescribed) -> Response:
    """The app is none that this server knows: its document is missing, or not one."""
    context.current().log["error"] = error.detail
    page = render_template("errors/oauth_error.html", parameter="client_id", detail=error.public)
    return make_response(page, error.status)


@blueprint.app_errorhandler(Refusal)
def on_refusal(refusal: Refusal) -> Response:
    """An error for the app; where nobody vouches for it, a person decides whether to go there (RFC 9700 4.11)."""
    bounces = _bounces(refusal.destination)
    status = 303 if bounces else 400
    _note_refusal(refusal.error, refusal.description, refusal.destination.client_id, refusal.checks, status)
    members = {"error": refusal.error, "error_description": refusal.description, "error_uri": explanations.uri()}
    if bounces:
        return authorization_answer.send(refusal.destination, **members)
    page = render_template(
        "errors/oauth_error.html",
        title="This app's request has an error",
        message="Nothing was shared.",
        detail=refusal.description,
        return_host=redirect_uris.display_host(refusal.destination.redirect_uri),
        return_href=authorization_answer.location(refusal.destination, **members),
    )
    return make_response(page, 400)


def _bounces(to: Destination) -> bool:
    """Whether an error is sent on at once: never from a link alone to where a plain person's app says (11.49)."""
    return to.bounces and (to.vouched or current_user.signed_in() is not None)


@blueprint.app_errorhandler(authorization_requests.Expired)
def on_expired(error: authorization_requests.Expired) -> Response:
    """Too old, unknown or another browser's: one page for all."""
    _note_stopped("expired", error)
    text = "Start again from the app. Nothing was shared."
    if not browser.sends_cookies():
        text = f"Your browser sends no cookies: allow them for this site first. {text}"
    return _closed(400, "This sign-in took too long", text, error.detail)


@blueprint.app_errorhandler(authorization_requests.TooMany)
def on_too_many(error: authorization_requests.TooMany) -> Response:
    """One network, or one person, has begun more than is kept: nothing is stored, and the app learns nothing."""
    _note_stopped("too_many_requests", error)
    response = _closed(429, "Too many sign-ins at once", error.public, error.detail)
    response.headers["Retry-After"] = str(error.retry_after)
    return response


@blueprint.app_errorhandler(authorization_requests.Answered)
def on_answered(error: authorization_requests.Answered) -> Response:
    """A second answer changes nothing."""
    _note_stopped("already_answered", error)
    text = "You have answered this request before, and the first answer stays good. You can close this window."
    return _closed(409, "Already answered", text, error.detail)


@blueprint.app_errorhandler(authorization_requests.NoLongerValid)
def on_no_longer_valid(error: authorization_requests.NoLongerValid) -> Response:
    """The app changed while the person was at it: they read no details, its owner does."""
    _note_stopped("app_changed", error)
    return error_pages.on_domain_error(error)


def _asked(sent: Parameters) -> Asked:
    resolved = request_object.resolve(sent)
    sender = authorization_rules.identify(resolved.sent)
    context.current().log["client_id"] = sender.client.id
    _keep_opener(sender.client)
    asked = authorization_rules.judge(resolved.sent, sender)
    return dataclasses.replace(asked, object_mark=resolved.mark, object_ends_at=resolved.mark_ends_at)


def _go_on(handle: str, pending: Pending) -> Response:
    client, found = authorization_requests.client_of(pending), current_user.signed_in()
    _keep_opener(client)
    if found and authorization_requests.signed_in_for(pending, found):
        authorization_answer.answers_a_form()
    step = authorization_steps.next_step(pending, client, found)
    if step is Step.SIGN_UP:
        return _to("signup.show", handle)
    if step is Step.SWITCH_ACCOUNT:
        return _to("login.show", handle, switch="1")
    if found is None or step is Step.SIGN_IN:
        return _to("login.show", handle, reauth="1" if found else None)
    if step is Step.CHOOSE_ACCOUNT:
        return _to("consent.choose", handle)
    if step is Step.CONSENT:
        return _to("consent.show", handle)
    return _answer(pending, client, found)


def _keep_opener(client: ClientFacts) -> None:
    if not client.self_registered:
        headers.keep_opener()


def _answer(pending: Pending, client: ClientFacts, found: SignedIn) -> Response:
    code = authorization_answers.allow_as_before(pending, client, found)
    return authorization_answer.send(authorization_requests.destination_of(pending, client), code=code)


def _to(endpoint: str, handle: str, **more: str | None) -> Response:
    # werkzeug's type is wider than Flask's
    values: dict[str, Any] = {"request": handle, **more}
    answer: Any = redirect(url_for(endpoint, **values), 303)
    return make_response(answer)


def _closed(status: int, title: str, message: str, detail: str) -> Response:
    context.current().log["error"] = detail
    return make_response(render_template("pages/consent_closed.html", title=title, message=message), status)


def _may_see_settings(client: ClientFacts | None) -> bool:
    found = current_user.signed_in()
    return bool(client and found and (found.user.is_admin or found.user.id == client.owner_id))


def _settings_of(client: ClientFacts) -> str:
    return url_for("apps.show", client_id=client.id) if "apps.show" in current_app.view_functions else ""


def _note_stopped(code: str, error: DomainError) -> None:
    """The owner of the app reads why a sign-in did not come to its end, where it was a request of this browser."""
    if error.checks:
        _note_refusal(code, error.public, context.current().log.get("client_id", ""), error.checks, error.status)


def _note_refusal(error: str, detail: str, client_id: str, checks: Sequence[Check], status: int) -> None:
    context.current().log.update(error=error)
    logs.event("authorization_refused", error=error, msg=detail, client_id=client_id)
    refused.note_sign_in(client_id, code=error, message=detail, checks=checks, status=status)
