"""What bringing a stack up asks of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.localcluster.toolchain import Toolchain
from tools.platform.commands import up
from tools.platform.pulumi.environment import ENGINE_GROUPS
from tools.platform.pulumi.stack_file import StackFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

TOOLCHAIN = Toolchain(root=Path("/cache/toolchain/key"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that was asked for, in order."""
    found: list[str] = []

    def ensure(groups: Sequence[str] | None = None) -> Toolchain:
        found.append("the engine" if groups == ENGINE_GROUPS else "every program")
        return TOOLCHAIN

    monkeypatch.setattr(up, "ensure", ensure)
    monkeypatch.setattr(up, "ensure_docker", lambda **_packages: found.append("docker"))
    monkeypatch.setattr(up, "ensure_images", lambda: found.append("images"))
    return found


def test_a_local_stack_needs_docker_and_the_node_s_image(asked: list[str]) -> None:
    up._prepare("dev")
    assert asked == ["every program", "docker", "images"]


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_a_cluster_elsewhere_needs_nothing_but_the_engine(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, stack: str
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "the team's own")
    up._prepare(stack)
    assert asked == ["the engine"]


def test_without_a_passphrase_of_its_own_nothing_of_prod_is_begun(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(StackFileError, match="a passphrase that everybody knows"):
        up._prepare("prod")
    assert asked == []
