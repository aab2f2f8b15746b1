"""/v1/signing-keys: the keys that tokens are signed with (scope admin)."""

from __future__ import annotations

from typing import Any

from authserver.domain.signing import keys as signing_keys
from authserver.domain.signing.keys import SigningKey
from authserver.edge.api_call import ADMIN, Call, Route, nothing, one, paged, time
from authserver.edge.exchange import Outgoing
from authserver.edge.json_schema import OBJECT, STRING, TIME, Schema, one_of, or_null, record, ref, shown
from authserver.lib import jwk

NEEDED = (ADMIN,)


def index(call: Call) -> Outgoing:
    """All keys, newest first."""
    return paged(signing_keys.every(), call, facts, key=lambda key: (-key.created_at, key.alg, key.kid))


def rotate(call: Call) -> Outgoing:
    """Publish new keys now; they take over once every cache has seen them."""
    algs = call.body.get("algs") or signing_keys.ALGS
    return one({"keys": [facts(key) for key in signing_keys.rotate(dict.fromkeys(algs))]}, 201)


def retire(call: Call) -> Outgoing:
    """Take a key out of use; another one must be able to sign."""
    signing_keys.retire(call.path["kid"])
    return nothing()


def facts(key: SigningKey) -> dict[str, Any]:
    """A key's public half."""
    return {
        "kid": key.kid,
        "alg": key.alg,
        "state": signing_keys.state(key),
        "public_jwk": key.public_jwk,
        "created_at": time(key.created_at),
        "active_at": time(key.active_at),
        "retired_at": time(key.retired_at),
        "removed_at": time(key.removed_at),
    }


SCHEMAS: dict[str, Schema] = {
    "SigningKey": shown(
        {
            "kid": STRING, "alg": STRING, "state": one_of("pending", "active", "retired", "removed"),
            "public_jwk": OBJECT, "created_at": TIME, "active_at": TIME, "retired_at": or_null(TIME),
            "removed_at": or_null(TIME),
        }
    ),
    "NewSigningKeys": shown({"keys": {"type": "array", "items": ref("SigningKey")}}),
}  # fmt: skip
_ALGS = record({"algs": {"type": "array", "items": one_of(*jwk.SIGNING_ALGS), "maxItems": 4}})
ROUTES = (
    Route("GET", "/v1/signing-keys", index, NEEDED, "List signing keys", ref("SigningKey"), many=True),
    Route("POST", "/v1/signing-keys", rotate, NEEDED, "Make new signing keys", ref("NewSigningKeys"), _ALGS,
          status=201, creates=True, errors=(422,)),
    Route("DELETE", "/v1/signing-keys/{kid}", retire, NEEDED, "Retire a signing key", status=204, errors=(404, 409)),
)  # fmt: skip
