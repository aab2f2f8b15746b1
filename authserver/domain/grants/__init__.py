"""What a person allowed one app, and everything that hangs on it.

Owns grants (`grants.create`, `grants.revoke`), remembered consents (`consents`; what their person sees of them is in
`connected_apps`), authorization codes (`codes.consume`) and refresh tokens in families (`refresh_tokens.rotate`): all
of them live and die with their grant.
"""
