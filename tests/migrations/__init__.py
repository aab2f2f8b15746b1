"""The migrations and the models say the same."""
