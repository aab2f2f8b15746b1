"""/settings/api-keys: a person's API keys."""
