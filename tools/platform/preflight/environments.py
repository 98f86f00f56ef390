"""Whether the environments of GitHub protect the deployments of stacks, as docs/ci.md requires (DD-RELEASE-002)."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from tools.platform.errors import PlatformError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

READ: Final = "-read"
"""The ending of the environment that only reads; it needs no approval."""


def check_environments(stacks: Iterable[str]) -> None:
    """Report every environment of these stacks that deploys without a review, or from a branch besides the default one."""
    names = [name for stack in stacks for name in (stack, stack + READ)]
    default = str((_answer("") or {}).get("default_branch")) if names else ""
    if problems := [problem for name in names for problem in _problems(name, default)]:
        raise PlatformError(
            "\n".join(problems), hint="protect them under Settings > Environments, see docs/ci.md"
        )


def _problems(name: str, default: str) -> Iterator[str]:
    environment = _answer(f"/environments/{name}")
    if environment is None:
        yield f"the environment {name} does not exist"
        return
    reviewers = [rule for rule in environment["protection_rules"] if rule.get("reviewers")]
    if not reviewers and not name.endswith(READ):
        yield f"the environment {name} has no required reviewers"
    policy = environment["deployment_branch_policy"] or {}
    if policy.get("protected_branches"):
        return
    answer = _answer(f"/environments/{name}/deployment-branch-policies") if policy else None
    branches = sorted({each["name"] for each in (answer or {}).get("branch_policies", ())})
    if branches != [default]:
        yield f"the environment {name} accepts {', '.join(branches) or 'every branch'}; permit {default} only"


def _answer(path: str) -> dict[str, Any] | None:
    """Return what GitHub answers about the repository; None for what does not exist."""
    repository, token = os.environ.get("GITHUB_REPOSITORY"), os.environ.get("GH_TOKEN")
    if not repository or not token:
        raise UsageError(
            "GITHUB_REPOSITORY or GH_TOKEN is not set",
            hint="set OWNER/NAME, and a token that may read actions",
        )
    url = f"{os.environ.get('GITHUB_API_URL', 'https://api.github.com')}/repos/{repository}{path}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - GitHub's address
    try:
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - GitHub's address
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND and path:
            return None
        raise PlatformError(
            f"{url}: GitHub answers {error.code}", hint="the token needs `actions: read`"
        ) from error
    except OSError as error:
        raise PlatformError(f"{url}: {error}") from error
