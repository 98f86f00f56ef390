"""The component from TypeScript: its SDK is generated from its schema, and the documented program compiles with it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from tests.engine.checkout import Checkout

pytestmark = pytest.mark.timeout(1200, func_only=True)  # On a new machine Go compiles for minutes.
FILES = Path(__file__).with_name("typescript")
SECONDS = 600


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
    """Return the program that docs/environments.md shows."""
    (program,) = re.findall(
        r"```typescript\n(.*?)```", (ROOT / "docs" / "environments.md").read_text("utf-8"), re.DOTALL
    )
    return str(program)


@pytest.fixture
def schema(checkout: Checkout) -> Path:
    folder = checkout.folder / "infra" / "component_package"
    (folder / "requirements.txt").unlink()
    result = checkout.pulumi(
        "package",
        "get-schema",
        f"./{folder.relative_to(checkout.folder)}",
        PULUMI_PYTHON_CMD=str(folder / "python"),
    )
    assert result.code == 0, result.text
    file = checkout.folder / "schema.json"
    file.write_text(result.text[result.text.index("{\n") :], "utf-8")
    return file


def test_documented_program_compiles_with_the_generated_sdk(schema: Path, tmp_path: Path) -> None:
    program = tmp_path / "typescript"
    shutil.copytree(FILES, program)
    succeed("go", "run", ".", str(schema), str(program / "sdk"), cwd=program)
    succeed("npm", "ci", "--silent", "--no-audit", "--no-fund", cwd=program)
    source = documented_program()
    (program / "index.ts").write_text(source, "utf-8")
    succeed("node_modules/.bin/tsc", cwd=program)
    # The arguments have types.
    (program / "index.ts").write_text(source.replace('["orders"]', '"orders"'), "utf-8")
    refused = run("node_modules/.bin/tsc", cwd=program)
    assert "Type 'string' is not assignable" in refused.stdout
