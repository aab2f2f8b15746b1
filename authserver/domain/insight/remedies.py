"""What mends a refused request: where values differ, and what the reader may change here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authserver.domain.insight.refusals import ANSWERED, CLAIMED, Refusal
from authserver.models import Client, User

# Checks whose two sides are values of the same kind, so that it helps to see where they part.
COMPARED = frozenset({"redirect uri", "redirect URI", "scope", "resource", "audience", "response type"})
CUT = "…"  # what `refusals` puts behind a value that was too long to keep: no such value is offered for a form
REDIRECT_URI, SCOPE, PKCE = "redirect_uri", "scope", "pkce"


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of characters that both values have, or that this one has alone."""

    text: str
    same: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values, character by character, and in a sentence where they part."""

    expected: tuple[Piece, ...]
    received: tuple[Piece, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of the app that its form can be opened with; nothing is changed before it is saved."""

    kind: str
    label: str
    values: tuple[str, ...] = ()


def compare(check: Mapping[str, Any]) -> Comparison | None:
    """Expected beside received for a check that failed; of several expected values the nearest one."""
    received = str(check["received"])
    if check["ok"] or check["check"] not in COMPARED or not check["expected"] or received in ("", "(nothing)"):
        return None
    expected = max(str(check["expected"]).split(" or "), key=lambda each: _likeness(each, received))
    matcher = difflib.SequenceMatcher(None, expected, received, autojunk=False)
    ours: list[Piece] = []
    theirs: list[Piece] = []
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        ours += [Piece(expected[start:end], tag == "equal")] if end > start else []
        theirs += [Piece(received[other_start:other_end], tag == "equal")] if other_end > other_start else []
    return Comparison(tuple(ours), tuple(theirs), _sentence(expected, received))


def fixes(refusal: Refusal, client: Client | None, reader: User) -> list[Fix]:
    """What the reader may change about the app so that the same request passes.

    Nothing that widens is offered for a request that anybody could have sent: the client has to have proven itself, or
    the request came from the reader's own signed-in browser (contract 11.42).
    """
    if client is None or client.self_registered or not (reader.is_admin or client.owner_id == reader.id):
        return []
    claimed = refusal.credential.startswith((CLAIMED, ANSWERED))
    if claimed and (refusal.kind != "authorize" or refusal.owner_id != reader.id):
        return []
    failed = {check["check"]: check["received"] for check in refusal.checks if not check["ok"]}
    found = []
    uri = failed.get("redirect uri", "")
    if refusal.kind == "authorize" and _whole(uri) and uri not in client.redirect_uris and client.redirect_uris:
        found.append(Fix(REDIRECT_URI, "Add this redirect URI", (uri,)))
    asked = failed.get("scope", "")
    missing = tuple(name for name in asked.split(" ") if name not in client.scopes)
    if refusal.code == "invalid_scope" and missing and _whole(asked):
        found.append(Fix(SCOPE, "Allow this scope" if len(missing) == 1 else "Allow these scopes", missing))
    # Only where a nonce would do, too, is the app one that may be exempted: that check stands beside the other then.
    if "code challenge" in failed and "nonce" in {check["check"] for check in refusal.checks} and not client.public:
        found.append(Fix(PKCE, "Let this app sign in without PKCE"))
    return found


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def _sentence(expected: str, received: str) -> str:
    shared = next((i for i, pair in enumerate(zip(expected, received, strict=False)) if pair[0] != pair[1]), None)
    if shared is None:
        shared = min(len(expected), len(received))
    if expected.lower() == received.lower():
        return f"They differ in upper and lower case, first at character {shared + 1}."
    if expected.rstrip("/") == received.rstrip("/"):
        return "They differ in the slash at the end alone."
    if len(received) == shared:
        return f"What was received ends after character {shared}."
    if len(expected) == shared:
        return f"What was received goes on after character {shared}."
    return f"They are the same up to character {shared}."


def _whole(value: str) -> bool:
    return bool(value) and value != "(nothing)" and not value.endswith(CUT)
