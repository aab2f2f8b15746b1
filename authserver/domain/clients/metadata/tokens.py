"""The tokens an app gets: their form, their life, their limit; and whatever else its document says."""

from __future__ import annotations

import json

from authserver import config
from authserver.domain.clients.metadata.registration import Registration
from authserver.lib import quoting

FORMATS = ("jwt", "opaque")
TTL = range(60, 86_401)
MAX_EXTRA = 16_384
MAX_AGE = range(31_536_001)
MAX_ACR = 20


def check(wanted: Registration) -> dict[str, str]:
    """Each is one that this server makes."""
    problems = {}
    if wanted.access_token_format not in FORMATS:
        problems["access_token_format"] = "Choose JWT or opaque."
    if wanted.access_token_ttl is not None and wanted.access_token_ttl not in TTL:
        problems["access_token_ttl"] = "Enter 60 to 86400 seconds."
    if wanted.default_max_age is not None and wanted.default_max_age not in MAX_AGE:
        problems["default_max_age"] = "Enter 0 to 31536000 seconds."
    if len(wanted.default_acr_values) > MAX_ACR or not all(map(_is_name, wanted.default_acr_values)):
        problems["default_acr_values"] = f"At most {MAX_ACR} names of 1 to 100 visible characters are possible."
    if len(json.dumps(wanted.metadata_extra)) > MAX_EXTRA:
        problems["metadata"] = "The other members are too large."
    return problems


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 100 and text.isprintable() and " " not in text


def check_rate_limit(wanted: Registration) -> dict[str, str]:
    """A limit reads as one."""
    if wanted.rate_limit is not None and not config.is_rate_limit(wanted.rate_limit):
        return {"rate_limit": quoting.refused(wanted.rate_limit, "a limit looks like 1000/hour.")}
    return {}
