"""An operator that runs as a process of this machine, with the same settings, against the same API server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import urllib3
import yaml
from urllib3.exceptions import HTTPError

from platform_infra.settings.reader import parse
from platform_infra.workload import config_file as operator_config
from tests.harness.eventually import eventually
from tests.harness.operator_pod import HEALTH, METRICS, READY_WITHIN, Operator
from tests.harness.operators import stack_values
from tests.harness.ports import free_port
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.harness.cluster import Cluster, Pod
    from tests.harness.node import Node
    from tests.harness.operators import OperatorSpec

SOURCES = (".", "operator", "tests/harness/stub")
ENDS_WITHIN = 45.0


class OperatorProcess(Operator):
    """One operator. `spec.namespace` is there, with an account; `kubeconfig` is that account's.

    Without a node where the API server has none.
    """

    def __init__(
        self, *, cluster: Cluster, spec: OperatorSpec, sink: str, kubeconfig: Path, node: Node | None = None
    ) -> None:
        super().__init__(cluster=cluster, node=node, namespace=spec.namespace)
        self._folder = kubeconfig.parent
        self._ports = {HEALTH: free_port(), METRICS: free_port()}
        self._log = self._folder / "log"
        self._variables = {**self._configure(spec, sink), "KUBECONFIG": str(kubeconfig)}
        self._process: subprocess.Popen[bytes] | None = None
        self._http = urllib3.PoolManager(retries=False)

    @property
    def pods(self) -> list[Pod]:
        """It has none."""
        return []

    @property
    def pod(self) -> Pod:
        """It has none."""
        raise AssertionError("the operator is a local process; mark the test with needs_pod")

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None, "the operator was never started"
        return self._process.pid

    def page(self, port: int, path: str, *, pod: Pod | None = None) -> str:
        """Return a page of its own HTTP servers; `port` is the one that it has in a pod."""
        assert pod is None
        text: str = self._http.request("GET", f"http://127.0.0.1:{self._ports[port]}/{path}").data.decode()
        return text

    def records(self) -> list[dict[str, Any]]:
        """Return what it has logged, record by record."""
        lines = self._log.read_text("utf-8").split("\n")[:-1] if self._log.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    def scale(self, replicas: int, *, wait: bool = True) -> None:
        """Start it (1), or stop it (0)."""
        assert replicas in (0, 1), "only pods can be several; mark the test with needs_pod"
        if replicas == 0:
            self.stop()
        elif not self._runs():
            self._start()
        if wait and replicas:
            self.ready()

    def ready(self, replicas: int = 1) -> None:
        """Wait until it says that it is ready."""
        assert replicas == 1
        eventually(self._readiness, lambda seen: seen[0] == 200, within=READY_WITHIN)

    def stop(self) -> None:
        """Send it SIGTERM, and wait until it has ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=ENDS_WITHIN)

    def restart(self) -> None:
        """Stop it in good order, and return once it is ready again."""
        self.stop()
        self.scale(1)

    def kill(self, pod: Pod | None = None) -> None:
        """Kill it with SIGKILL, and start it again as a cluster would."""
        assert pod is None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._start()

    def end(self) -> None:
        """Kill it with SIGKILL, and leave it so."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _start(self) -> None:
        command = [sys.executable, "-m", "notification_operator", "run", "--config", str(self._config)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env={**os.environ, **self._variables}, stdout=log, stderr=log, cwd=self._folder
            )

    def _runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _readiness(self) -> tuple[int, str]:
        if not self._runs():
            raise AssertionError(
                f"the operator has ended; the end of its log:\n{self._log.read_text()[-3000:]}"
            )
        try:
            answer = self._http.request("GET", f"http://127.0.0.1:{self._ports[HEALTH]}/readyz", timeout=5.0)
        except HTTPError as error:
            return 0, str(error)
        return answer.status, answer.data.decode()

    @property
    def _config(self) -> Path:
        return self._folder / "config.yaml"

    def _configure(self, spec: OperatorSpec, sink: str) -> Mapping[str, str]:
        """Write what the operator reads; return the variables that a pod would have."""
        values = stack_values(spec, image="none", kubeconfig="none", sink=sink)
        slack = str(values["channelsSlackWebhookUrl"])
        settings = parse(
            {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
        )
        document = operator_config.document(settings)
        document["server"] = {
            "host": "127.0.0.1",
            "health_port": self._ports[HEALTH],
            "metrics_port": self._ports[METRICS],
        }
        document["channels"]["file"]["directory"] = str(self._folder / "files")
        self._config.write_text(yaml.safe_dump(document), "utf-8")
        path = os.pathsep.join(str(ROOT / source) for source in SOURCES)
        return {"PYTHONPATH": path, "SLACK_WEBHOOK_URL": slack}
