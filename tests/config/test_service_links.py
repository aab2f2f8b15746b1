"""Variables that Kubernetes sets for a Service named `authserver` are no settings."""

from __future__ import annotations

import pytest

from authserver import config
from authserver.errors import BadSettings

# As the kubelet sets them for the Services `authserver` and `authserver-metrics`.
LINKS = {
    "AUTHSERVER_SERVICE_HOST": "10.96.0.12",
    "AUTHSERVER_SERVICE_PORT": "80",
    "AUTHSERVER_SERVICE_PORT_HTTP": "80",
    "AUTHSERVER_PORT": "tcp://10.96.0.12:80",
    "AUTHSERVER_PORT_80_TCP": "tcp://10.96.0.12:80",
    "AUTHSERVER_PORT_80_TCP_PROTO": "tcp",
    "AUTHSERVER_PORT_80_TCP_PORT": "80",
    "AUTHSERVER_PORT_80_TCP_ADDR": "10.96.0.12",
    "AUTHSERVER_PORT_53_UDP": "udp://10.96.0.12:53",
    "AUTHSERVER_METRICS_SERVICE_HOST": "fd00::c",
    "AUTHSERVER_METRICS_SERVICE_PORT_METRICS": "9464",
    "AUTHSERVER_METRICS_PORT": "tcp://[fd00::c]:9464",
    "AUTHSERVER_METRICS_PORT_9464_TCP_ADDR": "fd00::c",
}


def test_they_are_ignored_and_named() -> None:
    assert config.load(LINKS) == config.Settings()
    assert config.ignored(LINKS) == list(LINKS)
    assert config.sources(LINKS) == {}


def test_a_setting_beside_them_counts() -> None:
    beside = {**LINKS, "PORT": "9001", "AUTHSERVER_WORKERS": "3"}
    assert (config.load(beside).port, config.load(beside).workers) == (9001, 3)
    assert config.load({**LINKS, "AUTHSERVER_PORT": "9002"}).port == 9002


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUTHSERVER_PORT", "tcp://10.96.0.12"),
        ("AUTHSERVER_PORT", "http://10.96.0.12:80"),
        ("AUTHSERVER_SERVICE_HOST", "auth.example.com"),
        ("AUTHSERVER_SERVICE_PORT", "http"),
        ("AUTHSERVER_PORT_80_TCP_PROTO", "icmp"),
        ("AUTHSERVER_PORT_HTTP_TCP_ADDR", "10.96.0.12"),
        ("AUTHSERVER_SERVICE_HOSTS", "10.96.0.12"),
        ("AUTHSERVER_ISSUER", "tcp://10.96.0.12:80"),
    ],
)
def test_what_only_looks_like_one_is_refused_as_any_other(name: str, value: str) -> None:
    with pytest.raises(BadSettings):
        config.load({name: value})
