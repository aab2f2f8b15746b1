"""Pages for anyone: sign-in, consent, reset."""

from flask import Blueprint

from authserver.config import Settings
from authserver.pages import (
    change_password,
    consent,
    demo_inbox,
    demo_logout,
    demo_mail,
    device,
    icons,
    kept_form,
    login,
    logos,
    logout,
    password_reset,
    refused,
    signup,
    theme,
    this_was_not_me,
    welcome,
)

# Add a page's module here and its blueprint is served.
BLUEPRINTS: tuple[Blueprint, ...] = (
    login.blueprint,
    logout.blueprint,
    kept_form.blueprint,
    signup.blueprint,
    welcome.blueprint,
    password_reset.blueprint,
    refused.blueprint,
    this_was_not_me.blueprint,
    change_password.blueprint,
    consent.blueprint,
    theme.blueprint,
    icons.blueprint,
    logos.blueprint,
)
# The demo's own.
DEMO_BLUEPRINTS: tuple[Blueprint, ...] = (demo_mail.blueprint, demo_inbox.blueprint, demo_logout.blueprint)


def switched_on(settings: Settings) -> list[Blueprint]:
    """The pages of features that are on."""
    return [device.blueprint] if settings.has_devices else []
