"""Looking back, for people: nothing here decides anything.

Owns the search in the audit log and its sentences, refused requests and why they were refused (`refusals`,
`credential_checks`), how limits stand (`limits_in_use`), reports of usage, figures of the running server and the
overview. Reads what the other wings wrote; only `refusals.note` writes, in batches.
"""
