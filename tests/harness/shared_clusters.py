"""Shared clusters without nodes, and stacks of a copy of the checkout in them."""

from __future__ import annotations

import base64
import json
import os
import pty
import ssl
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from kubernetes import client, config

from platform_infra import names
from platform_infra.monitoring import discovery
from tests.harness import faultproxy_client
from tests.harness.authority import Authority
from tests.harness.checkout import PLATFORM, Checkout, CommandResult
from tests.harness.control_plane import GROUPS, control_plane, running
from tests.harness.eventually import eventually
from tests.harness.faultproxy.app import FaultProxy
from tests.harness.faultproxy.creations import Manner
from tests.harness.proxy_thread import serving
from tools.localcluster.toolchain import ensure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.harness.control_plane import ControlPlane

STACK = "prod-eu"
NAMESPACE = "notification-system"
CRDS = (names.CRD, names.RECEIVER_CRD)
ACCOUNT = "deployer"
CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "clusterrole-aggregation-controller",
    "serviceaccount-controller",
)
"""Those that complete deletions, and that every cluster's users rely on."""
OBJECT_CONTROLLERS = (
    "serviceaccount-token-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "deployment-controller",
    "cronjob-controller",
    "disruption-controller",
    "resourcequota-controller",
)
"""Those that write into the objects of a stack."""
QUESTION = f"enter its name ({STACK}):".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCluster:
    """An API server: its address, its certificate authority, and the token of an administrator."""

    server: str
    authority: str
    token: str
    core: client.CoreV1Api
    definitions: client.ApiextensionsV1Api
    api: client.ApiClient
    rbac: client.RbacAuthorizationV1Api
    proxy: faultproxy_client.FaultProxy | None = None
    """The control of the proxy at the address, if one plays a provider from 4.29 on."""

    @property
    def uid(self) -> str:
        namespace: Any = self.core.read_namespace("kube-system")
        return str(namespace.metadata.uid)

    def namespace(self) -> Any:
        """Return the metadata of the operator's namespace, None if there is none."""
        return self._metadata(self.core.read_namespace, NAMESPACE)

    def definition(self, name: str = names.CRD) -> Any:
        """Return the metadata of a CRD, None if there is none."""
        return self._metadata(self.definitions.read_custom_resource_definition, name)

    def owners(self) -> set[str]:
        """Return the owners of the namespace and of both CRDs."""
        metadata = (self.namespace(), *(self.definition(name) for name in CRDS))
        return {str((each.annotations or {}).get(names.CRD_OWNER)) for each in metadata}

    def upserts(self) -> None:
        """Let the provider apply its creations to what exists, as the platform configures it from 4.29 on."""
        if self.proxy:
            self.proxy.answer_creations(Manner.RECORD)

    def send(self, method: str, path: str, body: object = None) -> bool:
        """Send a request, a PATCH as a merge patch; return whether the object exists."""
        api = self.core.api_client
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        answer = api.rest_client.pool_manager.request(
            method,
            f"{api.configuration.host}{path}",
            body=None if body is None else json.dumps(body),
            headers={"Content-Type": kind},
        )
        assert answer.status < 300 or answer.status == 404, (method, path, answer.data)
        return bool(answer.status != 404)

    def serve_monitoring_kinds(self) -> None:
        """Create the definitions of the Prometheus operator's kinds, without a schema."""
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        for kind in discovery.KINDS:
            plural = f"{kind.lower()}s"
            spec = {
                "group": discovery.GROUP,
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural},
                "versions": [version],
            }
            body = {"metadata": {"name": f"{plural}.{discovery.GROUP}"}, "spec": spec}
            self.definitions.create_custom_resource_definition(body)

    def administrator(self, name: str) -> str:
        """Create an account that may do everything, and return a token of it."""
        self.core.create_namespaced_service_account("default", {"metadata": {"name": name}})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": "default"}
        binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        self.rbac.create_cluster_role_binding(binding)
        token: Any = self.core.create_namespaced_service_account_token(
            name, "default", {"spec": {"expirationSeconds": 7200}}
        )
        return str(token.status.token)

    def expire(self, name: str, token: str) -> None:
        """Make a token of an account invalid, and return when the API server refuses it."""
        self.core.delete_namespaced_service_account(name, "default")
        review = {"spec": {"token": token}}
        api = client.AuthenticationV1Api(self.core.api_client)
        # A token that was valid stays in the API server's cache for seconds.
        eventually(lambda: api.create_token_review(review).status.authenticated, lambda valid: not valid)

    def _metadata(self, read: Any, name: str) -> Any:
        try:
            return read(name).metadata
        except client.ApiException as error:
            if error.status != 404:
                raise
            return None


@contextmanager
def shared_cluster(*controllers: str) -> Iterator[SharedCluster]:
    """Start an API server with an administrator who has a token, the controllers that complete deletions, and others."""
    with control_plane() as plane, tempfile.TemporaryDirectory() as folder:
        api = config.new_client_from_config(str(plane.kubeconfig))
        core = client.CoreV1Api(api)
        eventually(lambda: _exists(core, "kube-system") and _exists(core, "default"), bool, within=30)
        with running(ensure(GROUPS).bin, _manager(plane, (*CONTROLLERS, *controllers)), Path(folder)):
            cluster = cluster_at(plane.kubeconfig)
            yield replace(cluster, token=cluster.administrator(ACCOUNT))


def cluster_at(kubeconfig: Path) -> SharedCluster:
    """Return the cluster of a kubeconfig, whose only context is that of an administrator."""
    (entry,) = yaml.safe_load(kubeconfig.read_text("utf-8"))["clusters"]
    api = config.new_client_from_config(str(kubeconfig))
    return SharedCluster(
        server=entry["cluster"]["server"],
        authority=entry["cluster"]["certificate-authority-data"],
        token="",
        core=client.CoreV1Api(api),
        definitions=client.ApiextensionsV1Api(api),
        rbac=client.RbacAuthorizationV1Api(api),
        api=api,
    )


def _manager(plane: ControlPlane, controllers: Sequence[str]) -> tuple[str, ...]:
    return (
        "kube-controller-manager",
        f"--controllers={','.join(controllers)}",
        f"--kubeconfig={plane.kubeconfig}",
        f"--service-account-private-key-file={plane.service_account_key}",
        "--leader-elect=false",
        "--secure-port=0",
    )


def _exists(core: client.CoreV1Api, name: str) -> bool:
    try:
        core.read_namespace(name)
    except client.ApiException:
        return False
    return True


@contextmanager
def other_address(cluster: SharedCluster, folder: Path) -> Iterator[tuple[str, str]]:
    """Serve the cluster at another port and with another authority; yield its address and its authority."""
    with faulty_address(cluster, folder) as (server, authority, _):
        yield server, authority


@contextmanager
def newer_provider(cluster: SharedCluster, folder: Path) -> Iterator[SharedCluster]:
    """Yield the cluster at an address where a provider from 4.29 on refuses what exists."""
    with faulty_address(cluster, folder) as (server, authority, proxy):
        proxy.answer_creations(Manner.REFUSE)
        yield replace(cluster, server=server, authority=authority, proxy=proxy)


@contextmanager
def faulty_address(
    cluster: SharedCluster, folder: Path
) -> Iterator[tuple[str, str, faultproxy_client.FaultProxy]]:
    """Do as `other_address`, and yield the client that injects faults, too."""
    (folder / "upstream.crt").write_bytes(base64.b64decode(cluster.authority))
    trust = ssl.create_default_context(cafile=str(folder / "upstream.crt"))
    own = Authority(folder)
    proxy = FaultProxy(upstream=cluster.server, trust=trust, identity=own.identity("proxy"))
    with serving(proxy) as place:
        authority = base64.b64encode(own.file.read_bytes()).decode()
        control = faultproxy_client.FaultProxy(f"http://127.0.0.1:{place.control_port}")
        yield f"https://127.0.0.1:{place.api_port}", authority, control


def kubeconfig(entries: Mapping[str, tuple[str, str, str]]) -> dict[str, Any]:
    """Return a kubeconfig; each context has its own server, authority and token, in this order."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": server, "certificate-authority-data": authority}}
            for name, (server, authority, _) in entries.items()
        ],
        "users": [{"name": name, "user": {"token": token}} for name, (_, _, token) in entries.items()],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in entries],
    }


class Team:
    """A checkout with a backend and a passphrase of its own, and a kubeconfig for several clusters."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.checkout = Checkout(folder)
        self.checkout.use_own_secrets()
        self.kubeconfig = folder / "kubeconfig"
        self._entries: dict[str, tuple[str, str, str]] = {}

    @property
    def file(self) -> Path:
        """The stack's file."""
        return self.checkout.folder / "stacks" / f"Pulumi.{STACK}.yaml"

    def add_context(self, name: str, *, server: str, authority: str, token: str) -> None:
        """Add a context with its own cluster and user to the kubeconfig."""
        self._entries[name] = (server, authority, token)
        self.kubeconfig.write_text(yaml.safe_dump(kubeconfig(self._entries)), "utf-8")

    def configure(self, context: str, **values: object) -> None:
        """Write the stack's file for a context; unless asked for, the operator is not deployed: no node would run it."""
        settings: dict[str, Any] = {
            "clusterKind": "existing",
            "clusterKubeconfig": str(self.kubeconfig),
            "clusterContext": context,
            "operatorEnabled": False,
        }
        self.checkout.write_stack(STACK, **{**settings, **values})

    def platform(self, *arguments: str) -> CommandResult:
        return self.checkout.platform(*arguments)

    def up(self, *options: str, **variables: str) -> str:
        """Bring the stack up and return the output."""
        result = self.checkout.platform("up", STACK, *options, **variables)
        assert result.code == 0, result.text
        return result.text

    def refused(self, *arguments: str, code: int = 1) -> str:
        """Run a command that must fail with this exit code, and return its message in one line."""
        result = self.platform(*arguments)
        assert result.code == code, result.text
        assert "Traceback" not in result.text, result.text
        return " ".join(f"\n{result.text}".partition("\nerror: ")[2].split())

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the resources of the state by their URN."""
        # Every operation encrypts secrets again.
        export = self.checkout.pulumi("stack", "export", "--show-secrets", "--stack", STACK).text
        return {each["urn"]: each for each in json.loads(export)["deployment"].get("resources") or []}

    def operations(self) -> set[str]:
        """Return which operations the last update made, such as `same` and `create`."""
        history = self.checkout.pulumi("stack", "history", "--json", "--stack", STACK).text
        changes: dict[str, int] = json.loads(history)[0]["resourceChanges"]
        return set(changes)

    def answered(self, answer: str, *arguments: str) -> CommandResult:
        """Run a command at a terminal and answer its question, if it asks one."""
        ours, theirs = pty.openpty()
        with (
            os.fdopen(ours, "wb", buffering=0) as keyboard,
            os.fdopen(theirs, "rb", buffering=0) as terminal,
            subprocess.Popen(
                [*PLATFORM, *arguments],
                env=self.checkout.variables({}),
                cwd=self.checkout.folder,
                stdin=terminal,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            assert process.stdout is not None
            text = b""
            while chunk := os.read(process.stdout.fileno(), 4096):
                text += chunk
                if text.rstrip().endswith(QUESTION):
                    keyboard.write(f"{answer}\n".encode())
        return CommandResult(code=process.returncode, text=text.decode())


def in_cluster(cluster: SharedCluster, folder: Path) -> Team:
    """Return a checkout whose stack is configured for a cluster, with a state of its own."""
    team = Team(folder)
    team.add_context("there", server=cluster.server, authority=cluster.authority, token=cluster.token)
    team.configure("there")
    return team
