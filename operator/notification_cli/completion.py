"""`kubectl_complete-notif`: kubectl runs it to complete `kubectl notif`, and reads candidates from its output."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Final

from notification_cli.app import run

DEFAULT_DIRECTIVE: Final = ":0"
"""The last line, by the protocol of cobra: the shell may complete file names as well."""


def main() -> None:
    """Write the candidates for the last argument, one a line, and the directive."""
    words = sys.argv[1:] or [""]
    os.environ |= {
        "_NOTIF_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(["notif", *words]),
        "COMP_CWORD": str(len(words)),
    }
    try:
        run("notif")
    finally:
        sys.stdout.write(f"{DEFAULT_DIRECTIVE}\n")


if __name__ == "__main__":
    main()
