"""The lock file matches pyproject.toml, its exports match it, and each export holds what its environment needs."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib

import pytest

from tools.localcluster.toolchain.sources.pins import version_of
from tools.platform.pulumi.environment import ENGINE_GROUPS, ROOT

EXPORTS = (
    "requirements.lock",
    "operator/requirements.lock",
    "infra/policy_pack/requirements.lock",
)
OBJECT_STORES = ROOT / "tests" / "harness" / "object_stores"
EXAMPLE = "examples/clusters/eks/requirements.lock"
MOTO = str((OBJECT_STORES / "moto-requirements.txt").relative_to(ROOT))
PIN = re.compile(r"^([a-z0-9.-]+)==", re.MULTILINE)
DEVELOPMENT = {"pytest", "ruff", "mypy", "zensical", "docker", "pulumi", "nox"}


def text(export: str) -> str:
    return (ROOT / export).read_text("utf-8")


def packages(export: str) -> set[str]:
    return set(PIN.findall(text(export)))


def test_lock_and_exports_are_current() -> None:
    subprocess.run(["sh", "tools/lock.sh", "--check"], cwd=ROOT, check=True)


def test_locked_sdks_are_those_of_the_toolchain() -> None:
    constraints = tomllib.loads(text("pyproject.toml"))["tool"]["uv"]["constraint-dependencies"]
    assert constraints == [f"{name}=={version_of(name)}" for name in ENGINE_GROUPS]


@pytest.mark.parametrize("export", [*EXPORTS, EXAMPLE, MOTO])
def test_every_pin_of_an_export_has_a_hash(export: str) -> None:
    pins = re.findall(r"^[a-z0-9.-]+==.*(?:\n +.*)*", text(export), re.MULTILINE)
    assert pins
    assert [pin.split("==")[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_servers_of_the_tests_are_in_no_environment() -> None:
    assert "moto" in packages(MOTO)
    for export in EXPORTS:
        assert packages(export) & {"moto", "boto3", "flask"} == set()


def test_every_package_of_azurite_has_a_hash() -> None:
    lock = json.loads((OBJECT_STORES / "package-lock.json").read_text("utf-8"))
    entries = {name: entry for name, entry in lock["packages"].items() if name}
    assert "node_modules/azurite" in entries
    assert [name for name, entry in entries.items() if not entry["integrity"].startswith("sha512-")] == []


def test_image_gets_no_development_package() -> None:
    assert packages("operator/requirements.lock") & DEVELOPMENT == set()
    assert packages("requirements.lock") > packages("operator/requirements.lock") | DEVELOPMENT


def test_policy_pack_has_its_own_pulumi() -> None:
    assert {"pulumi", "pulumi-policy"} <= packages("infra/policy_pack/requirements.lock")
