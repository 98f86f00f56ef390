"""Check the workflows of GitHub Actions: `python -m tools.platform.commands.workflows`."""

from __future__ import annotations

import subprocess
import sys

from tools.localcluster.toolchain import ToolchainError, ensure
from tools.platform.pulumi.environment import ROOT

# Other linters of what happens to be on a machine would make its verdict another one than yours.
COMMAND = ("-shellcheck=", "-pyflakes=")


def main() -> int:
    """Run actionlint, which is got or built first."""
    try:
        program = ensure(["actionlint"]).program("actionlint")
    except ToolchainError as error:
        print(f"error: {error}")
        return 1
    files = sorted(map(str, (ROOT / ".github" / "workflows").glob("*.yml")))
    return subprocess.run([str(program), *COMMAND, *files], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
