"""The controllers that are measured, each as a process beside the API server: ours, one of the old kind, the bare line."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tests.harness.eventually import eventually
from tests.harness.operator_process import OperatorProcess
from tests.harness.operators import LABEL, OperatorSpec
from tests.harness.process_account import ProcessAccount
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.bench.place import Place

WORKERS = 10
"""What the controllers of the old kind are tuned to."""
UP_WITHIN, ENDS_WITHIN = 30.0, 45.0
WATCHING = re.compile(r'"event":\s*"watching"')
"""What such a controller says once it watches."""
SOURCES = ("operator", "infra", ".")
MALLOC = re.compile(r"(MALLOC_\w+)=(\d+)")


class Kind(StrEnum):
    """Which controller."""

    OURS = "ours"
    NAIVE = "naive"
    PROTOTYPE = "prototype"


class Controller(Protocol):
    """One that can be started and stopped; `start` returns when it says that it is ready."""

    @property
    def pid(self) -> int:
        """Of its process."""
        ...

    def start(self) -> None:
        """Start it."""
        ...

    def stop(self) -> None:
        """Stop it in good order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A controller with an account of its own, and what tells it apart."""

    controller: Controller
    account: str
    """Its user name at the API server."""
    labels: Mapping[str, str]
    """Of the namespaces that it serves."""


@contextmanager
def controller(kind: Kind, place: Place, settings: Mapping[str, Any]) -> Iterator[Given]:
    """Give a controller that is not started yet; it is stopped at the end, and its rights go.

    Where the block has failed they stay, for the API server may be gone as well.
    """
    name = f"{kind}-{uuid.uuid4().hex[:6]}"
    namespace = place.cluster.create_namespace({})
    account = ProcessAccount(place.cluster, namespace)
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"{name}-")))
        kubeconfig = folder / "kubeconfig"
        account.write_kubeconfig(kubeconfig)
        made: Controller
        match kind:
            case Kind.OURS:
                spec = OperatorSpec(name=name, namespace=namespace, settings=settings)
                made = Ours(cluster=place.cluster, spec=spec, sink=place.sink, kubeconfig=kubeconfig)
            case Kind.NAIVE:
                sink = f"{place.sink}/slack/{name}"
                made = Program("naive", kubeconfig, "--sink", sink, "--workers", str(WORKERS))
            case Kind.PROTOTYPE:
                made = Program("prototype", kubeconfig)
        cleanup.callback(made.stop)
        user = f"system:serviceaccount:{namespace}:notification-operator"
        yield Given(controller=made, account=user, labels={LABEL: name})
    # Each request is held against all the roles that there are.
    account.remove()


def image_environment() -> dict[str, str]:
    """Return how the operator's image has memory managed; a process beside the cluster is to do the same."""
    return dict(MALLOC.findall((ROOT / "Dockerfile").read_text("utf-8")))


class Ours(OperatorProcess):
    """The operator, with the values that are shipped and what the scenario sets."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._variables = {**self._variables, **image_environment()}

    def start(self) -> None:
        """See `Controller`."""
        self.scale(1)


class Program:
    """A controller that the tests bring: a package of tests/harness, started as a module.

    `naive` decides on what its watch has shown it, and writes once a change; `prototype` is the bare line.
    """

    def __init__(self, package: str, kubeconfig: Path, *arguments: str) -> None:
        self._command = [sys.executable, "-m", f"tests.harness.{package}"]
        self._command += ["--kubeconfig", str(kubeconfig), *arguments]
        self._log = kubeconfig.parent / "log"
        self._process: Telling | None = None

    @property
    def pid(self) -> int:
        """See `Controller`."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """See `Controller`."""
        self._process = Telling(self._command, self._log)
        self._process.until(WATCHING)

    def stop(self) -> None:
        """See `Controller`."""
        if self._process is not None:
            self._process.stop()
            self._process = None


class Telling:
    """A Python process of this repository, which tells in its output how it stands."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command = " ".join(command)
        self._log = log
        environment = {
            **os.environ,
            **image_environment(),
            "PYTHONPATH": os.pathsep.join(str(ROOT / source) for source in SOURCES),
        }
        with log.open("ab") as output:
            self._began = output.tell()
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def until(self, wanted: re.Pattern[str]) -> re.Match[str]:
        """Wait for a line of its output.

        Raises:
            AssertionError: it does not come in time, or the process ends without it.
        """

        def look() -> re.Match[str] | None:
            ended, output = self._process.poll() is not None, self._log.read_bytes()[self._began :].decode()
            found = wanted.search(output)
            assert found or not ended, f"{self._command} has ended:\n{output[-3000:]}"
            return found

        found = eventually(look, lambda match: match is not None, within=UP_WITHIN, every=0.05)
        assert found is not None
        return found

    def stop(self) -> None:
        """Send SIGTERM, and wait until it has ended."""
        self._process.terminate()
        self._process.wait(timeout=ENDS_WITHIN)
