"""Tests the routing rules with labels, or with a file of expectations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from notification_cli.actions.checks import usage
from notification_cli.errors import CliError, ExitCode
from notification_cli.output import detail
from notification_cli.output.documents import document
from notification_cli.output.table import Column, Table
from notification_cli.rules import read_file
from notification_cli.views.expectations import Expectation, ExpectationsError, Outcome, read, verify
from notification_cli.views.explaining.explanation import read_rules
from notification_cli.views.format import Output
from notification_cli.views.plain import plain
from notification_cli.views.rules import evaluate
from notification_cli.views.text import clean
from notification_contract.routing.reach import ONLY_LOGGED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_cli.output.screen import Screen
    from notification_cli.rules import Rules
    from notification_cli.session import Session
    from notification_domain.routing import RoutingState

COLUMNS = (
    Column(title="RESULT"),
    Column(title="TEST"),
    Column(title="TARGETS", rank=1),
    Column(title="PROBLEM", rank=2),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTest:
    """Expectations, and the rules that they are tested with."""

    expectations: Sequence[Expectation]
    explains: bool
    """Whether to show how the rules were evaluated, in place of a table."""
    rules: Rules
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        state, where = await self.rules.load(session)
        if state is None:
            raise CliError(
                f"the routing rules cannot be read: {where}; use --rules FILE", code=ExitCode.NO_ACCESS
            )
        return self._test(session.screen, state, where)

    def run_offline(self, screen: Screen) -> int:
        state = read_rules(self.rules.text)
        return self._test(screen, state, self.rules.file)

    def _test(self, screen: Screen, state: RoutingState, where: str) -> int:
        if state.problems:
            raise CliError(f"{where} is not a valid routing document: {state.problems[0]}")
        for each in state.table.ignored if state.table else ():
            screen.note(f"{where}: {clean(each)}")
        outcomes = [verify(state.table, each) for each in self.expectations]
        failed = sum(bool(outcome.problems) for outcome in outcomes)
        if not self.output.is_table:
            results = [_plain(each) for each in outcomes]
            document(screen, self.output, {"results": results}, name="routes")
        elif self.explains:
            _explain(screen, state, outcomes[0])
        else:
            _table(screen, outcomes)
        if not self.explains:
            screen.note(f"{len(outcomes) - failed} of {len(outcomes)} expectations hold for {where}")
        return ExitCode.NEGATIVE if failed else ExitCode.OK


def _explain(screen: Screen, state: RoutingState, outcome: Outcome) -> None:
    if state.table:
        detail.rules(screen, evaluate(state.table, outcome.expectation.labels))
    receivers = ", ".join(outcome.receivers) or "none, because no rule applies"
    screen.line(("Receivers  ", "bold"), clean(receivers))
    screen.line(("Targets    ", "bold"), clean(", ".join(outcome.channels)))
    if outcome.only_logged:
        screen.paragraph((ONLY_LOGGED, "yellow"))


def _table(screen: Screen, outcomes: Sequence[Outcome]) -> None:
    Table(screen, COLUMNS).write(
        [
            [
                ("FAILED", "bold red") if outcome.problems else ("ok", "green"),
                clean(outcome.expectation.name),
                ", ".join(outcome.channels),
                clean("; ".join(outcome.problems)),
            ]
            for outcome in outcomes
        ]
    )


def _plain(outcome: Outcome) -> dict[str, Any]:
    result: dict[str, Any] = plain(outcome)
    return result | {"problems": list(outcome.problems)}


def expectations_of(labels: str, file: str) -> Sequence[Expectation]:
    """Return what to test: labels without an expectation, or those of a file.

    Raises:
        CliError: both are given, or none, or one is invalid.
    """
    if bool(file) == bool(labels):
        raise usage(
            "--labels and --file exclude each other; give one of them"
            if file
            else "--labels is missing; write --labels a=b, or --file FILE with expectations"
        )
    if not file:
        return (Expectation(name="labels", labels=parse_labels(labels)),)
    try:
        return read(read_file(file))
    except ExpectationsError as error:
        raise usage(f"--file {file}: {error}") from None


def parse_labels(text: str, *, option: str = "--labels") -> dict[str, str]:
    """Return the labels of a text such as a=b,c=d.

    Raises:
        CliError: the text has another form.
    """
    labels = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise usage(f"{option}: {part!r} is not a label; write them like a=b,c=d")
        labels[key.strip()] = value.strip()
    return labels
