"""The consent page inside /oauth/authorize: who asks, for what, for how long, and where it leads (ux.md 2.3)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from authserver.domain.access import scopes
from authserver.domain.authorization import answers as authorization_answers
from authserver.domain.authorization import requested_claims
from authserver.domain.authorization import requests as authorization_requests
from authserver.domain.authorization import steps as authorization_steps
from authserver.domain.authorization.requests import Pending
from authserver.domain.authorization.steps import Step
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import consents
from authserver.domain.people import users
from authserver.domain.people.sessions import SignedIn
from authserver.edge import (
    authorization_answer,
    browser,
    consent_rows,
    current_user,
    explanations,
    headers,
    kept_forms,
    refused,
)
from authserver.edge.consent_rows import Row
from authserver.errors import Check
from authserver.lib import redirect_uris
from authserver.observability import metrics

blueprint = Blueprint("consent", __name__)


@blueprint.get("/oauth/authorize/consent")
def show() -> Response:
    """Ask. Whoever arrives here out of order is sent to the step that is due."""
    handle, pending, client, found = _stored(request.args.get("request", ""))
    step = authorization_steps.next_step(pending, client, found)
    if found is None or step is not Step.CONSENT:
        return _continue(handle)
    if _reaches_far(pending, client, found) and not current_user.proven_lately():
        return _prove(handle)
    authorization_answers.note_asked(pending, found.user.id)
    if current_user.proven_lately():
        kept_forms.expect("request", handle)
    return _page(handle, pending, client, found)


@blueprint.post("/oauth/authorize/consent")
def decide() -> Response:
    """Allow or deny, once. The stored request decides what can be allowed; ticks only take away from it."""
    handle, pending, client, found = _stored(request.form.get("request", ""))
    step = authorization_steps.next_step(pending, client, found)
    action = request.form.getlist("action")
    if found is None or step not in (Step.CONSENT, Step.ANSWER) or not _asked_of(pending, found):
        return _continue(handle)
    if action == ["deny"]:
        return _deny(pending, client, found)
    if action != ["allow"]:
        return _continue(handle)
    if _reaches_far(pending, client, found) and not current_user.proven_lately():
        return _prove(handle)
    return _allow(handle, pending, client, found)


def _signed_out_meanwhile() -> Response:
    """On with the request, which leads to the sign-in page, and from there to the question as it was answered."""
    return _continue(_stored(request.form.get("request", ""))[0])


kept_forms.ways["consent.decide"] = _signed_out_meanwhile
decide.fresh_proof = "if it is sensitive"  # type: ignore[attr-defined]  # a mark for the test


@blueprint.get("/oauth/authorize/account")
def choose() -> Response:
    """prompt=select_account: go on as this person, or as another."""
    handle, pending, client, found = _stored(request.args.get("request", ""))
    if found is None or authorization_steps.next_step(pending, client, found) is not Step.CHOOSE_ACCOUNT:
        return _continue(handle)
    return make_response(
        render_template(
            "pages/consent_account.html",
            handle=handle,
            client=client,
            host=redirect_uris.display_host(pending.redirect_uri),
            user=found.user,
        )
    )


@blueprint.post("/oauth/authorize/account")
def stay() -> Response:
    """The person goes on with the account they are signed in with."""
    handle, pending, client, found = _stored(request.form.get("request", ""))
    if (
        found
        and request.form.get("account") == found.user.id
        and authorization_steps.next_step(pending, client, found) is Step.CHOOSE_ACCOUNT
    ):
        authorization_answers.choose(pending, found.user.id)
    return _continue(handle)


def _stored(handle: str) -> tuple[str, Pending, ClientFacts, SignedIn | None]:
    found = current_user.signed_in()
    pending = authorization_requests.get(handle, browser=browser.cookie_digest(), found=found)
    client = authorization_requests.client_of(pending)
    if not client.self_registered:
        headers.keep_opener()
    headers.leave_out_form_action()
    return handle, pending, client, found


def _continue(handle: str) -> Response:
    answer: Any = redirect(url_for("authorization.proceed", request=handle), 303)
    return make_response(answer)


def _reaches_far(pending: Pending, client: ClientFacts, found: SignedIn) -> bool:
    """Whether an app asks for what a key gets after a fresh proof alone: it could make that key (ASVS 7.5.3)."""
    known = scopes.all()
    kept = requested_claims.to_be_allowed(pending, client, found.user.role)
    return any(known[name].level == "full" for name in kept)


def _prove(handle: str) -> Response:
    """To the password, within the flow: a window that an app opened stays its own (contract 11.22)."""
    answer: Any = redirect(url_for("login.show", request=handle, reauth="1"), 303)
    return make_response(answer)


def _asked_of(pending: Pending, found: SignedIn) -> bool:
    """Whether the person who answers is the one whom the page showed (class C18)."""
    return pending.user_id == found.user.id == request.form.get("account")


def _deny(pending: Pending, client: ClientFacts, found: SignedIn) -> Response:
    authorization_answers.deny(pending, client, found)
    metrics.CONSENTS.labels(decision="deny").inc()
    text, denied = "The person did not allow this. Ask again when they want it.", "access_denied"
    checks = (Check("consent", False, "given by the person", "not given: they chose Cancel"),)
    refused.note_sign_in(client.id, code=denied, message=text, checks=checks, status=303)
    return authorization_answer.send(
        authorization_requests.destination_of(pending, client),
        error=denied,
        error_description=text,
        error_uri=explanations.uri(),
    )


def _allow(handle: str, pending: Pending, client: ClientFacts, found: SignedIn) -> Response:
    allowed, problem = consent_rows.answered(_offered(pending, client, found), client, request.form)
    if problem:
        return _page(handle, pending, client, found, problem=problem)
    code = authorization_answers.allow(pending, client, found, allowed=allowed)
    metrics.CONSENTS.labels(decision="allow").inc()
    return authorization_answer.send(authorization_requests.destination_of(pending, client), code=code)


def _page(handle: str, pending: Pending, client: ClientFacts, found: SignedIn, *, problem: str = "") -> Response:
    offered = _offered(pending, client, found)
    page = render_template(
        "pages/consent.html",
        handle=handle,
        client=client,
        user=found.user,
        initials=consent_rows.initials(client.name),
        homepage_host=_homepage(client, pending.redirect_uri),
        document_host=consent_rows.document_host(client),
        owner=users.find(client.owner_id) if client.owner_id else None,
        people=consents.people(client.id),
        first_party=client.skip_consent and not client.self_registered,
        groups=consent_rows.grouped(offered),
        shown=consent_rows.shown(offered),
        targets=consent_rows.names(pending.resources),
        offline=any(row.name == scopes.OFFLINE for row in offered),
        keeps_access=client.may_use("refresh_token"),
        lasts=consent_rows.lasting(client, pending.resources),
        remembered=consents.remembered(client, pending.redirect_uri),
        pending=pending,
        destination=_destination(pending.redirect_uri) | {"verified": _is_of_document(client, pending.redirect_uri)},
        problem=problem,
    )
    return make_response(page, 422 if problem else 200)


def _offered(pending: Pending, client: ClientFacts, found: SignedIn) -> list[Row]:
    kept = requested_claims.to_be_allowed(pending, client, found.user.role)
    return consent_rows.of(kept, pending.resources, client, found.user)


def _destination(redirect_uri: str) -> dict[str, Any]:
    """What the page says about where it leads: a web address, an app on this computer, an app's own scheme."""
    if redirect_uris.is_loopback(redirect_uri):
        return {"kind": "loopback", "text": redirect_uris.display_host(redirect_uri)}
    if redirect_uris.is_custom_scheme(redirect_uri):
        return {"kind": "scheme", "text": redirect_uris.origin(redirect_uri)}
    return {"kind": "web", "text": redirect_uris.origin(redirect_uri)}


def _homepage(client: ClientFacts, redirect_uri: str) -> str:
    """The host of its homepage; of an app that registered itself, which names no owner, if the answer goes there."""
    host = "" if client.document_url else _host(client.homepage)
    goes_there = redirect_uri.startswith("https://") and _host(redirect_uri) == host
    return host if goes_there or not client.self_registered else ""


def _is_of_document(client: ClientFacts, redirect_uri: str) -> bool:
    """Whether the answer goes to where the app's document is: then its host is who receives it."""
    return redirect_uri.startswith("https://") and _host(redirect_uri) == consent_rows.document_host(client)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
