"""Pages for anyone: sign-in, consent, reset."""
