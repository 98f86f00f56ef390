"""`python -m tools.pictures.session`: records `notif` in the cluster of KUBECONFIG, from a message that fails to its replay.

The session has a namespace of its own, which it deletes. The cluster has a running operator.
"""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

from rich.text import Text

from tools.generate.recording import WIDTH, Recorder

FILE: Final = Path(__file__).resolve().parents[2] / "docs" / "images" / "notif-replay.svg"
NAMESPACE: Final = "checkout"
RECEIVER: Final = {
    "apiVersion": "kubernaut.ai/v1alpha1",
    "kind": "NotificationReceiver",
    "metadata": {"name": "on-call", "namespace": NAMESPACE},
    "spec": {"type": "console"},
}


def notif(recorder: Recorder, arguments: str) -> None:
    text = bytearray()

    def read(terminal: int) -> bytes:
        data = os.read(terminal, 65536)
        text.extend(data)
        return data

    pty.spawn([sys.executable, "-m", "notification_cli", *shlex.split(arguments)], read)
    recorder.command(f"notif {arguments}", text.decode().replace("\r\n", "\n"))


def kubectl(*arguments: str, content: str = "") -> str:
    return subprocess.run(
        ["kubectl", *arguments], input=content, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def record() -> str:
    recorder = Recorder()
    to = f"--to console --to {NAMESPACE}/on-call"
    notif(recorder, f'send -n {NAMESPACE} -s "Checkout is failing" {to} --deliver-before 4s --wait')
    (name,) = kubectl("get", "notif", "-n", NAMESPACE, "-o", "name").splitlines()
    name = name.partition("/")[2]
    notif(recorder, f"show {name} -n {NAMESPACE}")
    recorder.print(
        Text("# The receiver did not exist. It does now: kubectl apply -f on-call.yaml\n", style="italic")
    )
    kubectl("apply", "-f", "-", content=json.dumps(RECEIVER))
    notif(recorder, f"replay {name} -n {NAMESPACE} --yes --wait")
    notif(recorder, f"ls -n {NAMESPACE}")
    return recorder.svg("notif-replay")


if __name__ == "__main__":
    os.environ |= {"COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    kubectl("create", "namespace", NAMESPACE)
    try:
        FILE.write_text(record(), "utf-8")
    finally:
        kubectl("delete", "namespace", NAMESPACE)
