"""Puts this project into the environment that runs this file: what a wheel would bring, without a build backend."""

import compileall
import re
import shutil
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = Path(sys.prefix)
SITE = Path(sysconfig.get_path("purelib"))
PROGRAMS_WITH_PLACEHOLDERS = re.compile("/_assets/templates/")
COMMAND = """#!{python}
import sys

from {module} import {function}

if __name__ == "__main__":
    sys.exit({function}())
"""


def copy_files(wheel: dict[str, Any]) -> None:
    """The packages, and the files beside them where the wheel would have them."""
    for source, target in [(name, name) for name in wheel["packages"]] + list(wheel["force-include"].items()):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / source, SITE / target, ignore=ignored, dirs_exist_ok=True)


def describe(project: dict[str, Any]) -> None:
    """The metadata that `importlib.metadata` reads."""
    info = SITE / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")


def add_commands(project: dict[str, Any]) -> None:
    """The commands, started by the Python of this environment."""
    for name, target in project["scripts"].items():
        module, function = target.split(":")
        command = ENVIRONMENT / "bin" / name
        command.write_text(COMMAND.format(python=ENVIRONMENT / "bin" / "python", module=module, function=function))
        command.chmod(0o755)


def main() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    copy_files(table["tool"]["hatch"]["build"]["targets"]["wheel"])
    describe(table["project"])
    add_commands(table["project"])
    for package in table["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        # The root file system may be read-only: what is not compiled now is compiled at every start.
        if not compileall.compile_dir(SITE / package, quiet=1, rx=PROGRAMS_WITH_PLACEHOLDERS):
            sys.exit(f"{package} does not compile")


if __name__ == "__main__":
    main()
