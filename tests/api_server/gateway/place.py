"""A namespace with everything that a gateway needs: its account, sources, Secrets, and replicas as processes."""

from __future__ import annotations

import os
import re
import signal
import ssl
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import urllib3
import yaml
from urllib3.exceptions import HTTPError

from notification_contract import names
from notification_contract.sources.path_token import KEYS, path_token
from platform_infra.settings.sections.deployment import Watch
from platform_infra.workload.gateway.account import GatewayAccountArgs, cluster_grants, home_grants
from platform_infra.workload.rbac import Grant
from tests.harness.authority import Authority
from tests.harness.eventually import eventually
from tests.harness.faultproxy.app import FaultProxy
from tests.harness.faultproxy_client import FaultProxy as ProxyClient
from tests.harness.logged_process import LoggedProcess
from tests.harness.process_account import rules
from tests.harness.proxy_thread import serving
from tests.kit.kubeconfig import kubeconfig
from tools.platform.ports import free_port
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.api_server.conftest import ApiServer

HOST: Final = "127.0.0.1"
TOKEN: Final = "s3cret-of-a-sender"
KEY: Final = "k" * 32
"""The key of the URLs of sources."""
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}
KIND: Final = f"/apis/{names.GROUP}/{names.VERSION}/namespaces"
RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"
READY_WITHIN: Final = 60.0
ELSEWHERE: Final = Grant(group=names.GROUP, resource=f"{names.SOURCE_PLURAL}/status", verbs=("update",))
"""A right in the whole cluster, by which the admission policy recognizes a gateway outside the stack that owns the CRDs."""
MALLOC: Final = re.compile(r"(MALLOC_\w+)=(\d+)")
"""The memory settings of the image."""


class Place:
    """The namespace of a gateway.

    Args:
        folder: for the kubeconfigs and logs.
    """

    def __init__(self, api_server: ApiServer, folder: Path) -> None:
        self.api = api_server
        self.folder = folder
        self.home = api_server.namespace()
        self._running: list[Replica] = []
        self._account()
        self.path_keys(KEY)
        self.secret("hook", token=TOKEN)

    def replica(
        self,
        name: str = "gateway-0",
        *,
        via: Faulty | None = None,
        ready: bool = True,
        log_level: str = "debug",
        **settings: object,
    ) -> Replica:
        """Start a replica.

        Args:
            name: the name of its pod.
            via: the proxy by which it reaches the API server.
            ready: whether to wait until it is ready.
            log_level: of its log.
            settings: of the section `gateway`.
        """
        file = self.folder / f"{name}.kubeconfig"
        if via:
            cluster = {"server": via.server, "certificate-authority": str(via.authority)}
        else:
            document = yaml.safe_load(self.api.cluster.kubeconfig.read_text("utf-8"))
            cluster = document["clusters"][0]["cluster"]
        file.write_text(kubeconfig(cluster, {"token": self.token()}, namespace=self.home), "utf-8")
        rates = dict.fromkeys(("namespace_messages_per_second", "messages_per_second"), 100_000)
        settings = {"path_keys_directory": self.folder, **rates, **settings}
        replica = Replica(file, settings, log_level=log_level)
        self._running.append(replica)
        replica.start(ready=ready)
        return replica

    def close(self) -> None:
        """Stop all replicas."""
        for each in self._running:
            each.stop()

    def token(self, account: str = names.GATEWAY, **spec: Any) -> str:
        """Return a new token of an account."""
        path = f"/api/v1/namespaces/{self.home}/serviceaccounts/{account}/token"
        return str(self._sent("POST", path, {"spec": spec})["status"]["token"])

    def secret(self, name: str, **values: str) -> None:
        """Create or replace a Secret that sources may use."""
        body = {
            "metadata": {"name": name, "labels": {names.SOURCES_SECRET_LABEL: "true"}},
            "stringData": values,
        }
        path = f"/api/v1/namespaces/{self.home}/secrets"
        if self.api.send("GET", f"{path}/{name}").code == HTTPStatus.OK:
            self._sent("PUT", f"{path}/{name}", body)
        else:
            self._sent("POST", path, body)

    def path_keys(self, key: str, previous: str = "") -> None:
        """Write the keys of URLs as the kubelet does it in the pods of all replicas."""
        for name, value in zip(KEYS, (key, previous), strict=True):
            (self.folder / name).write_text(value, "utf-8")

    def source(self, name: str, kind: str, **spec: Any) -> None:
        """Create a source; by default with the bearer token of `BEARER`."""
        body = {
            "apiVersion": f"{names.GROUP}/{names.VERSION}",
            "kind": "NotificationSource",
            "metadata": {"name": name},
            "spec": {"type": kind, "auth": {"bearerSecretRef": {"name": "hook"}}, **spec},
        }
        self._sent("POST", f"{KIND}/{self.home}/{names.SOURCE_PLURAL}", body)

    def ready_source(self, name: str, kind: str, **spec: Any) -> None:
        """Create a source, and wait until each running replica accepts its messages."""
        self.source(name, kind, **spec)
        running = [each.name for each in self._running]

        def accepting() -> list[str]:
            entries = self.status(name).get("replicas", ())
            return [each["name"] for each in entries if "problem" not in each]

        eventually(accepting, lambda found: set(found) >= set(running), within=READY_WITHIN)

    def status(self, source: str) -> dict[str, Any]:
        """Return the status of a source."""
        found: dict[str, Any] = self._sent("GET", f"{KIND}/{self.home}/{names.SOURCE_PLURAL}/{source}")
        return dict(found.get("status", {}))

    def notifications(self, source: str = "", **event: str) -> list[dict[str, Any]]:
        """Return the notifications of a source, or all, oldest first; with `event="Trigger"` only those."""
        selector = f"?labelSelector={names.SOURCE_LABEL}={source}" if source else ""
        items = self._sent("GET", f"{KIND}/{self.home}/{names.PLURAL}{selector}")["items"]
        found = [each for each in items if event.items() <= each["spec"].items()]
        return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    @contextmanager
    def quota(self) -> Iterator[None]:
        """Allow no notification during the block."""
        path = f"/api/v1/namespaces/{self.home}/resourcequotas"
        hard = {f"count/{names.PLURAL}.{names.GROUP}": "0"}
        made = self._sent("POST", path, {"metadata": {"name": "none"}, "spec": {"hard": hard}})
        # No controller of this API server counts: admission reads what the status says.
        self._sent("PUT", f"{path}/none/status", {**made, "status": {"hard": hard, "used": hard}})
        yield
        self._sent("DELETE", f"{path}/none")

    def may_send(self, account: str) -> None:
        """Create an account that may create notifications here."""
        path, role = f"/api/v1/namespaces/{self.home}/serviceaccounts", "notifications-sender"
        self._sent("POST", path, {"metadata": {"name": account}})
        self._bind(f"{RBAC}/namespaces/{self.home}", "ClusterRole", role, account, binding="Role")

    def path_token(self, source: str, key: str = KEY) -> str:
        """Return the secret part of the URL of a source."""
        found = self._sent("GET", f"{KIND}/{self.home}/{names.SOURCE_PLURAL}/{source}")
        return path_token(key.encode(), found["metadata"]["uid"])

    def _sent(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self.api.send(method, path, body)
        assert answer.code < HTTPStatus.BAD_REQUEST, (method, path, answer)
        return answer.document

    def _account(self) -> None:
        """Create the account of the gateway, with the rights that a stack gives it."""
        name, home = names.GATEWAY, self.home
        self._sent("POST", f"/api/v1/namespaces/{home}/serviceaccounts", {"metadata": {"name": name}})
        args = GatewayAccountArgs(
            namespace=home,
            home=home,
            watch=Watch(),
            tenant_sources=False,
            token_reviews=True,
            secrets=(),
            reads_all=True,
        )
        for path, role, kind, grants in (
            (f"{RBAC}/namespaces/{home}", name, "Role", home_grants(args)),
            (RBAC, f"{name}-{home}", "ClusterRole", (*cluster_grants(args), ELSEWHERE)),
        ):
            body = {"metadata": {"name": role}, "rules": rules(grants)}
            self._sent("POST", f"{path}/{kind.lower()}s", body)
            self._bind(path, kind, role, name, binding=kind)

    def _bind(self, path: str, kind: str, role: str, account: str, *, binding: str) -> None:
        body = {
            "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": self.home}],
        }
        self._sent("POST", f"{path}/{binding.lower()}bindings", body)


class Replica:
    """A gateway as it ships, as a process; it keeps its ports when it is started again.

    Args:
        account: its kubeconfig, whose name without the suffix is that of the replica.
        settings: of the section `gateway`.
        log_level: of its log, which is next to the kubeconfig.
    """

    def __init__(self, account: Path, settings: Mapping[str, object], *, log_level: str) -> None:
        self.name = account.stem
        self.port, self._health, self._metrics = free_port(), free_port(), free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.log = account.with_suffix(".log")
        self._process: LoggedProcess | None = None
        self._http = urllib3.PoolManager(retries=False)
        own = {"host": HOST, "port": self.port, "status_interval_seconds": 0.2, **settings}
        server = {"host": HOST, "health_port": self._health, "metrics_port": self._metrics}
        self._variables = {
            "KUBECONFIG": str(account),
            "POD_NAME": self.name,
            **{f"NOTIFICATION_GATEWAY__{key.upper()}": str(value) for key, value in own.items()},
            **{f"NOTIFICATION_SERVER__{key.upper()}": str(value) for key, value in server.items()},
            "NOTIFICATION_LOG__LEVEL": log_level,
            **dict(MALLOC.findall((ROOT / "Dockerfile").read_text("utf-8"))),
        }

    @property
    def pid(self) -> int:
        """The id of the process."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, ready: bool = True) -> None:
        """Start, and wait until it is ready."""
        command = [sys.executable, "-m", "notification_gateway", "serve"]
        self._process = LoggedProcess(command, self.log, variables=self._variables)
        if ready:
            eventually(self.readiness, lambda found: found == HTTPStatus.OK, within=READY_WITHIN)

    def stop(self) -> None:
        """End by SIGTERM, if it runs."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """End by SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def page(self) -> str:
        """Return the page with the metrics."""
        return self._http.request("GET", f"http://{HOST}:{self._metrics}/metrics").data.decode()

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a metric that have these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [line for line in self.page().splitlines() if line.startswith(name)]
        return sum(float(line.split()[-1]) for line in lines if all(each in line for each in wanted))

    def received(self, source: str, outcome: str) -> float:
        """Return how many posts of a source had an outcome."""
        labels = {"source": source, "outcome": outcome}
        return self.metric("kubernaut_notification_source_received_total{", **labels)

    @property
    def peak_megabytes(self) -> float:
        """The memory of the process at most so far, without its child."""
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as status:  # noqa: PTH123 - a kernel's file
            (line,) = [each for each in status if each.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024

    def post(
        self, path: str, *, body: bytes = b"{}", headers: Mapping[str, str] = BEARER
    ) -> urllib3.BaseHTTPResponse:
        """Send a post."""
        return self._http.request("POST", f"{self.url}{path}", body=body, headers=dict(headers))

    def readiness(self) -> int:
        """Return the status of its readiness probe; 0 if nothing answers."""
        try:
            return int(self._http.request("GET", f"http://{HOST}:{self._health}/readyz", timeout=5.0).status)
        except HTTPError:
            return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """A proxy in front of the API server, with a certificate of its own authority."""

    server: str
    authority: Path
    proxy: ProxyClient


@contextmanager
def faulty(api_server: ApiServer, folder: Path) -> Iterator[Faulty]:
    """Run a proxy that injects faults."""
    authority, configuration = Authority(folder), api_server.cluster.api.configuration
    proxy = FaultProxy(
        upstream=configuration.host,
        trust=ssl.create_default_context(cafile=configuration.ssl_ca_cert),
        identity=authority.identity("proxy"),
    )
    with serving(proxy) as address:
        yield Faulty(
            server=f"https://{HOST}:{address.api_port}",
            authority=authority.file,
            proxy=ProxyClient(f"http://{HOST}:{address.control_port}"),
        )
