"""Pages for anyone: sign-in, consent, reset."""

from flask import Blueprint

from authserver.pages import consent, theme

# Add a page's module here and its blueprint is served.
BLUEPRINTS: tuple[Blueprint, ...] = (theme.blueprint, consent.blueprint)
