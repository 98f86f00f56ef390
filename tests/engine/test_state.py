"""State in files, S3 and Azure Blob Storage, secrets by a passphrase and by KMS: the real engine, and no cluster.

A checkout stands for a machine: nothing passes from one to the other but the backend and the environment.
"""

from __future__ import annotations

import re
import secrets
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engine.checkout import PLATFORM
from tests.engine.state_place import BASE, PASSPHRASE, WRONG, Place, empty_cluster, opens
from tests.harness.eventually import eventually
from tests.harness.object_stores.servers import Container, Folder, Moto, azurite, moto

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.checkout import Checkout
    from tests.harness.object_stores.servers import Backend

BACKENDS = ("file", "s3", "azblob")
KMS, OWN = "awskms", "passphrase"
PREVIEW, NUMBER = "pr-7", "7"

pytestmark = pytest.mark.timeout(240, func_only=True)


@pytest.fixture(scope="session")
def aws() -> Iterator[Moto]:
    with moto() as server:
        yield server


@pytest.fixture(scope="session")
def azure() -> Iterator[str]:
    with azurite() as address:
        yield address


@pytest.fixture
def server() -> Iterator[str]:
    with empty_cluster() as url:
        yield url


@pytest.fixture
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """An empty backend of the kind that the test names."""
    name = f"state-{secrets.token_hex(4)}"
    if request.param == "s3":
        aws: Moto = request.getfixturevalue("aws")
        return aws.bucket(name)
    if request.param == "azblob":
        container = Container(address=request.getfixturevalue("azure"), name=name)
        container.create()
        return container
    return Folder(place=tmp_path / "state")


def place_of(backend: Backend, provider: str, aws: Moto) -> Place:
    if provider == KMS:
        return Place(backend=backend, provider=aws.key(), keys=aws.variables)
    return Place(backend=backend, keys={})


def up(checkout: Checkout, *options: str, **variables: str) -> str:
    result = checkout.platform("up", BASE, *options, **variables)
    assert result.code == 0, result.text
    return result.text


def preview(checkout: Checkout, *options: str) -> str:
    """Bring the preview up; only its notification fails, because the cluster has no operator."""
    arguments = ["up", NUMBER, "--base", BASE, "--image", "operator:7", *options]
    result = checkout.platform("preview", *arguments)
    assert f"pulumi up -s {PREVIEW}: done" in result.text, result.text
    return result.text


def slow_up(checkout: Checkout, *, seconds: int) -> subprocess.Popen[str]:
    """Start `up`, and return when it creates a resource that takes that many seconds."""
    running = subprocess.Popen(
        [*PLATFORM, "up", BASE],
        cwd=checkout.folder,
        env=checkout.variables({"TRIAL_SLOW": str(seconds)}),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    eventually((checkout.folder / "started").exists, bool, within=90)
    return running


@pytest.mark.parametrize("provider", [OWN, KMS])
@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_second_checkout_updates_and_reaps_what_the_first_made(
    backend: Backend, provider: str, aws: Moto, server: str, tmp_path: Path
) -> None:
    place = place_of(backend, provider, aws)
    first = place.checkout(tmp_path / "first", TRIAL_SERVER=server)
    up(first, *place.options)
    preview(first)
    recorded = place.providers()
    assert {each["type"] for each in recorded.values()} == {"cloud" if place.provider else "passphrase"}
    assert {each["state"].get("url", "") for each in recorded.values()} == {place.provider}
    different = {str(each): each for each in recorded.values()}.values()
    assert [opens(each, PASSPHRASE) for each in different] == [not place.provider for _ in different]
    assert not any(opens(each, wrong) for each in different for wrong in WRONG)
    assert not any(b"a token of the cluster" in content for content in backend.objects().values())

    second = place.checkout(tmp_path / "second", TRIAL_SERVER=server)
    assert "nothing to change" in up(second)
    reaped = second.platform("preview", "reap", "--yes", "--closed", NUMBER, "--base", BASE)
    assert reaped.code == 0, reaped.text
    assert place.of_stack(PREVIEW) == []


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_lock_of_another_machine_is_named_and_removed(backend: Backend, aws: Moto, tmp_path: Path) -> None:
    place = place_of(backend, OWN, aws)
    checkout = place.checkout(tmp_path / "first")
    up(checkout)
    place.lock(BASE)
    refused = checkout.platform("up", BASE)
    assert refused.code == 1
    assert "created by ann@desk (pid 4711)" in refused.text
    (unlock,) = re.findall(r'`make pulumi ARGS="(.*?)"`', refused.text)
    assert checkout.platform("pulumi", *unlock.replace("NAME", BASE).split()).code == 0
    assert "nothing to change" in up(checkout)


@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_second_of_two_runs_is_refused_and_the_first_finishes(
    backend: Backend, aws: Moto, tmp_path: Path
) -> None:
    place = place_of(backend, OWN, aws)
    first, second = (place.checkout(tmp_path / name) for name in ("first", "second"))
    running = slow_up(first, seconds=8)
    refused = second.platform("up", BASE)
    assert refused.code == 1
    (owner,) = re.findall(r"created by \S+@\S+ \(pid (\d+)\)", refused.text)
    assert int(owner) in first.processes()
    text, _ = running.communicate(timeout=120)
    assert running.returncode == 0, text
    assert f"{BASE} is up after" in text


@pytest.mark.parametrize("backend", ["s3", "azblob"], indirect=True)
def test_killed_up_is_completed_from_another_checkout(backend: Backend, aws: Moto, tmp_path: Path) -> None:
    place = place_of(backend, OWN, aws)
    first, second = (place.checkout(tmp_path / name) for name in ("first", "second"))
    running = slow_up(first, seconds=120)
    first.kill_processes()
    running.communicate(timeout=60)
    locked = second.platform("up", BASE, TRIAL_SLOW="0")
    assert "remove its lock" in locked.text
    assert second.platform("pulumi", "cancel", "--yes", "--stack", BASE).code == 0
    assert "interrupted while creating" in up(second, TRIAL_SLOW="0")
    assert "nothing to change" in up(second, TRIAL_SLOW="0")
