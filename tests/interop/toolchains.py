"""Programs in other languages: their packages are installed once, by a lock of their own, beside the page's files."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from tests.interop import sites
from tests.services import locks, missing, node

NODE = Path(__file__).parent / "node"  # a folder with package.json and package-lock.json for each set of packages
SECONDS = 1500


def node_program(packages: str, folder: Path, *words: str) -> list[str]:
    """The command that runs one of the folder's scripts with a set of packages of node/."""
    link = folder / "node_modules"
    if not link.exists():
        link.symlink_to(node_modules(packages))
    return [*node.command(), *words]


def node_modules(packages: str) -> Path:
    """The installed packages of node/<packages>, made when its lock has changed."""
    lock = NODE / packages / "package-lock.json"
    folder = sites.cache() / f"node-{packages}-{digest(lock)}"
    with locks.alone(sites.cache() / f"node-{packages}.lock"):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(lock.parent, folder)
            npm = sites.program("npm", "npm")
            fetch([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
            (folder / "complete").touch()
    return folder / "node_modules"


def digest(*files: Path) -> str:
    """What changes when the files do."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def fetch(command: list[str], folder: Path) -> None:
    """Run what brings packages; a registry that is not reached is a program that is not here."""
    if said := _patiently(command, folder, {}):
        missing.skip_or_fail(f"{' '.join(command)} failed: {said}", "a package registry that is reached")


def build(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Compile a page's program: one that does not is a page that is wrong, on any machine."""
    if said := _patiently(command, folder, environment or {}):
        pytest.fail(f"{' '.join(command)[:500]} failed: {said}", pytrace=False)


def said(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """What a page's program writes before it ends well."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _patiently(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Run behind whatever else the machine does; what a program that failed said."""
    done = subprocess.run(
        ["nice", "-n", "15", *command], cwd=folder, env={**os.environ, **environment}, timeout=SECONDS,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    return f"exit {done.returncode}\n{done.stdout[-2500:]}\n{done.stderr[-2500:]}" if done.returncode else ""


def java_trust(authority: trustme.CA, folder: Path) -> list[str]:
    """Options with which a Java program trusts our authority."""
    certificate, store = folder / "authority.pem", folder / "trusted.p12"
    authority.cert_pem.write_to_path(str(certificate))
    keytool = sites.program("keytool", "default-jdk-headless")
    words = ["-importcert", "-noprompt", "-alias", "ours", "-storepass", "changeit", "-storetype", "PKCS12"]
    build([keytool, *words, "-file", str(certificate), "-keystore", str(store)], folder)
    return [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]


def java_libraries(pom: Path, release: str) -> Path:
    """A folder with the libraries of a pom.xml whose parent has this release."""
    folder = sites.cache() / f"java-{release}-{digest(pom)}"
    with locks.alone(sites.cache() / f"java-{release}.lock"):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            sites.write(folder, {"pom.xml": pom.read_text("utf-8").replace("RELEASE", release)})
            maven = sites.program("mvn", "maven")
            fetch([maven, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libraries"], folder)
            (folder / "complete").touch()
    return folder / "libraries"


def go_build(module: Path, folder: Path) -> Path:
    """The program of a folder: the module's go.mod, go.sum and sources, with the page's files laid over them."""
    go = sites.program("go", "golang")
    for file in module.iterdir():
        if not (folder / file.name).exists():
            shutil.copy(file, folder / file.name)
    fetch([go, "mod", "download"], folder)
    build([go, "build", "-p", "2", "-o", "site", "."], folder)
    return folder / "site"


def cargo_build(lock: Path, folder: Path) -> Path:
    """The program of a folder with the page's Cargo.toml and sources; its libraries are compiled once for each lock."""
    cargo = sites.program("cargo", "cargo")
    # Where packages come from is not ours to name: what cargo writes for its registry is put into our lock.
    fetch([cargo, "generate-lockfile"], folder)
    said = re.search(r'^source = "(.+)"$', (folder / "Cargo.lock").read_text(), re.MULTILINE)
    assert said is not None
    (folder / "Cargo.lock").write_text(lock.read_text().replace('source = "registry"', f'source = "{said[1]}"'))
    target = sites.cache() / f"rust-{digest(lock)}"
    with locks.alone(sites.cache() / "rust.lock"):
        fetch([cargo, "fetch", "--locked"], folder)
        build([cargo, "build", "--locked", "--jobs", "2"], folder, {"CARGO_TARGET_DIR": str(target)})
        return Path(shutil.copy(target / "debug" / "site", folder / "program"))
