"""The command `notification-gateway`, its settings, its probes, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest
from typer.testing import CliRunner

from notification_contract.settings.gateway import Gateway, GatewayOidc
from notification_gateway.cli import app
from notification_gateway.config import load
from notification_runtime.settings import SettingsError
from tests.unit.gateway.cluster import HOME
from tests.unit.gateway.shipped import LOOPBACK
from tests.unit.process_log import restored_log

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.gateway.shipped import Shipped


def config(folder: Path, text: str) -> Path:
    file = folder / "config.yaml"
    file.write_text(text)
    return file


def test_settings_come_from_the_file_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = config(tmp_path, "gateway: {port: 1, tenant_sources: true}\nlog: {level: debug}\n")
    monkeypatch.setenv("NOTIFICATION_GATEWAY__PORT", "2")
    settings = load(file)
    assert (settings.gateway.port, settings.gateway.tenant_sources) == (2, True)
    assert settings.log.level == "debug"
    assert load(None).gateway.audience == "notifications"


def test_every_problem_of_the_settings_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFICATION_QUEUE__WORKERS", "2")
    file = config(tmp_path, "gateway: {port: -1, surprise: 1}\n")
    with pytest.raises(SettingsError) as caught:
        load(file)
    problems = " ".join(caught.value.problems)
    assert "NOTIFICATION_QUEUE__WORKERS: unknown section" in problems
    assert "gateway.port" in problems
    assert "gateway.surprise" in problems
    result = CliRunner().invoke(app, ["check-config", str(file)])
    assert result.exit_code == 2
    assert "notification-gateway: gateway.port" in result.stderr


@pytest.mark.parametrize(
    ("oidc", "problem"),
    [
        ({"issuer": "https://a.example"}, "set both, or none"),
        ({"issuer": "https://a.example", "audience": "n", "username_prefix": ""}, "set a prefix"),
        ({"issuer": "https://a.example", "audience": "n", "username_prefix": "system:"}, "set a prefix"),
        ({"issuer": "http://a.example", "audience": "n"}, "pattern"),
    ],
)
def test_provider_of_callers_is_set_completely(oidc: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        GatewayOidc(**oidc)


@pytest.mark.parametrize("network", ["10.0.0.0/33", "example.com", "10.0.0.1/8"])
def test_network_of_providers_is_one(network: str) -> None:
    with pytest.raises(ValueError, match="allowed_networks"):
        Gateway(allowed_networks=(network,))


def test_file_that_is_valid_is_said_to_be(tmp_path: Path) -> None:
    file = config(tmp_path, "gateway: {host: 127.0.0.1}\n")
    result = CliRunner().invoke(app, ["check-config", str(file)])
    assert (result.exit_code, result.stdout) == (0, f"{file}: ok\n")


def test_version_is_that_of_the_operator() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("notification-gateway 0.")


def test_missing_cluster_is_one_line_and_exit_code_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("NOTIFICATION_GATEWAY__PORT", "0")
    with restored_log():
        result = CliRunner().invoke(app, ["serve"])
    assert result.exit_code == 1
    assert "notification-gateway: no cluster configured" in result.stderr


async def test_probes_and_metrics_have_ports_of_their_own(gateway: Shipped) -> None:
    health, metrics = gateway.app.health.ports
    assert gateway.app.server.port not in {health, metrics}
    await gateway.send()
    async with aiohttp.ClientSession() as session:
        for path in ("healthz", "readyz"):
            async with session.get(f"http://{LOOPBACK}:{health}/{path}") as response:
                assert response.status == 200, await response.text()
        async with session.get(f"http://{LOOPBACK}:{metrics}/metrics") as response:
            page = await response.text()
    assert f'source_received_total{{outcome="created",source="{HOME}/alerts"}} 1.0' in page
    assert 'source_request_seconds_count{outcome="created"} 1.0' in page
