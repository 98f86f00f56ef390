"""Demonstrate the platform: apply examples/, show their progress until all are final, print what was delivered."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import typer
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tools.platform.console import out
from tools.platform.errors import PlatformError
from tools.platform.options import Stack  # noqa: TC001 - typer reads it
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.kubeconfig import kubeconfig_path

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE, OPERATOR = "demo", "app.kubernetes.io/name=notification-operator"
KIND = ("kubernaut.ai", "v1alpha1", NAMESPACE, "notificationrequests")
FINAL = {"Sent": "green", "PartiallySent": "yellow", "Failed": "red"}
TIMEOUT_SECONDS = 60.0

app = typer.Typer(add_completion=False)


class DemoError(PlatformError):
    """The demonstration cannot run, or did not finish."""


@app.command()
def demo(stack: Stack = "dev") -> None:
    """Apply the notifications of examples/ and show their progress until all are final.

    Example: `demo` after `up`.
    """
    kubeconfig = kubeconfig_path(stack)
    if not kubeconfig.exists():
        raise DemoError(
            f"{stack} is not up, or its cluster is `existing`, so there is no kubeconfig of it",
            hint=f"run `make up STACK={stack}` first, or choose a stack with its own cluster",
        )
    run = Demo(kubeconfig)
    run.apply()
    finished = run.follow()
    out.print("\nConsole channel of the operator:\n")
    for text in run.delivered():
        out.print(text)
    if not finished:
        raise DemoError(
            f"some notifications were not final after {TIMEOUT_SECONDS:g} s",
            hint="see `kubectl describe notif -n demo`",
        )


class Demo:
    """One demonstration in one cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        api = config.new_client_from_config(str(kubeconfig))
        self._core = client.CoreV1Api(api)
        self._objects = client.CustomObjectsApi(api)
        self._started = datetime.now(UTC)
        self._applied: dict[str, dict[str, Any]] = {}
        self._rejected: dict[str, str] = {}

    def apply(self) -> None:
        """Create the examples in their own namespace; existing ones are replaced, because a spec is immutable."""
        try:
            self._core.create_namespace({"metadata": {"name": NAMESPACE}})
        except ApiException as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
        for file in sorted((ROOT / "examples").glob("*.yaml")):
            obj = yaml.safe_load(file.read_text())
            self._create(obj["metadata"]["name"], obj)

    def _create(self, name: str, obj: dict[str, Any]) -> None:
        try:
            self._objects.delete_namespaced_custom_object(*KIND, name)
        except ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        try:
            self._applied[name] = self._objects.create_namespaced_custom_object(*KIND, obj)
        except ApiException as error:
            causes = json.loads(error.body)["details"]["causes"]
            self._rejected[name] = "\n".join(f"{cause['field']}: {cause['message']}" for cause in causes[:1])

    def follow(self) -> bool:
        """Show the notifications until all are final; return False after a timeout."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        with Live(self.table(), console=out, refresh_per_second=10) as live:
            while time.monotonic() < deadline and not self._all_final():
                for name in self._applied:
                    self._applied[name] = self._objects.get_namespaced_custom_object(*KIND, name)
                live.update(self.table())
                time.sleep(0.1)
        return self._all_final()

    def _all_final(self) -> bool:
        return all(obj["status"]["phase"] in FINAL for obj in self._applied.values())

    def table(self) -> Table:
        """Return the current state, one row per notification."""
        table = Table(
            "notification", "channels", "phase", "attempts", "message", title="kubectl get notif -n demo"
        )
        for name, obj in self._applied.items():
            phase, status = obj["status"]["phase"], obj["status"]
            colour = FINAL.get(phase, "cyan")
            channels = ", ".join(obj["spec"].get("channels", []))
            attempts = str(status.get("totalAttempts", 0))
            table.add_row(name, channels, Text(phase, style=colour), attempts, status.get("message", ""))
        for name, reason in self._rejected.items():
            table.add_row(name, "", Text("rejected (422)", style="red"), "", reason)
        return table

    def delivered(self) -> list[str]:
        """Return what the operator's console channel has printed since the start."""
        texts: list[tuple[str, str]] = []
        for pod in self._core.list_pod_for_all_namespaces(label_selector=OPERATOR).items:
            log = self._core.read_namespaced_pod_log(pod.metadata.name, pod.metadata.namespace)
            records = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
            texts += [(r["timestamp"], r["event"]) for r in records if self._is_ours(r)]
        return [text for _, text in sorted(texts)]

    def _is_ours(self, record: dict[str, Any]) -> bool:
        if record.get("logger") != "console" or not record["notification"].startswith(f"{NAMESPACE}/"):
            return False
        return datetime.fromisoformat(record["timestamp"]) >= self._started
