"""The gateway on a real cluster: connects, serves messages, probes and metrics, and runs until it is stopped."""

from __future__ import annotations

import asyncio
import signal
import ssl
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final, Self

import structlog

from atomic_status import KubeStatusStore
from notification_contract import __version__
from notification_domain import mapping
from notification_domain.quota import SOURCES, Quota
from notification_gateway.authentication.authenticator import Authenticator
from notification_gateway.authentication.cluster_users import ClusterUsers
from notification_gateway.authentication.failures import Failures
from notification_gateway.authentication.oidc import OidcTokens
from notification_gateway.intake import Intake, LongBodies
from notification_gateway.metrics import LastReceived, Metrics
from notification_gateway.presence import Presence
from notification_gateway.sources.catalog import CRD_HINT, RESOURCE, SourceKey, Sources
from notification_gateway.sources.limits import Limits
from notification_gateway.sources.path_tokens import PathTokens
from notification_gateway.sources.routing_file import RoutingFile
from notification_gateway.sources.secret_values import SecretValues
from notification_gateway.sources.status_writer import SourceStatusWriter
from notification_gateway.store import RequestStore
from notification_gateway.web.hooks import Hooks
from notification_gateway.web.notifications import Notifications
from notification_gateway.web.server import Server
from notification_runtime.delivery.http.egress_policy import egress_policy
from notification_runtime.kube.client import Connectivity, connect
from notification_runtime.kube.collection_watch import KubeWatches
from notification_runtime.kube.events import own_pod
from notification_runtime.leadership.lease import KubeLeases
from notification_runtime.rendering.worker import RenderWorker
from notification_runtime.telemetry.http_server import Check, HealthServer

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from kubernetes.aio.client import ApiClient

    from notification_contract.settings.gateway import Admitted, Gateway, GatewaySettings
    from notification_runtime.delivery.http.egress_policy import EgressPolicy

logger = structlog.get_logger(__name__)

CONNECTIONS: Final = 64
"""To the API server, for everything but watches."""


async def run(settings: GatewaySettings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        UnreachableError: the address of the API server is unknown.
        OSError: a port is taken.
    """
    connectivity = Connectivity()
    cluster = await connect(connectivity, pool=CONNECTIONS)
    async with cluster.client() as client, cluster.unbounded_client() as watching:
        # Without the API server it starts, too: then it answers 503, which senders repeat.
        app = App(
            settings,
            client=client,
            watching=watching,
            home=cluster.namespace,
            replica=own_pod(cluster.namespace).name,
        )
        stopping = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stopping.set)
        async with app:
            logger.info(
                "started",
                version=__version__,
                cluster=cluster.configuration.host,
                namespace=cluster.namespace,
            )
            await stopping.wait()
            logger.info("shutdown requested", grace_seconds=settings.gateway.grace_seconds)
        logger.info("stopped")


class App:
    """The gateway with its connections, as a context: it serves within.

    Args:
        client: for what authenticated senders cause, and for the gateway's own work.
        watching: has no limit on connections: for watches, and for what strangers cause within a budget.
        home: the gateway's own namespace.
        replica: the name of this replica.
    """

    def __init__(
        self, settings: GatewaySettings, *, client: ApiClient, watching: ApiClient, home: str, replica: str
    ) -> None:
        gateway = settings.gateway
        self.metrics = Metrics(exists=lambda source: self.sources.exists(source))  # noqa: PLW0108 - the sources come later
        self._renderer = RenderWorker(on_failure=self.metrics.rendering_failed)
        secrets = SecretValues(watching, seconds=monotonic)
        self.sources = Sources(
            KubeWatches(watching, hint=CRD_HINT),
            secrets,
            PathTokens(Path(gateway.path_keys_directory), secrets),
            self._renderer,
            home=home,
            everywhere=gateway.tenant_sources,
            quota=Quota(
                SOURCES,
                home=home,
                per_namespace=gateway.max_sources_per_namespace,
                total=gateway.max_sources,
            ),
        )
        self.rules = RoutingFile(Path(gateway.routing_directory))
        self.metrics.registry.register(LastReceived(lambda: self.sources.last_received))
        self.presence = Presence(
            KubeLeases(client, home),
            replica=replica,
            lease_seconds=gateway.lease_seconds,
            seconds=monotonic,
            clock=_now,
        )
        self.status = SourceStatusWriter(
            KubeStatusStore(client, RESOURCE),
            self.sources,
            interval=gateway.status_interval_seconds,
            replica=replica,
            live=lambda: self.presence.replicas,
            rules=self.rules,
            clock=_now,
        )
        store, long = RequestStore(client), LongBodies()
        users = ClusterUsers(watching, clock=_now, seconds=monotonic)
        self._oidc = OidcTokens(
            partial(provider_policy, gateway, home), tls=_tls(gateway.oidc.ca_file), seconds=monotonic
        )
        limits = Limits(
            per_namespace=gateway.namespace_messages_per_second,
            total=gateway.messages_per_second,
            replicas=lambda: len(self.presence.replicas),
            seconds=monotonic,
        )
        hooks = Hooks(
            self.sources,
            Authenticator(users, self._oidc),
            Failures(seconds=monotonic),
            limits,
            Intake(
                store,
                self._renderer,
                _limits(gateway.admitted),
                long=long,
                charge=limits.charge,
                rules=self.rules,
            ),
            on_beat=self.status.beat,
        )
        self.server = Server(
            gateway,
            hooks,
            Notifications(store, users, self._oidc, gateway, long=long, rules=self.rules),
            self.metrics,
            on_received=self.status.count,
            clock=_now,
        )
        self.health = HealthServer(
            settings.server, registry=self.metrics.registry, alive=self.alive, ready=self.ready
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def __aenter__(self) -> Self:
        """Serve.

        Raises:
            OSError: a port is taken.
        """
        try:
            await self.health.start()
            await self.server.start()
        except BaseException:
            await self._close()
            raise
        self._spawn(self.sources.run(self._on_source), name="sources")
        self._spawn(self.status.run(), name="source status")
        self._spawn(self.rules.run(self._on_rules), name="routing rules")
        self._spawn(self.presence.run(), name="presence")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finish what is being stored, then end."""
        self._stopping = True
        await self.server.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.presence.leave()
        await self._close()

    def _on_source(self, key: SourceKey) -> None:
        if self.sources.declared(key) is None:
            self.metrics.forget(str(key))
        self.status.note(key)

    def _on_rules(self) -> None:
        for key in self.sources.keys:
            self.status.note(key)

    def _spawn(self, work: Coroutine[None, None, None], *, name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _close(self) -> None:
        await self.server.stop()
        await self._oidc.close()
        await self.health.stop()
        self._renderer.close()

    def alive(self) -> Mapping[str, Check]:
        """Return whether each task is running."""
        return {
            task.get_name(): Check(passed=not task.done(), text="ended" if task.done() else "running")
            for task in self._tasks
        }

    def ready(self) -> Mapping[str, Check]:
        """Return whether messages can be taken."""
        known, error = self.sources.known, self.sources.error
        return {
            "sources": Check(passed=known, text=error or ("looked for" if known else "not looked for yet")),
            "accepting_work": Check(
                passed=not self._stopping, text="shutting down" if self._stopping else "accepting work"
            ),
        }


def _limits(admitted: Admitted) -> mapping.Limits:
    return mapping.Limits(
        body=admitted.body_characters,
        metadata_entries=admitted.metadata_entries,
        metadata_value=admitted.metadata_characters,
        action_links=admitted.action_links,
        link_schemes=admitted.link_schemes,
    )


def provider_policy(gateway: Gateway, home: str, namespace: str) -> EgressPolicy:
    """Return where the providers of a namespace's sources may be; without a namespace, the provider of the settings."""
    return egress_policy(gateway, gateway.allowed_networks if namespace in {"", home} else ())


def _tls(ca_file: str) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=ca_file) if ca_file else None


def _now() -> datetime:
    return datetime.now(UTC)
