"""A closed output never stops a command, and a signal always ends it: some endings of the matrix of endings.py."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.engine.endings import STACK, VERBS, Ending, Verb, tried
from tests.harness.checkout import NO_CLUSTER
from tests.harness.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.checkout import Checkout

QUICK = (
    "up trial --yes",
    "down trial --yes",
    "pulumi up --yes --skip-preview --stack trial",
    "drift trial",
    "alerts trial",
)
ENDINGS = (Ending(lines=0), Ending(lines=1), Ending(number=signal.SIGHUP, part=0.7))
# The command line with short times, as a grace of 20 s is too long for a test.
IMPATIENT = """
import sys
from tools.platform import engine_process
engine_process.GRACE_SECONDS, engine_process.ABORT_SECONDS = map(float, sys.argv.pop(1).split(","))
from tools.platform.cli import app
from tools.platform.processes import terminated_as_interrupted
with terminated_as_interrupted():
    app()
"""


@pytest.fixture
def stack(checkout: Checkout) -> Iterator[Checkout]:
    """A checkout whose program needs no cluster, with a stack in the backend."""
    checkout.create_offline_stack(STACK, **NO_CLUSTER, operatorImage="operator:1")
    yield checkout
    checkout.kill_processes()


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb.name in QUICK], ids=lambda verb: verb.name)
def test_command_ends_and_leaves_nothing(verb: Verb) -> None:
    problems = tried(verb, ENDINGS)
    assert {kind: [each for each in trials if each] for kind, trials in problems.items()} == {
        ending.kind: [] for ending in ENDINGS
    }


@pytest.mark.parametrize("times", ["1,60", "1,0.5"], ids=["aborted", "killed"])
def test_operation_that_never_completes_is_ended_and_its_lock_removed(stack: Checkout, times: str) -> None:
    hold = stack.folder / "hold"
    with subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, times, "up", STACK, "--yes"],
        cwd=stack.folder,
        env=stack.variables({"TRIAL_HOLD": str(hold)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        eventually((stack.folder / "started").exists, bool, within=90)
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT, text
    assert not list((stack.state / ".pulumi" / "locks").rglob("*.json"))
    hold.touch()
    again = stack.platform("up", STACK, TRIAL_HOLD=str(hold))
    assert again.code == 0, again.text
    after = stack.platform("up", STACK, TRIAL_HOLD=str(hold))
    assert "nothing to change" in after.text
