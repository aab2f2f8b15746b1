"""Keeping an installation running.

Owns the schema (`schema.prepare`, `schema.status`), what is done now and then (`chores.run`), what expires
(`retention.sweep`, `expiry_reminders`), what a serious installation has (`readiness`), what follows a restore
(`recovery`) and the declaration of clients, scopes, APIs and route tables in a file (`declaration.apply`).
"""
