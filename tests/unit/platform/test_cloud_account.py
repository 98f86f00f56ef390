"""The account check of `down` for stacks in AWS, with a program in the place of the AWS CLI."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tools.platform.pulumi.removal.destruction import (
    AWS_PROVIDER,
    Account,
    WrongAccountError,
    account_of,
    check_account,
)

if TYPE_CHECKING:
    from pathlib import Path

OURS, OTHER = "111122223333", "444455556666"
CLUSTER: dict[str, Any] = {
    "type": "aws:eks/cluster:Cluster",
    "outputs": {"arn": f"arn:aws:eks:eu-central-1:{OURS}:cluster/prod"},
}
POLICY: dict[str, Any] = {
    "type": "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "outputs": {"arn": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"},
}


def provider(**inputs: object) -> dict[str, Any]:
    return {"type": AWS_PROVIDER, "inputs": inputs}


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the program that is `aws`; it writes its arguments to a file next to it."""
    program = tmp_path / "aws"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return program


def answer(program: Path, script: str) -> None:
    program.write_text(f'#!/bin/sh\necho "$@" > {program}.arguments\n{script}\n')
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("resources", "account"),
    [
        ([], Account(number="")),
        ([provider(), POLICY, CLUSTER], Account(number=OURS)),
        ([{**CLUSTER, "delete": True}], Account(number="")),
        ([provider(profile="prod"), CLUSTER], Account(number=OURS, profile="prod")),
        ([provider(assumeRoles='[{"roleArn":"r"}]'), CLUSTER], Account(number=OURS, assumed=True)),
    ],
)
def test_account_is_that_of_the_resources(resources: list[dict[str, Any]], account: Account) -> None:
    assert account_of(resources) == account


def test_credentials_of_the_account_are_accepted(aws: Path) -> None:
    answer(aws, f"echo {OURS}")
    check_account("prod", Account(number=OURS, profile="prod"))
    arguments = aws.with_name("aws.arguments").read_text().split()
    assert arguments[-2:] == ["--profile", "prod"]


def test_credentials_of_another_account_are_refused(aws: Path) -> None:
    answer(aws, f"echo {OTHER}")
    with pytest.raises(WrongAccountError, match=f"{OTHER}, but the resources of the stack are in {OURS}"):
        check_account("prod", Account(number=OURS))


def test_credentials_that_aws_refuses_stop_the_destruction(aws: Path) -> None:
    answer(aws, "echo 'An error occurred (ExpiredToken)' >&2; exit 254")
    with pytest.raises(WrongAccountError, match=r"ExpiredToken.*nothing has been destroyed"):
        check_account("prod", Account(number=OURS))


def test_missing_cli_stops_the_destruction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WrongAccountError, match="`aws` is not on PATH"):
        check_account("prod", Account(number=OURS))


@pytest.mark.parametrize("account", [Account(number=""), Account(number=OURS, assumed=True)])
def test_stack_without_a_known_account_is_not_checked(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    check_account("prod", account)
