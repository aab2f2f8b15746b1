"""What a stored authorization request needs before its answer: sign-in, a choice, consent (OIDC Core 3.1.2.1)."""

from __future__ import annotations

import enum

from authserver.domain.authorization import requested_claims
from authserver.domain.authorization import requests as authorization_requests
from authserver.domain.authorization.requests import Destination, Pending
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import consents, subjects
from authserver.domain.people.sessions import SignedIn
from authserver.errors import Check
from authserver.lib import acr


class Step(enum.Enum):
    """What comes next for a stored request."""

    SIGN_UP = "sign_up"
    SIGN_IN = "sign_in"
    SWITCH_ACCOUNT = "switch_account"
    CHOOSE_ACCOUNT = "choose_account"
    CONSENT = "consent"
    ANSWER = "answer"


def next_step(pending: Pending, client: ClientFacts, found: SignedIn | None) -> Step:
    """What a stored request needs before its answer. Raises Refusal, also where prompt=none forbids that step."""
    silent = "none" in pending.prompt
    to = authorization_requests.destination_of(pending, client)
    if silent and found is not None and _must_consent(pending, client, found) and not _expects_another(pending, client):
        # First: an app that was allowed nothing finds out neither who is signed in nor since when, by asking for a sub
        # or a max_age.
        text = "The person has to allow this first. Send the request again without prompt=none."
        raise to.refuse("consent_required", text, Check("consent", False, "given before", "not given for this yet"))
    step = _to_sign_in(pending, client, found, to)
    if found is None or step is not None:
        if silent:
            raise _login_required(to, "nobody is signed in" if found is None or step is None else _MISSING[step])
        return step or Step.SIGN_IN
    if "select_account" in pending.prompt and not _has_chosen(pending, found):
        return Step.CHOOSE_ACCOUNT
    return Step.CONSENT if _must_consent(pending, client, found) else Step.ANSWER


def _expects_another(pending: Pending, client: ClientFacts) -> bool:
    """Whether the app asks for somebody whom it knows: then it may learn that it is not they who are signed in."""
    return pending.subject is not None and subjects.has_met(client, pending.subject)


def _must_consent(pending: Pending, client: ClientFacts, found: SignedIn) -> bool:
    kept = requested_claims.to_be_allowed(pending, client, found.user.role)
    return "consent" in pending.prompt or consents.needed(found.user.id, client, pending, kept)


_MISSING = {
    Step.SIGN_IN: "the sign-in is older than asked for, or of a lower acr",
    Step.SWITCH_ACCOUNT: "somebody else is signed in",
}


def _login_required(to: Destination, missing: str) -> authorization_requests.Refusal:
    text = "The person has to sign in. Send the request again without prompt=none."
    return to.refuse(
        "login_required", text, Check("sign-in", False, "a person signed in, as recently as asked", missing)
    )


def _to_sign_in(pending: Pending, client: ClientFacts, found: SignedIn | None, to: Destination) -> Step | None:
    """How the person proves who they are before anything else; None where they have. Raises Refusal."""
    fresh = found is not None and _is_fresh(pending, found)
    if "create" in pending.prompt and not fresh:
        return Step.SIGN_UP
    if found is None:
        return Step.SIGN_IN
    if pending.subject is not None and pending.subject != subjects.told(client, found.user.id):
        if fresh:
            raise _someone_else(to)
        return Step.SWITCH_ACCOUNT
    if not fresh and (_is_too_old(pending, found) or _is_too_weak(pending, found)):
        return Step.SIGN_IN
    if pending.acr_essential and not acr.satisfies(acr.of(found.session.amr), pending.acr_values):
        raise _unmet(to, pending, found)
    return None


def _is_too_old(pending: Pending, found: SignedIn) -> bool:
    # max_age counts from the request, so that reading the consent page takes nobody back to the password.
    too_old = pending.max_age is not None and (
        pending.max_age == 0 or found.session.auth_time + pending.max_age < pending.created_at
    )
    return "login" in pending.prompt or too_old


def _is_too_weak(pending: Pending, found: SignedIn) -> bool:
    """Whether a fresh sign-in can reach a class that was asked for, and this one did not (step-up, RFC 9470)."""
    reached, wanted = acr.of(found.session.amr), pending.acr_values
    return bool(wanted) and not acr.satisfies(reached, wanted) and acr.reachable(wanted)


def _someone_else(to: Destination) -> authorization_requests.Refusal:
    text = "Another person signed in than the app expects. Send the request without id_token_hint and without a sub."
    return to.refuse("login_required", text, Check("person", False, "the one who is expected", "somebody else"))


def _unmet(to: Destination, pending: Pending, found: SignedIn) -> authorization_requests.Refusal:
    text = "The sign-in is not of the kind that the app needs. Ask for another acr, or do not mark it as essential."
    kinds = Check("acr", False, " or ".join(pending.acr_values), acr.of(found.session.amr))
    return to.refuse("unmet_authentication_requirements", text, kinds)


def _is_fresh(pending: Pending, found: SignedIn) -> bool:
    """Whether the person proved who they are after the request came, and not just within the same second."""
    if found.session.id == pending.session_before:
        return found.session.auth_time > pending.created_at
    return found.session.auth_time >= pending.created_at


def _has_chosen(pending: Pending, found: SignedIn) -> bool:
    stays = pending.chosen_at is not None and pending.user_id == found.user.id
    return stays or _is_fresh(pending, found)
