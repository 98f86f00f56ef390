"""The account for previews: its permissions, the policies that limit it, and its kubeconfig."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.cluster import ClusterError, Connection
from platform_infra.preview import access
from platform_infra.preview.admission import NAMESPACES, POLICIES, ROLE_BINDINGS, quotas
from platform_infra.preview.grants import DEPLOYER, MANAGER, MANAGER_ROLE, WRITE
from platform_infra.settings.reader import SettingsError, parse
from platform_infra.settings.sections.preview import PreviewQuota
from tests.kit.recording import record_settings

if TYPE_CHECKING:
    from tests.kit.recording import Recording
    from tests.unit.infra.conftest import Record

BASE = {"previewBase": "true", "watchNamespaceSelector": "!kubernaut.ai/preview"}
PREVIEW = {
    "clusterKind": "stack",
    "clusterStack": "organization/notification-platform/staging",
    "operatorImage": "i:1",
    "crdManaged": "false",
    "operatorNamespace": "pr-7",
    "watchNamespaces": '["pr-7"]',
    "previewNumber": "7",
    "previewRestricted": "true",
}
OWNER = {"previewKubeconfig": "apiVersion: v1\nkind: Config\n", "kubeconfig": "admin", "context": "shared"}
SOURCE = {
    "clusters": [
        {"name": "c", "cluster": {"server": "https://api", "certificate-authority-data": "Q0E="}},
        {"name": "d", "cluster": {"server": "https://other"}},
    ],
    "users": [{"name": "admin", "user": {"token": "admin-token"}}],
    "contexts": [{"name": "shared", "context": {"cluster": "c", "user": "admin"}}],
}


def test_account_is_created_only_on_request(record: Record) -> None:
    assert record().of("PreviewAccess") == []
    recording = record(**BASE)
    own = [entry for entry in recording.registered if "PreviewAccess" in entry.parent]
    assert sorted((entry.kind, entry.inputs["metadata"]["name"]) for entry in own) == [
        ("ClusterRole", "notification-preview-deployer"),
        ("ClusterRole", "notification-preview-manager"),
        ("ClusterRoleBinding", "notification-preview-deployer"),
        ("Namespace", "notification-previews"),
        ("Secret", "preview-deployer-token"),
        ("ServiceAccount", "preview-deployer"),
        ("ValidatingAdmissionPolicy", "notification-preview"),
        ("ValidatingAdmissionPolicy", "notification-preview-namespaces"),
        ("ValidatingAdmissionPolicy", "notification-preview-quotas"),
        ("ValidatingAdmissionPolicy", "notification-preview-role-bindings"),
        ("ValidatingAdmissionPolicyBinding", "notification-preview"),
        ("ValidatingAdmissionPolicyBinding", "notification-preview-namespaces"),
        ("ValidatingAdmissionPolicyBinding", "notification-preview-quotas"),
        ("ValidatingAdmissionPolicyBinding", "notification-preview-role-bindings"),
    ]


def test_account_gets_its_role_after_the_policies_that_limit_it(record: Record) -> None:
    binding = record(**BASE).named("ClusterRoleBinding", "notification-preview-deployer")
    limiting = [urn for urn in binding.dependencies if "ValidatingAdmissionPolicy" in urn]
    assert len(limiting) == 8
    assert binding.inputs["subjects"] == [
        {"kind": "ServiceAccount", "name": "preview-deployer", "namespace": "notification-previews"}
    ]


def test_writes_in_the_whole_cluster_are_limited_by_a_policy() -> None:
    limited = {(policy.group, policy.resource) for policy in POLICIES}
    written = {(grant.group, grant.resource) for grant in DEPLOYER if set(WRITE) & set(grant.verbs)}
    assert written == limited
    (bind,) = [grant for grant in DEPLOYER if "bind" in grant.verbs]
    assert bind.names == (MANAGER_ROLE,)
    assert not any({"secrets", "pods"} & {grant.resource} for grant in DEPLOYER)


def test_policies_deny_every_request_of_the_account_that_they_do_not_admit(record: Record) -> None:
    recording = record(**BASE)
    for policy in (*POLICIES, quotas(PreviewQuota())):
        spec = recording.named("ValidatingAdmissionPolicy", policy.resource).inputs["spec"]
        assert spec["failurePolicy"] == "Fail"
        (rule,) = spec["matchConstraints"]["resourceRules"]
        assert (rule["apiGroups"], rule["resources"]) == ([policy.group], [policy.resource])
        assert rule["operations"] == ["CREATE", "UPDATE", "DELETE"]
        (condition,) = spec["matchConditions"]
        assert condition["expression"] == (
            "request.userInfo.username == 'system:serviceaccount:notification-previews:preview-deployer'"
        )
        bound = recording.named("ValidatingAdmissionPolicyBinding", policy.resource).inputs["spec"]
        assert bound == {"policyName": policy.name, "validationActions": ["Deny"]}


def test_policies_require_the_preview_label_before_and_after_a_write() -> None:
    created, existing, security = (each.expression for each in NAMESPACES.validations)
    for owner, expression in (("object", created), ("oldObject", existing), ("object", security)):
        assert f"has({owner}.metadata.labels)" in expression
    assert "'kubernaut.ai/preview' in oldObject.metadata.labels" in existing
    assert "object.metadata.name == 'pr-' + object.metadata.labels['kubernaut.ai/preview']" in created
    assert "== 'restricted'" in security
    (binding,) = ROLE_BINDINGS.validations
    assert "'kubernaut.ai/preview' in namespaceObject.metadata.labels" in binding.expression


def verbs(grants: Any, group: str, resource: str) -> set[str]:
    return {
        verb for grant in grants if (grant.group, grant.resource) == (group, resource) for verb in grant.verbs
    }


PLURALS = {"NetworkPolicy": "networkpolicies"}


def preview(**more: str) -> Recording:
    return record_settings(parse(PREVIEW | more), owner=OWNER)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"channelsFileEnabled": "true", "channelsFileVolume": "pvc"},
        {
            "channelsSlackEnabled": "true",
            "channelsSlackWebhookUrl": "http://relay.chat.svc:443/x",
            "operatorShards": "2",
            "operatorReplicas": "2",
            "eventsLevel": "all",
            "routing": '{"route": {"receiver": "r"}, "receivers": [{"name": "r", "consoleConfigs": [{"enabled": true}]}]}',
        },
    ],
    ids=["default", "claim", "everything"],
)
def test_account_may_create_every_object_of_a_preview(more: dict[str, str]) -> None:
    needed = {"get", "create", "patch", "delete"}
    for entry in preview(**more).registered:
        if not entry.type.startswith("kubernetes:"):
            continue
        group = entry.type.removeprefix("kubernetes:").rpartition("/")[0].replace("core", "")
        plural = PLURALS.get(entry.kind, f"{entry.kind.lower()}s")
        grants = DEPLOYER if entry.kind == "Namespace" else MANAGER
        # The namespace takes the quota along.
        required = needed - {"delete"} if entry.retained else needed
        assert required <= verbs(grants, group, plural), entry.kind


def test_account_has_every_permission_that_it_hands_on() -> None:
    more = {"operatorShards": "2", "operatorReplicas": "2", "eventsLevel": "all"}
    rules = [rule for role in preview(**more).of("Role") for rule in role.inputs["rules"]]
    assert rules
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                assert set(rule["verbs"]) <= verbs(MANAGER, group, resource)


def test_preview_has_its_quota_before_its_other_objects() -> None:
    recording = preview(previewQuotaPods="3")
    quota = recording.named("ResourceQuota", "quota")
    assert quota.inputs["spec"]["hard"] == {
        "pods": "3",
        "limits.memory": "512Mi",
        "count/notificationrequests.kubernaut.ai": "500",
    }
    for kind in ("Deployment", "ServiceAccount", "Role", "ConfigMap"):
        for entry in recording.of(kind):
            assert quota.urn in entry.dependencies, entry.urn


def test_quota_is_required_in_namespaces_of_previews_alone(record: Record) -> None:
    spec = record(**BASE).named("ValidatingAdmissionPolicyBinding", "quota").inputs["spec"]
    assert spec["paramRef"] == {"name": "notification-preview", "parameterNotFoundAction": "Deny"}
    assert spec["matchResources"]["namespaceSelector"]["matchExpressions"] == [
        {"key": "kubernaut.ai/preview", "operator": "Exists"}
    ]


def test_preview_binds_the_manager_role_before_its_other_objects() -> None:
    recording = preview()
    binding = recording.named("RoleBinding", "manager")
    assert binding.inputs["metadata"]["namespace"] == "pr-7"
    assert binding.inputs["roleRef"]["name"] == MANAGER_ROLE
    namespaced = [
        entry
        for entry in recording.registered
        if entry.type.startswith("kubernetes:") and entry.kind != "Namespace" and entry.part != "manager"
    ]
    assert namespaced
    for entry in namespaced:
        # The quota comes after the binding, and everything else after the quota.
        assert {"manager", "quota"} & recording.parts(entry.dependencies), entry.urn


def test_restricted_preview_never_gets_the_admin_kubeconfig() -> None:
    inputs = str(preview().one("kubernetes").inputs)
    assert "admin" not in inputs
    assert preview().one("kubernetes").inputs["context"] == "notification-previews"
    without = {key: value for key, value in OWNER.items() if key != "previewKubeconfig"}
    with pytest.raises(ClusterError, match="no output previewKubeconfig; set previewBase to true"):
        record_settings(parse(PREVIEW), owner=without)


def encoded(text: str) -> dict[str, str]:
    return {"token": base64.b64encode(text.encode()).decode()}


def test_kubeconfig_has_the_server_and_the_token_of_the_account() -> None:
    text = access.deployer_kubeconfig(
        {"kubeconfig": yaml.safe_dump(SOURCE), "context": "shared", "data": encoded("preview-token")}
    )
    document = yaml.safe_load(text)
    assert document["clusters"][0]["cluster"] == SOURCE["clusters"][0]["cluster"]
    assert document["users"] == [{"name": "preview-deployer", "user": {"token": "preview-token"}}]
    assert document["current-context"] == "notification-previews"
    for part in ("admin", "other"):
        assert part not in text


def test_missing_token_fails_an_update_and_not_a_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"kubeconfig": yaml.safe_dump(SOURCE), "context": "shared", "data": None}
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: True)
    assert access.deployer_kubeconfig(parts) == ""
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: False)
    with pytest.raises(ClusterError, match="run `up` again"):
        access.deployer_kubeconfig(parts)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"previewBase": "true"}, "watchNamespaceSelector"),
        ({"previewBase": "true", "watchNamespaceSelector": "team=web"}, "watchNamespaceSelector"),
        (PREVIEW | {"previewBase": "true"}, "previewBase"),
        ({"previewRestricted": "true"}, "previewRestricted"),
        (PREVIEW | {"clusterKind": "local", "clusterStack": ""}, "previewRestricted"),
    ],
)
def test_contradicting_preview_settings_name_the_key(values: dict[str, str], key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(values)
    assert key in {problem.key for problem in caught.value.problems}


@pytest.mark.parametrize(
    "values",
    [
        BASE,
        {"previewBase": "true", "watchNamespaceSelector": "env in (a,b), !kubernaut.ai/preview"},
        {"previewBase": "true", "watchNamespaces": '["shop"]'},
        {"previewBase": "true", "operatorEnabled": "false"},
    ],
)
def test_base_that_excludes_previews_is_valid(values: dict[str, str]) -> None:
    assert parse(values).preview.base


EXISTING = {
    "clusterKind": "existing",
    "clusterKubeconfig": "/nowhere",
    "clusterContext": "shared",
    "operatorImage": "i:1",
}


@pytest.mark.parametrize(
    ("values", "outputs"),
    [
        ({}, {"kubeconfig"}),
        (EXISTING, set()),
        (EXISTING | BASE, {"previewKubeconfig"}),
        (PREVIEW, {"kubeconfig"}),
        (PREVIEW | EXISTING | {"clusterStack": ""}, {"kubeconfig"}),
    ],
    ids=["local", "existing", "base", "preview", "preview-with-a-file"],
)
def test_credentials_are_outputs_only_where_no_file_has_them(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], outputs: set[str]
) -> None:
    text = yaml.safe_dump(SOURCE)
    monkeypatch.setattr(
        "platform_infra.cluster.kinds.connect_existing",
        lambda cluster: Connection(kubeconfig=text, context=cluster.context),
    )
    monkeypatch.setattr(access, "deployer_kubeconfig", lambda _parts: "preview")
    assert {name for name in output_names(values) if "ubeconfig" in name} == outputs


def output_names(values: dict[str, str]) -> set[str]:
    names: set[str] = set()
    record_settings(parse(values), owner=OWNER, inspect=lambda bundle: names.update(bundle.outputs()))
    return names
