"""The component package in a checkout, as the engine starts it for programs in other languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.harness.checkout import Checkout


def variables(checkout: Checkout) -> dict[str, str]:
    """Return the environment of the engine."""
    # Needed by a language host that does not find the package by itself; others ignore it.
    return {"PULUMI_PYTHON_CMD": str(checkout.folder / "infra" / "component_package" / "python")}


def schema(package: Checkout) -> str:
    """Return the schema of the package, in JSON."""
    result = package.pulumi("package", "get-schema", "./infra/component_package", **variables(package))
    assert result.code == 0, result.text
    return result.json_text
