"""compose.yaml --profile scaled: what stands together, and the files of deploy/scaled judged by their own programs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import make_url

from tests.deploy.test_compose import OURS, SERVICES, TEXT
from tests.services import gateways
from tests.support.served import ROOT

FOLDER = ROOT / "deploy" / "scaled"
SCALED: dict[str, Any] = {name: each for name, each in SERVICES.items() if each.get("profiles")}
NGINX = (FOLDER / "nginx.conf").read_text(encoding="utf-8")


def test_the_profile_has_two_nodes_and_all_that_they_share() -> None:
    assert set(SCALED) == {
        "balancer", "node-1", "node-2", "scaled-worker", "scaled-migrate",
        "pooler", "postgres-1", "postgres-2", "valkey",
    }  # fmt: skip
    assert {tuple(each["profiles"]) for each in SCALED.values()} == {("scaled",)}


def test_what_is_named_on_the_command_line_brings_the_whole_profile_and_nothing_of_the_plain_one() -> None:
    """`up` with names starts these and what they depend on."""
    (line,) = re.findall(r"--profile scaled up --detach ([\w -]+):", TEXT)
    started, waiting = set[str](), line.split()
    while waiting:
        name = waiting.pop()
        started.add(name)
        waiting += [each for each in SERVICES[name].get("depends_on", {}) if each not in started]
    assert started == set(SCALED)


def test_the_nodes_are_the_same_but_for_their_address_and_their_folder() -> None:
    one, other = (dict(SERVICES[name]) for name in ("node-1", "node-2"))
    differing = {name for name in one if one[name] != other[name]}
    assert differing == {"networks", "volumes"}
    assert one["volumes"] != other["volumes"]


def test_the_balancer_alone_is_believed_and_it_believes_the_published_port_alone() -> None:
    (network,) = yaml.safe_load(TEXT)["networks"]["nodes"]["ipam"]["config"]
    addresses = {
        name: service["networks"]["nodes"]["ipv4_address"]
        for name, service in SCALED.items()
        if "nodes" in service.get("networks", ()) and isinstance(service["networks"], dict)
    }
    assert addresses.keys() == {"balancer", "node-1", "node-2"}
    assert all(ip_address(each) in ip_network(network["subnet"]) for each in addresses.values())
    for name in ("node-1", "node-2"):
        assert SERVICES[name]["environment"]["AUTHSERVER_TRUSTED_PROXIES"] == addresses["balancer"] + "/32"
    assert set(re.findall(r"set_real_ip_from (\S+);", NGINX)) == {network["gateway"]}
    assert set(re.findall(r"^ +(172\S+) 1;", NGINX, re.MULTILINE)) == {network["gateway"]}


def test_the_balancer_leads_to_every_node_and_sends_nothing_with_consequences_twice() -> None:
    nodes = set(re.findall(r"server (node-\d):8000 ", NGINX))
    assert nodes == {name for name in SCALED if name.startswith("node-")}
    (again,) = re.findall(r"proxy_next_upstream ([^;]+);", NGINX)
    assert again == "error timeout"


def test_nginx_takes_the_file_as_it_is(tmp_path: Path) -> None:
    """Names of nodes are looked up at the start: here they are this machine."""
    file = tmp_path / "nginx.conf"
    file.write_text(re.sub(r"server node-\d:", "server 127.0.0.1:", NGINX))
    done = subprocess.run(
        [gateways.program("nginx"), "-t", "-q", "-p", tmp_path, "-e", "stderr", "-c", file],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_nodes_and_worker_reach_the_database_through_the_pooler_alone_and_its_owner_goes_past_it() -> None:
    for name, service in SCALED.items():
        if name not in OURS:
            continue
        url = make_url(service["environment"]["AUTHSERVER_DATABASE_URL"])
        assert (url.host, url.port, url.username) == ("pooler", 6432, "authserver"), name
    owner = SERVICES["scaled-migrate"]["environment"]["AUTHSERVER_MIGRATE_DATABASE_URL"]
    assert owner.startswith("postgresql://authserver_owner@${WRITER:-postgres-1}/authserver?")


def test_one_word_says_which_postgresql_is_written_to() -> None:
    """A failover is WRITER: the pooler, the migration and both PostgreSQLs go by it."""
    for name in ("pooler", "postgres-1", "postgres-2"):
        assert SERVICES[name]["environment"]["WRITER"] == "${WRITER:-postgres-1}"
    one, other = (dict(SERVICES[name]) for name in ("postgres-1", "postgres-2"))
    assert {name for name in one if one[name] != other[name]} == {"environment", "volumes"}
    assert [each["environment"]["NAME"] for each in (one, other)] == ["postgres-1", "postgres-2"]


def test_what_is_mounted_is_there_and_cannot_be_written() -> None:
    for name, service in SCALED.items():
        for volume in service.get("volumes", []):
            source, *rest = volume.split(":")
            if source.startswith("./"):
                assert (ROOT / source).is_file(), (name, source)
                assert rest[-1] == "ro", (name, source)
                assert os.access(ROOT / source, os.X_OK) is source.endswith(".sh"), source


def test_the_linter_finds_nothing_in_the_dockerfile_of_the_pooler() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [linter, "--failure-threshold", "style", FOLDER / "pgbouncer.Dockerfile"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def started(script: str, folder: Path, arguments: tuple[str, ...] = (), **variables: str) -> tuple[int, str, str]:
    """A script of deploy/scaled with programs that only say how they were called."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name in ("docker-entrypoint.sh", "postgres", "pg_basebackup", "pg_isready", "pgbouncer", "gosu", "install"):
        stand_in = 'shift; exec "$@"' if name == "gosu" else f'printf "%s|" {name} "$@"; echo'
        (programs / name).write_text(f"#!/bin/sh\n{stand_in}\n")
        (programs / name).chmod(0o755)
    (programs / "id").write_text("#!/bin/sh\necho 999\n")
    (programs / "id").chmod(0o755)
    for name in ("server", "standby"):
        (folder / name).write_text(f"of the {name}\n")
    done = subprocess.run(
        [FOLDER / script, *arguments],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}", "PLACE": str(folder), "PGDATA": str(folder / "data"),
            "SERVER_PASSWORD_FILE": str(folder / "server"), "STANDBY_PASSWORD_FILE": str(folder / "standby"),
            **variables,
        },
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_one_that_is_written_to_starts_as_the_image_starts_it(tmp_path: Path) -> None:
    code, said, _ = started("postgres.sh", tmp_path, ("-c", "a=b"), NAME="postgres-1", WRITER="postgres-1")
    assert (code, said) == (0, "docker-entrypoint.sh|postgres|-c|a=b|\n")


def test_the_other_copies_it_once_and_waits_for_no_standby_of_its_own(tmp_path: Path) -> None:
    code, said, _ = started("postgres.sh", tmp_path, ("-c", "a=b"), NAME="postgres-2", WRITER="postgres-1")
    *before, last = said.splitlines()
    assert (code, last) == (0, "postgres|-c|a=b|-c|synchronous_standby_names=|")
    assert any(line.startswith("pg_basebackup|") and "|--slot|postgres_2|" in line for line in before)
    assert (tmp_path / "standby").read_text() == "postgres-1:*:*:authserver_standby:of the standby\n"
    (tmp_path / "data").mkdir()
    for name in ("PG_VERSION", "standby.signal"):
        (tmp_path / "data" / name).write_text("18")
    code, said, _ = started("postgres.sh", tmp_path, NAME="postgres-2", WRITER="postgres-1")
    assert (code, said) == (0, "postgres|-c|synchronous_standby_names=|\n")


@pytest.mark.parametrize("name", ["postgres-1", "postgres-2"])
def test_one_that_was_written_to_never_becomes_a_follower(name: str, tmp_path: Path) -> None:
    """The old primary that comes back after a failover, and the new one while nobody said that it is written to."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("18")
    code, said, error = started("postgres.sh", tmp_path, NAME=name, WRITER="postgres-3")
    assert (code, said) == (1, "")
    assert f"{name} holds what was written to it" in error


def test_the_pooler_leads_to_the_writer_with_the_servers_role_alone(tmp_path: Path) -> None:
    code, said, _ = started("pgbouncer.sh", tmp_path, WRITER="postgres-2")
    assert (code, said) == (0, f"pgbouncer|{tmp_path}/pgbouncer.ini|\n")
    made = (tmp_path / "pgbouncer.ini").read_text()
    assert "authserver = host=postgres-2 port=5432" in made
    assert "pool_mode = transaction" in made
    assert (tmp_path / "users").read_text() == '"authserver" "of the server"\n'
    assert (tmp_path / "users").stat().st_mode & 0o077 == 0


def test_the_pooler_starts_with_nothing_unless_it_is_told_who_is_written_to(tmp_path: Path) -> None:
    code, _, error = started("pgbouncer.sh", tmp_path)
    assert code != 0
    assert "WRITER" in error
