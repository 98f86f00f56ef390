"""Running a program inside the node."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docker.models.containers import Container


def execute(container: Container, command: Sequence[str]) -> tuple[int, str]:
    """The exit code, and what the program wrote to both of its outputs."""
    done = container.exec_run(list(command))
    output = done.output if isinstance(done.output, bytes) else b"".join(done.output)
    return int(done.exit_code or 0), output.decode(errors="replace")
