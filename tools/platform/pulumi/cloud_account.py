"""The AWS account that a stack's resources are in, and whether the present credentials belong to it.

With the credentials of another account the provider would find none of the resources, and forget all of them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tools.platform.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROVIDER: Final = "pulumi:providers:aws"
ACCOUNT: Final = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12}):")
SECONDS: Final = 30.0


class WrongAccountError(PlatformError):
    """The credentials cannot be confirmed to belong to the account of the stack's resources; nothing has been destroyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where the resources of a stack in AWS are."""

    number: str
    """The account's number; empty if the state has no resource with an account."""
    profile: str = ""
    """The profile that the provider reads its credentials from; empty for the usual ones."""
    assumed: bool = False
    """Whether the provider assumes a role, so that the present credentials may belong to another account."""


def account_of(resources: Iterable[Mapping[str, Any]]) -> Account:
    known = [each for each in resources if not each.get("delete")]
    inputs = next((each.get("inputs") or {} for each in known if each["type"] == PROVIDER), {})
    arns = ((each.get("outputs") or {}).get("arn") for each in known if each["type"].startswith("aws:"))
    numbers = (match[1] for arn in arns if isinstance(arn, str) and (match := ACCOUNT.match(arn)))
    return Account(
        number=next(numbers, ""),
        profile=str(inputs.get("profile") or ""),
        assumed=any(inputs.get(name) for name in ("assumeRoles", "assumeRole", "assumeRoleWithWebIdentity")),
    )


def check_account(stack: str, account: Account) -> None:
    """Check that the credentials of this machine belong to the account of a stack.

    Nothing is checked for a stack without resources in AWS, or whose provider assumes a role: the role names its account.

    Raises:
        WrongAccountError: they belong to another account, or AWS does not say to which.
    """
    if not account.number or account.assumed:
        return
    present = _present(stack, account.profile)
    if present != account.number:
        raise WrongAccountError(
            f"{stack}: the credentials belong to the AWS account {present}, but the resources of the stack are in {account.number}; "
            "nothing has been destroyed",
            hint=f"log in to {account.number}, or set AWS_PROFILE to a profile of it",
        )


def _present(stack: str, profile: str) -> str:
    """Return the account of the present credentials."""
    hint = "check the credentials with `aws sts get-caller-identity`"
    if shutil.which("aws") is None:
        raise WrongAccountError(
            f"{stack}: its resources are in AWS, and `aws` is not on PATH, so its account cannot be checked; nothing has been destroyed",
            hint="install the AWS CLI, which the kubeconfig of the cluster needs as well",
        )
    command = ["aws", "sts", "get-caller-identity", "--query", "Account", "--output", "text"]
    command += ["--profile", profile] if profile else []
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        message = f"{stack}: AWS did not say within {SECONDS:g} s whose credentials these are; nothing has been destroyed"
        raise WrongAccountError(message, hint=hint) from None
    if answer.returncode:
        reason = answer.stderr.strip() or f"exit code {answer.returncode}"
        message = f"{stack}: AWS does not accept the credentials ({reason}); nothing has been destroyed"
        raise WrongAccountError(message, hint=hint)
    return answer.stdout.strip()
