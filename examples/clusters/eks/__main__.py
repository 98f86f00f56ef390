"""An Amazon EKS cluster in existing subnets, with the outputs that a stack with `clusterKind: stack` reads."""

import pulumi
import pulumi_eks as eks

MIN_SUBNETS = 2
LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]

config = pulumi.Config()
subnets: list[str] = config.require_object("subnetIds")
public: list[str] = config.get_object("publicCidrs") or []
nodes = config.get_int("nodes") or 2
if len(set(subnets)) < MIN_SUBNETS:
    raise pulumi.RunError(
        f"subnetIds: {subnets} has fewer than {MIN_SUBNETS} subnets, and EKS requires subnets in at least two zones; add them with "
        '`pulumi config set --path "subnetIds[0]" ID`'
    )

cluster = eks.Cluster(
    "notifications",
    vpc_id=config.require("vpcId"),
    private_subnet_ids=subnets,
    version=config.get("version") or None,
    endpoint_private_access=True,
    endpoint_public_access=bool(public),
    public_access_cidrs=public or None,
    authentication_mode=eks.AuthenticationMode.API,
    create_oidc_provider=True,
    enabled_cluster_log_types=LOGS,
    encryption_config_key_arn=config.get("kmsKeyArn") or None,
    instance_type=config.get("nodeType") or "m6i.large",
    desired_capacity=nodes,
    min_size=nodes,
    max_size=nodes + 1,
)

# It contains no credentials: it calls the `aws` command for a token.
pulumi.export("kubeconfig", pulumi.Output.secret(cluster.kubeconfig))
pulumi.export("context", cluster.kubeconfig.apply(lambda kubeconfig: kubeconfig["current-context"]))
pulumi.export("identifier", cluster.eks_cluster.arn)
