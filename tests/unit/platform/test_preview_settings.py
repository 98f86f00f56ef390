"""The settings of a preview: its own namespace, no cluster-wide object, nothing of another preview."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from platform_infra.settings.reader import SettingsError, parse
from tests.kit.recording import NEW_STATE, record_settings
from tests.unit.platform.preview_samples import OWNER, PREVIEW
from tools.platform.preview import stacks as preview_up
from tools.platform.preview.model import Access, registry_values, values
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack import entry
from tools.platform.pulumi.stack_file import _text

if TYPE_CHECKING:
    from platform_infra.settings.model import Settings
    from tests.kit.recording import Recording

TEMPLATE = yaml.safe_load(preview_up.TEMPLATE.read_text("utf-8"))


def settings_of(
    number: int, *, base: str = "dev", image: str = "i:1", access: Access | None = None
) -> Settings:
    one = replace(PREVIEW, number=number, base=base)
    written = values(TEMPLATE, one, image=image, access=access)
    return parse({key: _text(value) for key, value in written.items()})


def recorded(number: int) -> Recording:
    return record_settings(settings_of(number), owner=OWNER)


def test_template_yields_valid_settings() -> None:
    settings = settings_of(7)
    assert settings.cluster.stack == "organization/notification-platform/dev"
    assert settings.crd.managed is False
    assert settings.watch.namespaces == ("pr-7",)
    assert settings.operator.image == "i:1"


def test_base_of_another_organization_is_kept() -> None:
    assert settings_of(7, base="acme/platform/shared").cluster.stack == "acme/platform/shared"


def test_restricted_preview_uses_the_account_of_its_base() -> None:
    assert settings_of(7).preview.restricted is False
    settings = settings_of(7, base="staging", access=Access(restricted=True))
    assert settings.preview.restricted is True
    assert settings.cluster.stack == "organization/notification-platform/staging"


def test_preview_of_a_separate_backend_uses_the_kubeconfig_of_the_account() -> None:
    settings = settings_of(7, base="staging", access=Access(restricted=True, kubeconfig="/run/previews"))
    assert settings.preview.restricted is True
    assert (settings.cluster.kind, settings.cluster.stack) == ("existing", "")
    assert (settings.cluster.kubeconfig, settings.cluster.context) == (
        "/run/previews",
        "notification-previews",
    )


def test_own_cluster_has_its_own_node_crd_and_image() -> None:
    settings = settings_of(7, base="", image="")
    assert (settings.cluster.kind, settings.cluster.stack) == ("local", "")
    recording = record_settings(settings)
    for kind, count in (("Node", 1), ("CustomResourceDefinition", 2), ("OperatorImage", 1)):
        assert len(recording.of(kind)) == count
    assert recording.of("StackReference") == []


def test_preview_has_no_cluster_wide_object() -> None:
    kinds = {entry.kind for entry in recorded(7).registered}
    assert kinds.isdisjoint({"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Node"})


def test_previews_share_no_object_and_no_namespace() -> None:
    places = [
        {
            (entry.kind, entry.inputs["metadata"].get("namespace"), entry.inputs["metadata"]["name"])
            for entry in recorded(number).registered
            if "metadata" in entry.inputs
        }
        for number in range(1, 11)
    ]
    assert len(set.union(*places)) == sum(map(len, places))
    for number, mine in enumerate(places, start=1):
        assert {namespace for kind, namespace, _ in mine if kind != "Namespace"} == {f"pr-{number}"}


def test_namespace_names_its_owner_and_has_the_preview_label() -> None:
    metadata = recorded(7).one("Namespace").inputs["metadata"]
    assert metadata["labels"]["kubernaut.ai/preview"] == "7"
    assert metadata["annotations"] == {
        "kubernaut.ai/owner": f"organization/notification-platform/test state={NEW_STATE}",
        "kubernaut.ai/preview-owner": "me",
        "kubernaut.ai/preview-commit": "ab" * 20,
        "kubernaut.ai/preview-expires": "2026-03-01T12:00:00Z",
    }


@pytest.mark.parametrize("stack", ["dev", "staging"])
def test_operator_of_a_possible_base_excludes_previews(stack: str) -> None:
    values = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text("utf-8"))["config"]
    assert values["notification-platform:watchNamespaceSelector"] == "!kubernaut.ai/preview"


def test_preview_of_every_namespace_is_rejected() -> None:
    with pytest.raises(SettingsError, match="watchNamespaces is empty, but a preview"):
        parse({"previewNumber": "7"})


def test_preview_gets_the_credentials_of_a_private_registry() -> None:
    environment = {
        "PREVIEW_REGISTRY_SERVER": "ghcr.io",
        "PREVIEW_REGISTRY_USERNAME": "robot",
        "PREVIEW_REGISTRY_PASSWORD": "pull-token",
    }
    written = registry_values(environment)
    assert entry(written["operatorRegistryPassword"]) == {"value": "pull-token", "secret": True}
    assert "pull-token" not in str(written)
    assert {key: entry(written[key])["value"] for key in written if "Password" not in key} == {
        "operatorRegistryServer": "ghcr.io",
        "operatorRegistryUsername": "robot",
    }
    assert registry_values({"PREVIEW_REGISTRY_PASSWORD": ""}) == {}
