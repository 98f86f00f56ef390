"""One line for each refusal of the API server: what is missing, and what to do. Pure."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from notification_cli.errors import ApiError
from notification_contract import names

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORBIDDEN: Final = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)"'
    r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]*)"|(?P<cluster> at the cluster scope))?'
)
NOT_SELECTABLE: Final = "field label not supported"
"""A part of the API server's message for a field selector that the CRD does not offer."""
UNKNOWN_FIELD: Final = "strict decoding error: unknown field"
"""A part of the API server's message for a field that the CRD does not have."""
KINDS: Final = {
    names.RECEIVER_PLURAL: (names.RECEIVER_KIND, names.RECEIVER_CRD),
    names.SOURCE_PLURAL: (names.SOURCE_KIND, names.SOURCE_CRD),
    names.PLURAL: (names.KIND, names.CRD),
}
"""Kind and CRD by the part of a path."""
SHOWN: Final = 500
"""Characters of the API server's message that are shown."""


def refusal(context: str, status: int, body: bytes, *, path: str = "") -> ApiError:
    """Return the error for a refused request of a path."""
    try:
        decoded = json.loads(body)
    except ValueError:
        decoded = {}
    document = decoded if isinstance(decoded, dict) else {}
    return ApiError(
        explain(context, status, document, path=path),
        status=status,
        next_page=(document.get("metadata") or {}).get("continue") or "",
        of_object=bool((document.get("details") or {}).get("name")),
        unselectable=NOT_SELECTABLE in str(document.get("message") or ""),
    )


def explain(context: str, status: int, document: Mapping[str, Any], *, path: str = "") -> str:
    """Return the line for a refusal of a path with this HTTP status and this `Status` object, which may be empty."""
    message = " ".join(str(document.get("message") or "").split())[:SHOWN]
    match status:
        case HTTPStatus.UNAUTHORIZED:
            text = f"the API server does not accept the credentials of {context}: they may have expired; log in again"
        case HTTPStatus.FORBIDDEN:
            text = _missing_right(message)
        case HTTPStatus.NOT_FOUND if not (document.get("details") or {}).get("name"):
            kind, crd = next((each for plural, each in KINDS.items() if plural in path), KINDS[names.PLURAL])
            text = (
                f"the cluster of {context} does not serve {kind}: "
                f"the CustomResourceDefinition {crd} is not installed, or another version of it is"
            )
        case HTTPStatus.BAD_REQUEST if NOT_SELECTABLE in message:
            text = f"the CRD in the cluster of {context} is older and cannot select by phase; upgrade the platform"
        case HTTPStatus.BAD_REQUEST if UNKNOWN_FIELD in message:
            field = message.partition(UNKNOWN_FIELD)[2].strip(' "')
            text = f"the CRD in the cluster of {context} is older and does not have the field {field}; upgrade the platform"
        case HTTPStatus.GONE:
            text = "the listing expired while it was read; repeat the command"
        case HTTPStatus.TOO_MANY_REQUESTS:
            text = f"the API server of {context} is overloaded; repeat the command later"
        case _:
            text = f"the API server of {context} answered {status}: {message or 'without a reason'}"
    return text


def _missing_right(message: str) -> str:
    match = _FORBIDDEN.search(message)
    if match is None:
        return f"the API server refuses the request: {message or 'forbidden'}"
    resource = f"{match['resource']}.{match['group']}" if match["group"] else match["resource"]
    if match["namespace"]:
        where, hint = f"in namespace {match['namespace']}", ""
    else:
        where, hint = "in all namespaces", "; use -n NAMESPACE where you may"
    return f"missing right: user {match['user']} may not {match['verb']} {resource} {where}{hint}"
