"""People, and how they prove who they are.

Owns accounts (`users.create`, `users.disable`), what people are called (`names.rename`), their addresses
Owns accounts (`users.create`, `users.disable`), what people are called (`names.rename`), their addresses
(`addresses.change_email`), their one-time links (`links.request_reset`), how they come by themselves (`sign_ups`)
server (`sessions.open`, `sessions.resolve`) and known browsers (`sign_ins.note_sign_in`). One file each: the ways to
prove who one is (`credentials.passwords`). `living` is for whoever changes somebody who is not deleted.
"""
