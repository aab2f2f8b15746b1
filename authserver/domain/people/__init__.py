"""People, and how they prove who they are.

Owns accounts (`users.create`, `users.disable`) and how they end (`departures.delete`, `departures.restore`,
`erasure.erase_due`), sign-in sessions kept on the server (`sessions.start`, `sessions.find`), browsers that signed an
account in before (`known_devices`) and, one file each, the ways to prove who one is (`credentials.passwords`).
"""
