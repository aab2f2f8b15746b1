"""API keys: made once, shown once, known afterwards by their digest.

Owns what a new one is to be and who may make it so (`wishes`), its life (`keys.create`, `keys.rotate`, `keys.revoke`)
and its check at every request (`keys.check`).
"""
