"""The Pulumi engine as a program, as the workspace of this checkout, and with a temporary state that needs no cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi import automation as auto
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from tools.localcluster.toolchain import ensure
from tools.localcluster.toolchain.sources.pins import version_of
from tools.platform.engine_process import OPERATION, run_attached, run_engine
from tools.platform.pulumi.environment import (
    ENGINE_GROUPS,
    LOCAL_PASSPHRASE,
    ROOT,
    STATE_FOLDER,
    passphrase_variable,
    secure_folder,
)
from tools.platform.pulumi.stack_file import StackFileError, imports_environments, uses_local_cluster
from tools.platform.pulumi.state.backend import (
    CREDENTIALS,
    URL,
    backend_url,
    credentials_folder,
    engine_url,
    folder_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tools.localcluster.toolchain import Toolchain


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    toolchain: Toolchain
    stack: str = ""
    backend: str

    @classmethod
    def for_stack(cls, stack: str = "", *, config: Mapping[str, Any] | None = None) -> Engine:
        """Return the engine, which is downloaded or built first where it is missing.

        `config` are values that are about to be written to the stack's file.
        """
        backend = backend_url(stack, config=config)
        if folder_of(backend) == STATE_FOLDER:
            # The engine would create it with the umask's permissions.
            secure_folder(STATE_FOLDER)
        return cls(toolchain=ensure(ENGINE_GROUPS), stack=stack, backend=backend)

    @property
    def variables(self) -> dict[str, str]:
        return engine_environment(self.toolchain, stack=self.stack, backend=self.backend)

    def command(self, arguments: Sequence[str]) -> list[str]:
        return [str(self.toolchain.program("pulumi")), "-C", str(ROOT), *arguments]

    def run(self, arguments: Sequence[str], *, without: Sequence[str] = ()) -> int:
        """Run the engine with the outputs of this process, `without` some variables, and return its exit code.

        At a terminal it replaces this process, because only a terminal's foreground process can ask questions.

        Raises:
            KeyboardInterrupt: this process was asked to end; the engine has ended.
        """
        command = self.command(arguments)
        variables = {**os.environ, **self.variables}
        known = {key: value for key, value in variables.items() if key not in without}
        if sys.stdin.isatty():
            os.execve(command[0], command, known)  # noqa: S606 - no shell is wanted
        return run_attached(command, known)


def engine_environment(
    toolchain: Toolchain, variables: Mapping[str, str] = os.environ, *, stack: str = "", backend: str = ""
) -> dict[str, str]:
    """Return the variables to set for the engine; those in `variables` take precedence.

    `backend` is the URL of the stack's backend, where the caller knows it. The folder of the running Python comes first on
    PATH, since the engine looks for `python` there.
    """
    tools = toolchain.env()
    url = backend or backend_url(stack, variables)
    chosen = {
        URL: engine_url(url),
        # PULUMI_HOME is that of the toolchain, and the login that of the user.
        CREDENTIALS: str(credentials_folder(variables)),
        # A checkout without the stack's file reads from the state what encrypts its secrets.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        # It runs for seconds, and with Go's default it would collect its few megabytes again and again.
        "GOGC": variables.get("GOGC", "400"),
        **_passphrase(stack, url, variables),
    }
    path = os.pathsep.join((str(Path(sys.executable).parent), tools["PATH"]))
    return {**tools, **chosen, "PATH": path, "VIRTUAL_ENV": sys.prefix, "PULUMI_PYTHON_CMD": str(PYTHON)}


PYTHON = Path(__file__).with_name("python")
"""The program that the engine's language host runs as Python."""


def _passphrase(stack: str, url: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the passphrase variable to set: the stack's own, or the public one for state in a folder."""
    if stack and (own := variables.get(passphrase_variable(stack))):
        return {"PULUMI_CONFIG_PASSPHRASE": own}
    if variables.keys() & {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}:
        return {}
    if folder_of(url) is None or (stack and not uses_local_cluster(stack)):
        return {}
    return {"PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE}


CLOUD = "cloud"
"""The engine's name for every secrets provider that is neither a passphrase nor Pulumi's service."""


LOCKING = frozenset({"up", "destroy", "refresh"})
"""Commands of the engine that hold the lock of the stack, unless they only preview."""


class EngineCommand(auto.PulumiCommand):
    """The engine's program, which a signal ends gracefully.

    The base class runs it once more, to ask for its version: that of the toolchain is known, and one of PATH is not older.
    """

    def __init__(self, root: Path) -> None:
        self.command = str(root / "bin" / "pulumi")
        self.version = VersionInfo.parse(version_of("pulumi"))

    def run(  # noqa: PLR0913 - one more than the base class
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: auto.OnOutput | None = None,
        on_error: auto.OnOutput | None = None,
        *,
        stdin: str = "",
    ) -> auto.CommandResult:
        """Do as the base class, which leaves signals to the caller and has no standard input; a killed engine's lock is removed.

        An update with policies previews first, in the same run: without the preview, the engine checks a resource after it has
        created the ones before it.
        """
        if args[0] == "up" and "--policy-pack" in args:
            args = [argument for argument in args if argument != "--skip-preview"]
        if on_output or on_error:
            return super().run(args, cwd, additional_env, on_output, on_error)
        programs = os.pathsep.join((os.path.dirname(self.command), additional_env["PATH"]))  # noqa: PTH120 - as the base class
        variables = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true", "PATH": programs}
        command = [self.command, "--non-interactive"]
        try:
            ended = run_engine([*command, *args], cwd=cwd, variables=variables, stdin=stdin)
        finally:
            locks = args[0] in LOCKING and "--preview-only" not in args
            if locks and (operation := OPERATION.get()) and operation.killed_at_work:
                cancel = [*command, "cancel", "--yes", "--stack", args[args.index("--stack") + 1]]
                subprocess.run(cancel, cwd=cwd, env=variables, capture_output=True, check=False)
        result = auto.CommandResult(stdout=ended.stdout, stderr=ended.stderr, code=ended.code)
        if ended.code != 0:
            raise create_command_error(result)
        return result


class Workspace(auto.LocalWorkspace):
    """Selects no stack: every command names its own, several may run at once, and the selection is a file.

    Reads a stack's outputs in one call of the engine, where the Automation API makes two to tell secrets apart. Each
    such call derives a key from the passphrase, which is slow by design. All outputs count as secrets.
    """

    pulumi_command: EngineCommand

    def __init__(self, *, backend: str, **settings: Any) -> None:  # noqa: ANN401 - those of the base class
        super().__init__(**settings)
        self.backend = backend
        """The URL of the backend."""
        self._existing: set[str] = set()

    def create_stack(self, stack_name: str) -> None:
        # Without the option the engine uses a passphrase, even if the stack's file names a provider.
        provider = ["--secrets-provider", self.secrets_provider] if self.secrets_provider else []
        self._query("stack", "init", stack_name, "--no-select", *provider)

    def select_stack(self, stack_name: str) -> None:
        """Check that the stack exists, unless its configuration has been read already.

        Raises:
            StackNotFoundError: it does not.
        """
        if stack_name not in self._existing:
            self._query("stack", "--show-name", "--stack", stack_name)

    def stack_outputs(self, stack_name: str) -> auto.OutputMap:
        """Return the outputs of the last `up`, empty before the first."""
        values = json.loads(self._query("stack", "output", "--json", "--show-secrets", "--stack", stack_name))
        return {key: auto.OutputValue(value, secret=True) for key, value in values.items()}

    def resolved_config(self, stack_name: str, *, config_file: str = "") -> dict[str, dict[str, Any]]:
        """Return each configuration entry as the engine resolves it: defaults, the stack's file, ESC environments.

        A secret entry has no value, so that no key is derived from the passphrase.

        Raises:
            StackNotFoundError: the stack does not exist.
        """
        file = ["--config-file", config_file] if config_file else []
        entries: dict[str, dict[str, Any]] = json.loads(
            self._query("config", "--json", "--open", "--stack", stack_name, *file)
        )
        self._existing.add(stack_name)
        return entries

    def recorded_provider(self, stack_name: str) -> str:
        """Return the secrets provider in the stack's state; empty for a passphrase, and for Pulumi's service.

        Raises:
            StackNotFoundError: the stack does not exist.
        """
        state = json.loads(self._query("stack", "export", "--stack", stack_name))
        provider = (state.get("deployment") or {}).get("secrets_providers") or {}
        return str(provider["state"]["url"]) if provider.get("type") == CLOUD else ""

    def set_secret(self, stack_name: str, key: str, value: str) -> None:
        """Encrypt a value into the stack's file. It is in no argument: each user of the machine can read those."""
        self._query("config", "set", key, "--secret", "--raw", "--stack", stack_name, stdin=value)

    def import_stack(self, stack_name: str, state: auto.Deployment) -> None:
        """Replace the state of the stack; the base class leaves a file with the secrets of the state if that fails."""
        self._query("stack", "import", "--stack", stack_name, stdin=json.dumps(vars(state)))

    def remove(self, stack_name: str, *options: str) -> None:
        self._query("stack", "rm", "--yes", *options, stack_name)

    def _query(self, *arguments: str, stdin: str = "") -> str:
        return self.pulumi_command.run([*arguments], self.work_dir, self.env_vars, stdin=stdin).stdout


def workspace(
    *,
    stack: str = "",
    config: Mapping[str, Any] | None = None,
    secrets_provider: str = "",
) -> Workspace:
    """Return the workspace of this checkout, with backend and passphrase of that stack.

    `config` are values that are about to be written to its file; `secrets_provider` is for its creation.
    """
    engine = Engine.for_stack(stack, config=config)
    return workspace_of(engine, secrets_provider=secrets_provider)


def workspace_of(
    engine: Engine, *, folder: str = str(ROOT), secrets_provider: str = "", **variables: str
) -> Workspace:
    return Workspace(
        backend=engine.backend,
        work_dir=folder,
        env_vars={**engine.variables, **variables},
        secrets_provider=secrets_provider,
        pulumi_command=EngineCommand(engine.toolchain.root),
    )


def environment_values(stack: str) -> dict[str, dict[str, Any]] | None:
    """Return the configuration of a stack that imports ESC environments; None for another one, whose file says all.

    Raises:
        StackFileError: the stack does not exist yet: the engine resolves environments of existing stacks alone.
    """
    if not imports_environments(stack):
        return None
    try:
        return workspace(stack=stack).resolved_config(stack)
    except auto.StackNotFoundError:
        raise StackFileError(
            f"{stack}: its file imports ESC environments, and the stack does not exist yet, so their values are unknown",
            hint=f"create it with `tools/notif-platform pulumi stack init {stack}`, and run the same command again",
        ) from None


PROGRAM = Path(__file__).with_name("offline")
PATHS = ("infra", "infra/policy_pack", "operator", ".")


@contextmanager
def offline_stack(
    name: str, *, kubeconfig: str = "", context: str = "", **variables: str
) -> Iterator[auto.Stack]:
    """Yield a stack to preview. A cluster is asked only which monitoring kinds it serves, and none without a kubeconfig."""
    with tempfile.TemporaryDirectory(prefix="offline-") as folder:
        scratch = Path(folder)
        # The engine writes the stack's file next to its project.
        program = shutil.copytree(PROGRAM, scratch / "program")
        file = scratch / "kubeconfig"
        file.touch(mode=0o600)
        file.write_text(kubeconfig, "utf-8")
        values = scratch / "values.json"
        values.write_text(json.dumps(environment_values(name)), "utf-8")
        own = {
            "OFFLINE_VALUES": str(values),
            "PULUMI_BACKEND_URL": f"file://{scratch}",
            "PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE,
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in PATHS),
            "OFFLINE_SCRATCH": str(scratch / "manifests"),
            "OFFLINE_KUBECONFIG": str(file),
            "OFFLINE_CONTEXT": context,
        }
        yield auto.Stack.create(
            name, workspace_of(Engine.for_stack(), folder=str(program), **own, **variables)
        )
