"""Templates of receivers: compiled once for each text, by the renderer, in the turn of their namespace."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import pytest

import notification_runtime.rendering.compose  # noqa: F401 - imports the class before a test replaces it
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.rendering.job import Renderer, RenderingError
from notification_domain.rendering.templating import templates
from notification_domain.rendering.templating.templates import Template
from notification_operator.endpoints import template_checks
from notification_operator.endpoints.template_checks import TemplateChecks
from tests.unit.operator.kube_api import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from notification_domain.rendering.job import Job

P = ParamSpec("P")
T = TypeVar("T")

A, B = ReceiverKey("shop", "a"), ReceiverKey("shop", "b")
VALID, INVALID = {"subject": "", "body": "once"}, {"subject": "", "body": "once {% if %}"}
PROBLEM = "template, body: line 1: Expected an expression, got 'end of statement block'"


class Compiler:
    """Notes what is compiled."""

    def __init__(self) -> None:
        self.sources: list[str] = []

    def __call__(self, source: str) -> Template:
        self.sources.append(source)
        return Template(source)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Compiler:
    result = Compiler()
    monkeypatch.setattr(templates, "Template", result)
    return result


@contextlib.asynccontextmanager
async def at_work(checks: TemplateChecks) -> AsyncIterator[list[ReceiverKey]]:
    """Yield the receivers whose answer has become known."""
    known: list[ReceiverKey] = []
    task = asyncio.create_task(checks.run(known.extend))
    try:
        yield known
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_each_text_is_compiled_once(compiler: Compiler) -> None:
    # The process remembers what the other tests compile.
    valid, invalid = ({**each, "body": f"here alone: {each['body']}"} for each in (VALID, INVALID))
    checks = TemplateChecks(Renderer())
    async with at_work(checks) as known:
        for receiver in (A, B):
            assert checks.problem(receiver, invalid) is None
        await until(lambda: sorted(known) == [A, B])
        assert [checks.problem(receiver, invalid) for receiver in (A, B)] == [PROBLEM, PROBLEM]
        assert (checks.problem(A, valid), checks.problem(A, {})) == (None, "")
        await until(lambda: checks.problem(A, valid) == "")
    assert compiler.sources == [invalid["body"], valid["body"]]


async def test_answers_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_checks, "MAX_ANSWERS", 1)
    checks = TemplateChecks(Renderer())
    async with at_work(checks):
        await until(lambda: checks.problem(A, INVALID) == PROBLEM)
        await until(lambda: checks.problem(B, VALID) == "")
        await until(lambda: checks.problem(A, INVALID) == PROBLEM)
        assert checks.problem(B, VALID) is None


class Busy(Renderer):
    """Has no result at first."""

    failures = 1

    async def run(self, namespace: str, job: Job[P, T], /, *args: P.args, **arguments: P.kwargs) -> T:
        if self.failures:
            self.failures -= 1
            raise RenderingError("not rendered within 20 s")
        return await super().run(namespace, job, *args, **arguments)


async def test_template_that_cannot_be_compiled_in_time_is_compiled_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(template_checks, "RETRY_SECONDS", 0.01)
    checks = TemplateChecks(Busy())
    async with at_work(checks) as known:
        assert checks.problem(A, INVALID) is None
        await until(lambda: known == [A])
        assert checks.problem(A, INVALID) == PROBLEM


async def test_fault_of_the_compiler_is_the_problem_of_its_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_source: str) -> None:
        raise LookupError

    monkeypatch.setattr(templates, "Template", fail)
    checks = TemplateChecks(Renderer())
    async with at_work(checks):
        await until(
            lambda: "cannot be compiled: LookupError()" in (checks.problem(A, {"body": "faulty"}) or "")
        )


async def test_fault_about_one_receiver_does_not_end_the_checks_of_others() -> None:
    def fail(_changed: frozenset[ReceiverKey]) -> None:
        raise LookupError

    checks = TemplateChecks(Renderer())
    task = asyncio.create_task(checks.run(fail))
    for receiver, source in ((A, "first"), (B, "second")):
        sources = {"body": source}
        checks.problem(receiver, sources)
        await until(lambda: checks.problem(receiver, sources) == "")  # noqa: B023 - is called before the next one
    assert not task.done()
    task.cancel()
