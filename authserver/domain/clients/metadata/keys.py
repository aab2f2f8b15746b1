"""An app's own public keys: pasted, or an address at which they are fetched."""

from __future__ import annotations

import json
from typing import Any

from authserver.domain import outbound
from authserver.domain.clients.metadata.registration import Registration
from authserver.errors import Invalid
from authserver.lib import jwk, quoting

MAX_KEYS = 20
MAX_NAMED = 3
_PEM_END = "-----END PUBLIC KEY-----"


def key_set(text: str) -> dict[str, Any] | None:
    """The public keys that somebody pasted: a JWK Set, one JWK, or keys in PEM. None for nothing. Raises Invalid."""
    if not text.strip():
        return None
    if text.lstrip().startswith("-----BEGIN"):
        return _from_pem(text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("This is neither JSON nor PEM.", field="jwks") from None
    if not isinstance(value, dict):
        raise Invalid("This is not a JSON object.", field="jwks")
    return {"keys": [value]} if "kty" in value else value


def check(wanted: Registration) -> dict[str, str]:
    """Keys or their address, not both; all of them public and good."""
    if wanted.jwks is not None and wanted.jwks_uri:
        return {"jwks_uri": "Give either the keys or their address, not both."}
    if wanted.jwks_uri and (found := _fetch_problem(wanted.jwks_uri)):
        return {"jwks_uri": found}
    if wanted.jwks is None:
        return {}
    keys = wanted.jwks.get("keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
        return {"jwks": f'A key set has the form {{"keys": […]}} with 1 to {MAX_KEYS} keys.'}
    try:
        usable, ignored = jwk.sifted(keys)
    except jwk.PrivateKey as error:
        return {"jwks": str(error)}
    return {} if usable else {"jwks": " ".join(["No key of the set can be used.", *ignored[:MAX_NAMED]])}


def understood(jwks: dict[str, Any] | None) -> dict[str, Any] | None:
    """A set without what is not understood: members beside `keys`, and keys of no use here (RFC 7517 section 5).

    One that `check` refuses stays as it is.
    """
    usable = _sifted(jwks)[0]
    return {"keys": usable} if usable else jwks


def any_signs(jwks: dict[str, Any], alg: str) -> bool:
    """Whether what one of its keys signs can be of this algorithm; a set that `check` refuses has any."""
    usable = _sifted(jwks)[0]
    return not usable or any(alg in jwk.load_public(each).algs for each in usable)


def ignored(jwks: dict[str, Any] | None) -> list[str]:
    """A sentence for each key of a set that is not kept."""
    usable, said = _sifted(jwks)
    return said if usable else []


def _sifted(jwks: dict[str, Any] | None) -> tuple[list[Any], list[str]]:
    keys = (jwks or {}).get("keys")
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        return [], []
    try:
        usable, said = jwk.sifted(keys)
    except jwk.PrivateKey:
        return [], []
    return [*usable], said


def _from_pem(text: str) -> dict[str, Any]:
    blocks = [block + _PEM_END for block in text.split(_PEM_END) if block.strip()]
    if "PRIVATE KEY" in text:
        raise Invalid(str(jwk.PrivateKey()), field="jwks")
    try:
        return {"keys": [jwk.public_jwk(block.strip() + "\n") for block in blocks[: MAX_KEYS + 1]]}
    except jwk.InvalidKey as error:
        raise Invalid(str(error), field="jwks") from None


def _fetch_problem(uri: str) -> str | None:
    """What is wrong with an address that this server would fetch (security.md C23); the guard judges it at each use."""
    try:
        outbound.check(uri)
    except outbound.Blocked as refused:
        return quoting.refused(uri, str(refused))
    return None
