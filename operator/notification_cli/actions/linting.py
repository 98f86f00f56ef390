"""Validates files and writes one line for each problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notification_cli.errors import ExitCode
from notification_cli.output.documents import document
from notification_cli.rules import read_file
from notification_cli.views.lint.files import Checked, NotYamlError, check, read_documents
from notification_cli.views.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_cli.output.screen import Screen
    from notification_cli.views.format import Output


def lint_files(files: Sequence[str], screen: Screen, output: Output, *, home: str) -> int:
    """Validate files together; the exit code is negative if one has a problem.

    Args:
        files: their paths; receivers of one may refer to objects of another.
        screen: where the result is written.
        output: its format.
        home: the operator's namespace.
    """
    contents = [read_content(file) for file in files]
    among = [each for content in contents if not isinstance(content, NotYamlError) for each in content]
    results = [_result(file, content, among, home) for file, content in zip(files, contents, strict=True)]
    if output.is_table:
        for result in results:
            _write(screen, result)
    else:
        problems = [each["file"] for each in results if not _valid(each)]
        document(screen, output, {"files": results}, name="\n".join(problems) or "ok")
    return ExitCode.OK if all(map(_valid, results)) else ExitCode.NEGATIVE


def read_content(file: str) -> Sequence[object] | NotYamlError:
    """Return the documents of a file, or why it is not YAML.

    Raises:
        CliError: it cannot be read.
    """
    try:
        return read_documents(read_file(file))
    except NotYamlError as error:
        return error


def _result(
    file: str, content: Sequence[object] | NotYamlError, among: Sequence[object], home: str
) -> dict[str, Any]:
    if isinstance(content, NotYamlError):
        checked = [Checked(what="file", problems=(f"it is not YAML: {content}",))]
    else:
        checked = list(check(content, among=among, home=home))
    return {
        "file": file,
        "documents": [
            {"what": each.what, "problems": list(each.problems), "notes": list(each.notes)}
            for each in checked
        ],
    }


def _valid(result: dict[str, Any]) -> bool:
    return not any(each["problems"] for each in result["documents"])


def _write(screen: Screen, result: dict[str, Any]) -> None:
    file = result["file"]
    if not result["documents"]:
        screen.line(
            f"{file}: nothing to check: no NotificationRequest, NotificationReceiver, NotificationSource or routing document"
        )
    for each in result["documents"]:
        what = clean(each["what"])
        if not each["problems"]:
            notes = f" ({clean('; '.join(each['notes']))})" if each["notes"] else ""
            screen.line(f"{file}: {what}: ", ("ok", "green"), (notes, "dim"))
        for problem in each["problems"]:
            screen.paragraph(f"{file}: {what}: ", (clean(problem), "red"))
