"""docs/security/cryptography.md names every module that does cryptography and every purpose of a derived key."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from authserver.domain.signing import keys as signing_keys
from authserver.lib import jwt, password_hash
from tests.architecture import sources
from tests.docs import pages

PAGE = "cryptography.md"
LIBRARIES = {
    "argon2", "crypt", "cryptography", "hashlib", "hmac", "joserfc", "nacl", "secrets", "ssl", "standardwebhooks",
    "zlib",
}  # fmt: skip
ALGORITHMS = pages.table(PAGE, "for", "algorithm", "strength", "where", "post-quantum")
LABELS = [pages.spans(row[0])[0] for row in pages.table(PAGE, "label", "protects")]


def test_every_module_that_does_cryptography_is_in_the_inventory() -> None:
    using = {
        name for name in sources.modules() if {each.partition(".")[0] for each in sources.imports(name)} & LIBRARIES
    }
    listed = {span for row in ALGORITHMS for span in pages.spans(row[3]) if span.startswith("authserver/")}
    assert using and using - listed == set()
    assert {name for name in listed - using if name != "authserver/domain/tokens/server_jwts.py"} == set()


def labels() -> Iterator[str]:
    """What keys are derived for: the last text among the arguments, or the module's constant that stands there."""
    for module in sources.modules():
        tree = sources.tree(module)
        constants = {
            target.id: node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if sources.dotted(call.func) in ("keyring.key", "keyring.keys", "sealing.derive", "derive"):
                last = call.args[-1]
                if isinstance(last, ast.Constant):
                    yield str(last.value)
                elif isinstance(last, ast.Name) and last.id != "label":  # the keyring hands its caller's on
                    yield str(constants[last.id])


def test_every_purpose_of_a_derived_key_is_listed_once() -> None:
    assert sorted(LABELS) == sorted(set(labels()))


def test_every_algorithm_that_is_verified_is_named() -> None:
    named = pages.read(PAGE)
    assert {"ES256", "RS256", "PS256", "EdDSA"} <= jwt.VERIFY_ALGS
    assert [alg for alg in jwt.VERIFY_ALGS if alg not in named] == []


def test_the_figures_are_those_of_the_code() -> None:
    page = pages.read(PAGE)
    assert f"argon2id, {password_hash.MEMORY_KIB // 1024} MiB, {password_hash.TIME_COST} passes" in page
    assert (
        f"{signing_keys.ROTATE_AFTER // 86_400} days; published {signing_keys.PUBLISH_AHEAD // 60} minutes before"
        in page
    )
    assert signing_keys.KEEP_RETIRED == 86_400 + 2 * 60 and "published for a day and 2 minutes" in page
