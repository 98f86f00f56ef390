"""The kit as a stranger finds it: everything public is named and told, and nothing else comes along."""

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import atomic_status
from atomic_status import StatusError, StatusStore, testing


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            yield name, value
            for part, member in vars(value).items():
                if inspect.isfunction(member) and not part.startswith("_"):
                    yield f"{name}.{part}", member


@pytest.mark.parametrize("module", [atomic_status, testing], ids=lambda module: module.__name__)
def test_every_public_thing_is_listed_and_tells_what_it_does(module: ModuleType) -> None:
    assert module.__all__ == sorted(set(module.__all__), key=lambda name: (not name.isupper(), name))
    assert [name for name, value in public(module) if not value.__doc__] == []


@pytest.mark.parametrize("module", [atomic_status, testing], ids=lambda module: module.__name__)
def test_nothing_public_is_left_out_of_the_list(module: ModuleType) -> None:
    ours = {
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "").startswith("atomic_status") and not name.startswith("_")
    }
    assert ours <= set(module.__all__)


@pytest.mark.parametrize("call", [atomic_status.apply, StatusStore.read, StatusStore.replace_status])
def test_every_call_names_the_errors_that_it_raises(call: Any) -> None:
    _, _, raised = (inspect.getdoc(call) or "").partition("Raises:")
    own = {atomic_status.apply: "ConflictExhausted", StatusStore.replace_status: "Conflict"}.get(call, "Gone")
    assert all(f"{name}:" in raised for name in ("Gone", "Rejected", "Unavailable", own))


def test_every_error_is_one_of_the_kit_s() -> None:
    errors = [value for _, value in public(atomic_status) if inspect.isclass(value)]
    raised = [error for error in errors if issubclass(error, Exception)]
    assert len(raised) == 6
    assert all(issubclass(error, StatusError) for error in raised)


def test_its_types_reach_those_who_install_it() -> None:
    assert (Path(atomic_status.__file__).parent / "py.typed").exists()


def test_it_brings_neither_a_framework_nor_a_notification_nor_a_test_runner_along() -> None:
    look = (
        "import sys, atomic_status, atomic_status.testing; "
        "print(*{name.partition('.')[0] for name in sys.modules} "
        "& {'kopf', 'notification_operator', 'pytest', 'pulumi', 'platform_infra'})"
    )
    place = Path(atomic_status.__file__).parents[1]
    ran = subprocess.run([sys.executable, "-c", look], cwd=place, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
