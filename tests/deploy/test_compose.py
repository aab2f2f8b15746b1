"""compose.yaml: read as its specification says, and held to rules of our own. Nothing here starts a container."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyOptions

from authserver.cli import VERBS
from authserver.config import load
from authserver.config.settings import FIELDS
from tests.support.served import ROOT

TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
SERVICES: dict[str, Any] = yaml.safe_load(TEXT)["services"]
OURS = {name: each for name, each in SERVICES.items() if "authserver" in each["image"]}


def filled() -> str:
    """The file with its variables replaced by their defaults."""
    return re.sub(r"\$\{[A-Z_]+:?-([^}]*)\}", r"\1", TEXT)


def test_the_file_is_what_the_specification_of_compose_says() -> None:
    options = PyOptions()
    options.apply_merge = True
    options.from_yaml(filled()).validate()
    with pytest.raises(ValueError, match="mem_limt"):
        options.from_yaml(filled().replace("mem_limit", "mem_limt"))


def test_every_container_has_limits_no_rights_and_a_read_only_root() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert not service.get("privileged"), name
    with_rights = [name for name, service in SERVICES.items() if "cap_add" in service]
    assert with_rights == ["database", "postgres-1", "postgres-2"]
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    # One port for both profiles: whoever starts them at once is told.
    assert published == {"server": ["127.0.0.1:8000:8000"], "balancer": ["127.0.0.1:8000:8000"]}


def test_each_container_gets_the_secrets_it_needs_and_no_other_as_files_alone() -> None:
    needed = {
        "migrate": {"secret_key", "server_password", "owner_password"},
        "server": {"secret_key", "server_password"},
        "worker": {"secret_key", "server_password"},
        "database": {"superuser_password", "owner_password", "server_password"},
        "balancer": set(),
        "node-1": {"secret_key", "server_password", "valkey_password"},
        "node-2": {"secret_key", "server_password", "valkey_password"},
        "scaled-worker": {"secret_key", "server_password", "valkey_password"},
        "scaled-migrate": {"secret_key", "server_password", "owner_password", "valkey_password"},
        "pooler": {"server_password"},
        "postgres-1": {"superuser_password", "owner_password", "server_password", "standby_password"},
        "postgres-2": {"superuser_password", "owner_password", "server_password", "standby_password"},
        "valkey": {"valkey_password"},
    }
    assert {name: set(service.get("secrets", ())) for name, service in SERVICES.items()} == needed
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEK|REDIS_URL", variable):
                assert value.startswith(("/run/secrets/", "/tmp/redis_url")), (name, variable)
    assert {file["file"] for file in yaml.safe_load(TEXT)["secrets"].values()} == {
        f"./secrets/{secret}" for secret in set().union(*needed.values())
    }


def test_the_database_is_reached_by_its_clients_alone() -> None:
    networks = yaml.safe_load(TEXT)["networks"]
    assert networks["back"] == {"internal": True}
    assert SERVICES["database"]["networks"] == ["back"]
    assert SERVICES["migrate"]["networks"] == ["back"]
    for name in ("postgres-1", "postgres-2", "pooler", "valkey", "scaled-migrate"):
        assert SERVICES[name]["networks"] == ["back"], name


def test_serving_waits_for_the_migration_and_the_owner_is_known_to_it_alone() -> None:
    for migrate, serving in (
        ("migrate", ("server", "worker")),
        ("scaled-migrate", ("node-1", "node-2", "scaled-worker")),
    ):
        for name in serving:
            assert SERVICES[name]["depends_on"][migrate] == {"condition": "service_completed_successfully"}
            assert "AUTHSERVER_MIGRATE_DATABASE_URL" not in SERVICES[name]["environment"]
        assert "owner@" in SERVICES[migrate]["environment"]["AUTHSERVER_MIGRATE_DATABASE_URL"]


def test_every_setting_exists_and_all_of_them_go_together(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("x" * 64)
    (tmp_path / "redis_url").write_text("redis://:x@valkey:6379/0")
    for name, service in yaml.safe_load(filled())["services"].items():
        if name not in OURS:
            continue
        environ = {key: str(value or "") for key, value in service["environment"].items()}
        assert {key.removeprefix("AUTHSERVER_").removesuffix("_FILE").lower() for key in environ} <= FIELDS.keys()
        environ["AUTHSERVER_SECRET_KEY_FILE"] = str(tmp_path / "secret_key")
        environ["AUTHSERVER_ISSUER"] = "https://auth.example.com"
        if "AUTHSERVER_REDIS_URL_FILE" in environ:
            environ["AUTHSERVER_REDIS_URL_FILE"] = str(tmp_path / "redis_url")
        assert not load(environ).sqlite
        assert service["command"][0] in VERBS


def test_the_entry_writes_a_password_file_that_libpq_takes(tmp_path: Path) -> None:
    """The script of the entry point, run with other folders in place of the container's."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "server_password").write_text("of the server\n")
    (tmp_path / "authserver").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (tmp_path / "authserver").chmod(0o755)
    for with_owner in (False, True):
        if with_owner:
            (tmp_path / "secrets" / "owner_password").write_text("of the owner\n")
        shell, dash_c, script, zero = SERVICES["migrate"]["entrypoint"]
        script = script.replace("$$", "$").replace("/run/secrets", str(tmp_path / "secrets"))
        script = script.replace("> /tmp/", f"> {tmp_path}/")
        done = subprocess.run(
            [shell, dash_c, script, zero, "serve", "--workers", "2"],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert (done.stdout, done.stderr) == ("serve|--workers|2|", "")
        expected = ["*:*:*:authserver:of the server", "*:*:*:authserver_owner:of the owner"]
        assert (tmp_path / "pgpass").read_text().splitlines() == expected[: 1 + with_owner]
        assert (tmp_path / "pgpass").stat().st_mode & 0o077 == 0
        assert not (tmp_path / "redis_url").exists()


def test_the_roles_of_the_script_are_those_of_the_urls() -> None:
    script = (ROOT / "deploy/postgres/roles.sh").read_text()
    users = {
        value.split("//")[1].split("@")[0]
        for service in OURS.values()
        for name, value in service["environment"].items()
        if name.endswith("DATABASE_URL")
    }
    assert users == set(re.findall(r"_ROLE:-(\w+)\}", script))
