"""The question for the name of a stack: who answers it, and what the refusal says."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import typer

from tools.platform.confirmation import Question, confirm
from tools.platform.errors import PlatformError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

QUESTION = Question(action="destroy it", command="down prod", untouched="nothing has been destroyed")


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Answers the question at a terminal; the list gets the questions."""

    def answer(text: str) -> list[str]:
        asked: list[str] = []

        def prompt(question: str, **_options: object) -> str:
            asked.append(question)
            return text

        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
        monkeypatch.setattr(typer, "prompt", prompt)
        return asked

    return answer


def test_name_of_the_stack_confirms(typed: Callable[[str], list[str]]) -> None:
    asked = typed("prod")
    confirm("prod", QUESTION, yes=False)
    assert asked == ["To destroy it, enter its name (prod)"]


def test_any_other_answer_refuses(typed: Callable[[str], list[str]]) -> None:
    typed("yes")
    with pytest.raises(PlatformError, match="not the name of the stack; nothing has been destroyed"):
        confirm("prod", QUESTION, yes=False)


def test_yes_asks_nothing(typed: Callable[[str], list[str]]) -> None:
    asked = typed("")
    confirm("prod", QUESTION, yes=True)
    assert asked == []


def test_missing_terminal_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with pytest.raises(UsageError, match="no terminal to ask whether to destroy it") as caught:
        confirm("prod", QUESTION, yes=False)
    assert caught.value.hint == "run `tools/notif-platform down prod --yes`"
