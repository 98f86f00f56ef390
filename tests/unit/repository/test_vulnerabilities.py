"""The gate on known vulnerabilities, with scanners that print prepared reports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from tools.localcluster.toolchain.layout import RECIPES
from tools.platform import advisories
from tools.platform.advisories import Advisory
from tools.platform.commands.repository import vulnerabilities as command
from tools.platform.commands.repository.vulnerabilities import ScanError
from tools.platform.errors import ExitCode
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SAFE_OSV: dict[str, Any] = {"results": []}
SAFE_PIP: dict[str, Any] = {"dependencies": [{"name": "aiohttp", "version": "3.0", "vulns": []}]}


def osv(severity: str) -> dict[str, Any]:
    group = {"ids": ["GHSA-1"], "aliases": ["CVE-1"], "max_severity": severity}
    package = {"package": {"name": "aiohttp", "version": "3.0"}, "groups": [group]}
    return {"results": [{"packages": [package]}]}


def pip_audit(*aliases: str) -> dict[str, Any]:
    vulnerability = {"id": "PYSEC-1", "aliases": list(aliases), "fix_versions": []}
    return {"dependencies": [{"name": "aiohttp", "version": "3.0", "vulns": [vulnerability]}]}


class Scanners:
    """Programs that write prepared reports and exit with prepared codes."""

    def __init__(self) -> None:
        self.osv = SAFE_OSV
        self.pip = SAFE_PIP
        self.codes: dict[str, int] = {}

    def run(self, arguments: Sequence[str], **_options: Any) -> int:
        line = " ".join(arguments)
        for program, report in ((command.OSV_SCANNER, self.osv), ("pip_audit", self.pip)):
            if program in arguments:
                (path,) = [argument for argument in arguments if argument.endswith(".json")]
                (command.REPORTS / path.rpartition("/")[2]).write_text(json.dumps(report))
                return self.codes.get(program, int(report not in (SAFE_OSV, SAFE_PIP)))
        return max((code for word, code in self.codes.items() if word in line), default=0)


@pytest.fixture
def scanners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scanners:
    monkeypatch.setattr(command, "REPORTS", tmp_path)
    scanners = Scanners()
    monkeypatch.setattr(command, "run", scanners.run)
    monkeypatch.setattr(command, "prepare", lambda _build, _folder: None)
    return scanners


def exit_code(*arguments: str) -> int:
    return CliRunner().invoke(command.app, arguments).exit_code


@pytest.mark.usefixtures("scanners")
def test_dependencies_without_vulnerabilities_pass() -> None:
    assert exit_code() == 0


@pytest.mark.parametrize(
    ("severity", "code"),
    [("9.8", 1), ("7.0", 1), ("", 1), ("6.9", 0)],
    ids=["critical", "high", "unknown", "medium"],
)
def test_vulnerability_fails_from_high_severity_on(scanners: Scanners, severity: str, code: int) -> None:
    scanners.osv = osv(severity)
    assert exit_code() == code


def test_accepted_vulnerability_does_not_fail(scanners: Scanners) -> None:
    scanners.osv = osv("9.8")
    assert exit_code("--accept", "CVE-1") == 0


def test_minimum_severity_can_be_raised(scanners: Scanners) -> None:
    scanners.osv = osv("8.0")
    assert exit_code("--minimum", "9") == 0


@pytest.mark.parametrize(("aliases", "code"), [(["CVE-1"], 0), ([], 1)], ids=["scored", "unscored"])
def test_pip_audit_takes_severities_from_osv(scanners: Scanners, aliases: list[str], code: int) -> None:
    scanners.osv, scanners.pip = osv("5.0"), pip_audit(*aliases)
    assert exit_code() == code


def test_called_vulnerable_go_function_fails(scanners: Scanners) -> None:
    scanners.codes["modules/actionlint"] = 3
    assert exit_code() == ExitCode.FAILED


@pytest.mark.parametrize("program", [command.OSV_SCANNER, "pip_audit", "modules/actionlint"])
def test_failed_scanner_is_an_error(scanners: Scanners, program: str) -> None:
    scanners.codes[program] = 127
    result = CliRunner().invoke(command.app, [])
    assert isinstance(result.exception, ScanError)


def test_every_lock_file_is_scanned() -> None:
    locks = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("*.lock")} - {"uv.lock"}
    locks |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("operator/*.lock")}
    locks |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("infra/*/requirements.lock")}
    assert locks <= set(command.LOCKS)
    assert all((ROOT / lock).exists() for lock in command.LOCKS)


def test_every_built_go_program_is_checked() -> None:
    folders = {file.parent.name for file in RECIPES.glob("*/go.mod")}
    assert command.go_modules().keys() == folders


def test_advisory_is_printed_with_its_names_and_severity() -> None:
    advisory = Advisory(package="p", version="1", ids=frozenset({"B", "A"}), severity=7.25)
    assert str(advisory) == "p 1: A, B, severity 7.2"
    assert "unknown" in str(next(advisories.from_osv_scanner(osv(""))))
