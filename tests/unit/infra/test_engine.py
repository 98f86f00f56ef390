"""The environment that the engine is given."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools.localcluster.toolchain import Toolchain
from tools.platform.commands.pulumi import stack_of
from tools.platform.pulumi.environment import LOCAL_PASSPHRASE, ROOT, engine_environment, passphrase_variable

TOOLCHAIN = Toolchain(root=Path("/cache/toolchain/key"))


def test_our_python_and_the_toolchain_come_first() -> None:
    first, second, *_ = engine_environment(TOOLCHAIN, {})["PATH"].split(os.pathsep)
    assert (first, second) == (str(Path(sys.executable).parent), "/cache/toolchain/key/bin")


def test_the_state_lies_in_the_checkout_wherever_one_starts_from() -> None:
    assert engine_environment(TOOLCHAIN, {})["PULUMI_BACKEND_URL"].startswith(f"file://{ROOT}/.pulumi-state")


def test_local_stacks_need_no_passphrase_of_one_s_own() -> None:
    assert engine_environment(TOOLCHAIN, {})["PULUMI_CONFIG_PASSPHRASE"] == LOCAL_PASSPHRASE
    assert LOCAL_PASSPHRASE in (ROOT / "stacks" / "README.md").read_text("utf-8")


@pytest.mark.parametrize("variable", ["PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"])
def test_a_passphrase_of_one_s_own_stands(variable: str) -> None:
    assert "PULUMI_CONFIG_PASSPHRASE" not in engine_environment(TOOLCHAIN, {variable: "mine"})


def test_a_stack_s_own_passphrase_counts_for_that_stack_alone() -> None:
    given = {passphrase_variable("staging"): "theirs"}
    assert engine_environment(TOOLCHAIN, given, stack="staging")["PULUMI_CONFIG_PASSPHRASE"] == "theirs"
    for stack in ("dev", ""):
        chosen = engine_environment(TOOLCHAIN, given, stack=stack)["PULUMI_CONFIG_PASSPHRASE"]
        assert chosen == LOCAL_PASSPHRASE
    assert passphrase_variable("pr-7") == "PULUMI_CONFIG_PASSPHRASE_PR_7"


def test_a_backend_of_one_s_own_stands() -> None:
    given = {"PULUMI_BACKEND_URL": "s3://state"}
    assert engine_environment(TOOLCHAIN, given)["PULUMI_BACKEND_URL"] == "s3://state"


@pytest.mark.parametrize(
    ("line", "stack"),
    [("preview -s dev", "dev"), ("up --stack ci --yes", "ci"), ("up --stack=ci", "ci"), ("version", None)],
)
def test_the_stack_is_read_from_the_command_line(line: str, stack: str | None) -> None:
    assert stack_of(line.split()) == stack
