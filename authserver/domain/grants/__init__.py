"""What a person allowed one app, and everything that hangs on it.

Owns grants (`grants.create`, `grants.revoke`), remembered consents (`consents`), authorization codes
(`codes.consume`) and refresh tokens in families (`refresh_tokens.rotate`): all of them live and die with their grant.
"""
