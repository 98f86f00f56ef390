"""The sessions of nox: every lock file and Go program is scanned, and every page of the site is in its navigation."""

from __future__ import annotations

import subprocess
from pathlib import Path

import noxfile
from tools.localcluster.toolchain.layout import RECIPES
from tools.platform.pulumi.environment import ROOT


def test_every_lock_file_is_scanned() -> None:
    patterns = ("*.lock", "operator/*.lock", "infra/*/requirements.lock")
    locks = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}
    assert locks - {"uv.lock"} <= set(noxfile.LOCKS)
    assert all((ROOT / lock).exists() for lock in noxfile.LOCKS)


def test_every_built_go_program_is_scanned() -> None:
    folders = {file.parent.name for file in RECIPES.glob("*/go.mod")}
    assert {build.folder for build in noxfile.go_modules()} == folders


def test_every_page_of_the_site_is_in_its_navigation() -> None:
    listed = subprocess.check_output(["git", "ls-files", "*.md"], cwd=ROOT, text=True).splitlines()
    pages = {page for page in listed if noxfile.is_on_site(Path(page))}
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    assert {line.split()[-1] for line in navigation.splitlines() if line.endswith(".md")} == pages
