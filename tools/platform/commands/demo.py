"""Show it work: apply examples/, follow them live until all are final, print what the pod delivered."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from rich.console import Console
from rich.live import Live
from rich.table import Table

from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.kubeconfig import kubeconfig_path

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE, OPERATOR = "demo", "app.kubernetes.io/name=notification-operator"
KIND = ("kubernaut.ai", "v1alpha1", NAMESPACE, "notificationrequests")
FINAL = {"Sent": "green", "PartiallySent": "yellow", "Failed": "red"}
PATIENCE = 60.0
NOT_FOUND, TAKEN = 404, 409


class Demo:
    """One run against one cluster."""

    def __init__(self, kubeconfig: Path) -> None:
        api = config.new_client_from_config(str(kubeconfig))
        self._core = client.CoreV1Api(api)
        self._objects = client.CustomObjectsApi(api)
        self._started = datetime.now(UTC)
        self._applied: dict[str, dict[str, Any]] = {}
        self._refused: dict[str, str] = {}

    def apply(self) -> None:
        """Create the examples in a namespace of their own, anew each time: a spec cannot be changed."""
        try:
            self._core.create_namespace({"metadata": {"name": NAMESPACE}})
        except ApiException as error:
            if error.status != TAKEN:
                raise
        for file in sorted((ROOT / "examples").glob("*.yaml")):
            obj = yaml.safe_load(file.read_text())
            self._create(obj["metadata"]["name"], obj)

    def _create(self, name: str, obj: dict[str, Any]) -> None:
        try:
            self._objects.delete_namespaced_custom_object(*KIND, name)
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise
        try:
            self._applied[name] = self._objects.create_namespaced_custom_object(*KIND, obj)
        except ApiException as error:
            causes = json.loads(error.body)["details"]["causes"]
            self._refused[name] = "\n".join(f"{cause['field']}: {cause['message']}" for cause in causes[:1])

    def follow(self, console: Console) -> bool:
        """Show the notifications as they change; return whether all became final in time."""
        deadline = time.monotonic() + PATIENCE
        with Live(self.table(), console=console, refresh_per_second=10) as live:
            while time.monotonic() < deadline and not self._all_final():
                for name in self._applied:
                    self._applied[name] = self._objects.get_namespaced_custom_object(*KIND, name)
                live.update(self.table())
                time.sleep(0.1)
        return self._all_final()

    def _all_final(self) -> bool:
        return all(obj["status"]["phase"] in FINAL for obj in self._applied.values())

    def table(self) -> Table:
        """Return the present state, a row a notification."""
        table = Table(
            "notification", "channels", "phase", "tries", "message", title="kubectl get notif -n demo"
        )
        for name, obj in self._applied.items():
            phase, status = obj["status"]["phase"], obj["status"]
            colour = FINAL.get(phase, "cyan")
            channels = ", ".join(obj["spec"].get("channels", []))
            tries = str(status.get("totalAttempts", 0))
            table.add_row(name, channels, f"[{colour}]{phase}[/]", tries, status.get("message", ""))
        for name, reason in self._refused.items():
            table.add_row(name, "", "[red]refused (422)[/]", "", reason)
        return table

    def delivered(self) -> list[str]:
        """Return what the operator's pod has printed on its console channel during this run."""
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


def main(arguments: list[str]) -> int:
    """Run the command."""
    console, stack = Console(), arguments[0] if arguments else "dev"
    kubeconfig = kubeconfig_path(stack)
    if not kubeconfig.exists():
        console.print(f"error: {stack} is not up; run `make up STACK={stack}` first")
        return 1
    demo = Demo(kubeconfig)
    demo.apply()
    finished = demo.follow(console)
    console.print("\nWhat the operator's pod printed on its console channel:\n")
    for text in demo.delivered():
        console.print(text, markup=False, highlight=False)
    if not finished:
        console.print(
            f"error: not all notifications were final after {PATIENCE:g} s; see `kubectl describe notif`"
        )
    return 0 if finished else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
