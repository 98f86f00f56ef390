"""An operator that runs as a local process, with the same settings, against the same API server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3
import yaml
from urllib3.exceptions import HTTPError

from platform_infra.settings.reader import parse
from platform_infra.workload.mounts import config_file
from tests.harness.eventually import eventually
from tests.harness.operator_deployment import HEALTH, METRICS, READY_WITHIN, OperatorDeployment
from tests.harness.operators import stack_values
from tools.platform.ports import free_port
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.harness.cluster import Cluster, Pod
    from tests.harness.node import Node
    from tests.harness.operators import OperatorSpec

PLUGINS = (ROOT, ROOT / "tests" / "harness" / "stub")
"""Where the stub channel is imported from."""
STOPS_WITHIN = 45.0


class OperatorProcess(OperatorDeployment):
    """One operator. The namespace of `spec` exists and has an account; `kubeconfig` is that account's.

    `sources` is the folder of the operator's packages; `variables` are added to its environment.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        spec: OperatorSpec,
        sink: str,
        kubeconfig: Path,
        node: Node | None = None,
        sources: Path = ROOT / "operator",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(cluster=cluster, node=node, namespace=spec.namespace)
        self._folder = kubeconfig.parent
        self._ports = {HEALTH: free_port(), METRICS: free_port()}
        self._log = self._folder / "log"
        self._config = self._folder / "config.yaml"
        self._variables = {
            **(variables or {}),
            "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": os.pathsep.join(map(str, (sources, *PLUGINS))),
            "SLACK_WEBHOOK_URL": self._write_config(spec, sink),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._http = urllib3.PoolManager(retries=False)

    @property
    def pods(self) -> list[Pod]:
        """A process has none."""
        return []

    @property
    def pod(self) -> Pod:
        """A process has none."""
        raise AssertionError("the operator is a local process; mark the test with needs_pod")

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process is not None, "the operator was never started"
        return self._process.pid

    def port(self, port: int) -> int:
        """Return the local port of one of its HTTP servers; `port` is the port in a pod."""
        return self._ports[port]

    def page(self, port: int, path: str, *, pod: Pod | None = None) -> str:
        """Return a page of its HTTP servers; `port` is the port in a pod."""
        assert pod is None
        text: str = self._http.request("GET", f"http://127.0.0.1:{self._ports[port]}/{path}").data.decode()
        return text

    def records(self) -> list[dict[str, Any]]:
        """Return its log, record by record."""
        lines = self._log.read_text("utf-8").split("\n")[:-1] if self._log.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    def scale(self, replicas: int, *, wait: bool = True) -> None:
        """Start it (1), or stop it (0)."""
        assert replicas in (0, 1), "only a Deployment has several replicas; mark the test with needs_pod"
        if replicas == 0:
            self.stop()
        elif not self._is_running():
            self._start()
        if wait and replicas:
            self.ready()

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.scale(1)

    def ready(self, replicas: int = 1) -> None:
        """Wait until it reports ready."""
        assert replicas == 1
        eventually(self._readiness, lambda answer: answer[0] == 200, within=READY_WITHIN)

    def stop(self) -> None:
        """Send SIGTERM, and wait for the end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=STOPS_WITHIN)

    def restart(self) -> None:
        """Stop it gracefully, and start it again."""
        self.stop()
        self.start()

    def kill(self, pod: Pod | None = None) -> None:
        """Kill it with SIGKILL, and start it again as a cluster would."""
        assert pod is None
        if self._process is not None:
            self.end()
        self._start()

    def end(self) -> None:
        """Kill it with SIGKILL, without a restart."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def command(self) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-m", "notification_operator", "run", "--config", str(self._config)]

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                env={**os.environ, **self._variables},
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _readiness(self) -> tuple[int, str]:
        if not self._is_running():
            raise AssertionError(f"the operator has ended; end of its log:\n{self._log.read_text()[-3000:]}")
        try:
            answer = self._http.request("GET", f"http://127.0.0.1:{self._ports[HEALTH]}/readyz", timeout=5.0)
        except HTTPError as error:
            return 0, str(error)
        return answer.status, answer.data.decode()

    def _write_config(self, spec: OperatorSpec, sink: str) -> str:
        """Write the configuration file; return the webhook URL, which a pod gets from a Secret."""
        values = stack_values(spec, image="none", kubeconfig="none", sink=sink)
        # The network policy of a stack has to permit the sink; its port differs for each run.
        values["networkEgressPorts"].append(urlsplit(sink).port)
        settings = parse(
            {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
        )
        text = config_file.render(settings)
        document = yaml.safe_load(text)
        document["server"] = {
            "host": "127.0.0.1",
            "health_port": self._ports[HEALTH],
            "metrics_port": self._ports[METRICS],
        }
        file_channel = document.setdefault("channels", {}).setdefault("file", {})
        file_channel["directory"] = str(self._folder / "files")
        version, *_ = text.splitlines(keepends=True)
        self._config.write_text(version + yaml.safe_dump(document), "utf-8")
        return str(values["channelsSlackWebhookUrl"])
