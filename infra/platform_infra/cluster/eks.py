"""An Amazon EKS cluster with a node group in existing subnets.

The API server is reachable from the VPC, and from outside for the configured networks. Secrets are encrypted with a KMS
key, the control plane logs are kept, and pods can assume roles through the cluster's OIDC provider. The module is
imported only for this kind of cluster, because pulumi-aws is an optional dependency.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_aws import cloudwatch, eks, iam, kms

from platform_infra import names
from platform_infra.children import Children
from platform_infra.cluster.connection import Connection

if TYPE_CHECKING:
    from platform_infra.settings.sections.cluster import Eks

LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
LOG_DAYS = 90
KEY_DELETION_DAYS = 30
AWS_POLICY = "arn:aws:iam::aws:policy"
CONTROL_POLICIES = ("AmazonEKSClusterPolicy",)
NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly")


class EksCluster(pulumi.ComponentResource):
    """Control plane, node group and their dependencies; `kubeconfig` is known when the nodes exist."""

    kubeconfig: pulumi.Output[str]

    def __init__(
        self, name: str, *, settings: Eks, stack: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("notification-platform:index:EksCluster", name, None, opts)
        self._child = Children(self, name)
        self._settings = settings
        self._name = f"{names.PROJECT}-{stack}"
        control = self._control_plane()
        iam.OpenIdConnectProvider(
            self._child.name("oidc"),
            url=control.identities.apply(lambda identities: identities[0].oidcs[0].issuer),
            client_id_lists=["sts.amazonaws.com"],
            opts=self._child.options(),
        )
        nodes = self._nodes(control)
        ready = pulumi.Output.all(
            arn=control.arn,
            endpoint=control.endpoint,
            authority=control.certificate_authority.data,
            nodes=nodes.id,
        )
        self.kubeconfig = ready.apply(partial(_kubeconfig, self._name))
        self.register_outputs({"kubeconfig": self.kubeconfig})

    def _control_plane(self) -> eks.Cluster:
        role, attachments = self._role("control", "eks.amazonaws.com", CONTROL_POLICIES)
        logs = cloudwatch.LogGroup(
            self._child.name("logs"),
            name=f"/aws/eks/{self._name}/cluster",
            retention_in_days=LOG_DAYS,
            opts=self._child.options(),
        )
        public_cidrs = list(self._settings.public_cidrs)
        return eks.Cluster(
            self._child.name("control"),
            name=self._name,
            role_arn=role.arn,
            version=self._settings.version or None,
            vpc_config=eks.ClusterVpcConfigArgs(
                subnet_ids=list(self._settings.subnets),
                endpoint_private_access=True,
                endpoint_public_access=bool(public_cidrs),
                public_access_cidrs=public_cidrs or None,
            ),
            encryption_config=eks.ClusterEncryptionConfigArgs(
                provider=eks.ClusterEncryptionConfigProviderArgs(key_arn=self._key()), resources=["secrets"]
            ),
            enabled_cluster_log_types=list(LOGS),
            access_config=eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=True
            ),
            opts=self._child.options(pulumi.ResourceOptions(depends_on=[*attachments, logs])),
        )

    def _key(self) -> pulumi.Input[str]:
        """Return the ARN of the key that encrypts Secrets: the configured key, or a new one."""
        if self._settings.kms_key:
            return self._settings.kms_key
        key = kms.Key(
            self._child.name("secrets"),
            description=f"Secrets of the cluster {self._name}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_DELETION_DAYS,
            opts=self._child.options(),
        )
        arn: pulumi.Output[str] = key.arn
        return arn

    def _nodes(self, control: eks.Cluster) -> eks.NodeGroup:
        role, attachments = self._role("nodes", "ec2.amazonaws.com", NODE_POLICIES)
        count = self._settings.nodes
        return eks.NodeGroup(
            self._child.name("nodes"),
            cluster_name=control.name,
            node_role_arn=role.arn,
            subnet_ids=list(self._settings.subnets),
            instance_types=[self._settings.node_type],
            scaling_config=eks.NodeGroupScalingConfigArgs(
                desired_size=count, min_size=count, max_size=count + 1
            ),
            update_config=eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            opts=self._child.options(pulumi.ResourceOptions(depends_on=attachments)),
        )

    def _role(
        self, part: str, service: str, policies: tuple[str, ...]
    ) -> tuple[iam.Role, list[pulumi.Resource]]:
        """Return a role for a service, and the policy attachments that its users depend on."""
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        role = iam.Role(self._child.name(part), assume_role_policy=trust, opts=self._child.options())
        return role, [
            iam.RolePolicyAttachment(
                self._child.name(f"{part}-{policy}"),
                role=role.name,
                policy_arn=f"{AWS_POLICY}/{policy}",
                opts=self._child.options(),
            )
            for policy in policies
        ]


def connect(settings: Eks, stack: str, child: Children) -> Connection:
    """Create the cluster and return the connection to it."""
    cluster = EksCluster(child.name("eks"), settings=settings, stack=stack, opts=child.options())
    return Connection(kubeconfig=cluster.kubeconfig, context=f"{names.PROJECT}-{stack}")


def _kubeconfig(name: str, parts: dict[str, Any]) -> str:
    """Return a kubeconfig that requests a token from AWS for each use and contains no secret itself."""
    region = parts["arn"].split(":")[3]
    exec_command = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "aws",
        "args": ["--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json"],
        "interactiveMode": "Never",
    }
    server = {"server": parts["endpoint"], "certificate-authority-data": parts["authority"]}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": server}],
            "users": [{"name": name, "user": {"exec": exec_command}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
