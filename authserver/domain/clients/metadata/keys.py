"""An app's own public keys: pasted, or an address at which they are fetched."""

from __future__ import annotations

import json
from typing import Any

from authserver.domain import outbound
from authserver.domain.clients.metadata.registration import Registration
from authserver.errors import Invalid
from authserver.lib import jwk, quoting

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
    if not isinstance(keys, list) or not 1 <= len(keys) <= 10 or set(wanted.jwks) != {"keys"}:
        return {"jwks": 'A key set has the form {"keys": […]} with 1 to 10 keys.'}
    try:
        for key in keys:
            jwk.load_public(key)
    except jwk.InvalidKey as error:
        return {"jwks": str(error)}
    return {}


def _from_pem(text: str) -> dict[str, Any]:
    blocks = [block + _PEM_END for block in text.split(_PEM_END) if block.strip()]
    if "PRIVATE KEY" in text:
        raise Invalid("This is a private or symmetric key. Send the public key only.", field="jwks")
    try:
        return {"keys": [jwk.public_jwk(block.strip() + "\n") for block in blocks[:11]]}
    except jwk.InvalidKey as error:
        raise Invalid(str(error), field="jwks") from None


def _fetch_problem(uri: str) -> str | None:
    """What is wrong with an address that this server would fetch (security.md C23); the guard judges it at each use."""
    try:
        outbound.check(uri)
    except outbound.Blocked as refused:
        return quoting.refused(uri, str(refused))
    return None
