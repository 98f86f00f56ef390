"""`python -m tools.pictures.session`: records `notif` in a cluster, from a message that fails to its replay, as SVG.

The commands run in a terminal of their own, and what they print is drawn by rich. The cluster is that of the kubeconfig,
with a running operator; the session deletes what it has created.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kubernetes import client, config
from rich.console import Console
from rich.text import Text

from notification_contract.crds import notification_receiver
from tools.pictures.recording import FONTS, WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE: Final = Path(__file__).resolve().parents[2] / "docs" / "images" / "notif-replay.svg"
NAMESPACE: Final = "checkout"
SECONDS: Final = 120
RECEIVER: Final = {
    "apiVersion": "kubernaut.ai/v1alpha1",
    "kind": "NotificationReceiver",
    "metadata": {"name": "on-call", "namespace": NAMESPACE},
    "spec": {"type": "console"},
}


class Session:
    """Runs commands, and draws them with what they print."""

    def __init__(self, kubeconfig: str) -> None:
        self._kubeconfig = kubeconfig
        self._console = Console(
            record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
        )

    def notif(self, *arguments: str) -> None:
        """Run `notif` in a terminal."""
        shown = " ".join(f'"{each}"' if " " in each else each for each in arguments)
        self._console.print(Text.assemble(("$ ", "bold green"), f"notif {shown}"))
        self._console.print(Text.from_ansi(self._printed(arguments)))

    def say(self, text: str) -> None:
        """Draw a comment."""
        self._console.print(Text(f"# {text}\n", style="italic"))

    def names(self) -> list[str]:
        """Return the notifications, the oldest first."""
        command = [*_command(), "ls", "-n", NAMESPACE, "-o", "json"]
        done = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, timeout=SECONDS, check=True
        )
        items: list[dict[str, Any]] = json.loads(done.stdout)["items"]
        return [each["metadata"]["name"] for each in sorted(items, key=_created)]

    def svg(self) -> str:
        drawn = self._console.export_svg(title="notif", unique_id="notif-replay")
        return FONTS.sub("", drawn).replace("Fira Code", "ui-monospace") + "\n"

    def _printed(self, arguments: Sequence[str]) -> str:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [*_command(), *arguments],
            env=self._environment() | {"COLUMNS": str(WIDTH)},
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            text = b""
            while chunk := _read(ours):
                text += chunk
            process.wait(SECONDS)
        os.close(ours)
        return text.decode().replace("\r\n", "\n")

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": self._kubeconfig, "TERM": "xterm-256color"}


def record(session: Session, api: client.ApiClient) -> None:
    session.notif(
        *(
            "send",
            "-n",
            NAMESPACE,
            "-s",
            "Checkout is failing",
            "--to",
            "console",
            "--to",
            f"{NAMESPACE}/on-call",
        ),
        *("--deliver-before", "4s", "--wait"),
    )
    (name,) = session.names()
    session.notif("show", name, "-n", NAMESPACE)
    session.say("The receiver did not exist. It does now: kubectl apply -f on-call.yaml")
    kind = notification_receiver()["spec"]["names"]["plural"]
    client.CustomObjectsApi(api).create_namespaced_custom_object(
        "kubernaut.ai", "v1alpha1", NAMESPACE, kind, RECEIVER
    )
    session.notif("replay", name, "-n", NAMESPACE, "--wait")
    session.notif("ls", "-n", NAMESPACE)


def main(arguments: Sequence[str]) -> int:
    """Record the session in a namespace of its own."""
    parser = argparse.ArgumentParser(prog="python -m tools.pictures.session", description=__doc__)
    parser.add_argument("--kubeconfig", default=os.environ.get("KUBECONFIG", "~/.kube/config"))
    kubeconfig = str(Path(parser.parse_args(arguments).kubeconfig).expanduser())
    session = Session(kubeconfig)
    with config.new_client_from_config(kubeconfig) as api:
        core = client.CoreV1Api(api)
        core.create_namespace({"metadata": {"name": NAMESPACE}})
        try:
            record(session, api)
        finally:
            core.delete_namespace(NAMESPACE)
    FILE.write_text(session.svg(), "utf-8")
    print(FILE.name)
    return 0


def _command() -> list[str]:
    return [sys.executable, "-m", "notification_cli"]


def _created(obj: dict[str, Any]) -> str:
    return str(obj["metadata"]["creationTimestamp"])


def _read(terminal: int) -> bytes:
    """Return what a terminal shows next; nothing at its end, which Linux reports as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
