"""The admission policies: which stacks create them, and the limits that they read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from notification_contract import bounds
from notification_contract.kinds.channel_types import CHANNEL_TYPES
from notification_contract.kinds.receiver import parse_spec
from platform_infra.admission.policies import DRILLS, POLICIES, WARNINGS, parameters, pattern
from platform_infra.admission.receivers import RECEIVERS
from platform_infra.settings.reader import SettingsError, parse
from platform_infra.settings.sections.admission import Admission
from tests.unit.operator.contract.kinds.specs import BLOCKS, spec

if TYPE_CHECKING:
    from tests.unit.infra.conftest import Record

KINDS = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
SHARED = {
    "clusterKind": "stack",
    "clusterStack": "organization/notification-platform/dev",
    "operatorImage": "registry.example/operator:1",
    "crdManaged": "false",
}
EXISTING = {key: value for key, value in SHARED.items() if key != "crdManaged"}
BASE = {"previewBase": "true", "watchNamespaceSelector": "!kubernaut.ai/preview"}
OWNER = {"kubeconfig": "apiVersion: v1\nkind: Config\n", "context": "shared", "node": "the-node"}


def test_policies_have_provider_parent_and_parameters(record: Record) -> None:
    recording = record(operatorNamespace="elsewhere")
    for kind in KINDS:
        for entry in recording.of(kind):
            assert recording.parts([entry.parent]) == {"admission"}
            assert "::platform-cluster-provider::" in entry.provider
    for binding in recording.of("ValidatingAdmissionPolicyBinding"):
        spec = binding.inputs["spec"]
        assert spec["policyName"] == binding.part
        assert spec["validationActions"] == (["Warn"] if binding.part == WARNINGS.name else ["Deny"])
        if binding.part in {DRILLS.name, WARNINGS.name}:
            assert "paramRef" not in spec
            continue
        assert spec["paramRef"] == {
            "name": "notification-admission",
            "namespace": "elsewhere",
            "parameterNotFoundAction": "Allow",
        }


def test_policy_is_created_after_its_limits_and_refuses_on_errors(record: Record) -> None:
    recording = record()
    for policy in recording.of("ValidatingAdmissionPolicy"):
        assert "limits" in recording.parts(policy.dependencies)
        assert policy.inputs["spec"]["failurePolicy"] == "Fail"


@pytest.mark.parametrize(
    ("values", "policies", "roles"),
    [
        ({}, 7, 3),
        ({"admissionEnabled": "false"}, 0, 3),
        ({"crdUserRoles": "false"}, 7, 0),
        (SHARED, 0, 0),
    ],
)
def test_stack_that_owns_the_crd_creates_policies_and_roles(
    record: Record, values: dict[str, str], policies: int, roles: int
) -> None:
    recording = record(OWNER, **values)
    assert len(recording.of("ValidatingAdmissionPolicy")) == policies
    assert len([entry for entry in recording.of("ClusterRole") if entry.part != "served"]) == roles


def test_default_limits_are_the_bounds_of_the_schema() -> None:
    assert parameters(Admission(), home="notification-system", previews=False) == {
        "bodyCharacters": str(bounds.BODY),
        "metadataEntries": str(bounds.METADATA_ENTRIES),
        "metadataCharacters": str(bounds.METADATA_VALUE),
        "actionLinks": str(bounds.ACTION_LINKS),
        "linkSchemes": "https",
        "channelsByNamespace": "false",
        "defaultChannels": "console,log",
        "receiverRecipients": str(bounds.RECEIVER_RECIPIENTS),
        "receiverTemplateCharacters": str(bounds.RECEIVER_TEMPLATE),
        "operators": "^system:serviceaccount:(notification\\-system):notification-operator$",
        "sourceWriters": (
            "^(system:serviceaccount:(notification\\-system):notification-operator|"
            "system:serviceaccount:notification\\-system:notification-gateway)$"
        ),
        "statusWriters": "^()$",
    }


def test_limits_beyond_the_schema_are_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        parse(
            {
                "admissionBodyCharacters": "262145",
                "admissionActionLinks": "33",
                "admissionReceiverRecipients": "21",
            }
        )
    assert {problem.key for problem in caught.value.problems} == {
        "admissionBodyCharacters",
        "admissionActionLinks",
        "admissionReceiverRecipients",
    }


def test_every_check_of_a_policy_reads_only_limits_that_exist() -> None:
    for policy in POLICIES:
        texts = [*policy.variables.values(), *(f"{c.expression} {c.message}" for c in policy.checks)]
        read = set(re.findall(r"params\.data\.(\w+)", " ".join(texts)))
        assert len(set(re.findall(r"variables\.(\w+)", " ".join(texts))) - policy.variables.keys()) == 0
        assert bool(read) is policy.has_limits
        assert read <= parameters(Admission(), home="a", previews=True).keys()


@pytest.mark.parametrize(
    ("users", "user", "matches"),
    [
        ((), "", True),
        ((), "anybody", False),
        (("a.b@example.com",), "a.b@example.com", True),
        (("a.b@example.com",), "axb@example.com", False),
        (("x", "system:serviceaccount:tools:*"), "system:serviceaccount:tools:robot", True),
        (("system:serviceaccount:tools:*",), "system:serviceaccount:other:robot", False),
    ],
)
def test_pattern_of_users_takes_asterisks_only(users: tuple[str, ...], user: str, *, matches: bool) -> None:
    assert bool(re.search(pattern(users), user)) is matches


@pytest.mark.parametrize(
    ("values", "namespace", "matches"),
    [
        ({}, "notification-system", True),
        ({}, "shop", False),
        ({}, "pr-7", True),
        ({}, "pr-07", False),
        ({}, "pr-team", False),
        ({"operatorNamespace": "a"}, "notification-system", False),
        ({**EXISTING, "operatorNamespace": "a"}, "a", True),
        (EXISTING, "pr-7", False),
        ({**EXISTING, **BASE}, "pr-7", True),
    ],
)
def test_operators_are_named_by_their_namespace(
    record: Record, values: dict[str, str], namespace: str, *, matches: bool
) -> None:
    config = record(OWNER, **values).named("ConfigMap", "limits")
    user = f"system:serviceaccount:{namespace}:notification-operator"
    for pattern_of in ("operators", "sourceWriters"):
        assert bool(re.search(config.inputs["data"][pattern_of], user)) is matches


def test_gateway_of_the_stack_alone_writes_the_status_of_sources(record: Record) -> None:
    data = record(OWNER, operatorNamespace="a").named("ConfigMap", "limits").inputs["data"]
    users = [f"system:serviceaccount:{namespace}:notification-gateway" for namespace in ("a", "pr-7", "shop")]
    assert [user for user in users if re.search(data["sourceWriters"], user)] == users[:1]
    assert not re.search(data["operators"], users[0])


IN_USE = {"insecure": True, "allowedNetworks": ["10.0.0.0/8"], "baseUrl": "https://example.com"}


@pytest.mark.parametrize("type_", BLOCKS)
def test_policy_restricts_what_the_operator_restricts(type_: str) -> None:
    fields = type(getattr(parse_spec(spec(type_)), type_)).model_fields.values()
    in_use = {field.alias: IN_USE[field.alias] for field in fields if field.alias in IN_USE}
    common = {"proxySecretRef"} - set(CHANNEL_TYPES[type_].without_effect)
    used = spec(type_, **in_use) | {name: {"name": "p"} for name in common}
    assert set(parse_spec(used).restricted_fields()) == {
        name
        for name in re.findall(r"\['([\w.]+)'\]", RECEIVERS.variables["restricted"])
        if name.partition(".")[0] in {type_, *common}
    }
