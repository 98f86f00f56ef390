"""What a person is told when the engine failed."""

from __future__ import annotations

import pytest
from pulumi.automation import CommandError, CommandResult

from tools.platform.errors import explained

FAILED = """Updating (x):
 +  pulumi:pulumi:Stack notification-platform-x creating (0s) error: 2 problem(s):
Diagnostics:
  pulumi:pulumi:Stack (notification-platform-x):
    error: 2 problem(s):
      - one
      - two
    error: an unhandled error occurred: program exited with non-zero exit code: 1

  kubernetes:apps/v1:Deployment (operator):
    warning: slow
    error: 1 error occurred:
        * it failed

Resources:
    + 1 created
    1 errored

Duration: 10s
"""


def failure(stdout: str = "", stderr: str = "") -> CommandError:
    return CommandError(CommandResult(stdout, stderr, 1))


def test_of_the_engine_s_output_the_errors_are_told_each_once_and_in_their_lines() -> None:
    assert explained(failure(FAILED)).splitlines() == [
        "2 problem(s):",
        "  - one",
        "  - two",
        "1 error occurred:",
        "    * it failed",
    ]


def test_what_is_in_no_known_form_is_told_whole() -> None:
    assert "something else" in explained(failure("something else"))
    assert explained(ValueError("a word")) == "a word"


@pytest.mark.parametrize(
    ("stdout", "stderr", "remedy"),
    [
        ("", "error: get stack secrets manager: incorrect passphrase", "set PULUMI_CONFIG_PASSPHRASE"),
        ("", "error: the stack is currently locked by 1 lock(s).", "cancel --yes --stack"),
        (FAILED.replace("it failed", "[ErrImagePull] no such host"), "", "correct operatorImage"),
        (
            FAILED.replace("it failed", "conflict: .metadata.annotations.kubernaut.ai/owner"),
            "",
            "set crdManaged to",
        ),
    ],
)
def test_where_the_engine_knows_no_way_out_one_is_added(stdout: str, stderr: str, remedy: str) -> None:
    text = explained(failure(stdout, stderr))
    assert remedy in text.splitlines()[-1]
    assert len(text.splitlines()) > 1
    assert "code: 1" not in text
