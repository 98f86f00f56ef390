"""Where an instance of the component gets its cluster from, and what two instances in one program share.

DD-COMPONENT-001 has the reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from pulumi.runtime import rpc

from platform_infra import NotificationPlatform, SettingsError
from tests.kit.recording import NEW_STATE, Recording, record_program

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.infra.conftest import SharedCluster

IMAGE = {"operator_image": "registry.example/operator:1"}
OWN: dict[str, Any] = {"kubeconfig": "apiVersion: v1\nkind: Config\n", "context": "shared"}
PAGERDUTY = {"type": "pagerduty", "pagerduty": {"routingKeySecretRef": {"name": "pd"}}}


class Group(pulumi.ComponentResource):
    """A component of the program that contains the platform."""

    def __init__(self, provider: pulumi.ProviderResource) -> None:
        super().__init__("another:index:Group", "group", None, pulumi.ResourceOptions(providers=[provider]))


def instance(name: str = "notifications", opts: pulumi.ResourceOptions | None = None, **args: Any) -> None:
    arguments: Any = {**IMAGE, **args}
    NotificationPlatform(name, arguments, opts)


def refused(opts: pulumi.ResourceOptions | None = None, **args: Any) -> list[str]:
    """Return the problems of the arguments."""
    with pytest.raises(SettingsError) as caught:
        instance(opts=opts, **args)
    return [str(problem) for problem in caught.value.problems]


OPTIONS: dict[str, Callable[[pulumi.ProviderResource], pulumi.ResourceOptions]] = {
    "provider": lambda own: pulumi.ResourceOptions(provider=own),
    "list": lambda own: pulumi.ResourceOptions(providers=[own]),
    "dictionary": lambda own: pulumi.ResourceOptions(providers={"kubernetes": own}),
    "parent": lambda own: pulumi.ResourceOptions(parent=Group(own)),
}


@pytest.mark.parametrize("way", OPTIONS)
def test_provider_of_the_program_is_used_and_no_other_is_created(way: str) -> None:
    def program() -> None:
        instance(opts=OPTIONS[way](kubernetes.Provider("own")))

    recording = record_program(program)
    assert [entry.name for entry in recording.of("kubernetes")] == ["own"]
    objects = [entry for entry in recording.registered if entry.type.startswith("kubernetes:")]
    assert objects
    assert {entry.provider.rpartition("::")[0].rpartition("::")[2] for entry in objects} == {"own"}


def test_program_that_names_no_cluster_gets_hints() -> None:
    def program() -> None:
        (problem,) = refused()
        assert problem.startswith("clusterKind is missing, and the program names no cluster; ")
        for hint in ("`providers`", "kubeconfig and context", "clusterKind, for instance to `local`"):
            assert hint in problem

    assert record_program(program).registered == []


def test_two_sources_of_a_cluster_are_refused() -> None:
    def program() -> None:
        own = pulumi.ResourceOptions(providers=[kubernetes.Provider("own")])
        assert refused(own, **OWN)[0].startswith(
            "kubeconfig is set in addition to the component's own provider"
        )
        for opts, more in ((own, {}), (None, OWN)):
            (problem,) = refused(opts, cluster_kind="local", **more)
            assert problem.startswith("clusterKind is set, but the program already connects to a cluster")

    record_program(program)


def test_cluster_of_the_settings_is_chosen_explicitly() -> None:
    def program() -> None:
        instance(cluster_kind="stack", cluster_stack="organization/clusters/shared")

    assert len(record_program(program, owner={**OWN, "node": ""}).of("kubernetes")) == 1


def two_instances() -> Recording:
    def program() -> None:
        instance("orders", **OWN, operator_namespace="orders")
        instance("billing", **OWN, operator_namespace="billing", crd_managed=False)

    return record_program(program)


def test_two_instances_have_no_urn_and_no_object_in_common() -> None:
    registered = two_instances().registered
    urns = [entry.urn for entry in registered]
    assert len(urns) == len(set(urns))
    objects = [
        (entry.type, entry.inputs["metadata"].get("namespace", ""), entry.inputs["metadata"]["name"])
        for entry in registered
        if entry.type.startswith("kubernetes:")
    ]
    assert len(objects) == len(set(objects))


def test_every_resource_is_named_after_its_instance() -> None:
    names = {entry.name for entry in two_instances().registered}
    assert {name for name in names if not name.startswith(("orders", "billing"))} == set()


def test_two_instances_that_own_the_crds_are_two_owners() -> None:
    def program() -> None:
        instance("orders", **OWN, operator_namespace="orders")
        instance("billing", **OWN, operator_namespace="billing")

    owners = [
        entry.inputs["metadata"]["annotations"]["kubernaut.ai/owner"].split()[0].rpartition("/")[2]
        for entry in record_program(program).of("CustomResourceDefinition")
    ]
    assert sorted(owners) == ["billing", "billing", "orders", "orders"]


def test_crds_that_an_instance_has_created_are_kept_when_it_gives_them_up(
    shared_cluster: SharedCluster,
) -> None:
    def program() -> None:
        instance(**OWN, crd_managed=False)

    assert not record_program(program).of("CustomResourceDefinition")
    owner = f"organization/notification-platform/test/notifications state={NEW_STATE}"
    shared_cluster.owners["notificationrequests.kubernaut.ai"] = owner
    entries = record_program(program).of("CustomResourceDefinition")
    assert [each.retained for each in entries] == [True, True]


def test_output_is_refused_where_a_value_must_be_known() -> None:
    def program() -> None:
        late = pulumi.Output.from_input("a")
        problems = refused(**OWN, operator_namespace=late, watch_namespaces=["b", late])
        assert [text.split()[0] for text in problems] == ["operatorNamespace", "watchNamespaces"]
        assert "is an output of another resource, but it decides which resources are created" in problems[0]
        (problem,) = refused(**OWN, receivers=[{"name": late, "spec": PAGERDUTY, "existingSecrets": ["pd"]}])
        assert "only the values in `secrets` can be outputs" in problem

    assert record_program(program).of("NotificationPlatform") == []


def test_secret_of_a_receiver_can_be_an_output() -> None:
    def program() -> None:
        secrets = {"pd": {"routing-key": pulumi.Output.from_input("s3cr3t")}}
        instance(**OWN, receivers=[{"name": "on-call", "spec": PAGERDUTY, "secrets": secrets}])

    secret = record_program(program).one("Secret").inputs["stringData"]
    assert rpc.unwrap_rpc_secret(secret) == {"routing-key": "s3cr3t"}
    assert rpc.is_rpc_secret(secret)


def test_slack_url_can_be_an_output_and_its_checksum_is_no_secret() -> None:
    def program() -> None:
        url = pulumi.Output.secret("https://hooks.slack.example/x")
        instance(**OWN, channels_slack_enabled=True, channels_slack_webhook_url=url)

    recording = record_program(program)
    assert rpc.is_rpc_secret(recording.one("Secret").inputs["stringData"])
    annotations = recording.spec("Deployment")["template"]["metadata"]["annotations"]
    assert len(annotations["kubernaut.ai/slack-webhook-checksum"]) == 16
