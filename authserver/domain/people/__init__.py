"""People, and how they prove who they are.

Owns accounts (`users.create`, `users.disable`), what people are called (`names.rename`), their addresses
(`addresses.change_email`), their one-time links (`links.request_reset`), how they come by themselves (`sign_ups`) and
how they end (`departures.delete`, `departures.restore`, `erasure.erase_due`). Signing in leaves sessions kept on the
server (`sessions.open`, `sessions.resolve`) and known browsers (`sign_ins.note_sign_in`). One file each: the ways to
prove who one is (`credentials.passwords`). `living` is for whoever changes somebody who is not deleted.
"""
