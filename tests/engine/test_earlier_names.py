"""A stack of an earlier release, whose resources were not named after the instance, with the real engine."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.engine.checkout import OFFLINE

if TYPE_CHECKING:
    from tests.engine.checkout import Checkout

STACK = ("--stack", "trial")
DIFFERENT = {"deployment": "operator", "provider": "cluster"}
"""Names that were not the part of the present name."""
RECORD = "pulumi:index:Stash"


@pytest.fixture
def stack(checkout: Checkout) -> Checkout:
    """A checkout with a deployed stack; files take the place of its cluster."""
    checkout.use_own_secrets()
    shutil.copy(OFFLINE, checkout.folder / "infra" / "__main__.py")
    assert checkout.pulumi("stack", "init", *STACK).code == 0
    checkout.write_stack(
        "trial",
        clusterKind="existing",
        clusterKubeconfig="/k",
        clusterContext="c",
        operatorImage="i:1",
        monitoringMode="crds",
        protectionData=True,
        channelsFileEnabled=True,
        channelsFileVolume="hostPath",
        channelsSlackEnabled=True,
        channelsSlackWebhookUrl="http://relay.chat.svc/x",
    )
    result = checkout.pulumi("up", "--yes", "--skip-preview", *STACK)
    assert result.code == 0, result.text
    return checkout


def with_earlier_names(state: str) -> str:
    """Return a state as an earlier release has left it: the name of a resource lacks that of its component."""
    document = json.loads(state)
    names = {each["urn"]: each["urn"].rpartition("::")[2] for each in document["deployment"]["resources"]}
    renamed = {}
    for resource in document["deployment"]["resources"]:
        urn, parent = resource["urn"], names.get(resource.get("parent", ""), "")
        part = names[urn].removeprefix(f"{parent}-")
        # The records of a state are younger than the names.
        if part != names[urn] and resource["type"] != RECORD:
            former = DIFFERENT.get(part, part)
            renamed[urn] = f"{urn.rpartition('::')[0]}::{former}"
    text = json.dumps(document)
    for urn in sorted(renamed, key=len, reverse=True):
        # A reference to a provider continues with its id.
        text = text.replace(f'"{urn}"', f'"{renamed[urn]}"').replace(f'"{urn}::', f'"{renamed[urn]}::')
    assert not any(f'"{urn}"' in text for urn in renamed)
    return text


def test_stack_with_earlier_names_is_neither_replaced_nor_deleted(stack: Checkout) -> None:
    exported = stack.pulumi("stack", "export", "--show-secrets", *STACK)
    file = stack.folder / "state.json"
    file.write_text(with_earlier_names(exported.json_text), "utf-8")
    imported = stack.pulumi("stack", "import", "--file", str(file), *STACK)
    assert imported.code == 0, imported.text
    assert "platform-namespace" not in stack.pulumi("stack", "export", *STACK).text
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        result = stack.pulumi(*command, "--expect-no-changes", *STACK)
        assert result.code == 0, result.text
    assert "::platform-namespace" in stack.pulumi("stack", "export", *STACK).text
