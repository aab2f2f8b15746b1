"""The `jti` of access tokens, which leads to what they were made from: `<grant>.<random>`, or `<epoch>-<random>`.

A client's own tokens have no row that could end. They say how often all tokens of the client were ended before them:
whoever ends them counts on, and need not compare its clock with that of the node that made them.
"""

from __future__ import annotations

from authserver.lib import secrets


def of_grant(grant_id: str) -> str:
    """A new one for what a person allowed."""
    return secrets.random_id(f"{grant_id}.")


def of_client(epoch: int) -> str:
    """A new one for a client's own token."""
    return secrets.random_id(f"{epoch}-" if epoch else "")


def grant_id(jti: str) -> str:
    """The grant; empty for a client's own."""
    return jti.rpartition(".")[0]


def epoch(jti: str) -> int:
    """How often all of the client's tokens had been ended before."""
    said = jti.partition("-")[0] if "-" in jti else "0"
    return int(said) if said.isdecimal() else 0
