"""The outcome of a preflight, as text and as a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from platform_infra.cluster.api_client import api_client
from platform_infra.settings.cluster_kind import ClusterKind
from tools.platform.answer import Form, write_document
from tools.platform.console import err, out
from tools.platform.errors import ExitCode, PlatformError
from tools.platform.preflight.examination import distinct, examine, user_of
from tools.platform.preflight.rights import kinds_of_others, manifest, planned_objects
from tools.platform.pulumi.stack import resolved_settings
from tools.platform.pulumi.stack_file import check_name

if TYPE_CHECKING:
    from platform_infra.cluster.kubeconfig import SingleContext
    from platform_infra.settings.model import Settings
    from tools.platform.preflight.examination import Report
    from tools.platform.preflight.rights import Right


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The JSON document of the command."""

    stack: str
    server: str
    context: str
    user: str
    """Name of the account; empty where the API server does not tell."""
    ready: bool
    objects: int
    rights: int
    missing: tuple[Right, ...]
    hints: tuple[str, ...]
    findings: tuple[str, ...]
    not_checked: tuple[str, ...]

    @classmethod
    def of(cls, stack: str, report: Report, single: SingleContext, user: str) -> Answer:
        return cls(
            stack=stack,
            server=single.server,
            context=single.context,
            user=user,
            ready=report.passed,
            objects=report.objects,
            rights=report.rights,
            missing=tuple(distinct(report.missing)),
            hints=tuple(dict.fromkeys(report.hints)),
            findings=tuple(dict.fromkeys(report.findings)),
            not_checked=tuple(dict.fromkeys(report.notes)),
        )


def cluster_of(stack: str, settings: Settings, kubeconfig: str, context: str) -> SingleContext:
    """Return the context of the settings, or that of the options."""
    # Imported here: the import takes a second.
    from platform_infra.cluster import pod  # noqa: PLC0415
    from platform_infra.cluster.connection import ClusterError  # noqa: PLC0415
    from platform_infra.cluster.existing import read  # noqa: PLC0415

    in_pod = settings.cluster.kind == ClusterKind.POD and not kubeconfig
    kubeconfig, context = kubeconfig or settings.cluster.kubeconfig, context or settings.cluster.context
    if not in_pod and not (kubeconfig and context):
        known = settings.cluster.kind == ClusterKind.EXISTING
        what = "clusterKubeconfig is encrypted" if known else f"clusterKind is {settings.cluster.kind}"
        raise PlatformError(
            f"{stack}: {what}, so its file does not lead to a cluster that can be asked",
            hint="name a kubeconfig and a context with --kubeconfig FILE --context NAME",
        )
    try:
        return pod.read() if in_pod else read(kubeconfig, context)
    except ClusterError as error:
        raise PlatformError(f"{stack}: {error}") from None


def show(stack: str, report: Report, single: SingleContext, user: str, *, to_errors: bool) -> None:
    console = err if to_errors else out
    account = f", as {user}" if user else ""
    console.print(f"{stack}: {single.server} (context {single.context}{account})")
    for line in report.lines():
        console.print(line)
    if report.passed:
        console.print(f"ready for `up`: {report.rights} rights for {report.objects} objects are there.")
        return
    count = len(distinct(report.missing))
    console.print(f"not ready for `up`: {count} missing right(s), {len(report.findings)} other problem(s).")
    if count and not to_errors:
        console.print(
            f"`tools/notif-platform preflight {stack} --roles` prints the missing rights as roles for the owner of the "
            "cluster; settings that need fewer rights are in docs/guest-install.md"
        )


def check(stack: str, *, kubeconfig: str, context: str, roles: bool, output: Form) -> None:
    """Check the cluster of a stack, and print the outcome."""
    check_name(stack)
    settings = resolved_settings(stack)
    single = cluster_of(stack, settings, kubeconfig, context)
    with api_client(single.document, single.context) as server:
        user = user_of(server)
        objects = planned_objects(stack, settings, single)
        report = examine(server, objects, kinds_of_others(settings))
    if output.is_json:
        write_document(Answer.of(stack, report, single, user))
    else:
        show(stack, report, single, user, to_errors=roles)
    if roles and report.missing:
        out.print(manifest(distinct(report.missing), user), end="")
    if not report.passed:
        raise typer.Exit(ExitCode.FAILED)
