"""What a stored authorization request needs before its answer: sign-in, a choice, consent (OIDC Core 3.1.2.1)."""

from __future__ import annotations

import enum

from authserver.domain.authorization import requests as authorization_requests
from authserver.domain.authorization.requests import Pending
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import consents
from authserver.domain.people.sessions import SignedIn
from authserver.errors import Check


class Step(enum.Enum):
    """What comes next for a stored request."""

    SIGN_IN = "sign_in"
    CHOOSE_ACCOUNT = "choose_account"
    CONSENT = "consent"
    ANSWER = "answer"


def next_step(pending: Pending, client: ClientFacts, found: SignedIn | None) -> Step:
    """What a stored request needs before its answer. Raises Refusal, also where prompt=none forbids that step."""
    silent = "none" in pending.prompt
    to = authorization_requests.destination_of(pending, client)
    if found is None or _must_sign_in(pending, found):
        if silent:
            text = "The person has to sign in. Send the request again without prompt=none."
            missing = "nobody is signed in" if found is None else "the sign-in is older than asked for"
            raise to.refuse(
                "login_required", text, Check("sign-in", False, "a person signed in, as recently as asked", missing)
            )
        return Step.SIGN_IN
    if "select_account" in pending.prompt and not _has_chosen(pending, found):
        return Step.CHOOSE_ACCOUNT
    kept = authorization_requests.effective_scopes(pending, client, found.user.role)
    if "consent" in pending.prompt or consents.needed(found.user.id, client, pending, kept):
        if silent:
            text = "The person has to allow this first. Send the request again without prompt=none."
            raise to.refuse("consent_required", text, Check("consent", False, "given before", "not given for this yet"))
        return Step.CONSENT
    return Step.ANSWER


def _must_sign_in(pending: Pending, found: SignedIn) -> bool:
    if _is_fresh(pending, found):
        return False
    # max_age counts from the request, so that reading the consent page takes nobody back to the password.
    too_old = pending.max_age is not None and (
        pending.max_age == 0 or found.session.auth_time + pending.max_age < pending.created_at
    )
    return "login" in pending.prompt or too_old


def _is_fresh(pending: Pending, found: SignedIn) -> bool:
    """Whether the person proved who they are after the request came, and not just within the same second."""
    if found.session.id == pending.session_before:
        return found.session.auth_time > pending.created_at
    return found.session.auth_time >= pending.created_at


def _has_chosen(pending: Pending, found: SignedIn) -> bool:
    stays = pending.chosen_at is not None and pending.user_id == found.user.id
    return stays or _is_fresh(pending, found)
