"""Pages for signed-in people."""

from flask import Blueprint

BLUEPRINTS: tuple[Blueprint, ...] = ()
