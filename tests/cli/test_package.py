"""The distribution of the command line with those it requires: built, installed into an empty environment, and used there."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.check("cli-37")
def test_installed_wheel_is_notif_and_a_plugin_of_kubectl(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    source = str(ROOT / "packages" / "notification-cli")
    run("uv", "venv", "--quiet", str(venv), cwd=tmp_path)
    run("uv", "pip", "install", "--quiet", "--python", str(venv / "bin" / "python"), source, cwd=tmp_path)
    path = os.pathsep.join((str(venv / "bin"), os.environ["PATH"]))
    example = str(ROOT / "examples" / "simple.yaml")
    assert run("notif", "lint", example, cwd=tmp_path, path=path).endswith("NotificationRequest simple: ok\n")
    assert run("kubectl-notif", "--help", cwd=tmp_path, path=path).startswith("Usage: kubectl notif ")
    assert run("kubectl_complete-notif", "ls", "--ph", cwd=tmp_path, path=path) == "--phase\n:0\n"
    payload = tmp_path / "payload.json"
    payload.write_text('{"text": "it burns"}', "utf-8")
    shown = run("notif", "source", "test", "--type", "slack", "-f", str(payload), cwd=tmp_path, path=path)
    assert "body: it burns" in shown
    modules = "import notification_client, notification_cli.web.serve, notification_cli.actions.single"
    python = str(venv / "bin" / "python")
    run(python, "-c", modules, cwd=tmp_path)
    packages = run("uv", "pip", "list", "--quiet", "--python", python, cwd=tmp_path)
    assert not {"kopf", "pulumi", "structlog", "uvloop"} & {line.split()[0] for line in packages.splitlines()}
    if shutil.which("kubectl"):
        assert run("kubectl", "notif", "--help", cwd=tmp_path, path=path).startswith("Usage: kubectl notif ")


def run(*command: str, cwd: Path, path: str = "") -> str:
    """Run a program without this checkout on its path, and return its output."""
    environment = {
        key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}
    }
    environment |= {"PATH": path} if path else {}
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    done = subprocess.run(
        [program, *command[1:]], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
