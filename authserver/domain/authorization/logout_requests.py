"""An app's request to sign its person out, as it was verified; sealed in our own links (RP-Initiated Logout 1.0)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from authserver import keyring
from authserver.domain.authorization.requests import Expired
from authserver.domain.clients import clients
from authserver.domain.clients.facts import ClientFacts
from authserver.domain.grants import subjects
from authserver.domain.people import sessions
from authserver.domain.people.sessions import SignedIn
from authserver.lib import base64url, clock, sealing

LIFETIME = 600
_PLACE = "logout request"


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """Who asked, whom their hint is about, and the registered address to go back to; empty where nothing was said."""

    client_id: str = ""
    redirect_uri: str = ""
    state: str | None = None
    sub: str = ""
    sid: str = ""
    hinted: bool = False  # an ID token of ours proves that the app knew this sign-in
    problem: str = ""  # what was wrong with it: then it leads nowhere

    def is_about(self, found: SignedIn) -> bool:
        """Whether the hint is about this very sign-in, so that nobody has to be asked (section 2)."""
        client = clients.find(self.client_id) if self.hinted else None
        known = client is not None and self.sub == subjects.told(client, found.user.id)
        return known and client is not None and sessions.is_same(found, client.id, self.sid)


def sealed(request: LogoutRequest) -> str:
    """The text that our links and forms carry: nobody else can make or read one."""
    text = json.dumps({**asdict(request), "until": clock.now() + LIFETIME}).encode()
    return base64url.encode(sealing.seal(keyring.key(_PLACE), text, _PLACE)).decode()


def opened(text: str) -> LogoutRequest:
    """What a link or form carries. Raises Expired, also for what we did not make."""
    try:
        values = json.loads(sealing.open_sealed(keyring.keys(_PLACE), base64url.decode(text.encode("ascii")), _PLACE))
    except (ValueError, sealing.SealBroken):
        raise Expired from None
    if values.pop("until") < clock.now():
        raise Expired
    return LogoutRequest(**values)


def client_of(request: LogoutRequest) -> ClientFacts | None:
    """The app that asked, if its address is registered for it still; else it leads nowhere."""
    client = clients.find(request.client_id) if request.client_id else None
    if client is None or not client.enabled or request.redirect_uri not in client.post_logout_redirect_uris:
        return None
    return client
