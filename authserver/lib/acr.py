"""Authentication context classes: how surely a person proved who they are (OpenID Connect Core 2, RFC 8176)."""

from collections.abc import Collection, Iterable

AAL1 = "aal1"  # one factor
AAL2 = "aal2"  # two
PHR = "phr"  # phishing resistant: a passkey with user verification
ORDER = (AAL1, AAL2, PHR)
"""From the weakest to the strongest; each is at least the ones before it."""
REACHABLE: tuple[str, ...] = (AAL1,)
"""What a sign-in at this server can reach: a password, or a link that was mailed, is one factor."""


def of(amr: Collection[str]) -> str:
    """The class of a sign-in by the methods it was done with."""
    if "user" in amr and not {"hwk", "swk"}.isdisjoint(amr):
        return PHR
    return AAL2 if "mfa" in amr or {"pwd", "otp"} <= set(amr) else AAL1


def satisfies(reached: str, wanted: Iterable[str]) -> bool:
    """Whether a sign-in of this class is one of the wanted, or stronger than one of them; what is no class, of none."""
    return reached in ORDER and any(each in ORDER and ORDER.index(reached) >= ORDER.index(each) for each in wanted)


def reachable(wanted: Iterable[str]) -> bool:
    """Whether a fresh sign-in here can be one of the wanted."""
    return any(satisfies(each, wanted) for each in REACHABLE)
