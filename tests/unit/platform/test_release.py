"""`release prepare`: which versions and checkouts it accepts, and which fragments become part of the changelog."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platform_infra.image.base import pinned
from tools.platform.errors import PlatformError
from tools.platform.pulumi.environment import ROOT
from tools.platform.release import prepare as preparing
from tools.platform.release.prepare import prepare, run
from tools.platform.release.publish import source_of

if TYPE_CHECKING:
    from pathlib import Path

FRAGMENTS = {
    "+a.added.md": "A new thing.",
    "+b.fixed.md": "A mended thing.",
    "+c.security.md": "A safe thing.",
    "+d.changed.md": "Another thing.",
}


def git(root: Path, *arguments: str) -> str:
    return run(root, "git", *arguments).strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a changelog, four fragments and no release, where `make generate` does nothing."""
    (tmp_path / "changelog.d").mkdir()
    for name, text in FRAGMENTS.items():
        (tmp_path / "changelog.d" / name).write_text(f"{text}\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n<!-- towncrier release notes start -->\n")
    (tmp_path / "VERSION").write_text("0.1.0\n")
    configuration = (ROOT / "pyproject.toml").read_text("utf-8")
    (tmp_path / "pyproject.toml").write_text(
        "[tool.towncrier]" + configuration.split("[tool.towncrier]")[1].split("\n[tool.importlinter]")[0]
    )
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "release@example.com")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    real = run
    monkeypatch.setattr(
        preparing,
        "run",
        lambda folder, *command: "" if "tools.generate" in command else real(folder, *command),
    )
    return tmp_path


def sections(checkout: Path, version: str) -> list[str]:
    """Return the headings and entries of a release in the changelog."""
    text = (checkout / "CHANGELOG.md").read_text().split(f"## [{version}] - ")[1].split("\n## ")[0]
    return [line for line in text.splitlines()[1:] if line]


def test_first_release_reports_no_change_of_an_earlier_one(checkout: Path) -> None:
    assert prepare("0.1.0", checkout) == "v0.1.0"
    expected = ["### Added", "- A new thing.", "### Security", "- A safe thing."]
    assert sections(checkout, "0.1.0") == expected
    assert not any((checkout / "changelog.d").glob("*.md"))
    assert git(checkout, "log", "-1", "--format=%s") == "Release 0.1.0"
    assert git(checkout, "describe") == "v0.1.0"


def test_later_release_reports_fixes_and_changes(checkout: Path) -> None:
    git(checkout, "tag", "v0.1.0")
    prepare("0.2.0", checkout)
    assert "- A mended thing." in sections(checkout, "0.2.0")
    assert (checkout / "VERSION").read_text() == "0.2.0\n"


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0.9.0", r"0\.9\.0 is not later than the latest release, v0\.10\.0"),
        ("0.10.0", "not later"),
        ("1.0", "'1.0' is no version"),
    ],
)
def test_version_that_is_not_later_is_refused(checkout: Path, version: str, message: str) -> None:
    git(checkout, "tag", "v0.10.0")
    git(checkout, "tag", "v0.2.0")
    with pytest.raises(PlatformError, match=message):
        prepare(version, checkout)


def test_checkout_with_changes_is_refused(checkout: Path) -> None:
    (checkout / "another").touch()
    with pytest.raises(PlatformError, match=r"has changes:\n\?\? another"):
        prepare("0.1.0", checkout)
    assert not git(checkout, "tag", "--list")


@pytest.fixture
def tagged(checkout: Path) -> Path:
    """A checkout whose commit has the tag of VERSION, and is the default branch of its origin."""
    git(checkout, "tag", "v0.1.0")
    git(checkout, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(checkout, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    return checkout


def test_source_of_a_release_is_the_commit_of_its_tag(tagged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI_PROJECT_URL", raising=False)
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://git.example")
    monkeypatch.setenv("GITHUB_REPOSITORY", "a/b")
    source = source_of("v0.1.0", tagged)
    assert (source.version, source.url) == ("0.1.0", "https://git.example/a/b")
    assert source.commit == git(tagged, "rev-parse", "HEAD")
    labels = source.labels(pinned(f"python:3.13-slim@sha256:{'1' * 64}"))
    assert labels["org.opencontainers.image.revision"] == source.commit
    assert labels["org.opencontainers.image.base.name"] == "python:3.13-slim"


def test_tag_of_another_version_is_refused(tagged: Path) -> None:
    with pytest.raises(PlatformError, match=r"TAG: v0\.2\.0 is not v0\.1\.0"):
        source_of("v0.2.0", tagged)


def test_tag_of_another_commit_is_refused(tagged: Path) -> None:
    git(tagged, "commit", "--quiet", "--allow-empty", "--message", "Next")
    with pytest.raises(PlatformError, match="is not the commit that is checked out"):
        source_of("v0.1.0", tagged)


@pytest.mark.parametrize("branch", ["", "main"])
def test_tag_off_the_default_branch_is_refused(
    tagged: Path, branch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_DEFAULT_BRANCH", branch)
    git(tagged, "commit", "--quiet", "--allow-empty", "--message", "Other")
    git(tagged, "tag", "--force", "v0.1.0")
    with pytest.raises(PlatformError, match=r"TAG: v0\.1\.0 is not on the default branch, origin/"):
        source_of("v0.1.0", tagged)
    git(tagged, "update-ref", "refs/remotes/origin/main", "HEAD")
    assert source_of("v0.1.0", tagged).version == "0.1.0"


def test_changed_checkout_is_not_published(tagged: Path) -> None:
    (tagged / "another").touch()
    with pytest.raises(PlatformError, match="has changes"):
        source_of("v0.1.0", tagged)


def test_version_needs_neither_environment_nor_network(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "notif-platform").write_text((ROOT / "tools" / "notif-platform").read_text())
    (tmp_path / "VERSION").write_text("7.8.9\n")
    command = ["sh", str(tools / "notif-platform"), "--version"]
    assert subprocess.check_output(command, text=True) == "notif-platform 7.8.9\n"


def test_version_option_loads_neither_operator_nor_pulumi() -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from tools.platform.cli import app;"
        "print(CliRunner().invoke(app, ['--version']).output, end='');"
        "print(sorted({'notification_operator', 'pulumi', 'kubernetes'} & sys.modules.keys()))"
    )
    output = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True)
    version = (ROOT / "VERSION").read_text().strip()
    assert output.splitlines() == [f"notif-platform {version}", "[]"]
