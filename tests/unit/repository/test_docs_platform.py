"""The pages of the platform team: their numbers are those of the code, and their tables list what the code declares."""

from __future__ import annotations

import inspect
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from platform_infra.admission.policies import POLICIES
from platform_infra.settings.cluster_kind import ClusterKind
from platform_infra.settings.model import PATHS
from platform_infra.workload.receivers import READY_SECONDS
from tests.unit.repository.test_docs import page
from tests.unit.repository.test_docs_quotes import everywhere, name_of, quotations
from tools.platform.commands.preview import up
from tools.platform.errors import ExitCode
from tools.platform.preview.cluster import DELETION_SECONDS
from tools.platform.preview.lifecycle import SMOKE_SECONDS
from tools.platform.pulumi.locks import STALE_AFTER

if TYPE_CHECKING:
    from collections.abc import Mapping

STATED: Mapping[str, tuple[str, bool]] = {
    "If it is not Sent within 30 s": ("previews.md", SMOKE_SECONDS == 30),
    "72 hours after the last": ("previews.md", inspect.signature(up).parameters["hours"].default == 72),
    "still exists 60 s after its deletion": ("previews.md", DELETION_SECONDS == 60),
    "from another machine and older than half an hour": ("state.md", timedelta(minutes=30) == STALE_AFTER),
    "the condition Ready, at most two minutes": ("stack-receivers.md", READY_SECONDS == 120),
}
"""What a page says, and whether it holds."""
SECTIONS: Final = "|".join(sorted({re.split("[A-Z]", key)[0] for key in PATHS}))
LIKE_A_SETTING: Final = re.compile(rf"(?:{SECTIONS})[A-Z]\w+")
OTHER_NAMES: Final = frozenset({"crdNames", "deliveryAttempts", "deliveryId", "previewKubeconfig"})
"""Outputs of a stack, and fields of other documents, that begin as a setting does."""


@pytest.mark.parametrize("sentence", STATED)
def test_number_in_a_page_is_that_of_the_code(sentence: str) -> None:
    name, holds = STATED[sentence]
    assert sentence in re.sub(r"[\s>]+", " ", page(name))
    assert holds


def first_column(name: str, head: str) -> list[str]:
    """Return the first cells of the table that begins with a row."""
    table = page(name).partition(f"{head}\n")[2].partition("\n\n")[0]
    return [row.split(" | ")[0].removeprefix("| ").strip("`") for row in table.splitlines()[1:]]


def test_each_kind_of_cluster_has_a_row() -> None:
    assert sorted(first_column("clusters.md", "| `clusterKind` | cluster | image |")) == sorted(ClusterKind)


def test_each_exit_code_has_a_row() -> None:
    assert first_column("ci.md", "| code | meaning |") == [str(code) for code in (0, *sorted(ExitCode))]


def test_each_admission_policy_is_on_the_page_of_tenants() -> None:
    section = page("tenancy.md").partition("\n## Admission\n")[2].partition("\n## ")[0]
    assert [policy.name for policy in POLICIES if f"`{policy.name}`" not in section] == []


def test_quoted_setting_of_a_stack_exists() -> None:
    quoted = [(name_of(file), span) for file, span in quotations() if LIKE_A_SETTING.fullmatch(span)]
    assert len(quoted) > 300
    assert [each for each in quoted if each[1] not in PATHS and each[1] not in OTHER_NAMES] == []


def test_setting_in_an_example_of_a_stack_file_exists() -> None:
    keys = everywhere(r"(?m)^ *notification-platform:(\w+):")
    assert len(keys) > 30
    assert keys - PATHS.keys() == set()
