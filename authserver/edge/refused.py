"""Remember a refusal for the owner of the credential or app: "Why did this fail?" (contract 11.19)."""

from __future__ import annotations

from collections.abc import Iterable

from authserver.domain.clients import clients
from authserver.domain.ground import usage
from authserver.domain.insight import credential_checks, refusals
from authserver.edge import current_user
from authserver.edge.bearer import Principal
from authserver.edge.exchange import Incoming
from authserver.edge.json_errors import ApiError
from authserver.errors import Check
from authserver.lib import scopes as grammar
from authserver.observability import context, logs

_KINDS = {"introspect": "introspection", "revoke": "revocation", "token": "token", "userinfo": "userinfo"}
# Answers of a working API that say all there is to know: they leave the room to what needs an explanation.
_ORDINARY = frozenset({404, 405, 422})


def note(incoming: Incoming, error: ApiError, holder: Principal | None, *, kind: str) -> None:
    """Keep it, if the credential is known: which check failed, what was expected, what was received."""
    if holder is None:
        note_credential(incoming, error, kind=kind)
        return
    if error.status == 403:
        usage.count(usage.REFUSALS, holder.counted_as)
    if error.status in _ORDINARY:
        return
    refusals.note(
        context.current().request_id,
        kind=kind,
        code=error.code,
        status=error.status,
        message=error.message,
        client_id=holder.client_id,
        key_id=holder.key_id,
        owner_id=holder.owner_id,
        checks=_of_holder(error, holder),
    )


def note_credential(incoming: Incoming, error: ApiError, *, kind: str) -> None:
    """The same for a credential that was not good itself."""
    if error.status in (401, 429):
        authorization = incoming.header("authorization")
        found = note_presented(
            authorization, incoming.ip, kind=kind, code=error.code, status=error.status, message=error.message
        )
        if found is not None and found.proven:
            usage.count(usage.REFUSALS, f"key:{found.key_id}" if found.key_id else f"client:{found.client_id}")


def note_presented(
    authorization: str, ip: str, *, kind: str, code: str, status: int, message: str, more: Iterable[Check] = ()
) -> credential_checks.Explained | None:
    """Keep why the credential of an Authorization header was refused, and return it, if it is one that we know."""
    scheme, _, presented = authorization.partition(" ")
    missing = tuple(more)
    known = scheme.lower() == "bearer"
    found = _explained(presented.strip(" "), ip, refused=not missing) if known else None
    if found is not None:
        refusals.note(
            context.current().request_id,
            kind=kind,
            code=code,
            status=status,
            message=message,
            client_id=found.client_id,
            key_id=found.key_id,
            owner_id=found.owner_id,
            checks=(*found.checks, *missing),
            proven=found.proven,
        )
    return found


def kind_of(path: str) -> str:
    """What the page calls the endpoint of this path."""
    return _KINDS.get(path.rpartition("/")[2], "api") if path.startswith("/oauth/") else "api"


def note_answer(path: str, *, code: str, status: int, message: str, check: Check) -> None:
    """Keep why an answer is of no use to whoever asked, whose credential was good."""
    said = context.current().log
    refusals.note(
        context.current().request_id,
        kind=kind_of(path),
        code=code,
        status=status,
        message=message,
        client_id=said.get("client_id"),
        key_id=said.get("key_id"),
        owner_id=context.current().owner_id or None,
        checks=(check,),
        answered=True,  # at every call perhaps: that leaves the room of refusals to them
    )


def note_sign_in(client_id: str, *, code: str, message: str, checks: Iterable[Check], status: int) -> None:
    """Keep why a sign-in did not come to its end: it began with a link, which anybody can write."""
    refusals.note(
        context.current().request_id,
        kind="authorize",
        code=code,
        status=status,
        message=message,
        client_id=client_id,
        owner_id=_sent_by_owner(client_id),
        checks=checks,
        proven=False,
    )


def _sent_by_owner(client_id: str) -> str | None:
    """Who may change the app, if the request came from their own signed-in browser: then a change can be offered."""
    client, found = clients.find(client_id) if client_id else None, current_user.signed_in()
    if client is None or found is None:
        return None
    return found.user.id if found.user.is_admin or found.user.id == client.owner_id else None


def _explained(presented: str, ip: str, *, refused: bool) -> credential_checks.Explained | None:
    try:
        return credential_checks.explain(presented, ip=ip, refused=refused)
    except Exception as failure:  # a refusal stays a refusal, whatever its explanation meets
        logs.failure("refusal_not_explained", failure, level="warning")
        return None


def _of_holder(error: ApiError, holder: Principal) -> list[Check]:
    """What a good credential lacked, in the words of the refusal."""
    checks = [Check("credential", True, "good now", holder.kind.replace("_", " "))]
    if error.checks:
        checks += error.checks
    elif error.needed:
        if holder.permission:
            checks.append(Check("access level", False, "a level with these scopes", holder.permission))
        held = grammar.join(sorted(holder.scopes))
        checks.append(Check("scope", False, grammar.join(error.needed), held or "(nothing)"))
    elif error.status == 403:
        checks.append(Check("request", False, "one that some credential may make", error.details or error.message))
    else:
        wrong = "; ".join(error.problems.values()) or error.details or error.message
        checks.append(Check("request", False, "one that can be carried out", wrong))
    return checks
