"""The component from TypeScript: its SDK is generated from its schema, and the documented program runs with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engine.component_package import schema, variables
from tools.localcluster.toolchain import ensure
from tools.platform.pulumi.environment import ENGINE_GROUPS, ROOT

if TYPE_CHECKING:
    from tests.harness.checkout import Checkout

pytestmark = pytest.mark.timeout(1200, func_only=True)  # On a new machine Go compiles for minutes.
FILES = Path(__file__).with_name("typescript")
TSC = "node_modules/.bin/tsc"
HOST = "pulumi-language-nodejs"
SECONDS = 600
URL = "https://hooks.slack.example/services/T0/B0/hidden"
KUBECONFIG = "apiVersion: v1\nkind: Config\n"


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    # The lock files have the hash of every module and package; no package runs a script.
    variables = {**os.environ, "GOFLAGS": "-mod=readonly", "npm_config_ignore_scripts": "true"}
    return subprocess.run(
        command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def succeed(*command: str, cwd: Path) -> None:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def documented_program() -> str:
    """Return the program that docs/component.md shows."""
    (program,) = re.findall(
        r"```typescript\n(.*?)```", (ROOT / "docs" / "component.md").read_text("utf-8"), re.DOTALL
    )
    return str(program)


@pytest.fixture
def program(package: Checkout) -> Path:
    """The folder of a program with the generated SDK of the component, and what both require."""
    folder = package.folder / "program"
    shutil.copytree(FILES / "program", folder)
    file = package.folder / "schema.json"
    file.write_text(schema(package), "utf-8")
    sdk = folder / "sdk"
    succeed("go", "run", ".", str(file), str(sdk), cwd=FILES / "sdk")
    succeed("npm", "ci", "--silent", "--no-audit", "--no-fund", cwd=folder)
    # As its script `build` does it, and as npm installs a folder.
    succeed(str(folder / TSC), cwd=sdk)
    shutil.copy(sdk / "package.json", sdk / "bin")
    installed = folder / "node_modules" / json.loads((sdk / "package.json").read_text("utf-8"))["name"]
    installed.parent.mkdir()
    installed.symlink_to(sdk)
    return folder


def test_documented_program_is_previewed_with_the_generated_sdk(program: Path, package: Checkout) -> None:
    source, main = documented_program(), program / "index.ts"
    main.write_text(source.replace('["orders"]', '"orders"'), "utf-8")
    assert "Type 'string' is not assignable to type 'string[]'" in run(TSC, cwd=program).stdout
    main.write_text(source, "utf-8")
    succeed(TSC, cwd=program)
    host = package.folder / "host"
    succeed("go", "build", "-o", str(host / HOST), "tool", cwd=FILES / "host")
    package.environment = {
        **variables(package),
        "PATH": os.pathsep.join(
            (str(host), str(Path(sys.executable).parent), ensure(ENGINE_GROUPS).env()["PATH"])
        ),
        "PULUMI_BACKEND_URL": f"file://{package.folder}/state?create_dir=true",
    }
    pulumi = partial(package.pulumi, "-C", "program")
    assert pulumi("stack", "init", "trial").code == 0
    for name, value in (
        ("image", "registry.example/operator:1"),
        ("slackUrl", URL),
        ("kubeconfig", KUBECONFIG),
    ):
        assert pulumi("config", "set", "--secret", name, value, "--stack", "trial").code == 0
    preview = pulumi("preview", "--stack", "trial")
    assert preview.code == 0, preview.text
    assert "orders-operator-deployment" in preview.text
    assert URL not in preview.text
