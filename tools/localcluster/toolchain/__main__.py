"""`python3 -m tools.localcluster.toolchain`: provides every program and prints the folder that contains them."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.toolchain import gobuild
from tools.localcluster.toolchain.resolve import ensure
from tools.localcluster.toolchain.sources import releases
from tools.localcluster.toolchain.sources.pins import GROUPS, Build, ToolchainError

if TYPE_CHECKING:
    from types import FrameType

_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code is 0 only if the toolchain is complete."""
    parser = argparse.ArgumentParser(prog="python3 -m tools.localcluster.toolchain", description=__doc__)
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
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if options.write_module:
            builds = (step for group in GROUPS for step in group.steps if isinstance(step, Build))
            gobuild.prepare(next(step for step in builds if step.sources), options.write_module)
        elif options.checksums:
            _print_checksums(options.only)
        else:
            print(ensure(options.only).bin)
    except (ToolchainError, releases.ReleaseUnavailableError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "interrupted: run the same command again; finished groups and compiled packages are kept",
            file=sys.stderr,
        )
        return _INTERRUPTED
    return 0


def _print_checksums(only: list[str] | None) -> None:
    hosts = releases.Hosts()
    for group in GROUPS:
        if only is None or group.name in only:
            for line in releases.published(group, hosts):
                print(line)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
