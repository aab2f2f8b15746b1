"""What an authorization request says of the sign-in itself (OpenID Connect Core 3.1.2.1).

`display`, `ui_locales` and `claims_locales` are wishes: every page fits every window and speaks one language, so that
any value of theirs is met as far as it can be, and none is an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from authserver import config
from authserver.domain.authorization.requests import Destination
from authserver.domain.clients.facts import ClientFacts
from authserver.errors import Check
from authserver.lib import acr, jwt
from authserver.oauth import acr_values, id_token_hint, prompt
from authserver.oauth.authorization_parameters import Parameters
from authserver.oauth.claims import Claims
from authserver.oauth.claims import read as read_claims

MAX_NONCE = 1_024
MAX_LOGIN_HINT = 254
DISPLAYS = ("page", "popup", "touch")
LOCALES = ("en",)
_SECONDS = re.compile(r"[0-9]{1,9}")


def described() -> dict[str, Any]:
    """Members of the metadata (OpenID Connect Discovery 1.0, section 3)."""
    return {"display_values_supported": list(DISPLAYS), "ui_locales_supported": list(LOCALES)}


def judge(sent: Parameters, client: ClientFacts, to: Destination, names: Sequence[str]) -> dict[str, Any]:
    """The fields of a request that are about the sign-in; `names` are its scopes. Raises Refusal."""
    claims = _claims(sent, to) if "openid" in names else Claims()
    asked = {
        "nonce": _nonce(sent, to),
        "prompt": _prompt(sent, to),
        "max_age": _max_age(sent, client, to),
        "login_hint": _login_hint(sent),
        "subject": _subject(sent, client, to, claims),
        "claims": claims.names,
    }
    return asked | _acr(sent, client, to, claims)


def _claims(sent: Parameters, to: Destination) -> Claims:
    text = sent.get("claims")
    if text is None:
        return Claims()
    try:
        return read_claims(text)
    except ValueError as wrong:
        told = "The parameter claims is not as OpenID Connect Core 5.5 has it. Send a JSON object, or leave it out."
        raise to.refuse("invalid_request", told, Check("claims", False, "a JSON object", str(wrong))) from None


def _acr(sent: Parameters, client: ClientFacts, to: Destination, claims: Claims) -> dict[str, Any]:
    """The classes asked for; those of a claim win over the parameter, and that over what the app registered."""
    try:
        wished = acr_values.read(sent.get("acr_values"))
    except ValueError as wrong:
        told = "The acr_values are malformed. Send names with single spaces between them, or leave it out."
        raise to.refuse("invalid_request", told, Check("acr values", False, "names", str(wrong))) from None
    wanted, essential = (claims.acr_values or wished or client.default_acr_values), claims.acr_essential
    if not acr_values.can_be_met(essential, wanted):
        told = (
            "The app needs a sign-in of a kind that this server does not have."
            f" The acr can be {' or '.join(acr.REACHABLE)}; ask for that, or do not mark it as essential."
        )
        kinds = Check("acr", False, " or ".join(acr.REACHABLE), " ".join(wanted))
        raise to.refuse("unmet_authentication_requirements", told, kinds)
    return {"acr_values": wanted, "acr_essential": essential}


def _subject(sent: Parameters, client: ClientFacts, to: Destination, claims: Claims) -> str | None:
    """Who is expected to be signed in, as the app knows them: of a hint, or of the claim `sub`."""
    hint = sent.get("id_token_hint")
    if hint is None:
        return claims.sub
    try:
        subject = id_token_hint.subject(client, hint)
    except jwt.InvalidToken as wrong:
        told = "The id_token_hint is no ID token that this server signed for this app. Send another, or leave it out."
        check = Check("id token hint", False, "an ID token of this app's", wrong.reason)
        raise to.refuse("invalid_request", told, check) from None
    if claims.sub not in (None, subject):
        told = "The id_token_hint and the claim sub name two people. Send one of the two."
        raise to.refuse("invalid_request", told, Check("person", False, "one", "two"))
    return subject


def _prompt(sent: Parameters, to: Destination) -> tuple[str, ...]:
    asked, possible = prompt.read(sent.get("prompt")), prompt.possible(config.current())
    if not set(possible).issuperset(asked):
        text, said = (
            f"The prompt is unknown. Send {', '.join(possible[:-1])} or {possible[-1]}, or leave it out.",
            " ".join(asked),
        )
        raise to.refuse("invalid_request", text, Check("prompt", False, " or ".join(sorted(possible)), said))
    if "none" in asked and len(asked) > 1:
        text, said = "The prompt none stands alone. Send it without another value.", " ".join(asked)
        raise to.refuse("invalid_request", text, Check("prompt", False, "none", said))
    return asked


def _max_age(sent: Parameters, client: ClientFacts, to: Destination) -> int | None:
    text = sent.get("max_age")
    if text is None:
        return client.default_max_age  # OpenID Connect Registration 1.0, section 2
    if not _SECONDS.fullmatch(text):
        said = Check("max age", False, "seconds in digits", text)
        raise to.refuse("invalid_request", "The max_age is no number. Send seconds in digits, or leave it out.", said)
    return int(text)


def _nonce(sent: Parameters, to: Destination) -> str | None:
    value = sent.get("nonce")
    if value is not None and len(value) > MAX_NONCE:
        text = f"The nonce is longer than {MAX_NONCE} characters. Send a shorter one."
        said = Check("nonce", False, f"at most {MAX_NONCE} characters", f"{len(value)} characters")
        raise to.refuse("invalid_request", text, said)
    return value


def _login_hint(sent: Parameters) -> str:
    hint = sent.get("login_hint") or ""
    return hint if len(hint) <= MAX_LOGIN_HINT and hint.isprintable() else ""
