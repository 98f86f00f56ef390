"""The specification of a local node, and the names of everything that belongs to it: pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from pathlib import Path

LABEL = "ai.kubernaut.notification-platform.stack"
CHECKOUT_LABEL = "ai.kubernaut.notification-platform.checkout"
CHECKOUT = str(Path(__file__).resolve().parents[4])
API_PORT = "6443/tcp"
CONTEXT = "notification-platform"
CURRENT_IMAGE = "notification-platform/node:current"
CURRENT_NETWORK_POLICY_IMAGE = f"{CURRENT_IMAGE}-network-policy"

_NOT_IN_NAMES = re.compile(r"[^a-z0-9.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOptions:
    """What a node can do in addition; by default nothing, so that it starts quickly."""

    network_policy: bool = False
    """Whether NetworkPolicies are enforced. This needs an image with kube-router."""
    priority_and_fairness: bool = False
    """Whether the API server queues requests by priority."""

    @property
    def enabled(self) -> tuple[str, ...]:
        """The names of the options that are on."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name))

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the container that turn the options on."""
        return {f"NODE_{name.upper()}": "true" for name in self.enabled}


NO_OPTIONS = NodeOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """A node: the stack that it belongs to, the image that it runs, and its options.

    Raises:
        ValueError: the stack's name is empty.
    """

    stack: str
    image: str
    options: NodeOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        if not self.stack:
            raise ValueError("stack is empty: a local node is named after its stack")

    @property
    def name(self) -> str:
        """The container's name: the stack's name, with a hash if characters had to be replaced."""
        plain = _NOT_IN_NAMES.sub("-", self.stack.lower()).strip("-.")
        if plain == self.stack:
            return f"notification-platform-{plain}"
        return (
            f"notification-platform-{plain or 'stack'}-{hashlib.sha256(self.stack.encode()).hexdigest()[:6]}"
        )

    @property
    def volumes(self) -> dict[str, str]:
        """Mount points by volume name, for data that an overlay file system cannot store."""
        return {
            f"{self.name}-containerd": "/var/lib/containerd",
            f"{self.name}-kubelet": "/var/lib/kubelet",
        }

    @property
    def labels(self) -> dict[str, str]:
        """The labels of every Docker object that belongs to this node."""
        return {LABEL: self.stack, CHECKOUT_LABEL: CHECKOUT}

    @property
    def cgroup_root(self) -> str:
        """The node's own cgroup: several nodes on one machine do not manage each other's pods."""
        return f"/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """A running node. `kubeconfig` contains a client key: it is a secret.

    `identity` is the container's id; it changes when the node is recreated under the same name.
    """

    name: str
    identity: str
    image: str
    api_port: int
    kubeconfig: str


def for_this_machine(kubeconfig: str, api_port: int) -> str:
    """Return the node's own kubeconfig with the port that this machine reaches the API server on."""
    return kubeconfig.replace("https://127.0.0.1:6443", f"https://127.0.0.1:{api_port}")
