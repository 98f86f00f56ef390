"""Two real runs on one stack: the second is refused and names the owner of the lock, and the first completes."""

from __future__ import annotations

import contextlib
import getpass
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.harness.checkout import NO_CLUSTER, PLATFORM
from tests.harness.eventually import eventually
from tools.platform.preview.model import Preview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.checkout import Checkout

STACK, BASE = "pr-7", "base"
SETTINGS = {**NO_CLUSTER, "operatorImage": "operator:1"}


@pytest.fixture
def stack(checkout: Checkout) -> Iterator[Checkout]:
    """A checkout with a stack whose program needs no cluster."""
    checkout.create_offline_stack(STACK, **SETTINGS)
    yield checkout
    checkout.kill_processes()


@pytest.fixture
def preview(stack: Checkout) -> Checkout:
    """A checkout whose stack is an expired preview."""
    created = datetime.now(UTC) - timedelta(days=2)
    tags = Preview(
        number=7, owner="ann", commit="", base=BASE, created=created, expires=created + timedelta(days=1)
    ).tags()
    assert stack.pulumi("stack", "init", BASE).code == 0
    for key, value in tags.items():
        assert stack.pulumi("stack", "tag", "set", key, value, "--stack", STACK).code == 0
    return stack


@contextlib.contextmanager
def running_up(checkout: Checkout) -> Iterator[None]:
    """Run `up` while the block runs; after it, `up` must complete."""
    hold, log = checkout.folder / "hold", checkout.folder / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*PLATFORM, "up", STACK, "--yes"],
            cwd=checkout.folder,
            env=checkout.variables({"TRIAL_HOLD": str(hold)}),
            stdout=output,
            stderr=output,
        ) as process,
    ):
        eventually((checkout.folder / "started").exists, bool, within=90)
        yield
        hold.touch()
        assert process.wait(timeout=90) == 0, log.read_text()


def names_the_owner(text: str) -> bool:
    return f"created by {getpass.getuser()}@{socket.gethostname()} (pid " in text


def test_second_up_is_refused_and_the_first_completes(stack: Checkout) -> None:
    with running_up(stack):
        second = stack.platform("up", STACK)
        assert second.code == 1, second.text
        assert names_the_owner(second.text)
        assert "another command is updating the stack: wait until it ends" in second.text
    assert list((stack.folder / "manifests").iterdir())


def test_reaper_does_not_take_down_a_preview_that_is_being_pushed(preview: Checkout) -> None:
    with running_up(preview):
        reaped = preview.platform("preview", "reap", "--yes")
        assert reaped.code == 1, reaped.text
        assert f"error: {STACK} was not taken down" in reaped.text
        assert names_the_owner(reaped.text)

    later = preview.platform("preview", "reap", "--yes")
    assert later.code == 0, later.text
    assert STACK not in preview.pulumi("stack", "ls").text
