"""On PYTHONPATH it makes password hashes of next to no cost: what a sign-in costs besides argon2id can be measured."""

from authserver.lib import password_hash

password_hash.configure(1, memory_kib=8, time_cost=1)
