"""What is recorded with a fact, in the fact's own transaction.

Owns the hash-chained audit log (`audit.record`, `audit.verify`), the seals over its checkpoints, and the outbox that
holds the events webhooks will tell (`outbox.enqueue`).
"""
