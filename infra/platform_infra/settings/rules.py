"""Rules between settings: what one value asks of another. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from platform_infra import names
from platform_infra.settings import routing_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from platform_infra.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a stack's configuration, and what to do about it."""

    key: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.key} {self.what}; {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A condition over several settings; `keys` are all that it looks at, the first is the one to blame."""

    keys: tuple[str, ...]
    broken: Callable[[Settings], bool]
    what: str
    remedy: str


FOREIGN = frozenset({"existing", "stack", "eks"})
"""Kinds of clusters that an image built here cannot be loaded into."""

EKS_SUBNETS = 2
SECRET_KEYS = frozenset({"clusterKubeconfig", "channelsSlackWebhookUrl"})
"""What a stack's file may hold encrypted alone."""

UNITS = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    "k": Decimal(1000),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
} | {
    "T": Decimal(10**12),
    **{f"{unit}i": Decimal(1024**power) for power, unit in enumerate("KMGT", start=1)},
}
"""What the letters after a quantity stand for."""

ROUTING_REMEDY = "correct it in the stack's file; docs/routing.md shows one"

RULES = (
    Rule(
        keys=("clusterKubeconfig", "clusterKind"),
        broken=lambda s: s.cluster.kind == "existing" and not s.cluster.kubeconfig,
        what="is empty, but clusterKind is `existing`",
        remedy="name a kubeconfig file with `pulumi config set clusterKubeconfig PATH`",
    ),
    Rule(
        keys=("clusterContext", "clusterKind"),
        broken=lambda s: s.cluster.kind == "existing" and not s.cluster.context,
        what="is empty, but clusterKind is `existing` and the current context is never taken",
        remedy="choose one of `kubectl config get-contexts` with `pulumi config set clusterContext NAME`",
    ),
    Rule(
        keys=("clusterKubeconfig", "clusterKind"),
        broken=lambda s: s.cluster.kind != "existing" and bool(s.cluster.kubeconfig or s.cluster.context),
        what="or clusterContext is set, but clusterKind is not `existing`",
        remedy="set clusterKind to `existing`, or remove both",
    ),
    Rule(
        keys=("clusterStack", "clusterKind"),
        broken=lambda s: (s.cluster.kind == "stack") != bool(s.cluster.stack),
        what="goes with the clusterKind `stack` and with no other, but one of the two is missing",
        remedy="set clusterKind to `stack` and clusterStack to `organization/project/stack`, or remove clusterStack",
    ),
    Rule(
        keys=("clusterEksSubnets", "clusterKind"),
        broken=lambda s: s.cluster.kind == "eks" and len(set(s.cluster.eks.subnets)) < EKS_SUBNETS,
        what="names fewer than two subnets, and EKS wants them in two zones at least",
        remedy='name them with `pulumi config set --path "clusterEksSubnets[0]" ID`',
    ),
    Rule(
        keys=("clusterEksSubnets", "clusterKind"),
        broken=lambda s: s.cluster.kind != "eks" and bool(s.cluster.eks.subnets),
        what="is set, but clusterKind is not `eks`",
        remedy="set clusterKind to `eks`, or remove it",
    ),
    Rule(
        keys=("operatorImage", "clusterKind", "operatorEnabled"),
        broken=lambda s: s.cluster.kind in FOREIGN and s.operator.enabled and not s.operator.image,
        what="is empty, but an image built here can be loaded into a local node only",
        remedy="push one where the cluster can pull it and set it with `pulumi config set operatorImage NAME`",
    ),
    Rule(
        keys=("operatorReplicas", "operatorLeaderElection"),
        broken=lambda s: s.operator.replicas > 1 and not s.operator.leader_election,
        what="is more than 1, but no Lease decides which replica works, so each would deliver everything",
        remedy="set it to 1, or operatorLeaderElection to true",
    ),
    Rule(
        keys=("operatorShards", "operatorLeaderElection"),
        broken=lambda s: s.operator.shards > 1 and not s.operator.leader_election,
        what="is more than 1, but no Lease decides which replica works on what",
        remedy="set it to 1, or operatorLeaderElection to true",
    ),
    Rule(
        keys=("watchNamespaces", "previewNumber"),
        broken=lambda s: s.preview.number > 0 and not s.watch.namespaces,
        what="is empty, but a preview serves namespaces of its own alone",
        remedy="name them; `make preview` does",
    ),
    Rule(
        keys=("placementMaxUnavailable", "operatorReplicas"),
        broken=lambda s: 1 < s.operator.replicas <= s.placement.max_unavailable,
        what="lets a drain of nodes take all replicas away at once",
        remedy="set it below operatorReplicas",
    ),
    Rule(
        keys=("operatorMemoryLimit", "operatorMemoryRequest"),
        broken=lambda s: amount(s.operator.memory_limit) < amount(s.operator.memory_request),
        what="is below operatorMemoryRequest",
        remedy="set it to the request at least",
    ),
    Rule(
        keys=("operatorCpuLimit", "operatorCpuRequest"),
        broken=lambda s: (
            bool(s.operator.cpu_limit) and amount(s.operator.cpu_limit) < amount(s.operator.cpu_request)
        ),
        what="is below operatorCpuRequest",
        remedy="set it to the request at least, or leave it out for no limit",
    ),
    Rule(
        keys=("operatorEnv",),
        broken=lambda s: not names.GIVEN_VARIABLES.isdisjoint(s.operator.env),
        what=f"sets one of {', '.join(sorted(names.GIVEN_VARIABLES))}, which the pods get from elsewhere",
        remedy="leave these to the program; Slack's URL has the setting channelsSlackWebhookUrl",
    ),
    Rule(
        keys=("channelsSlackWebhookUrl", "channelsSlackEnabled"),
        broken=lambda s: s.channels.slack.enabled and not s.channels.slack.webhook_url,
        what="is empty, but channelsSlackEnabled is true",
        remedy="set it with `pulumi config set --secret channelsSlackWebhookUrl URL`, or channelsSlackEnabled to false",
    ),
    Rule(
        keys=("channelsSlackWebhookUrl",),
        broken=lambda s: bool(s.channels.slack.webhook_url) and not is_http_url(s.channels.slack.webhook_url),
        what="is not an http or https URL (it is not shown)",
        remedy="set it as Slack gives it, with `pulumi config set --secret channelsSlackWebhookUrl URL`",
    ),
    Rule(
        keys=("watchNamespaces",),
        broken=lambda s: len(set(s.watch.namespaces)) < len(s.watch.namespaces),
        what="names a namespace twice",
        remedy="name each once",
    ),
    Rule(
        keys=("watchNamespaces", "watchNamespaceSelector"),
        broken=lambda s: bool(s.watch.namespaces) and bool(s.watch.namespace_selector),
        what="and watchNamespaceSelector are both set",
        remedy="keep one of the two",
    ),
)


def broken_rules(settings: Settings, secret_keys: Iterable[str], spoiled: Iterable[str]) -> list[Problem]:
    """Return what breaks a rule; rules that look at a key in `spoiled` cannot be judged and are left out."""
    unreadable = set(spoiled)
    problems = [
        Problem(key=rule.keys[0], what=rule.what, remedy=rule.remedy)
        for rule in RULES
        if unreadable.isdisjoint(rule.keys) and rule.broken(settings)
    ]
    if "routing" not in unreadable and settings.routing:
        problems += [
            Problem(key="routing", what=f"cannot be used: {what}", remedy=ROUTING_REMEDY)
            for what in routing_document.problems(settings.routing)
        ]
    return problems + [problem for problem in _in_plain_text(settings) if problem.key not in set(secret_keys)]


def _in_plain_text(settings: Settings) -> Iterator[Problem]:
    """Yield what to say of each secret that is set, unless it is stored as one."""
    what = "holds credentials in plain text"
    if is_kubeconfig_content(settings.cluster.kubeconfig):
        remedy = "store it with `pulumi config set --secret clusterKubeconfig`, or give a file's path"
        yield Problem(key="clusterKubeconfig", what=what, remedy=remedy)
    # One that goes over the network in the clear is no secret.
    if settings.channels.slack.webhook_url.startswith("https:"):
        remedy = "store it with `pulumi config set --secret channelsSlackWebhookUrl URL`"
        yield Problem(key="channelsSlackWebhookUrl", what=what, remedy=remedy)


def amount(quantity: str) -> Decimal:
    """Return the figure that a quantity such as `96Mi` stands for."""
    number = quantity.rstrip("".join(UNITS))
    return Decimal(number) * UNITS[quantity.removeprefix(number)]


def is_http_url(text: str) -> bool:
    """Tell an http or https URL with a host from anything else."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not any(c.isspace() for c in text)


def is_kubeconfig_content(value: str) -> bool:
    """Tell a kubeconfig's content (YAML or JSON) from the path of a file."""
    return "\n" in value.strip() or value.lstrip().startswith("{")
