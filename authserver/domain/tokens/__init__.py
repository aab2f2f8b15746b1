"""Access tokens and ID tokens (RFC 9068, RFC 7662, RFC 7009, OpenID Connect Core 2).

Owns making them (`issuance.issue`), saying whether any credential is good and for what (`inspection.inspect`), ending
them (`revocation.revoke`), JWTs that clients sign themselves (`server_jwts`) and reports of leaked ones (`leaks`).
"""
