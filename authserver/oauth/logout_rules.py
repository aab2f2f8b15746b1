"""What a request of RP-initiated logout may say (OpenID Connect RP-Initiated Logout 1.0, sections 2 and 3).

A wrong one leads nowhere: its page says what is wrong, and lets the person decide.
"""

from __future__ import annotations

from authserver.domain.authorization.logout_requests import LogoutRequest
from authserver.domain.clients import clients
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.tokens import id_tokens
from authserver.edge import refused
from authserver.errors import Check
from authserver.lib import form_body, jwt
from authserver.observability import context

MAX_STATE = 2_048  # it comes along in a link of ours


class Wrong(Exception):
    """A request that is refused: what its person reads, and what the owner of the app looks up."""

    def __init__(self, text: str, check: Check, client: ClientFacts | None = None) -> None:
        super().__init__(text)
        self.text, self.check, self.client = text, check, client


def read(raw: bytes | str, content_type: str | None = form_body.FORM, *, query: bool = False) -> dict[str, str] | str:
    """The parameters of a query (str) or a body (bytes), each once; a sentence for what is no such request."""
    if query:
        return "A request by POST has all its parameters in the body."
    try:
        found = form_body.parse_multi(raw, repeatable=frozenset(), content_type=content_type)
    except form_body.FormError as error:
        return f"The request can't be read: {error}."
    return {name: values[0] for name, values in found.items()}


def judge(sent: dict[str, str] | str) -> LogoutRequest:
    """The request, with the problem that keeps it from leading anywhere."""
    if isinstance(sent, str):
        return LogoutRequest(problem=sent)
    try:
        return _judged(sent)
    except Wrong as wrong:
        _note(wrong)
        return LogoutRequest(client_id=wrong.client.id if wrong.client else "", problem=wrong.text)


def _judged(sent: dict[str, str]) -> LogoutRequest:
    claims = _hint(sent)
    client = _client(sent, claims)
    redirect_uri = sent.get("post_logout_redirect_uri", "")
    if redirect_uri:
        _require_registered(redirect_uri, client)
    state = sent.get("state")
    if state is not None and len(state) > MAX_STATE:
        said = Check("state", False, f"at most {MAX_STATE} characters", f"{len(state)} characters")
        raise Wrong("The state is too long.", said, client)
    return LogoutRequest(
        client_id=client.id if client else "",
        redirect_uri=redirect_uri,
        state=state,
        sub=claims.get("sub", ""),
        sid=str(claims.get("sid", "")),
        hinted=bool(claims),
    )


def _hint(sent: dict[str, str]) -> dict[str, str]:
    """The claims of `id_token_hint`, expired or not (section 2); empty without one."""
    hint = sent.get("id_token_hint")
    if not hint:
        return {}
    try:
        return id_tokens.read(hint)
    except jwt.InvalidToken as error:
        check = Check("id token hint", False, "an ID token of this server, as it was issued", str(error))
        claimed = clients.named(sent.get("client_id", ""))
        raise Wrong("The app sent an id_token_hint that is no ID token of this server.", check, claimed) from None


def _client(sent: dict[str, str], claims: dict[str, str]) -> ClientFacts | None:
    """The app that asks: the one of the hint, or the one it names; both have to be the same (section 2)."""
    named, meant = sent.get("client_id"), claims.get("aud")
    client = clients.named(named or meant or "")
    if named and meant and named != meant:
        check = Check("client id", False, "the one that the ID token was issued to", "another")
        raise Wrong("The client_id is not the one that the id_token_hint was issued to.", check, client)
    if (named or meant) and (client is None or not client.enabled):
        check = Check("client", False, "one that is registered and enabled", "unknown, or stopped")
        raise Wrong("There is no app with this client_id.", check, client)
    if client is not None:
        context.current().log["client_id"] = client.id
    return client


def _require_registered(redirect_uri: str, client: ClientFacts | None) -> None:
    """Section 3: compared byte by byte with what is registered; without an app nothing is."""
    if client is None:
        check = Check("client id", False, "the app whose address it is, or an id_token_hint", "(nothing)")
        raise Wrong("The app did not say who it is, so that nobody knows whether the address is its own.", check)
    if redirect_uri not in client.post_logout_redirect_uris:
        wanted = " or ".join(client.post_logout_redirect_uris) or "none is registered"
        check = Check("post logout redirect uri", False, wanted, redirect_uri)
        raise Wrong("The post_logout_redirect_uri is not registered for this app.", check, client)


def _note(wrong: Wrong) -> None:
    context.current().log["error"] = wrong.check.check
    if wrong.client is not None:
        refused.note_sign_in(
            wrong.client.id, code="invalid_request", message=wrong.text, checks=(wrong.check,), status=400
        )
