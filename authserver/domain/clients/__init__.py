"""OAuth clients, called apps on pages: who they are, what they may, who owns them.

Owns their life (`clients.register`, `clients.revise`, `clients.find`), its ends (`endings.disable`, `endings.remove`),
whose they are (`ownership.visible_to`, `transfers.offer`), the meaning of each field of their metadata
(`metadata`, RFC 7591), their secrets and public keys, lists of them for people (`directory`), the throttle of failed
authentications and the origins whose pages may call this server.
"""
