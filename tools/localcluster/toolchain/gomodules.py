"""The Go command, and files of modules whose hash is pinned."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tools.localcluster.toolchain.group import ToolchainError
from tools.localcluster.toolchain.layout import RECIPES
from tools.localcluster.toolchain.sources.pins import GO_MINIMUM

if TYPE_CHECKING:
    from tools.localcluster.toolchain.group import Build, ModuleFiles


def go_problem() -> str | None:
    """Return why this machine cannot build Go modules, with the next step, or None if it can."""
    minimum = ".".join(map(str, GO_MINIMUM))
    hint = f"install Go {minimum} or newer and put it on PATH (https://go.dev/doc/install)"
    if shutil.which("go") is None:
        return f"`go` is not on PATH: {hint}"
    process = subprocess.run(
        ["go", "env", "GOVERSION", "GOTOOLCHAIN"], cwd=RECIPES, capture_output=True, text=True, check=False
    )
    match = re.match(r"go(\d+)\.(\d+)", process.stdout)
    if match is None:
        return f"`go env` failed ({process.stderr.strip()}): {hint}"
    downloads_newer = not process.stdout.split()[1].startswith("local")
    if tuple(map(int, match.groups())) < GO_MINIMUM and not downloads_newer:
        return f"Go is {match[0]} and must not download a newer one (GOTOOLCHAIN=local): {hint}"
    return None


def prepare(step: Build, folder: Path) -> None:
    """Write the module of a build into `folder`: the recipe's own files, and those of other modules that it needs.

    Raises:
        ToolchainError: a module is not available, or has another hash.
    """
    shutil.copytree(RECIPES / step.folder, folder, dirs_exist_ok=True)
    for source in step.sources:
        copy(source, folder)


def copy(source: ModuleFiles, folder: Path) -> None:
    """Copy the files of a module into `folder`, writable.

    Raises:
        ToolchainError: the module is not available, or has another hash.
    """
    module = _downloaded(source)
    for target, path in source.files.items():
        place = folder / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if (module / path).is_dir():
            shutil.copytree(module / path, place, copy_function=shutil.copyfile)
            place.chmod(0o755)
        else:
            shutil.copyfile(module / path, place)
    for target, path in source.documents.items():
        document = json.loads((module / path).read_text("utf-8"))
        document.update(source.values.get(target, {}))
        (folder / target).write_text(json.dumps(document, separators=(",", ":")), "utf-8")


def _downloaded(source: ModuleFiles) -> Path:
    """Return the folder that Go unpacked the module into, after downloading the module if it is missing."""
    name = f"{source.module}@{source.version}"
    # Outside of a module: the hash is pinned here, and not in a go.sum.
    process = subprocess.run(
        ["go", "mod", "download", "-json", name], cwd="/", capture_output=True, text=True, check=False
    )
    facts = json.loads(process.stdout or "{}")
    if process.returncode != 0 or "Dir" not in facts:
        raise ToolchainError(f"`go mod download {name}`: {facts.get('Error') or process.stderr.strip()}")
    if facts["Sum"] != source.sum:
        raise ToolchainError(f"{name} has the hash {facts['Sum']}; the pinned hash is {source.sum}")
    return Path(facts["Dir"])
