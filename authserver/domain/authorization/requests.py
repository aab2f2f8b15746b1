"""Authorization requests: stored as they came, bound to one browser (RFC 6749 section 4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import update

from authserver import config, database
from authserver.domain.access import scopes
from authserver.domain.authorization import code_protection
from authserver.domain.clients import clients
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.ground import throttle
from authserver.domain.limits import rate_limits
from authserver.domain.people.sessions import SignedIn
from authserver.errors import Check, Conflict, DomainError, RateLimited
from authserver.lib import clock, durations, redirect_uris, secrets
from authserver.models import AuthorizationRequest
from authserver.observability import context

LIFETIME = 600
POLICY, WINDOW = "authorization-requests", "10 minute"  # as long as a row lives, so the limit is also the most rows
# A request that came by a cross-site POST, which carries no cookie: the first GET with its handle binds it.
UNBOUND = b""
# The row, for entries, which know no tables.
Pending = AuthorizationRequest


@dataclass(frozen=True, slots=True)
class Destination:
    """Where answers go, once client and redirect URI are verified, and in which form."""

    client_id: str
    redirect_uri: str
    response_mode: str = "query"
    state: str | None = None
    bounces: bool = True  # False: nobody vouches for the app, so a person acts before an error is sent there
    vouched: bool = True  # False: an ordinary person's app, to which an error leads only who is signed in

    def refuse(self, error: str, description: str, check: Check, *more: Check) -> Refusal:
        """An error answer to the app; the description holds nothing of the input. What was checked is its owner's."""
        return Refusal(self, error, description, (check, *more))


class Refusal(Exception):
    """An error that the app may read (RFC 6749 section 4.1.2.1, OIDC Core 3.1.2.6)."""

    def __init__(self, destination: Destination, error: str, description: str, checks: Sequence[Check]) -> None:
        super().__init__(description)
        self.destination = destination
        self.checks = checks
        self.error = error
        self.description = description


class Expired(DomainError):
    """The request is too old, unknown, or another browser's: the answers are the same."""

    def __init__(self) -> None:
        super().__init__("This sign-in took too long. Start again from the app.")


class Answered(Conflict):
    """The request has its answer, and the first one stays good."""

    def __init__(self) -> None:
        super().__init__("You have answered this request before. The first answer stays good.")


SECOND_ANSWER = Check("answer", False, "one to each request", "a second one")


class TooMany(RateLimited):
    """More requests were begun than are kept for one network, or for one person."""


class NoLongerValid(DomainError):
    """The app was stopped or its address was taken away since the request came: nothing may go there."""

    def __init__(self, detail: str) -> None:
        super().__init__("This app can't be used at the moment. Nothing was shared.", detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that kept all rules; nothing of it changes any more. Times are seconds."""

    destination: Destination
    redirect_uri_sent: bool
    scopes: tuple[str, ...]
    scope_asked: bool
    resources: tuple[str, ...] = ()
    code_challenge: str | None = None
    nonce: str | None = None
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    login_hint: str = ""
    subject: str | None = None
    acr_values: tuple[str, ...] = ()
    acr_essential: bool = False
    claims: Mapping[str, list[str]] = field(default_factory=dict)
    object_mark: bytes | None = None  # of a request object with a jti, which one answer uses up
    object_ends_at: int | None = None


@dataclass(frozen=True, slots=True)
class PendingView:
    """What the sign-in page may say about the request it serves. `expires_at` in epoch seconds."""

    client_name: str
    logo: str  # the digest of its picture, if it has one
    host: str
    login_hint: str
    expires_at: int
    expired: bool
    in_popup: bool  # whether the window that opened this one may go on talking to it (contract 11.22)


def store(asked: Asked, *, browser: bytes, found: SignedIn | None) -> tuple[str, AuthorizationRequest]:
    """Keep a request for ten minutes; returns the handle that our links carry, and the row. Raises TooMany."""
    _require_room(found)
    handle, now, to = secrets.random_token(), clock.now(), asked.destination
    row = AuthorizationRequest(
        digest=secrets.digest(handle),
        client_id=to.client_id,
        browser=browser,
        session_before=found.session.id if found else None,
        redirect_uri=to.redirect_uri,
        redirect_uri_sent=asked.redirect_uri_sent,
        response_mode=to.response_mode,
        state=to.state,
        scopes=list(asked.scopes),
        scope_asked=asked.scope_asked,
        resources=list(asked.resources),
        code_challenge=asked.code_challenge,
        nonce=asked.nonce,
        prompt=list(asked.prompt),
        max_age=asked.max_age,
        login_hint=asked.login_hint,
        subject=asked.subject,
        acr_values=list(asked.acr_values),
        acr_essential=asked.acr_essential,
        claims=dict(asked.claims),
        object_mark=asked.object_mark,
        object_ends_at=asked.object_ends_at,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    with database.transaction() as session:
        session.add(row)
    return handle, row


def get(handle: str, *, browser: bytes, found: SignedIn | None) -> AuthorizationRequest:
    """The request behind a handle, for the browser it is bound to. Raises Expired, Answered."""
    row = _find(handle)
    if row is not None and row.browser == UNBOUND:
        row = _bind(row, browser, found)
    if row is None or not secrets.equal(row.browser, browser):
        raise Expired
    context.current().log["client_id"] = row.client_id
    if row.expires_at <= clock.now():
        age = Check("time to answer", False, f"at most {LIFETIME} s", f"{clock.now() - row.created_at} s")
        raise Expired().because(age)
    if row.answered_at is not None:
        raise Answered().because(SECOND_ANSWER)
    return row


def peek(handle: str, browser: bytes) -> PendingView | None:
    """The same for the sign-in page, which only tells what it is for; None for what is not this browser's."""
    row = _find(handle)
    if row is None or not secrets.equal(row.browser, browser):
        return None
    client = clients.find(row.client_id)
    return PendingView(
        client_name=client.name if client else "",
        logo=client.logo_digest if client else "",
        host=redirect_uris.display_host(row.redirect_uri),
        login_hint=row.login_hint,
        expires_at=row.expires_at,
        expired=row.expires_at <= clock.now() or row.answered_at is not None,
        in_popup=client is not None and not client.self_registered,
    )


def signed_in_for(pending: AuthorizationRequest, found: SignedIn) -> bool:
    """Whether this person signed in after the request had come: its answer is one to a form of ours."""
    return pending.session_before != found.session.id


def client_of(pending: AuthorizationRequest) -> ClientFacts:
    """The app that asked, judged as it is now. Raises NoLongerValid."""
    client = clients.find(pending.client_id)
    if client is None or not client.enabled:
        stopped = Check("client", False, "enabled until the answer", "disabled or deleted since the request came")
        raise NoLongerValid("the client was disabled or deleted after the request").because(stopped)
    if not redirect_uris.matches(pending.redirect_uri, client.redirect_uris, native=client.native):
        gone = Check("redirect uri", False, " or ".join(client.redirect_uris), pending.redirect_uri)
        raise NoLongerValid("the redirect URI was taken away after the request").because(gone)
    return client


def destination_of(pending: AuthorizationRequest, client: ClientFacts) -> Destination:
    """Where the answer of a stored request goes."""
    return Destination(
        pending.client_id,
        pending.redirect_uri,
        pending.response_mode,
        pending.state,
        bounces=not client.self_registered or "none" in pending.prompt,
        vouched=client.vouched or "none" in pending.prompt,
    )


def effective_scopes(pending: AuthorizationRequest, client: ClientFacts, role: str) -> tuple[str, ...]:
    """What was asked, within what the app is assigned now and what this person may hold (contract 11.1).

    Raises Refusal(invalid_scope) where an app asked for something and nothing of it is left, and
    Refusal(invalid_request) where a nonce alone protects the code and no ID token would bring it back.
    """
    kept = scopes.held_by(role, (name for name in pending.scopes if name in client.scopes))
    if pending.scopes and not kept:
        raise destination_of(pending, client).refuse(
            "invalid_scope",
            "None of the requested scopes can be granted by this person. Ask for others, or give the person the role.",
            Check("scope", False, "one that the app has and the person's role may hold", " ".join(pending.scopes)),
        )
    if "openid" not in kept and code_protection.nonce_stands_in(client, pending.code_challenge):
        raise destination_of(pending, client).refuse(
            "invalid_request",
            "The parameter code_challenge is missing (RFC 7636): its nonce protects a sign-in only with the scope"
            " openid, which it may not have any more. Allow openid in the app, or turn PKCE on.",
            Check("scope", False, "openid, for the nonce to count", " ".join(kept) or "(nothing)"),
        )
    return kept


def _find(handle: str) -> AuthorizationRequest | None:
    if not 0 < len(handle) <= 100:
        return None
    with database.reading() as session:
        return session.get(AuthorizationRequest, secrets.digest(handle))


def _bind(row: AuthorizationRequest, browser: bytes, found: SignedIn | None) -> AuthorizationRequest | None:
    values = {"browser": browser, "session_before": found.session.id if found else None}
    with database.transaction() as session:
        won = session.execute(
            update(AuthorizationRequest)
            .where(AuthorizationRequest.digest == row.digest, AuthorizationRequest.browser == UNBOUND)
            .values(**values)
        ).rowcount  # type: ignore[attr-defined]  # an UPDATE's result has it
        return session.get(AuthorizationRequest, row.digest) if won else None


def _require_room(found: SignedIn | None) -> None:
    """Anybody can write links, so what is kept of them is bounded: by network, or by person where one is known.

    Strangers behind the same network's address so take nothing from who is signed in (but a request by POST comes
    without cookies and is always a stranger's).
    """
    if found:
        _count(f"user/{found.user.id}")
        return
    for network, share in throttle.networks_of(context.current().ip):
        _count(f"address/{network}", share)


def _count(bucket: str, share: int = 1) -> None:
    limit = f"{share * config.current().authorization_requests_per_address}/{WINDOW}"
    state = rate_limits.consume(POLICY, bucket, limit)
    if not state.allowed:
        wait = durations.in_words(state.retry_after)
        raise TooMany(
            f"Very many sign-ins were started from your network. Try again in {wait}. Nothing was shared.",
            f"authorization requests, {bucket}",
            retry_after=state.retry_after,
        ).because(Check("sign-ins begun", False, f"{limit} of one network or person", "one more"))
