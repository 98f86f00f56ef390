"""The folder of the embedded backend and the kubeconfig files: only their owner can read them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tools.localcluster.toolchain import Toolchain
from tools.platform.pulumi import engine, environment
from tools.platform.pulumi.environment import ROOT, STATE_FOLDER, secure_folder
from tools.platform.pulumi.state.backend import backend_url, folder_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=[0o000, 0o022, 0o277], ids=lambda bits: f"umask-{bits:03o}")
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the embedded backend, in place of the checkout's."""
    folder = tmp_path / ".pulumi-state"
    monkeypatch.setattr(engine, "ensure", lambda _groups: Toolchain(root=folder))
    monkeypatch.setattr(engine, "STATE_FOLDER", folder)
    monkeypatch.setattr(engine, "backend_url", lambda _stack, **_more: f"file://{folder}")
    monkeypatch.setattr(environment, "KUBECONFIGS", folder / "kubeconfigs")
    return folder


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("umask")
def test_engine_creates_the_state_folder_for_its_owner_only(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.Engine.for_stack("dev")
    assert mode(state) == 0o700
    engine.Engine.for_stack("dev")
    assert "accessible" not in capsys.readouterr().err


@pytest.mark.usefixtures("umask")
def test_kubeconfig_is_written_for_its_owner_only(state: Path) -> None:
    file = environment.write_kubeconfig("dev", "apiVersion: v1\n")
    assert (mode(state), mode(file.parent), mode(file)) == (0o700, 0o700, 0o600)
    assert file.read_text() == "apiVersion: v1\n"


def test_readable_kubeconfig_is_restricted_and_replaced(state: Path) -> None:
    file = environment.write_kubeconfig("dev", "a long kubeconfig of an earlier cluster\n")
    file.chmod(0o644)
    environment.write_kubeconfig("dev", "short\n")
    assert mode(file) == 0o600
    assert file.read_text() == "short\n"
    assert mode(state) == 0o700


def test_kubeconfig_that_cannot_be_written_keeps_the_earlier_one(state: Path) -> None:
    file = environment.write_kubeconfig("dev", "earlier\n")
    with pytest.raises(UnicodeEncodeError):
        environment.write_kubeconfig("dev", "half of it\ud800")
    assert file.read_text() == "earlier\n"
    assert list((state / "kubeconfigs").iterdir()) == [file]


def test_accessible_folder_is_restricted_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o755)
    secure_folder(tmp_path)
    assert mode(tmp_path) == 0o700
    message = capsys.readouterr().err
    assert f"{tmp_path} was accessible to other users of this machine (mode 755); its mode is 700 now" in (
        message
    )


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("", STATE_FOLDER),
        ("file://./.pulumi-state?create_dir=true", STATE_FOLDER),
        (f"file://{STATE_FOLDER}/", STATE_FOLDER),
        (f"file://{ROOT}/tools/../.pulumi-state", STATE_FOLDER),
        ("file:///srv/state", ROOT / "/srv/state"),
        ("s3://state", None),
        ("https://api.pulumi.com", None),
    ],
)
def test_backend_folder_follows_the_url(url: str, folder: Path | None) -> None:
    assert folder_of(backend_url("dev", {"PULUMI_BACKEND_URL": url})) == folder
