"""Run the tests: `python -m tests.runner`."""

from __future__ import annotations

from tools.platform.command_group import command_app
from tools.platform.processes import terminated_as_interrupted

COMMANDS = {
    "all": "tests.runner.all:everything",
    "stack": "tests.runner.all:stack",
    "long": "tests.runner.all:long",
    "suite": "tests.runner.suite",
    "flake": "tests.runner.flake",
    "chaos": "tests.runner.forwarding:chaos",
    "fuzz": "tests.runner.forwarding:fuzz",
    "simulate": "tests.runner.forwarding:simulate",
    "mutations": "tests.runner.forwarding:mutations",
    "traces": "tests.runner.forwarding:traces",
}

app = command_app(COMMANDS)


@app.callback()
def runner() -> None:
    """Run the tests of the platform.

    Exit codes are those of `tools/notif-platform`; see docs/ci.md.
    """


if __name__ == "__main__":
    with terminated_as_interrupted():
        app(prog_name="python -m tests.runner")
