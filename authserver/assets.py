"""Where templates, static files and migrations lie: in the wheel, or beside the package in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def assets() -> Path:
    """`authserver/_assets` where a wheel put it, else the top of the repository."""
    packed = _PACKAGE / "_assets"
    return packed if packed.is_dir() else _PACKAGE.parent
