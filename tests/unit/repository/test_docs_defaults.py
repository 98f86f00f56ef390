"""Defaults that pages quote: of settings, as in `operatorRolloutSeconds` (120), of the admission policies, and of commands."""

from __future__ import annotations

import inspect
import re
from typing import Any, Final

from notification_cli.commands.replay import redrive
from notification_contract.quantity import amount
from notification_contract.settings import OperatorSettings
from platform_infra.settings.model import PATHS, default_of
from tests.unit.repository.test_docs import DOCUMENTS, page

QUOTED: Final = re.compile(r"`([a-z][\w.]+)` \((?:`\w+`, )?(\d+)(?: (%|KiB|MiB|GiB))?(?=[,)])")
UNITS: Final = {"": 1, "%": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
OPERATOR: Final = OperatorSettings().model_dump(mode="json")


def default(name: str) -> Any:
    """Return the default of a setting of a stack or of the operator; None if there is no such setting."""
    if name in PATHS:
        return default_of(PATHS[name])
    value: Any = OPERATOR
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def test_quoted_defaults_of_settings_are_those_of_the_code() -> None:
    quoted = [
        (file.name, name, int(number) * UNITS[unit], expected)
        for file in DOCUMENTS
        for name, number, unit in QUOTED.findall(file.read_text("utf-8"))
        if (expected := default(name)) is not None
    ]
    assert len(quoted) > 15
    wrong = [entry for entry in quoted if entry[2] != amount(str(entry[3]))]
    assert wrong == []


def test_table_of_admission_limits_has_the_defaults_of_the_settings() -> None:
    rows = re.findall(r"^\| .* \| `(admission\w+)` \| (\S+) \|$", page("tenancy.md"), re.MULTILINE)
    documented = {
        name: text.strip("`").replace("off", "False") for name, text in rows if not text.startswith("[")
    }
    assert len(documented) == 8
    for name, text in documented.items():
        value = default(name)
        assert text == (",".join(value) if isinstance(value, list) else str(value)), name


def test_documented_bounds_of_redrive_are_its_defaults() -> None:
    parameters = inspect.signature(redrive).parameters
    for document in ("cli.md", "runbooks/NotificationDeadLettersGrow.md"):
        for option, number in re.findall(r"`--(limit|rate)`(?: \(|, )(\d+)", page(document)):
            assert int(number) == parameters[option].default, document
