"""The tokens an app gets: their form, their life, their limit; and whatever else its document says."""

from __future__ import annotations

import json

from authserver import config
from authserver.domain.clients.metadata.registration import Registration
from authserver.lib import quoting

FORMATS = ("jwt", "opaque")
ID_TOKEN_ALGS = ("RS256", "ES256")
TTL = range(60, 86_401)
MAX_EXTRA = 16_384


def check(wanted: Registration) -> dict[str, str]:
    """Each is one that this server makes."""
    problems = {}
    if wanted.access_token_format not in FORMATS:
        problems["access_token_format"] = "Choose JWT or opaque."
    if wanted.access_token_ttl is not None and wanted.access_token_ttl not in TTL:
        problems["access_token_ttl"] = "Enter 60 to 86400 seconds."
    if wanted.id_token_alg not in ID_TOKEN_ALGS:
        problems["id_token_alg"] = "Choose RS256 or ES256."
    if len(json.dumps(wanted.metadata_extra)) > MAX_EXTRA:
        problems["metadata"] = "The other members are too large."
    return problems


def check_rate_limit(wanted: Registration) -> dict[str, str]:
    """A limit reads as one."""
    if wanted.rate_limit is not None and not config.is_rate_limit(wanted.rate_limit):
        return {"rate_limit": quoting.refused(wanted.rate_limit, "a limit looks like 1000/hour.")}
    return {}
