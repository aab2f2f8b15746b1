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


def attributes_of(*names: str) -> set[str]:
    """What the package takes from modules of these names, such as `sha256` of `hashlib`."""
    return {
        node.attr
        for module in sources.modules()
        for node in ast.walk(sources.tree(module))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names
    }


def test_every_hash_is_of_the_sha_2_family() -> None:
    found = attributes_of("hashlib", "hashes")
    assert {"sha256", "SHA256"} <= found
    assert {each.lower() for each in found} - {"sha256", "sha384", "sha512", "hashalgorithm", "hash"} == set()
    imported = {each for module in sources.modules() for each in sources.imports(module)}
    assert not {each for each in imported if each.startswith(("hashlib.", "zlib.adler"))}
    given = {
        ast.unparse(each.value)
        for module in sources.modules()
        for call in ast.walk(sources.tree(module))
        if isinstance(call, ast.Call) and sources.dotted(call.func) in {"hmac.new", "hmac.digest"}
        for each in (*call.keywords, *(ast.keyword("digestmod", value) for value in call.args[2:]))
    }
    assert given and given <= {"'sha256'", '"sha256"', "hashlib.sha256"}


def test_nothing_but_gcm_encrypts() -> None:
    """No other mode or padding is imported, so that there is none to take by mistake (ASVS 11.3)."""
    imported = {each for module in sources.modules() for each in sources.imports(module)}
    ciphers = {each for each in imported if each.startswith("cryptography.") and "cipher" in each}
    assert ciphers == {
        "cryptography.hazmat.primitives.ciphers.aead",
        "cryptography.hazmat.primitives.ciphers.aead.AESGCM",
    }
    assert not {each for each in imported if "fernet" in each.lower() or "keywrap" in each}
    assert attributes_of("padding") <= {"PKCS1v15", "PSS", "MGF1"}  # of signatures


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
