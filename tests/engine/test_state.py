"""State in files, S3 and Azure Blob Storage, secrets by a passphrase and by KMS: the real engine, and no cluster.

A checkout stands for a machine: nothing passes from one to the other but the backend and the environment. test_versions.py and
test_bad_input.py have the same promises about locks, killed runs and rollback for files.

DD-STATE-001 has the reasons.
"""

from __future__ import annotations

import re
import secrets
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from platform_infra.names import PROJECT
from tests.engine.team_state import BASE, PASSPHRASE, SETTINGS, WRONG, TeamState, empty_cluster, opens
from tests.harness.checkout import PLATFORM
from tests.harness.eventually import eventually
from tests.harness.object_stores.servers import Container, Folder, Moto, azurite, moto

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.checkout import Checkout
    from tests.harness.object_stores.servers import Backend

OBJECT_STORES = ("s3", "azblob")
BACKENDS = ("file", *OBJECT_STORES)
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


def team_state(backend: Backend, provider: str, aws: Moto) -> TeamState:
    if provider == KMS:
        return TeamState(backend=backend, provider=aws.key(), keys=aws.variables)
    return TeamState(backend=backend, keys={})


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


@contextmanager
def slow_up(checkout: Checkout) -> Iterator[subprocess.Popen[str]]:
    """Run `up`; when the block begins, it creates a resource, which is complete when the file `proceed` is there."""
    with subprocess.Popen(
        [*PLATFORM, "up", BASE, "--yes"],
        cwd=checkout.folder,
        env=checkout.variables({"TRIAL_SLOW": "yes"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            eventually((checkout.folder / "started").exists, bool, within=90)
            yield running
        finally:
            checkout.kill_processes()


@pytest.mark.parametrize("provider", [OWN, KMS])
@pytest.mark.parametrize("backend", BACKENDS, indirect=True)
def test_second_checkout_updates_and_reaps_what_the_first_made(
    backend: Backend, provider: str, aws: Moto, server: str, tmp_path: Path
) -> None:
    team = team_state(backend, provider, aws)
    first = team.checkout(tmp_path / "first", TRIAL_SERVER=server)
    up(first, *team.options)
    preview(first)
    check_encryption(team)

    second = team.checkout(tmp_path / "second", TRIAL_SERVER=server)
    assert "nothing to change" in up(second)
    check_encryption(team)
    reaped = second.platform("preview", "reap", "--yes", "--closed", NUMBER, "--base", BASE)
    assert reaped.code == 0, reaped.text
    assert team.of_stack(PREVIEW) == []


def check_encryption(team: TeamState) -> None:
    """Check that the team's provider alone encrypts every copy of every state."""
    providers = team.providers().values()
    assert {each["type"] for each in providers} == {"cloud" if team.provider else "passphrase"}
    assert {each["state"].get("url", "") for each in providers} == {team.provider}
    different = {str(each): each for each in providers}.values()
    assert [opens(each, PASSPHRASE) for each in different] == [not team.provider for _ in different]
    assert not any(opens(each, wrong) for each in different for wrong in WRONG)
    assert not any(b"a token of the cluster" in content for content in team.backend.objects().values())


@pytest.mark.parametrize("backend", OBJECT_STORES, indirect=True)
def test_second_of_two_runs_is_refused_and_names_the_first(
    backend: Backend, aws: Moto, tmp_path: Path
) -> None:
    team = team_state(backend, OWN, aws)
    first, second = (team.checkout(tmp_path / name) for name in ("first", "second"))
    with slow_up(first) as running:
        engines = first.processes()
        refused = second.platform("up", BASE)
        (first.folder / "proceed").touch()
        text, _ = running.communicate(timeout=120)
    assert refused.code == 1
    (owner,) = re.findall(r"created by \S+@\S+ \(pid (\d+)\)", refused.text)
    assert int(owner) in engines
    assert running.returncode == 0, text
    assert f"{BASE} is up after" in text

    team.lock(BASE)
    locked = first.platform("up", BASE)
    assert "created by ann@desk (pid 4711)" in locked.text
    (unlock,) = re.findall(r"`tools/notif-platform pulumi (.*?)`", locked.text)
    assert first.platform("pulumi", *unlock.replace("NAME", BASE).split()).code == 0
    assert "nothing to change" in up(first, TRIAL_SLOW="yes")


@pytest.mark.parametrize("backend", OBJECT_STORES, indirect=True)
def test_killed_up_is_completed_from_another_checkout(backend: Backend, aws: Moto, tmp_path: Path) -> None:
    team = team_state(backend, OWN, aws)
    first, second = (team.checkout(tmp_path / name) for name in ("first", "second"))
    (second.folder / "proceed").touch()
    with slow_up(first):
        first.kill_processes()
    locked = second.platform("up", BASE, TRIAL_SLOW="yes")
    assert "remove its lock" in locked.text
    assert second.platform("pulumi", "cancel", "--yes", "--stack", BASE).code == 0
    assert "interrupted while creating" in up(second, TRIAL_SLOW="yes")
    assert "nothing to change" in up(second, TRIAL_SLOW="yes")


@pytest.mark.parametrize("backend", OBJECT_STORES, indirect=True)
def test_rollback_restores_settings_of_an_earlier_update(backend: Backend, aws: Moto, tmp_path: Path) -> None:
    checkout = team_state(backend, OWN, aws).checkout(tmp_path / "first")
    up(checkout)
    checkout.write_stack(BASE, **SETTINGS | {"operatorImage": "operator:2", "operatorReplicas": 2})
    up(checkout)
    rollback = checkout.platform("rollback", BASE)
    assert rollback.code == 0, rollback.text
    assert "operatorImage: operator:1" in rollback.text
    assert "operatorReplicas: (default)" in rollback.text
    output = checkout.platform("pulumi", "stack", "output", "image", "--stack", BASE)
    assert output.text.splitlines()[-1] == "operator:1"


@pytest.mark.parametrize("backend", ["s3"], indirect=True)
def test_secrets_provider_changes_both_ways_and_its_key_rotates(
    backend: Backend, aws: Moto, server: str, tmp_path: Path
) -> None:
    team = team_state(backend, OWN, aws)
    checkout = team.checkout(tmp_path / "first", TRIAL_SERVER=server, **aws.variables)
    up(checkout)
    key, another = aws.key(), aws.key()
    data_keys = []
    for provider in (key, key, another):
        change(checkout, provider)
        assert recorded(team)["url"] == provider
        data_keys.append(recorded(team)["encryptedkey"])
        assert "nothing to change" in up(checkout, PULUMI_CONFIG_PASSPHRASE="")
    assert len({*data_keys}) == len(data_keys)

    change(checkout, OWN, PULUMI_CONFIG_PASSPHRASE="the second")
    change(checkout, OWN, typed="the third", PULUMI_CONFIG_PASSPHRASE="the second")
    last = {"type": "passphrase", "state": recorded(team)}
    assert [opens(last, each) for each in ("the third", "the second", PASSPHRASE)] == [True, False, False]
    assert "nothing to change" in up(checkout, PULUMI_CONFIG_PASSPHRASE="the third")
    assert "incorrect passphrase" in checkout.platform("up", BASE).text


def change(checkout: Checkout, provider: str, *, typed: str = "", **variables: str) -> None:
    arguments = ["stack", "change-secrets-provider", provider, "--stack", BASE]
    changed = checkout.pulumi(*arguments, typed=f"{typed}\n", **variables)
    assert changed.code == 0, changed.text


def recorded(team: TeamState) -> dict[str, str]:
    """Return what encrypts the secrets of the base's present state."""
    state: dict[str, str] = team.providers()[f".pulumi/stacks/{PROJECT}/{BASE}.json"]["state"]
    return state


@pytest.mark.parametrize("backend", ["s3"], indirect=True)
def test_provider_of_the_file_is_used_and_another_is_refused(
    backend: Backend, aws: Moto, tmp_path: Path
) -> None:
    team = team_state(backend, KMS, aws)
    checkout = team.checkout(tmp_path / "first")
    file = checkout.write_stack(BASE, **SETTINGS)
    file.write_text(f"secretsprovider: {team.provider}\n{file.read_text('utf-8')}", "utf-8")
    up(checkout)
    assert recorded(team)["url"] == team.provider
    other = checkout.platform("up", BASE, "--secrets-provider", aws.key())
    assert other.code == 1
    assert f"{BASE}: its secrets provider is {team.provider}, and not" in other.text


@pytest.mark.parametrize("backend", ["s3"], indirect=True)
def test_new_stack_without_passphrase_and_provider_is_refused(
    backend: Backend, aws: Moto, tmp_path: Path
) -> None:
    team = team_state(backend, OWN, aws)
    checkout = team.checkout(tmp_path / "first", PULUMI_CONFIG_PASSPHRASE="")
    refused = checkout.platform("up", BASE)
    assert refused.code == 1
    assert "its secrets would be encrypted with a well-known passphrase" in refused.text
    assert "--secrets-provider URL" in refused.text
    plain = checkout.platform("pulumi", "stack", "init", "another")
    assert plain.code != 0
    assert "passphrase must be set" in plain.text
    assert team.of_stack(BASE) + team.of_stack("another") == []


@pytest.mark.parametrize("backend", ["file"], indirect=True)
def test_login_selects_the_backend_of_shared_stacks(backend: Backend, aws: Moto, tmp_path: Path) -> None:
    checkout = team_state(backend, OWN, aws).checkout(tmp_path / "first")
    del checkout.environment["PULUMI_BACKEND_URL"]
    refused = checkout.platform("up", BASE)
    assert refused.code == 1
    assert "log in to a backend" in refused.text
    for command in (["pulumi", "login", backend.url], ["up", BASE]):
        result = checkout.platform(*command)
        assert result.code == 0, result.text
    plain = checkout.pulumi("preview", "--expect-no-changes", "--stack", BASE, PULUMI_BACKEND_URL="")
    assert plain.code == 0, plain.text
    assert f".pulumi/stacks/{PROJECT}/{BASE}.json" in backend.objects()
    assert not (checkout.folder / ".pulumi-state" / ".pulumi").exists()

    local = checkout.platform("pulumi", "preview", "--stack", "dev")
    assert "no stack named 'dev' found" in local.text
    assert (checkout.folder / ".pulumi-state" / ".pulumi").exists()
