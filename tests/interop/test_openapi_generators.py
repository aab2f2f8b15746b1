"""Clients that others' generators make of /openapi.json, as docs/connect says: made, compiled, and called."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.interop import house as houses
from tests.interop import sites, toolchains
from tests.interop.house import House

pytestmark = [pytest.mark.served, pytest.mark.interop, pytest.mark.long_interop]
HERE = Path(__file__).parent
OAPI_CODEGEN = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"
OPENAPI_GENERATOR = "7.25.0"
NAME, PERMISSION = "Generated client", "full_access"


@pytest.fixture(scope="module")
def key(house: House) -> str:
    """An API key that may list API keys, made as the page says."""
    made = house.server.cli("key", "create", "--owner", houses.EMAIL, "--name", NAME, "--permission", PERMISSION)
    return str(made["key"])


def lay(house: House, folder: Path, language: str) -> None:
    """The page's files for one language."""
    files = house.follow("openapi-generators", "http://localhost").files()
    sites.write(folder, {name.partition("/")[2]: text for name, text in files.items() if name.startswith(language)})


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """What a program says; it must end well."""
    done = subprocess.run(
        command, cwd=folder, env=dict(environment), capture_output=True, text=True, timeout=toolchains.SECONDS,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def generate(house: House, folder: Path, *programs: Path) -> None:
    """Run the page's generate.sh with these programs' folders in front; a warning is what a person would read."""
    path = os.pathsep.join([*(str(each.parent) for each in programs), house.environment()["PATH"]])
    said = run(["sh", "-e", "generate.sh"], folder, house.environment() | {"PATH": path})
    assert "warning" not in said.lower(), said


def test_openapi_python_client(house: House, folder: Path, key: str) -> None:
    lay(house, folder, "python/")
    python = sites.python("openapi")
    generate(house, folder, python)
    run([str(python), "-W", "error", "-m", "compileall", "-q", "authserver_api"], folder, house.environment())
    assert f"{NAME} {PERMISSION}" in run([str(python), "main.py"], folder, house.environment() | {"API_KEY": key})


def test_openapi_typescript(house: House, folder: Path, key: str) -> None:
    lay(house, folder, "typescript/")
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    node = toolchains.node_program("openapi", folder, "main.js")
    generate(house, folder)
    strict = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"]
    run([node[0], "node_modules/typescript/bin/tsc", *strict, "main.ts"], folder, house.environment())
    assert f"{NAME} {PERMISSION}" in run(node, folder, house.environment() | {"API_KEY": key})


def test_oapi_codegen(house: House, folder: Path, key: str) -> None:
    lay(house, folder, "go/")
    generate(house, folder, sites.go_program(OAPI_CODEGEN))
    program = toolchains.go_build(HERE / "go" / "openapi", folder)
    assert f"{NAME} {PERMISSION}" in run([str(program)], folder, house.environment() | {"API_KEY": key})


def test_openapi_generator(house: House, folder: Path, key: str) -> None:
    lay(house, folder, "java/")
    libraries = toolchains.java_libraries(HERE / "java" / "openapi" / "pom.xml", OPENAPI_GENERATOR)
    java, javac = (sites.program(name, "default-jdk-headless") for name in ("java", "javac"))
    generator = libraries / f"openapi-generator-cli-{OPENAPI_GENERATOR}.jar"
    script = folder / "bin" / "openapi-generator-cli"
    sites.write(folder, {"bin/openapi-generator-cli": f'#!/bin/sh\nexec {java} -jar {generator} "$@"'})
    script.chmod(0o755)
    # Its own log names every file, and says that it counts OpenAPI 3.1 as beta.
    run(["sh", "-e", "generate.sh"], folder, house.environment() | {"PATH": f"{script.parent}:{os.environ['PATH']}"})
    used = ":".join(str(each) for each in libraries.glob("*.jar") if each != generator)
    sources = [*map(str, (folder / "api" / "src" / "main").rglob("*.java")), "Main.java"]
    toolchains.build([javac, "-nowarn", "-d", "classes", "-cp", used, *sources], folder)
    command = [java, *toolchains.java_trust(house.authority, folder), "-cp", f"classes:{used}", "Main"]
    assert f"{NAME} {PERMISSION}" in run(command, folder, house.environment() | {"API_KEY": key})
