"""Rate limits: fixed windows from the first request (contract.md 11.17).

Owns taking from and looking at a bucket (`rate_limits.take`, `rate_limits.look`) and the storages that hold
buckets, each standing in for the one before.
"""
