"""Which stacks may rely on the public passphrase and the embedded backend: those with a local cluster only."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tools.platform.pulumi.environment import LOCAL_PASSPHRASE, ROOT, STATE, passphrase_variable
from tools.platform.pulumi.stack_file import StackFileError, uses_local_cluster
from tools.platform.pulumi.state.protection import check_secrets

if TYPE_CHECKING:
    from pathlib import Path

SHARED = {"PULUMI_BACKEND_URL": "s3://state"}
OWN = {"PULUMI_CONFIG_PASSPHRASE": "its own"}
EXISTING = {"clusterKind": "existing", "clusterKubeconfig": "~/.kube/config", "clusterContext": "eu"}
NAMES = ("prod-eu", "qa", "dev", "ci", "pr-7")
PASSPHRASE, STATE_PROBLEM = "would be encrypted with a well-known passphrase", "its state would be stored in"


@pytest.fixture(autouse=True)
def no_login(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is logged in to a backend."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for variable in ("PULUMI_HOME", "PULUMI_CREDENTIALS_PATH", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    """A folder of stack files: a local base, a shared base, and a preview on each."""
    files: dict[str, dict[str, Any]] = {
        "dev": {},
        "staging": EXISTING,
        "pr-1": {"clusterKind": "stack", "clusterStack": "organization/notification-platform/dev"},
        "pr-7": {"clusterKind": "stack", "clusterStack": "organization/notification-platform/staging"},
        "pr-8": {"clusterKind": "stack", "clusterStack": "acme/platform/dev"},
        "pr-9": {"clusterKind": "stack", "clusterStack": "organization/notification-platform/gone"},
        "loop": {"clusterKind": "stack", "clusterStack": "organization/notification-platform/loop"},
        "hidden": {"clusterKind": {"secure": "v1:abc"}},
    }
    for name, values in files.items():
        write(tmp_path, name, values)
    return tmp_path


def write(folder: Path, name: str, values: dict[str, Any], **more: Any) -> None:
    config = {f"notification-platform:{key}": value for key, value in values.items()}
    (folder / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config, **more}))


@pytest.mark.parametrize(
    ("stack", "local"),
    [
        ("dev", True),
        ("unknown", True),
        ("pr-1", True),
        ("staging", False),
        ("pr-7", False),
        ("pr-8", False),
        ("pr-9", False),
        ("loop", False),
        ("hidden", False),
    ],
)
def test_cluster_is_local_by_its_source_and_its_owner(stacks: Path, stack: str, *, local: bool) -> None:
    assert uses_local_cluster(stack, stacks) is local


def test_esc_environment_is_not_local_unless_the_file_says_so(stacks: Path) -> None:
    write(stacks, "esc", {}, environment=["shared"])
    write(stacks, "esc-local", {"clusterKind": "local"}, environment=["shared"])
    assert not uses_local_cluster("esc", stacks)
    assert uses_local_cluster("esc-local", stacks)


@pytest.mark.parametrize("variables", [{}, {"PULUMI_BACKEND_URL": STATE}, {"PULUMI_CONFIG_PASSPHRASE": ""}])
def test_local_stack_needs_no_passphrase(stacks: Path, variables: dict[str, str]) -> None:
    for stack in ("dev", "pr-1", "mine"):
        check_secrets(stack, stacks, variables)


def test_full_name_of_a_shared_stack_is_protected(stacks: Path) -> None:
    folder = {"PULUMI_BACKEND_URL": "file:///srv/state"}
    with pytest.raises(StackFileError, match=PASSPHRASE) as caught:
        check_secrets("organization/notification-platform/staging", stacks, folder)
    assert "PULUMI_CONFIG_PASSPHRASE_STAGING" in caught.value.hint
    check_secrets("organization/notification-platform/dev", stacks, folder)


def test_local_stack_on_a_shared_backend_needs_its_own_passphrase(stacks: Path) -> None:
    with pytest.raises(StackFileError, match=PASSPHRASE):
        check_secrets("dev", stacks, SHARED)
    check_secrets("dev", stacks, SHARED | OWN)


@pytest.mark.parametrize("stack", NAMES)
@pytest.mark.parametrize("variables", [{}, {"PULUMI_CONFIG_PASSPHRASE": ""}, OWN])
def test_embedded_backend_is_refused_for_every_other_cluster(
    tmp_path: Path, stack: str, variables: dict[str, str]
) -> None:
    write(tmp_path, stack, EXISTING)
    with pytest.raises(StackFileError, match=STATE_PROBLEM) as caught:
        check_secrets(stack, tmp_path, variables)
    assert "PULUMI_BACKEND_URL" in caught.value.hint


@pytest.mark.parametrize("stack", NAMES)
@pytest.mark.parametrize("passphrase", [None, "", LOCAL_PASSPHRASE])
def test_public_passphrase_is_refused_for_every_other_cluster(
    tmp_path: Path, stack: str, passphrase: str | None
) -> None:
    write(tmp_path, stack, EXISTING)
    file = tmp_path / "passphrase"
    file.write_text(f"{passphrase or ''}\n")
    own = {} if passphrase is None else {"PULUMI_CONFIG_PASSPHRASE": passphrase}
    for variables in (own, {"PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}):
        with pytest.raises(StackFileError, match=PASSPHRASE) as caught:
            check_secrets(stack, tmp_path, SHARED | variables)
        assert passphrase_variable(stack) in caught.value.hint
        assert "--secrets-provider URL" in caught.value.hint


@pytest.mark.parametrize("stack", NAMES)
def test_own_passphrase_or_provider_is_accepted(tmp_path: Path, stack: str) -> None:
    write(tmp_path, stack, EXISTING)
    (tmp_path / "passphrase").write_text("its own\n")
    for variables in (
        OWN,
        {"PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path / "passphrase")},
        {passphrase_variable(stack): "its own", "PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE},
        {"PULUMI_BACKEND_URL": "https://api.pulumi.com"},
        {"PULUMI_BACKEND_URL": "file:///srv/state"} | OWN,
    ):
        check_secrets(stack, tmp_path, SHARED | variables)
    write(tmp_path, stack, EXISTING, secretsprovider="awskms://alias/it")
    check_secrets(stack, tmp_path, SHARED)


def test_passphrase_on_the_service_is_checked_like_any_other(tmp_path: Path) -> None:
    for more in ({"encryptionsalt": "v1:abc"}, {"encryptionsalt": "v1:abc", "secretsprovider": "passphrase"}):
        write(tmp_path, "qa", EXISTING, **more)
        with pytest.raises(StackFileError, match=PASSPHRASE):
            check_secrets("qa", tmp_path, {"PULUMI_BACKEND_URL": "https://api.pulumi.com"})


def test_unreadable_passphrase_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, "qa", EXISTING)
    with pytest.raises(StackFileError, match="PULUMI_CONFIG_PASSPHRASE_FILE: cannot read /nowhere/it"):
        check_secrets("qa", tmp_path, SHARED | {"PULUMI_CONFIG_PASSPHRASE_FILE": "/nowhere/it"})


def test_values_to_be_written_count_before_the_file_exists(stacks: Path) -> None:
    with pytest.raises(StackFileError, match=STATE_PROBLEM):
        check_secrets("new", stacks, {}, config=EXISTING)
    check_secrets("staging", stacks, {}, config={"clusterKind": "local"})


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_committed_shared_stacks_are_protected(stack: str) -> None:
    with pytest.raises(StackFileError, match=STATE_PROBLEM):
        check_secrets(stack, variables={})
    with pytest.raises(StackFileError, match=PASSPHRASE):
        check_secrets(stack, variables=SHARED)
    check_secrets("dev", variables={})


@pytest.mark.parametrize(
    ("stack", "ignored"),
    [
        ("pr-7", True),
        ("ci-0af39c", True),
        ("ci-0af39c-second", True),
        *((name, False) for name in ("prod-eu", "qa", "dev", "ci", "ci-eu", "staging", "prod", "mine")),
    ],
)
def test_git_ignores_generated_stack_files_only(stack: str, *, ignored: bool) -> None:
    command = ["git", "check-ignore", "--quiet", "--no-index", f"stacks/Pulumi.{stack}.yaml"]
    assert (subprocess.run(command, cwd=ROOT, check=False).returncode == 0) is ignored
