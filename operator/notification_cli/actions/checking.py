"""Checks the installation, as far as the user may look; and reads the versions of client and server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.kube import port_forward
from notification_cli.kube.resources import collection
from notification_cli.output.documents import document
from notification_cli.views import checks
from notification_cli.views.checks import Finding, Result
from notification_cli.views.format import Output
from notification_cli.views.plain import plain
from notification_contract import __version__, crds, names
from notification_domain.json_values import text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from notification_cli.output.screen import Screen
    from notification_cli.session import Session

ADMISSION: Final = "/apis/admissionregistration.k8s.io/v1"
OURS: Final = "app.kubernetes.io/part-of=notification-platform,app.kubernetes.io/component=admission"
LEASES: Final = f"app.kubernetes.io/name={names.OPERATOR},app.kubernetes.io/component=leases"
METRIC: Final = b"kubernaut_notification_"
SIGNS: Final = {
    Result.PASSED: ("✔", "green"),
    Result.FAILED: ("✗", "bold red"),
    Result.SKIPPED: ("-", "dim"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking:
    """Looks at what the platform has in the cluster; `home` is the namespace of the operator."""

    home: str
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        findings = [await self._kubernetes(session)]
        for name, look in self._checks(session).items():
            try:
                finding = await look()
            except ApiError as error:
                if error.status != HTTPStatus.FORBIDDEN:
                    raise
                finding = checks.skipped(name, str(error), "ask an administrator to run notif check")
            except CliError as error:
                finding = checks.failed(name, str(error), "see kubectl get pods,services -n " + self.home)
            findings.append(finding)
            if self.output.is_table:
                _write(session.screen, finding)
        if not self.output.is_table:
            named = "\n".join(each.check for each in findings if each.result is Result.FAILED)
            document(session.screen, self.output, {"checks": plain(findings)}, name=named or "ok")
        _sum(session.screen, findings)
        return ExitCode.NEGATIVE if Result.FAILED in {each.result for each in findings} else ExitCode.OK

    async def _kubernetes(self, session: Session) -> Finding:
        version = text((await session.connection.get("/version")).get("gitVersion"))
        finding = checks.passed("kubernetes", f"{session.connection.context} runs {version}")
        if self.output.is_table:
            _write(session.screen, finding)
        return finding

    def _checks(self, session: Session) -> Mapping[str, Callable[[], Awaitable[Finding]]]:
        definitions = (crds.notification_request(), crds.notification_receiver(), crds.notification_source())

        @cache
        def deployment() -> asyncio.Future[dict[str, Any] | None]:
            return asyncio.ensure_future(operator(session, self.home))

        return {
            **{each["metadata"]["name"]: _crd(session, each) for each in definitions},
            checks.OPERATOR: lambda: self._operator(deployment()),
            checks.VERSIONS: lambda: _versions(deployment()),
            checks.LEADER: lambda: self._leader(session),
            checks.POLICIES: lambda: _policies(session),
            checks.METRICS: lambda: self._metrics(session),
            checks.SOURCES: lambda: _sources(session),
        }

    async def _operator(self, read: Awaitable[dict[str, Any] | None]) -> Finding:
        deployment = await read
        if deployment is None:
            return checks.failed(checks.OPERATOR, *_absent(self.home))
        return checks.deployment_finding(deployment)

    async def _leader(self, session: Session) -> Finding:
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.home}/leases"
        leases = await session.connection.get(path, {"labelSelector": LEASES})
        return checks.leases_finding(leases["items"], session.clock())

    async def _metrics(self, session: Session) -> Finding:
        place = await port_forward.find(session.connection, self.home, names.OPERATOR, "metrics")
        reply = await port_forward.exchange(session.connection, place, names.METRICS_PATH, {}, method="GET")
        if reply.status != HTTPStatus.OK or METRIC not in reply.body:
            see = f"see kubectl logs -n {self.home} {place.pod}"
            return checks.failed(checks.METRICS, f"{place.pod} answers {reply.status} without them", see)
        return checks.passed(checks.METRICS, f"{place.pod} serves {names.METRICS_PATH}")


def _crd(session: Session, known: Mapping[str, Any]) -> Callable[[], Awaitable[Finding]]:
    name = known["metadata"]["name"]

    async def look() -> Finding:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        live = await _found(session, path)
        if live is not None:
            return checks.crd_finding(live, known)
        if name == names.SOURCE_CRD:
            return checks.skipped(name, "it is not installed: the platform has no gateway")
        return checks.failed(name, "it is not installed", "install the platform: docs/install.md")

    return look


async def _versions(read: Awaitable[dict[str, Any] | None]) -> Finding:
    return checks.versions_finding(__version__, checks.version_of(await read or {}))


async def _policies(session: Session) -> Finding:
    query = {"labelSelector": OURS}
    policies = await session.connection.get(f"{ADMISSION}/validatingadmissionpolicies", query)
    bindings = await session.connection.get(f"{ADMISSION}/validatingadmissionpolicybindings", query)
    return checks.policies_finding(policies["items"], bindings["items"])


async def _sources(session: Session) -> Finding:
    found = await _found(session, collection(plural=names.SOURCE_PLURAL))
    return checks.sources_finding(found["items"] if found else ())


async def operator(session: Session, home: str) -> dict[str, Any] | None:
    """Return the operator's Deployment; None if there is none."""
    return await _found(session, f"/apis/apps/v1/namespaces/{home}/deployments/{names.OPERATOR}")


async def _found(session: Session, path: str) -> dict[str, Any] | None:
    try:
        return await session.connection.get(path)
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return None


def _absent(home: str) -> tuple[str, str]:
    return (
        f"there is no Deployment {names.OPERATOR} in namespace {home}",
        "name the namespace with --operator-namespace",
    )


def _write(screen: Screen, finding: Finding) -> None:
    sign, style = SIGNS[finding.result]
    hint = f"; {finding.hint}" if finding.hint else ""
    screen.paragraph((f"{sign} ", style), (finding.check, "bold"), f"  {finding.message}{hint}")
    screen.flush()


def _sum(screen: Screen, findings: list[Finding]) -> None:
    count = {each: sum(finding.result is each for finding in findings) for each in Result}
    screen.note(
        f"checks: {count[Result.PASSED]} passed, {count[Result.FAILED]} failed, {count[Result.SKIPPED]} not made"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowingVersions:
    """Shows the versions of notif, of the operator and of Kubernetes."""

    home: str
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        kubernetes = text((await session.connection.get("/version")).get("gitVersion"))
        deployment = await operator(session, self.home)
        server = {
            "version": checks.version_of(deployment or {}),
            "image": checks.image_of(deployment or {}),
            "namespace": self.home,
            "kubernetes": kubernetes,
        }
        write_versions(session.screen, self.output, server)
        if deployment is None:
            text_, hint = _absent(self.home)
            raise CliError(f"{text_}; {hint}")
        return ExitCode.OK


def write_versions(screen: Screen, output: Output, server: Mapping[str, str] | None) -> int:
    """Write the version of notif, and those of the server if they are known."""
    client = {"version": __version__, "apiVersion": names.API_VERSION}
    if not output.is_table:
        value = {"client": client} | ({"server": dict(server)} if server is not None else {})
        document(screen, output, value, name=f"notif/{__version__}")
        return ExitCode.OK
    screen.line(f"Client Version: {__version__}")
    if server is not None:
        screen.line(f"Server Version: {server['version'] or 'unknown'}")
        screen.line(f"Server Image: {server['image'] or 'unknown'}")
        screen.line(f"Kubernetes Version: {server['kubernetes']}")
    return ExitCode.OK
