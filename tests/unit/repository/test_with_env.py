"""tools/with-env installs nothing without a hash."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

UV_REQUIREMENTS = ROOT / "tools" / "uv-requirements.txt"
# A python3 that creates an environment with a Python that logs its arguments and fails.
PYTHON3 = """#!/bin/sh
set -eu
case $1 in
  -c) exit 0 ;;
  -m) mkdir -p "$3/bin"
      printf '#!/bin/sh\\necho "$*" >"%s"\\nexit 1\\n' "$LOG" >"$3/bin/python"
      chmod 755 "$3/bin/python" ;;
esac
"""


def test_uv_is_pinned_with_the_hashes_of_all_platforms() -> None:
    requirement = UV_REQUIREMENTS.read_text("utf-8").partition("\nuv==")[2]
    hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}", requirement)
    assert re.match(r"\d+\.\d+\.\d+ \\\n", requirement)
    assert len(set(hashes)) == len(hashes) > 10


def test_uv_is_installed_from_a_wheel_with_a_pinned_hash(tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    (root / "tools").mkdir(parents=True)
    for name in ("requirements.lock", "tools/with-env", "tools/uv-requirements.txt"):
        shutil.copy(ROOT / name, root / name)
    python3 = tmp_path / "python3"
    python3.write_text(PYTHON3)
    python3.chmod(0o755)
    log = tmp_path / "log"
    environment = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(log)}
    process = subprocess.run(
        [root / "tools" / "with-env", "true"], env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 1
    assert "serves the file with the pinned hash" in process.stderr
    arguments = log.read_text().split()
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(arguments)
    assert arguments[-2:] == ["-r", str(root / "tools" / "uv-requirements.txt")]


def test_component_requirements_are_ranges_with_upper_bounds() -> None:
    """A program has versions of its own, and the newest SDK of Pulumi that they allow."""
    requirements = required("infra/component_package")
    assert requirements
    assert all(re.fullmatch(r"[\w-]+>=[\d.]+,<\d+", line) for line in requirements)


def test_program_and_component_require_the_same() -> None:
    assert required("infra") == required("infra/component_package")


def required(folder: str) -> list[str]:
    """Return what a folder's requirements.txt takes from an index."""
    lines = (ROOT / folder / "requirements.txt").read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith(("#", "."))]
