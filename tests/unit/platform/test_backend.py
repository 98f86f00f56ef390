"""The backend of a stack: the variable, the embedded folder of a local stack, or the login; and what the engine gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.localcluster.toolchain import Toolchain
from tools.platform.errors import PlatformError
from tools.platform.pulumi.engine import engine_environment
from tools.platform.pulumi.environment import STATE, drop_empty_passphrase
from tools.platform.pulumi.state.backend import backend_url, folder_of, login_url, use_backend_of

TOOLCHAIN = Toolchain(root=Path("/cache/toolchain/key"))
LOGIN = "s3://team?region=eu"
PASSPHRASE = "PULUMI_CONFIG_PASSPHRASE"


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    """A folder with a local and a shared stack."""
    for name, values in {"dev": {}, "qa": {"clusterKind": "existing"}}.items():
        config = {f"notification-platform:{key}": value for key, value in values.items()}
        (tmp_path / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}))
    return tmp_path


def logged_in(folder: Path, content: Any) -> dict[str, str]:
    """Variables of a user with this file of credentials."""
    (folder / "credentials.json").write_text(json.dumps(content))
    return {"PULUMI_CREDENTIALS_PATH": str(folder)}


def test_variable_beats_the_login_and_the_login_the_embedded_folder(stacks: Path) -> None:
    nobody = {"PULUMI_CREDENTIALS_PATH": str(stacks / "none")}
    user = logged_in(stacks, {"current": LOGIN, "accounts": {LOGIN: {}}})
    chosen = user | {"PULUMI_BACKEND_URL": "gs://state"}
    urls = {
        stack: [backend_url(stack, variables, folder=stacks) for variables in (nobody, user, chosen)]
        for stack in ("", "dev", "qa")
    }
    assert urls == {
        "": [STATE, LOGIN, "gs://state"],
        "dev": [STATE, STATE, "gs://state"],
        "qa": [STATE, LOGIN, "gs://state"],
    }


@pytest.mark.parametrize("organization", ["acme", "organization"])
def test_full_name_of_a_shared_stack_leads_to_the_login(stacks: Path, organization: str) -> None:
    user = logged_in(stacks, {"current": LOGIN, "accounts": {LOGIN: {}}})
    for project, name in (("notification-platform", "qa"), ("platform", "dev")):
        assert backend_url(f"{organization}/{project}/{name}", user, folder=stacks) == LOGIN


def test_full_name_of_a_local_stack_leads_to_the_folder(stacks: Path) -> None:
    user = logged_in(stacks, {"current": LOGIN, "accounts": {LOGIN: {}}})
    assert backend_url("organization/notification-platform/dev", user, folder=stacks) == STATE
    assert backend_url("acme/notification-platform/dev", user, folder=stacks) == LOGIN


def test_values_to_be_written_decide_about_a_new_stack(stacks: Path) -> None:
    user = logged_in(stacks, {"current": LOGIN, "accounts": {LOGIN: {}}})
    assert backend_url("new", user, folder=stacks) == STATE
    assert backend_url("new", user, folder=stacks, config={"clusterKind": "existing"}) == LOGIN


@pytest.mark.parametrize("content", [{}, {"accounts": {LOGIN: {}}}, {"current": "", "accounts": {}}])
def test_logout_leaves_no_login(tmp_path: Path, content: dict[str, Any]) -> None:
    user = logged_in(tmp_path, content)
    assert login_url(user) == ""
    assert login_url(user | {"PULUMI_ACCESS_TOKEN": "t"}) == "https://api.pulumi.com"
    assert (
        login_url(user | {"PULUMI_ACCESS_TOKEN": "t", "PULUMI_API": "https://p.example"})
        == "https://p.example"
    )


def test_login_that_cannot_be_read_is_named_with_the_way_out(tmp_path: Path) -> None:
    encrypted = logged_in(tmp_path, {"version": 1, "backend": "keychain", "data": "c2VjcmV0"})
    with pytest.raises(PlatformError, match="is encrypted, so its backend is unknown") as caught:
        login_url(encrypted)
    assert "set PULUMI_BACKEND_URL" in caught.value.hint
    (tmp_path / "credentials.json").write_text("{")
    with pytest.raises(PlatformError, match="cannot be read"):
        login_url(encrypted)


def test_engine_gets_the_login_of_the_user_and_reads_keys_from_the_state(tmp_path: Path) -> None:
    user = logged_in(tmp_path, {"current": LOGIN, "accounts": {LOGIN: {}}})
    variables = engine_environment(TOOLCHAIN, user)
    assert variables["PULUMI_BACKEND_URL"] == LOGIN
    assert variables["PULUMI_CREDENTIALS_PATH"] == str(tmp_path)
    assert variables["PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER"] == "true"


@pytest.mark.parametrize("url", ["s3://state", "azblob://state", "gs://state", "https://api.pulumi.com"])
def test_public_passphrase_never_goes_to_another_backend(url: str) -> None:
    for stack in ("", "dev", "prod", "pr-7"):
        assert PASSPHRASE not in engine_environment(TOOLCHAIN, {"PULUMI_BACKEND_URL": url}, stack=stack)


def test_public_passphrase_is_for_local_stacks_in_folders(tmp_path: Path) -> None:
    variables = {"PULUMI_BACKEND_URL": f"file://{tmp_path}"}
    assert PASSPHRASE in engine_environment(TOOLCHAIN, variables, stack="dev")
    for name in ("prod", "organization/notification-platform/prod", "organization/other/dev"):
        assert PASSPHRASE not in engine_environment(TOOLCHAIN, variables, stack=name)


def test_passphrase_of_one_stack_applies_to_its_full_name() -> None:
    variables = {"PULUMI_BACKEND_URL": "s3://state", f"{PASSPHRASE}_PROD": "its own"}
    found = engine_environment(TOOLCHAIN, variables, stack="organization/notification-platform/prod")
    assert found[PASSPHRASE] == "its own"


@pytest.mark.parametrize(
    ("url", "passphrase", "left"),
    [
        ("s3://state", "", None),
        ("s3://state", "own", "own"),
        ("file:///srv/state", "", ""),
        ("", "", ""),
    ],
)
def test_empty_passphrase_is_ignored_outside_of_folders(
    monkeypatch: pytest.MonkeyPatch, url: str, passphrase: str, left: str | None
) -> None:
    environment = {"PULUMI_BACKEND_URL": url, PASSPHRASE: passphrase}
    monkeypatch.setattr("os.environ", environment)
    drop_empty_passphrase()
    assert environment.get(PASSPHRASE) == left


def test_stacks_of_a_command_share_the_backend_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "")
    use_backend_of("dev")
    assert folder_of(backend_url("prod")) == folder_of(STATE)
