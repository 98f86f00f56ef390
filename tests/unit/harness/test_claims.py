"""A disposable stack belongs to its owner, and to the next run after the owner has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platform_infra.cluster.local.spec import LABEL
from tests.harness import claims, leftovers
from tests.harness.claims import OWNER, abandoned, claimed, release
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
import sys, time
from pathlib import Path
from tests.harness.claims import claimed
with claimed("ci-0000aa", Path(sys.argv[1])):
    print("claimed", flush=True)
    time.sleep(60)
"""


def other_owner(folder: Path) -> subprocess.Popen[str]:
    """Start a process that claims ci-0000aa."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWN, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "claimed\n"
    return process


def names(folder: Path) -> list[str]:
    with abandoned(folder) as places:
        return [place.name for place in places]


def test_claim_of_a_live_owner_is_not_abandoned(tmp_path: Path) -> None:
    with other_owner(tmp_path) as owner:
        assert names(tmp_path) == []
        owner.kill()


def test_claim_of_a_killed_owner_is_abandoned_until_released(tmp_path: Path) -> None:
    with other_owner(tmp_path) as owner:
        owner.send_signal(signal.SIGKILL)
    assert names(tmp_path) == ["ci-0000aa"]
    with abandoned(tmp_path) as places:
        release(places[0])
    assert names(tmp_path) == []


def test_abandoned_claim_is_taken_over_by_one_process_only(tmp_path: Path) -> None:
    with other_owner(tmp_path) as owner:
        owner.kill()
    with abandoned(tmp_path) as first:
        assert len(first) == 1
        assert names(tmp_path) == []


def test_claim_of_another_machine_is_not_taken_over(tmp_path: Path) -> None:
    with other_owner(tmp_path) as owner:
        owner.kill()
    file = tmp_path / "ci-0000aa" / OWNER
    file.write_text("elsewhere")
    assert names(tmp_path) == []


def test_unreleased_claim_is_left_to_the_next_run(tmp_path: Path) -> None:
    with claimed("ci-0000ab", tmp_path):
        assert names(tmp_path) == []
    assert names(tmp_path) == ["ci-0000ab"]


def test_claimed_name_cannot_be_claimed_again(tmp_path: Path) -> None:
    with claimed("ci-0000ac", tmp_path), pytest.raises(FileExistsError), claimed("ci-0000ac", tmp_path):
        pass


@pytest.fixture
def dead() -> str:
    """Return the identity of a process that has ended."""
    text = "from tests.harness.leftovers import owner; print(owner())"
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_owner_differs_from_a_later_process_with_its_pid(dead: str) -> None:
    assert leftovers.is_alive(leftovers.owner())
    assert not leftovers.is_alive(dead)
    host, _, began = dead.split()
    assert not leftovers.is_alive(f"{host} {os.getpid()} {began}")
    assert leftovers.is_alive(f"elsewhere 1 {began}")


def test_only_a_disposable_node_of_a_dead_owner_is_left_over(
    dead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_left(name: str, owner: str = dead) -> bool:
        return leftovers.is_left_over({LABEL: name, leftovers.OWNER_LABEL: owner})

    monkeypatch.setattr(claims, "FOLDER", tmp_path / "claims")
    monkeypatch.setattr(leftovers, "KEPT", tmp_path / "kept")
    (tmp_path / "claims" / "ci-0000ad").mkdir(parents=True)
    (tmp_path / "kept" / "ci-0000ae").mkdir(parents=True)

    assert is_left("ci-0000af")
    assert is_left("ci-0000af-own")
    assert not is_left("ci-0000af", owner=leftovers.owner())
    assert not is_left("ci-0000ad")
    assert not is_left("ci-0000ae")
    for name in ("dev", "ci", "suite", "ci-prod", ""):
        assert not is_left(name)
