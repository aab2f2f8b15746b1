"""OAuth errors in our words: fixed texts, so that nothing of a request is ever echoed (RFC 6749 5.2, RFC 6750 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
)

from authserver import config
from authserver.domain.access import protected_resources
from authserver.errors import Check, Denied, DomainError, Invalid

Headers = list[tuple[str, str]]


class Explained:
    """What an error is about, for the owner of the client: never in the answer."""

    checks: Sequence[Check] = ()
    client_id = ""  # whose it is, where the client did not prove itself

    def because(self, *checks: Check) -> Self:
        """The same error, with what was looked at; never a secret."""
        self.checks = checks
        return self

    def claimed_by(self, client_id: str) -> Self:
        """The same error of a request that says it comes from this client."""
        self.client_id = client_id
        return self


class InvalidRequest(Explained, InvalidRequestError):  # type: ignore[misc]  # Authlib has no types
    """400: the request is malformed, repeats something, or authenticates twice."""


class InvalidGrant(Explained, InvalidGrantError):  # type: ignore[misc]  # Authlib has no types
    """400: the code or token is not good, whatever the cause: one sentence, so that nothing is guessed by it."""

    description = (
        "The code or refresh token is not valid for this request: unknown, used, expired, revoked, or sent with another"
        " redirect_uri, code_verifier or client than before. Start the sign-in again; error_uri says more."
    )

    def __init__(self) -> None:
        super().__init__()


class InvalidScope(Explained, InvalidScopeError):  # type: ignore[misc]  # Authlib has no types
    """400: nothing of the scope may be granted."""


class UnauthorizedClient(Explained, UnauthorizedClientError):  # type: ignore[misc]  # Authlib has no types
    """400: this client may not use this grant."""


class InvalidTarget(Explained, OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """400: the resource is unknown, or not this client's (RFC 8707 section 2)."""

    error = "invalid_target"


class DeviceError(Explained, OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """400: a device code that ends without tokens: `access_denied` or `expired_token` (RFC 8628 section 3.5)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error=error, description=description)


class UnsupportedGrantType(Explained, OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """400: Authlib's own class repeats the value it was sent."""

    error = "unsupported_grant_type"
    description = "The grant_type is not supported. Send authorization_code, refresh_token or client_credentials."


class InvalidClient(Explained, InvalidClientError):  # type: ignore[misc]  # Authlib has no types
    """One answer for an unknown client, a wrong secret, a disabled client and a wrong method (trap T12).

    401 with a challenge if the client used the Authorization header, else 400 (RFC 6749 section 5.2).
    """

    description = (
        "Client authentication failed. Check client_id, the secret or key, and the method; error_uri says more."
    )

    def __init__(self, *, by_header: bool, client_id: str = "", checks: Sequence[Check] = ()) -> None:
        super().__init__(status_code=401 if by_header else 400)
        self.client_id, self.checks = client_id, checks

    def get_headers(self) -> Headers:
        headers: Headers = super(InvalidClientError, self).get_headers()
        if self.status_code == 401:
            headers.append(("WWW-Authenticate", f'Basic realm="{config.current().slug}", error="{self.error}"'))
        return headers


class BearerError(Explained, OAuth2Error):  # type: ignore[misc]  # Authlib has no types
    """A refusal with a Bearer challenge; without an error code if no credential was sent (RFC 6750 section 3.1)."""

    presented = ""  # the credential that it is about, where it did not come as it has to

    def __init__(
        self, error: str, description: str, status_code: int, *, scope: str = "", checks: Sequence[Check] = ()
    ) -> None:
        super().__init__(error=error, description=description, status_code=status_code)
        self.scope, self.checks = scope, checks

    def get_headers(self) -> Headers:
        headers: Headers = super().get_headers()
        challenge = f'Bearer realm="{config.current().slug}"'
        if self.error != "missing_token":
            challenge += f', error="{self.error}", error_description="{self.description}"'
        if self.scope:
            challenge += f', scope="{self.scope}"'
        # The endpoints that take bearer tokens are the issuer's own (RFC 9728 section 5.1).
        challenge += f', resource_metadata="{protected_resources.metadata_url(config.current().issuer)}"'
        headers.append(("WWW-Authenticate", challenge))
        return headers


def missing_token() -> BearerError:
    """401 without a reason: nothing was sent that could be wrong."""
    return BearerError("missing_token", "An access token is needed. Send it in the header Authorization: Bearer.", 401)


def invalid_token() -> BearerError:
    """401, the same for expired, revoked, unknown and malformed."""
    text = "The credential is not good here: unknown, expired, revoked, or for something else. Get a new access token."
    return BearerError("invalid_token", text, 401)


def insufficient_scope(scope: str) -> BearerError:
    """403: the credential is good, and may not do this."""
    text = f"The credential lacks the scope {scope}. Send one that has it: ask for the scope when the token is made."
    lacking = Check("scope", False, scope, "it is not among those of the credential")
    return BearerError("insufficient_scope", text, 403, scope=scope, checks=(lacking,))


def no_person() -> BearerError:
    """403 at userinfo: an app's own token is nobody's, whatever scopes it has."""
    text = "The token was made for the app itself, and is no person's. Send one that a sign-in with openid gave."
    nobody = Check("person", False, "a token of a sign-in, with the scope openid", "a token of the app itself")
    return BearerError("insufficient_scope", text, 403, scope="openid", checks=(nobody,))


def translate(refusal: DomainError) -> OAuth2Error | None:
    """A refusal of the domain as the protocol says it, or None for one that is no matter of the protocol."""
    if isinstance(refusal, Denied):
        return InvalidGrant()
    if isinstance(refusal, Invalid) and refusal.field == "scope":
        return InvalidScope(refusal.public)
    if isinstance(refusal, Invalid) and refusal.field == "resource":
        return InvalidTarget(refusal.public)
    return None
