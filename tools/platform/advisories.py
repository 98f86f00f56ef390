"""Advisories about dependencies, as osv-scanner and pip-audit report them, and the severity from which they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

HIGH = 7.0
"""The lowest CVSS score that the specification of CVSS calls high."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """A known vulnerability of a package; the severity is its highest CVSS score, or None if nobody has scored it."""

    package: str
    version: str
    ids: frozenset[str]
    severity: float | None

    def __str__(self) -> str:
        severity = "unknown" if self.severity is None else f"{self.severity:.1f}"
        return f"{self.package} {self.version}: {', '.join(sorted(self.ids))}, severity {severity}"


def from_osv_scanner(report: Mapping[str, Any]) -> Iterator[Advisory]:
    """Yield the advisories of a report in osv-scanner's JSON format."""
    for source in report.get("results") or ():
        for entry in source["packages"]:
            for group in entry.get("groups") or ():
                yield Advisory(
                    package=entry["package"]["name"],
                    version=entry["package"]["version"],
                    ids=frozenset([*group["ids"], *(group.get("aliases") or ())]),
                    severity=float(group["max_severity"]) if group.get("max_severity") else None,
                )


def from_pip_audit(report: Mapping[str, Any], scored: Iterable[Advisory]) -> Iterator[Advisory]:
    """Yield the advisories of a report in pip-audit's JSON format; their severities are those of `scored`."""
    severities = {name: advisory.severity for advisory in scored for name in advisory.ids}
    for entry in report["dependencies"]:
        for vulnerability in entry.get("vulns") or ():
            ids = frozenset([vulnerability["id"], *(vulnerability.get("aliases") or ())])
            known = [severity for name in ids if (severity := severities.get(name)) is not None]
            yield Advisory(
                package=entry["name"],
                version=entry["version"],
                ids=ids,
                severity=max(known, default=None),
            )


def failing(
    advisories: Iterable[Advisory], *, minimum: float, accepted: Iterable[str]
) -> tuple[Advisory, ...]:
    """Return the advisories that are at least as severe as `minimum` or have no severity, without the accepted ids."""
    tolerated = frozenset(accepted)
    return tuple(
        advisory
        for advisory in advisories
        if (advisory.severity is None or advisory.severity >= minimum) and not advisory.ids & tolerated
    )
