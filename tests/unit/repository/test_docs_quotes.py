"""What the pages quote: commands that the programs' own parsers accept, and fields, names and messages that exist."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections import defaultdict
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast, get_args

import pytest
from typer import TyperException
from typer.main import get_command

from notification_cli.app import app as notif
from notification_contract.crds import notification_receiver, notification_request, notification_source
from notification_contract.settings.gateway import Gateway
from notification_gateway.cli import app as gateway
from notification_operator.cli import app as operator
from notification_runtime.settings import ENV_PREFIX
from tests.runner.__main__ import app as runner
from tests.runner.metrics import of_gateway, published
from tests.unit.repository.test_docs import DOCUMENTS, fields
from tools.generate.__main__ import app as generate
from tools.generate.documentation import settings
from tools.platform.cli import app as platform
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import typer

RECORDS: Final = ("CHANGELOG.md", "docs/decisions/")
"""They tell what was true at their time."""
PAGES: Final = [file for file in DOCUMENTS if not file.relative_to(ROOT).as_posix().startswith(RECORDS)]
PROGRAMS: Final[Mapping[str, typer.Typer]] = {
    "notif": notif,
    "kubectl notif": notif,
    "python -m notification_cli": notif,
    "notif-platform": platform,
    "notification-operator": operator,
    "python -m notification_operator": operator,
    "notification-gateway": gateway,
    "python -m notification_gateway": gateway,
    "python -m tests.runner": runner,
    "python -m tools.generate": generate,
}
"""A command as the pages write it, and the application behind it."""
FENCE: Final = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
SPAN: Final = re.compile(r"(?<!`)`([^`]+)`(?!`)")
SHELL: Final = ("sh", "shell", "bash", "console")
PREFIX: Final = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S* )*(?:\.?/?tools/with-env )?(?:python3 -m|tools/)?")
ELLIPSIS: Final = ("…", "...")
WORD: Final = re.compile(r"[A-Za-z_][\w-]*")
FIELD: Final = re.compile(r"^(?:spec|status)(?:\.\w+(?:\[\w*\])?)+$")
RUN: Final = 3
"""Words of a message in a row that are compared with the texts of the code; between them are values."""
OTHER_PROGRAMS: Final = re.compile(
    r"(?:apprise|curl|docker|gh|git|go|helm|kubectl|ln|make|nox|openssl|pip|pulumi|python3?|uv) |[A-Z_]+="
)
OF_OTHERS: Final = re.compile(
    r"\bSlack answered\b|Unsupported value: |cannot [a-z]+ resource |failed after 5 of 5 attempts"
)
"""Messages of Slack and of the API server, and one that is almost only values."""
CODE_SIGNS: Final = re.compile(r"[(){}=<>\[\]]|(?:^| )--[a-z]")
FOREIGN_FIELDS: Final = frozenset(
    {
        *("spec.replicas", "spec.secretTemplate.labels", "spec.template.spec.containers"),
        *("spec.template.metadata.labels", "spec.target.template.metadata.labels", "spec.audiences"),
    }
)
"""Fields of the kinds of Kubernetes and of other products."""


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("document", PAGES, ids=name_of)


def paragraphs(text: str) -> Iterator[str]:
    """Yield the parts of a text that a pair of backticks does not leave."""
    prose = FENCE.sub("", text).replace("\\|", "|")
    yield from re.split(r"\n\s*\n|\n(?=\s*(?:[-*] |\|))", prose)


def spans(text: str) -> Iterator[str]:
    """Yield what stands between backticks, on one line each."""
    for paragraph in paragraphs(text):
        yield from (" ".join(span.split()) for span in SPAN.findall(paragraph))


def quotations() -> Iterator[tuple[Path, str]]:
    """Yield what stands between backticks in each page."""
    yield from ((page, span) for page in PAGES for span in spans(page.read_text("utf-8")))


def quoted_commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each program that a text calls, with its arguments."""
    blocks = (body.replace("\\\n", " ") for language, body in FENCE.findall(text) if language in SHELL)
    for line in (*spans(text), *(line for block in blocks for line in block.splitlines())):
        for command in re.split(r" (?:&&|\|\|?|;) |; |\$\(", line.strip()):
            called = PREFIX.sub("", command).removesuffix(")")
            for program in PROGRAMS:
                if called == program or called.startswith(f"{program} "):
                    yield program, arguments(called.removeprefix(program))


def arguments(rest: str) -> list[str]:
    """Return the words of a command line without its comment, its redirections, and what an ellipsis stands for."""
    lexer = shlex.shlex(rest.replace("'s ", "s "), posix=True, punctuation_chars="<>&")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if word.startswith((">", "<", "&")):
            break
        words.append(word)
    return [word for word in words if word not in ELLIPSIS]


def parse(app: typer.Typer, words: Sequence[str]) -> None:
    """Let the parser of an application read a command line; raise what it raises."""
    command, rest = cast("Any", get_command(app)), list(words)
    while hasattr(command, "list_commands"):
        context = command.context_class(command)
        _, rest, _ = command.make_parser(context).parse_args(rest)
        if not rest or rest[0].isupper():
            return
        _, command, rest = command.resolve_command(context, rest)
    if command.context_settings.get("ignore_unknown_options"):
        return
    context = command.context_class(command)
    values, left, _ = command.make_parser(context).parse_args(rest)
    assert not left, f"unexpected {left}"
    for parameter in command.params:
        if parameter.name == "output" and parameter.callback is not None:
            given = values.get(parameter.name) or parameter.default
            parameter.callback(context, parameter, given)
        choices, given = choices_of(parameter.type_descriptor.annotation), values.get(parameter.name)
        for value in given if isinstance(given, list) else [given]:
            known = not isinstance(value, str) or not choices or value.isupper() or value.lower() in choices
            assert known, f"{parameter.name}: {value} is not one of {choices}"


def choices_of(annotation: object) -> list[str]:
    """Return the values that an annotation allows, if it is an enumeration or has one among its types."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(member.value).lower() for member in annotation]
    return [choice for each in get_args(annotation) for choice in choices_of(each)]


@each_page
def test_quoted_command_is_accepted_by_the_parser_of_its_program(document: Path) -> None:
    wrong = []
    for program, words in quoted_commands(document.read_text("utf-8")):
        try:
            parse(PROGRAMS[program], words)
        except (TyperException, AssertionError) as error:
            wrong.append((program, words, str(error)))
    assert wrong == []


@pytest.mark.parametrize(
    "command",
    [
        "notif reveal NAME",
        "notif ls --no-such-option",
        "notif show NAME -o xml",
        "notif why NAME OTHER",
        "tools/notif-platform drift --no-such-option",
        "notification-operator run --no-such-option",
    ],
)
def test_wrong_command_is_refused(command: str) -> None:
    ((program, words),) = quoted_commands(f"```sh\n{command}\n```\n")
    with pytest.raises((TyperException, AssertionError)):
        parse(PROGRAMS[program], words)


@cache
def known_fields() -> frozenset[str]:
    """Return the paths of the fields of the three kinds, with and without the signs of lists."""
    paths: set[str] = set()
    for definition in (notification_request, notification_receiver, notification_source):
        (version,) = definition()["spec"]["versions"]
        schema = version["schema"]["openAPIV3Schema"]["properties"]
        for part in ("spec", "status"):
            paths.update(path for path, _ in fields(schema[part], part))
    return frozenset(path.replace("[]", "") for path in paths)


def test_quoted_field_is_one_of_a_kind() -> None:
    quoted = [(name_of(page), span) for page, span in quotations() if FIELD.match(span)]
    assert len(quoted) > 100
    own = [each for each in quoted if each[1] not in FOREIGN_FIELDS and not each[1].endswith(".py")]
    assert [each for each in own if re.sub(r"\[\w*\]", "", each[1]) not in known_fields()] == []


@cache
def sources() -> tuple[str, ...]:
    """Return the texts of the repository outside of pages and of tests of pages: literals of Python, and whole files else."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    result: list[str] = []
    for name in listed.stdout.splitlines():
        if name.startswith(("docs/", "tests/unit/repository/test_docs")) or name.endswith(NOT_READ):
            continue
        if not (ROOT / name).is_file():
            continue
        text = (ROOT / name).read_text("utf-8")
        result += literals(ast.parse(text)) if name.endswith(".py") else [text]
    return tuple(result)


NOT_READ: Final = (".md", ".lock", ".png", ".svg", ".json", ".ico", ".gz", ".woff2")


def literals(tree: ast.AST) -> Iterable[str]:
    """Return the texts in a program, with ` X ` for each value; docstrings are not among them."""
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (
                cast("Any", part).value if isinstance(part, ast.Constant) else " X " for part in node.values
            )
            yield "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            yield node.value


@cache
def runs() -> Mapping[tuple[str, ...], set[int]]:
    """Return for each run of words the texts of the code that have it, by their numbers."""
    result: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for number, text in enumerate(sources()):
        words = WORD.findall(text)
        for run in zip(*(words[start:] for start in range(RUN)), strict=False):
            result[run].add(number)
    return result


def is_message(span: str) -> bool:
    """Tell whether a quotation is a sentence that a program writes, by its number of words and the lack of signs of code."""
    is_long = min(len(span.split()), len(WORD.findall(span))) > RUN
    foreign = CODE_SIGNS.search(span) or OF_OTHERS.search(span) or OTHER_PROGRAMS.match(span)
    return is_long and not foreign


def is_written(message: str) -> bool:
    """Tell whether one text of the code has at least half of a message's words; the others are values."""
    words = WORD.findall(message)
    found: dict[int, set[int]] = defaultdict(set)
    for start in range(len(words) - RUN + 1):
        for text in runs().get(tuple(words[start : start + RUN]), ()):
            found[text].update(range(start, start + RUN))
    return 2 * max(map(len, found.values()), default=0) >= len(words)


def test_quoted_message_is_in_a_text_of_the_code() -> None:
    called = {program.split()[0] for program in PROGRAMS} | {"tools/notif-platform", "tools/with-env"}
    messages = [
        (name_of(document), span)
        for document, span in quotations()
        if is_message(span) and span.split()[0] not in called
    ]
    assert len(messages) > 100
    assert [(page, message) for page, message in messages if not is_written(message)] == []


def test_message_that_no_text_has_is_not_found() -> None:
    assert is_written("the channel 'sms' is not configured in this operator")
    assert not is_written("the channel 'sms' is not set up in this operator")


@cache
def metrics() -> frozenset[str]:
    """Return the names of the series of operator and gateway."""
    return frozenset(each.name for each in (*published(), *of_gateway()))


def everywhere(pattern: str) -> set[str]:
    """Return what a pattern finds in the pages, in text and code."""
    return {each for page in PAGES for each in re.findall(pattern, page.read_text("utf-8"))}


def test_quoted_metric_is_published() -> None:
    quoted = everywhere(r"\bkubernaut_notification_(?!platform\b)\w+(?<!_)")
    assert len(quoted) > 30
    assert {re.sub(r"_(?:bucket|count|sum)$", "", name) for name in quoted} - metrics() == set()


def test_quoted_variable_of_the_operator_exists() -> None:
    known = {
        ENV_PREFIX + "__".join(path).upper()
        for each in (settings(), settings(Gateway, ("gateway",)))
        for path, _ in each
    }
    quoted = everywhere(r"\bNOTIFICATION_[A-Z]+__\w+")
    assert len(quoted) > 50
    assert quoted - known == set()
