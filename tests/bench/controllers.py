"""The measured controllers, each as a local process: this operator, that of another commit, and two for comparison."""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tests.harness.logged_process import LoggedProcess
from tests.harness.operator_process import OperatorProcess
from tests.harness.operators import LABEL, OperatorSpec
from tests.harness.process_account import ProcessAccount
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.bench.place import Place

WORKERS = 10
"""The tuned number of workers of the naive controller."""
WATCHING = re.compile(r'"event":\s*"watching"')
"""Logged by a comparison controller when it is ready."""
MALLOC = re.compile(r"(MALLOC_\w+)=(\d+)")


class Kind(StrEnum):
    """Which controller."""

    OURS = "ours"
    BASE = "base"
    """The operator of the commit given with `--against`."""
    NAIVE = "naive"
    """Decides on the watched object, and writes once per change."""
    PROTOTYPE = "prototype"
    """Event, queue, one read, one write; delivers nothing."""


class Controller(Protocol):
    """A controller that can be started and stopped; `start` returns when it is ready."""

    @property
    def pid(self) -> int:
        """The id of the process."""
        ...

    def start(self) -> None:
        """Start it."""
        ...

    def stop(self) -> None:
        """Stop it gracefully."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredController:
    """A controller with its account."""

    controller: Controller
    account: str
    """Its user name at the API server."""
    home: str
    """Its own namespace."""
    labels: Mapping[str, str]
    """Labels of the namespaces that it watches."""


@contextmanager
def controller(kind: Kind, place: Place, settings: Mapping[str, Any]) -> Iterator[MeasuredController]:
    """Give a controller that is not started yet; it is stopped at the end, and its rights are removed.

    After a failure the rights stay, because the API server may be gone as well.
    """
    name = f"{kind}-{uuid.uuid4().hex[:6]}"
    namespace = place.cluster.create_namespace({})
    account = ProcessAccount(place.cluster, namespace, namespaced=settings.get("receiversNamespaced", False))
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"{name}-")))
        kubeconfig = folder / "kubeconfig"
        account.write_kubeconfig(kubeconfig)
        created: Controller
        match kind:
            case Kind.OURS | Kind.BASE:
                created = OperatorProcess(
                    cluster=place.cluster,
                    spec=OperatorSpec(name=name, namespace=namespace, settings=settings),
                    sink=place.sink,
                    kubeconfig=kubeconfig,
                    sources=(ROOT if kind is Kind.OURS else place.base) / "operator",
                    variables=image_environment(),
                )
            case Kind.NAIVE:
                sink = f"{place.sink}/slack/{name}"
                created = Program("naive", kubeconfig, "--sink", sink, "--workers", str(WORKERS))
            case Kind.PROTOTYPE:
                created = Program("prototype", kubeconfig)
        cleanup.callback(created.stop)
        user = f"system:serviceaccount:{namespace}:notification-operator"
        yield MeasuredController(controller=created, account=user, home=namespace, labels={LABEL: name})
    # The API server evaluates each request against all roles.
    account.remove()


def image_environment() -> dict[str, str]:
    """Return the memory settings of the operator's image, which local processes use as well."""
    return dict(MALLOC.findall((ROOT / "Dockerfile").read_text("utf-8")))


class Program:
    """A comparison controller: a package of tests/harness, started as a module."""

    def __init__(self, package: str, kubeconfig: Path, *arguments: str) -> None:
        self._command = [sys.executable, "-m", f"tests.harness.{package}"]
        self._command += ["--kubeconfig", str(kubeconfig), *arguments]
        self._log = kubeconfig.parent / "log"
        self._process: LoggedProcess | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._process = LoggedProcess(self._command, self._log, variables=image_environment())
        self._process.wait_for(WATCHING)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None
