"""What `up` provides on this machine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.automation import CommandResult, ConcurrentUpdateError
from pulumi.automation.events import DiagnosticEvent, EngineEvent

from platform_infra.settings.reader import parse
from tools.localcluster.toolchain import Toolchain
from tools.platform.deployment import update as up
from tools.platform.pulumi import operations as stack_operations
from tools.platform.pulumi.environment import ENGINE_GROUPS
from tools.platform.pulumi.operations import TAKE_BACK
from tools.platform.pulumi.operations import up as update
from tools.platform.pulumi.stack_file import StackFileError, check_stack_file
from tools.platform.pulumi.state import protection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TOOLCHAIN = Toolchain(root=Path("/cache/toolchain/key"))
IMAGE = "registry.example.com/operator@sha256:" + "1" * 64

WITHOUT_IMAGE = parse({"clusterKind": "existing", "clusterKubeconfig": "/k", "clusterContext": "c"})


@pytest.fixture(autouse=True)
def no_login(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is logged in to a backend."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for variable in ("PULUMI_HOME", "PULUMI_CREDENTIALS_PATH", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def provided(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that was provided, in order; the engine resolves the stack's file."""
    provided: list[str] = []

    def ensure(groups: Sequence[str] | None = None) -> Toolchain:
        provided.append("the engine" if groups == ENGINE_GROUPS else "every program")
        return TOOLCHAIN

    monkeypatch.setattr(up, "ensure", ensure)
    monkeypatch.setattr(up, "report_missing_node", lambda _stack, _settings: None)
    monkeypatch.setattr(protection, "recorded_provider", lambda *_arguments: "")
    monkeypatch.setattr(up, "ensure_docker", lambda: provided.append("docker"))
    monkeypatch.setattr(up, "ensure_base_image", lambda: provided.append("base"))
    monkeypatch.setattr(up, "_build_operator_image", lambda base: provided.append(f"image on {base!r}"))
    monkeypatch.setattr(
        up,
        "ensure_images",
        lambda *, network_policy: provided.append("enforcing images" if network_policy else "images"),
    )
    monkeypatch.setattr(up, "open_with_settings", lambda name, **_provider: (name, check_stack_file(name)))
    return provided


def test_local_stack_needs_docker_and_the_node_image(provided: list[str]) -> None:
    up.prepare("dev")
    assert sorted(provided) == ["base", "docker", "every program", "image on ''", "images"]
    assert provided[0] == "docker"
    assert provided.index("images") > max(map(provided.index, ("base", "every program")))


def test_operator_image_of_a_registry_is_not_built(
    provided: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = parse({"operatorImage": IMAGE})
    monkeypatch.setattr(up, "check_stack_file", lambda _name: settings)
    monkeypatch.setattr(up, "open_with_settings", lambda name, **_provider: (name, settings))
    up.prepare("dev")
    assert "image on None" in provided


def test_environment_determines_what_a_local_stack_needs(
    provided: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "imports_environments", lambda _name: True)
    up.prepare("dev")
    assert provided[:2] == ["the engine", "docker"]
    assert "images" in provided


def test_enforcing_node_needs_its_own_image(provided: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = parse({"clusterLocalNetworkPolicy": "true"})
    monkeypatch.setattr(up, "open_with_settings", lambda name, **_provider: (name, settings))
    up.prepare("dev")
    assert "enforcing images" in provided


@pytest.fixture
def team_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend and a passphrase that a stack with a shared cluster may use."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://state")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "secret")


@pytest.mark.usefixtures("team_state")
@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_remote_cluster_needs_only_the_engine(
    provided: list[str], monkeypatch: pytest.MonkeyPatch, stack: str
) -> None:
    settings = check_stack_file(stack)
    operator = settings.operator.model_copy(update={"image": IMAGE})
    released = settings.model_copy(update={"operator": operator})
    monkeypatch.setattr(up, "check_stack_file", lambda _name: released)
    monkeypatch.setattr(up, "open_with_settings", lambda name, **_provider: (name, released))
    up.prepare(stack)
    assert provided == ["the engine"]


@pytest.mark.usefixtures("team_state")
@pytest.mark.parametrize("imports", [False, True])
def test_remote_stack_without_an_image_is_refused(
    provided: list[str], monkeypatch: pytest.MonkeyPatch, *, imports: bool
) -> None:
    monkeypatch.setattr(up, "imports_environments", lambda _name: imports)
    monkeypatch.setattr(up, "open_with_settings", lambda name, **_provider: (name, WITHOUT_IMAGE))
    monkeypatch.setattr(up, "check_stack_file", lambda _name: WITHOUT_IMAGE)
    with pytest.raises(StackFileError, match="operatorImage is empty: staging has no image yet"):
        up.prepare("staging")
    assert provided == (["the engine"] if imports else [])


def test_prod_without_a_passphrase_changes_nothing(
    provided: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(variable, raising=False)
    for backend, problem in (("s3://state", "a well-known passphrase"), ("", "its state would be stored in")):
        monkeypatch.setenv("PULUMI_BACKEND_URL", backend)
        with pytest.raises(StackFileError, match=problem):
            up.prepare("prod")
    assert provided == []


@pytest.mark.parametrize(
    ("resources", "forced"),
    [([], False), (["pulumi:index:Stash"], False), (["kubernetes:core/v1:Namespace"], True)],
)
def test_refresh_takes_fields_back_only_for_a_state_with_objects(
    resources: list[str], monkeypatch: pytest.MonkeyPatch, *, forced: bool
) -> None:
    """An empty state may be the wrong one, and would take over the objects of another one."""
    options: dict[str, Any] = {}
    deployment = {"resources": [{"type": kind} for kind in resources]}

    updating = SimpleNamespace(up=lambda **values: options.update(values))
    monkeypatch.setattr(stack_operations, "_EngineAlone", lambda *_stack: updating)
    stack: Any = SimpleNamespace(
        name="prod",
        workspace=SimpleNamespace(env_vars={}),
        export_stack=lambda: SimpleNamespace(deployment=deployment),
        outputs=dict,
    )
    update(stack, refresh=True)
    assert options["refresh"]
    assert (stack.workspace.env_vars == TAKE_BACK) is forced


def test_lock_of_the_next_command_does_not_fail_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operations that a killed update has left are dropped after this one, which has released the lock."""
    warning = DiagnosticEvent(
        message="Attempting to deploy with 1 pending operations", color="never", severity="warning"
    )

    def up(*, on_event: Callable[[EngineEvent], None], **_more: Any) -> None:
        on_event(EngineEvent(sequence=1, timestamp=0, diagnostic_event=warning))

    def import_stack(_state: Any) -> None:
        raise ConcurrentUpdateError(CommandResult("", "the stack is currently locked by 1 lock(s)", 255))

    monkeypatch.setattr(stack_operations, "_EngineAlone", lambda *_stack: SimpleNamespace(up=up))
    pending = [{"resource": {"type": "kubernetes:core/v1:Namespace"}}]
    stack: Any = SimpleNamespace(
        name="prod",
        workspace=SimpleNamespace(env_vars={}),
        export_stack=lambda: SimpleNamespace(version=3, deployment={"pending_operations": pending}),
        import_stack=import_stack,
        outputs=dict,
    )
    assert update(stack) == ({}, False)
