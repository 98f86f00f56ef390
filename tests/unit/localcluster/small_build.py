"""A run that compiles one small group from the recipes in a folder: a process of its own, so that a test can interrupt it."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.localcluster.toolchain import __main__ as command
from tools.localcluster.toolchain import gobuild, layout, resolve
from tools.localcluster.toolchain.sources.pins import Build, Group

SMALL = Group(
    name="small",
    version="1",
    programs=("one", "two"),
    steps=(Build(folder="small", packages={"one": "./one", "two": "./two"}),),
    seconds=1,
)

if __name__ == "__main__":
    for module in (layout, gobuild):
        vars(module)["RECIPES"] = Path(sys.argv[1])
    for module in (command, resolve):
        vars(module)["GROUPS"] = (SMALL,)
    sys.exit(command.main(["--only", "small"]))
