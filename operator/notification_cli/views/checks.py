"""What `notif check` finds: each check passes, fails or cannot be made. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from notification_cli.views.sources import source_view
from notification_cli.views.text import ago, clean
from notification_contract import names
from notification_domain.json_values import EARLIEST_TIME, entries, integer, mapping, moment, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

DEFAULT_LEASE_SECONDS: Final = 15
SHOWN: Final = 3
"""Fields that a line names."""
RELEASE: Final = re.compile(r"v?(\d+)\.(\d+)\.\d+")
OTHER_LEASE: Final = re.compile(r"-member-|-shard-\d+$")
"""In the names of Leases other than that of the first shard."""
SHARDS: Final = re.compile(r"[0-9]{1,3}")
VERSION_LABEL: Final = "app.kubernetes.io/version"


class Result(StrEnum):
    PASSED = "Passed"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    """The right to look is missing, or the part is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    check: str
    result: Result
    message: str
    hint: str = ""
    """What to do; empty where nothing is wrong."""


def passed(check: str, message: str, hint: str = "") -> Finding:
    return Finding(check=check, result=Result.PASSED, message=clean(message), hint=hint)


def failed(check: str, message: str, hint: str) -> Finding:
    return Finding(check=check, result=Result.FAILED, message=clean(message), hint=hint)


def skipped(check: str, message: str, hint: str = "") -> Finding:
    return Finding(check=check, result=Result.SKIPPED, message=clean(message), hint=hint)


def crd_finding(live: Mapping[str, Any], known: Mapping[str, Any]) -> Finding:
    """Return whether a CRD is served and has the fields that this version of notif writes and reads."""
    name = known["metadata"]["name"]
    conditions = {
        text(each.get("type")): text(each.get("status"))
        for each in map(mapping, entries(mapping(live.get("status")).get("conditions")))
    }
    if conditions.get("Terminating") == "True":
        return failed(name, "it is being deleted", "wait for its end, then deploy the platform again")
    if conditions.get("Established") != "True":
        return failed(name, "it is not established", f"see kubectl describe crd {name}")
    here, there = set(_fields(known)), set(_fields(live))
    if missing := sorted(here - there):
        return failed(name, f"it is older than notif: {_some(missing)} are missing", "upgrade the platform")
    if there - here:
        return passed(name, "it is newer than notif", "upgrade notif to see its new fields")
    return passed(name, f"{names.VERSION} is served, with the fields that notif knows")


def _some(fields: list[str]) -> str:
    more = len(fields) - SHOWN
    return ", ".join(fields[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _fields(definition: Mapping[str, Any]) -> Iterator[str]:
    for version in map(mapping, entries(mapping(definition.get("spec")).get("versions"))):
        if version.get("name") == names.VERSION:
            schema = mapping(mapping(version.get("schema")).get("openAPIV3Schema"))
            yield from _paths(schema, "")


def _paths(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, inner in mapping(schema.get("properties")).items():
        yield f"{path}{name}"
        yield from _paths(mapping(inner), f"{path}{name}.")
    yield from _paths(mapping(schema["items"]), path) if "items" in schema else ()


def deployment_finding(obj: Mapping[str, Any]) -> Finding:
    """Return whether all replicas of the operator are ready, and none is of an earlier revision."""
    meta, spec, status = mapping(obj.get("metadata")), mapping(obj.get("spec")), mapping(obj.get("status"))
    wanted, place = integer(spec.get("replicas")) or 0, f"-n {text(meta.get('namespace'))}"
    ready, updated = integer(status.get("readyReplicas")) or 0, integer(status.get("updatedReplicas")) or 0
    see = f"see kubectl describe pods {place} -l app.kubernetes.io/name={names.OPERATOR}"
    if not wanted:
        scale = f"kubectl scale {place} deploy/{names.OPERATOR} --replicas=1"
        return failed(OPERATOR, "it is scaled to 0 replicas, so nothing is delivered", scale)
    if ready < wanted:
        return failed(OPERATOR, f"{ready} of {wanted} replicas are ready", see)
    if updated < wanted or (integer(status.get("observedGeneration")) or 0) < (
        integer(meta.get("generation")) or 0
    ):
        return failed(OPERATOR, f"{updated} of {wanted} replicas have the current revision", see)
    return passed(OPERATOR, f"{ready} of {wanted} replicas are ready, image {image_of(obj)}")


OPERATOR: Final = "operator"
LEADER: Final = "leader"
POLICIES: Final = "admission policies"
VERSIONS: Final = "versions"
METRICS: Final = "metrics"
SOURCES: Final = "sources"


def image_of(deployment: Mapping[str, Any]) -> str:
    """Return the image of the operator's container."""
    pod = mapping(mapping(mapping(deployment.get("spec")).get("template")).get("spec"))
    containers = list(map(mapping, entries(pod.get("containers"))))
    images = [text(each.get("image")) for each in containers if each.get("name") == names.CONTAINER]
    return next(iter(images), "")


def version_of(deployment: Mapping[str, Any]) -> str:
    """Return the version of an operator: its label, else the tag of its image; empty if neither names one."""
    labels = mapping(mapping(deployment.get("metadata")).get("labels"))
    _, _, tag = image_of(deployment).rpartition("/")[2].partition("@")[0].partition(":")
    return text(labels.get(VERSION_LABEL)) or tag


def versions_finding(client: str, server: str) -> Finding:
    """Return whether notif and the operator are of the same minor version."""
    ours, theirs = RELEASE.match(client), RELEASE.match(server)
    if ours is None or theirs is None:
        what = f"its version is {server}" if server else "its image names no version"
        return skipped(VERSIONS, f"notif {client} and the operator cannot be compared: {what}")
    both = f"notif {client}, operator {server}"
    if ours.groups() == theirs.groups():
        return passed(VERSIONS, both)
    older = "notif" if tuple(map(int, ours.groups())) < tuple(map(int, theirs.groups())) else "the platform"
    return failed(VERSIONS, both, f"upgrade {older}")


def leader_finding(lease: Mapping[str, Any], now: datetime) -> Finding:
    """Return whether a replica holds the Lease and renews it."""
    spec = mapping(lease.get("spec"))
    holder, renewed = text(spec.get("holderIdentity")), moment(spec.get("renewTime"))
    see = "see the runbook of the alert NotificationOperatorNoLeader"
    if not holder:
        return failed(LEADER, "no replica holds the Lease", see)
    seconds = integer(spec.get("leaseDurationSeconds")) or DEFAULT_LEASE_SECONDS
    if renewed is None or renewed + timedelta(seconds=seconds) < now:
        return failed(LEADER, f"{holder} renewed the Lease {ago(renewed, now, never='never')}", see)
    return passed(LEADER, f"{holder} holds the Lease")


def leases_finding(leases: Iterable[Mapping[str, Any]], now: datetime) -> Finding:
    """Return whether a replica holds the Lease of each shard and renews it.

    The number of shards is that of the Lease of the first one: Leases of earlier numbers of shards stay.
    """
    named = {text(mapping(each.get("metadata")).get("name")): each for each in leases}
    shards = {name: each for name, each in named.items() if not OTHER_LEASE.search(name)}
    if not shards:
        return skipped(
            LEADER,
            "there is no Lease: leader election is off, or no replica has started",
            "with several replicas, set leader_election.enabled",
        )
    first = max(shards, key=lambda name: _renewed(shards[name]))
    count = _shards_of(shards[first])
    wanted = [first, *(f"{first}-shard-{number}" for number in range(1, count))]
    return _leaders_finding([named.get(name, {}) for name in wanted], now)


def _leaders_finding(leases: Sequence[Mapping[str, Any]], now: datetime) -> Finding:
    findings = [leader_finding(each, now) for each in leases]
    if len(leases) == 1:
        return findings[0]
    bad = [number for number, each in enumerate(findings) if each.result is Result.FAILED]
    if bad:
        have = "has" if len(bad) == 1 else "have"
        first = findings[bad[0]]
        message = f"{len(bad)} of {len(leases)} shards {have} no leader: shard {bad[0]}: {first.message}"
        return failed(LEADER, message, first.hint)
    holders = sorted({text(mapping(each.get("spec")).get("holderIdentity")) for each in leases})
    hold = "hold" if len(holders) > 1 else "holds"
    return passed(LEADER, f"{' and '.join(holders)} {hold} the Leases of {len(leases)} shards")


def _renewed(lease: Mapping[str, Any]) -> datetime:
    return moment(mapping(lease.get("spec")).get("renewTime")) or EARLIEST_TIME


def _shards_of(lease: Mapping[str, Any]) -> int:
    annotations = mapping(mapping(lease.get("metadata")).get("annotations"))
    number = text(annotations.get(names.SHARDS_ANNOTATION))
    return max(int(number), 1) if SHARDS.fullmatch(number) else 1


def sources_finding(sources: Iterable[Mapping[str, Any]]) -> Finding:
    """Return whether the messages of each source reach more than the operator's log, as far as a gateway has said so."""
    views = map(source_view, sources)
    logged = sorted(f"{each.namespace}/{each.name}" for each in views if each.is_only_logged)
    if logged:
        hint = "set spec.receiverRefs, or add a routing rule"
        return failed(SOURCES, f"only the operator's log gets the messages of {_some(logged)}", hint)
    return passed(SOURCES, "no source has messages that only the operator's log gets")


def policies_finding(policies: Iterable[Mapping[str, Any]], bindings: Iterable[Mapping[str, Any]]) -> Finding:
    """Return whether each admission policy is bound and its expressions are valid."""
    bound = {text(mapping(each.get("spec")).get("policyName")) for each in bindings}
    found = {text(mapping(each.get("metadata")).get("name")): each for each in policies}
    if not found:
        return skipped(POLICIES, "there are none", "the API server checks the schema alone")
    if unbound := sorted(found.keys() - bound):
        return failed(
            POLICIES, f"{', '.join(unbound)} is not bound, so it checks nothing", "deploy the platform again"
        )
    checked = {name: mapping(mapping(each.get("status")).get("typeChecking")) for name, each in found.items()}
    if wrong := sorted(name for name, each in checked.items() if each.get("expressionWarnings")):
        return failed(
            POLICIES,
            f"{', '.join(wrong)} has expressions that do not fit the CRDs",
            "upgrade the CRDs and the policies together",
        )
    return passed(POLICIES, f"{len(found)} are bound")
