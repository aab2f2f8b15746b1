"""With what this server signs answers for an app: ID tokens; userinfo and introspection where it wants them signed."""

from __future__ import annotations

from sqlalchemy import or_, select

from authserver import database
from authserver.domain.clients.metadata.registration import Registration
from authserver.lib import clock, jwk
from authserver.models import SigningKey

ALWAYS = ("RS256", "ES256")
"""Keys of these are always there; of the others where an administrator made one (`authserver jwks rotate --alg`)."""


def check(wanted: Registration) -> dict[str, str]:
    """Each algorithm is one that a key of this server signs with now (OpenID Connect Registration 1.0, section 2)."""
    problems = {}
    for name in ("id_token_alg", "userinfo_alg", "introspection_alg"):
        alg = getattr(wanted, name)
        if alg not in (None, *ALWAYS) and alg not in possible():
            problems[name] = f"Choose {' or '.join(possible())}: this server has keys of no other algorithm."
    return problems


def possible() -> tuple[str, ...]:
    """Those with a key that signs now, in the order of the metadata."""
    now = clock.now()
    signing = (
        SigningKey.removed_at.is_(None),
        SigningKey.active_at <= now,
        or_(SigningKey.retired_at.is_(None), SigningKey.retired_at > now),
    )
    with database.reading() as session:
        present = set(session.scalars(select(SigningKey.alg).where(*signing).distinct()))
    return (*ALWAYS, *(alg for alg in jwk.SIGNING_ALGS if alg in present and alg not in ALWAYS))
