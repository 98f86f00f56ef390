"""The public API of the kit: complete, documented, and free of other packages."""

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
def test_public_names_are_sorted_and_documented(module: ModuleType) -> None:
    assert module.__all__ == sorted(set(module.__all__), key=lambda name: (not name.isupper(), name))
    assert [name for name, value in public(module) if not value.__doc__] == []


@pytest.mark.parametrize("module", [atomic_status, testing], ids=lambda module: module.__name__)
def test_public_names_are_complete(module: ModuleType) -> None:
    ours = {
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "").startswith("atomic_status") and not name.startswith("_")
    }
    assert ours <= set(module.__all__)


@pytest.mark.parametrize("call", [atomic_status.apply, StatusStore.read, StatusStore.replace_status])
def test_call_documents_the_errors_that_it_raises(call: Any) -> None:
    _, _, raised = (inspect.getdoc(call) or "").partition("Raises:")
    own = {atomic_status.apply: "ConflictExhausted", StatusStore.replace_status: "Conflict"}.get(call, "Gone")
    assert all(f"{name}:" in raised for name in ("Gone", "Rejected", "Unavailable", own))


def test_errors_share_a_base_class() -> None:
    errors = [value for _, value in public(atomic_status) if inspect.isclass(value)]
    raised = [error for error in errors if issubclass(error, Exception)]
    assert len(raised) == 6
    assert all(issubclass(error, StatusError) for error in raised)


def test_package_ships_its_types() -> None:
    assert (Path(atomic_status.__file__).parent / "py.typed").exists()


def test_kit_imports_no_framework_and_no_test_runner() -> None:
    script = (
        "import sys, atomic_status, atomic_status.testing; "
        "print(*{name.partition('.')[0] for name in sys.modules} "
        "& {'kopf', 'notification_operator', 'pytest', 'pulumi', 'platform_infra'})"
    )
    folder = Path(atomic_status.__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""
