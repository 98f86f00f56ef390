"""`python3 -m tools.localcluster.toolchain`: provides every program and prints the folder that contains them."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.toolchain import gomodules
from tools.localcluster.toolchain.group import Build, ToolchainError
from tools.localcluster.toolchain.resolve import ensure
from tools.localcluster.toolchain.sources import releases
from tools.localcluster.toolchain.sources.pins import GROUPS

if TYPE_CHECKING:
    from types import FrameType

    from tools.localcluster.toolchain.layout import Toolchain

_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code is 0 only if the toolchain is complete."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.localcluster.toolchain", description=__doc__)
    parser.add_argument(
        "--print-env", action="store_true", help="print environment variables as shell exports, for eval"
    )
    parser.add_argument("--list", action="store_true", help="print the path of every program")
    parser.add_argument(
        "--only", nargs="+", choices=[group.name for group in GROUPS], help="provide only these groups"
    )
    parser.add_argument(
        "--checksums",
        action="store_true",
        help="print the published checksums of the releases, for checksums.txt",
    )
    parser.add_argument(
        "--write-module",
        metavar="FOLDER",
        type=Path,
        help="write the module of the programs, to update its pins",
    )
    options = parser.parse_args(arguments)
    if options.write_module:
        return _write_module(options.write_module)
    if options.checksums:
        return _print_checksums(options.only)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        toolchain = ensure(options.only)
    except ToolchainError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "interrupted: run the same command again; finished groups and compiled packages are kept",
            file=sys.stderr,
        )
        return _INTERRUPTED
    print(_report(toolchain, exports=options.print_env, programs=options.list))
    return 0


def _report(toolchain: Toolchain, *, exports: bool, programs: bool) -> str:
    if exports:
        return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in toolchain.env().items())
    if programs:
        return "\n".join(
            f"{group.name} {group.version}: {toolchain.place(group) / program}"
            for group in GROUPS
            for program in group.programs
        )
    return str(toolchain.bin)


def _print_checksums(only: list[str] | None) -> int:
    hosts = releases.Hosts()
    try:
        for group in GROUPS:
            if only is None or group.name in only:
                for line in releases.published(group, hosts):
                    print(line)
    except releases.ReleaseUnavailableError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _write_module(folder: Path) -> int:
    step = next(step for group in GROUPS for step in group.steps if isinstance(step, Build) and step.sources)
    try:
        gomodules.prepare(step, folder)
    except ToolchainError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
