"""Validates files and writes one line for each problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_cli.errors import ExitCode
from notification_cli.options import Output
from notification_cli.output.documents import document
from notification_cli.rules import read_file
from notification_cli.views.lint import Checked, NotYamlError, check
from notification_cli.views.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_cli.output.screen import Screen


def lint_files(files: Sequence[str], screen: Screen, output: Output) -> int:
    """Validate files; the exit code is negative if one has a problem."""
    results = [_file(file) for file in files]
    if output is Output.TABLE:
        for result in results:
            _write(screen, result)
    else:
        problems = [each["file"] for each in results if not _valid(each)]
        document(screen, output, {"files": results}, name="\n".join(problems) or "ok")
    return ExitCode.OK if all(map(_valid, results)) else ExitCode.NEGATIVE


def _file(file: str) -> dict[str, Any]:
    try:
        documents = list(check(read_file(file)))
    except NotYamlError as error:
        documents = [Checked(what="file", problems=(f"it is not YAML: {error}",))]
    return {
        "file": file,
        "documents": [{"what": each.what, "problems": list(each.problems)} for each in documents],
    }


def _valid(result: dict[str, Any]) -> bool:
    return not any(each["problems"] for each in result["documents"])


def _write(screen: Screen, result: dict[str, Any]) -> None:
    if not result["documents"]:
        screen.line(f"{result['file']}: nothing to check: no NotificationRequest and no routing document")
    for each in result["documents"]:
        if not each["problems"]:
            screen.line(f"{result['file']}: {clean(each['what'])}: ", ("ok", "green"))
        for problem in each["problems"]:
            screen.paragraph(f"{result['file']}: {clean(each['what'])}: ", (clean(problem), "red"))
