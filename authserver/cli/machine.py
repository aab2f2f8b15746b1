"""What kind of machine this is, for messages that say how to install something."""

from __future__ import annotations

import os
from pathlib import Path

_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))  # Docker's, Podman's


def is_container() -> bool:
    """Whether this runs in a container, where nobody installs packages."""
    # `container` is set by systemd-nspawn and Podman, the other by every kubelet.
    return any(mark.exists() for mark in _MARKS) or bool({"container", "KUBERNETES_SERVICE_HOST"} & set(os.environ))


def how_to_install(package: str) -> str:
    """The remedy for a missing program: a command of Debian's, or in a container what the image has to bring."""
    if is_container():
        return f"this container's image has to bring it (Debian's package {package}; our own Dockerfile brings it)"
    sudo = "" if os.geteuid() == 0 else "sudo "
    return f"{sudo}apt install {package}"
