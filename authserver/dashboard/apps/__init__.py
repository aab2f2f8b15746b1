"""/apps: the OAuth clients of a person."""
