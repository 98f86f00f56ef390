"""The NotificationReceivers of a stack, and their Secrets. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, SecretStr, StringConstraints, WithJsonSchema

from notification_contract import bounds
from notification_contract.crds import notification_receiver
from notification_contract.kinds.block import OBJECT_NAME
from notification_contract.kinds.receiver import parse_spec
from platform_infra.settings.sections.base import ObjectName, SecretKey, Section

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

ReceiverName = Annotated[
    str,
    StringConstraints(pattern=OBJECT_NAME, max_length=bounds.RECEIVER_NAME),
]
ENCRYPTED = {"type": "object", "properties": {"secure": {"type": "string"}}, "required": ["secure"]}
SecretValue = Annotated[SecretStr, WithJsonSchema({"anyOf": [{"type": "string"}, ENCRYPTED]})]


class _SpecSchema:
    """Gives editors the schema of a receiver's spec, that of the CRD; the program reports its problems by their path."""

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        (version,) = notification_receiver()["spec"]["versions"]
        return _closed(version["schema"]["openAPIV3Schema"]["properties"]["spec"])


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a structural schema as an editor needs it: unknown fields are errors, and keywords of Kubernetes are left out."""
    result = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if "properties" in result:
        result["properties"] = {name: _closed(field) for name, field in result["properties"].items()}
        result["additionalProperties"] = False
    if "items" in result:
        result["items"] = _closed(result["items"])
    return result


class StackReceiver(Section):
    """A NotificationReceiver in the operator's namespace, with field names as in the Kubernetes API."""

    name: ReceiverName
    """Name of the NotificationReceiver."""
    spec: Annotated[dict[str, Any], _SpecSchema()]
    """Its spec, as in the CRD."""
    secrets: dict[ObjectName, dict[SecretKey, SecretValue]] = Field(default_factory=dict)
    """Secrets that the stack creates for it: their keys and values by the name of the Secret."""
    existingSecrets: tuple[ObjectName, ...] = ()  # noqa: N815 - named like the fields of the API
    """Existing Secrets of the operator's namespace that the receiver refers to, with the label `kubernaut.ai/receivers: "true"`."""
    default: bool = False
    """Whether it gets the notifications that name only the channel of its type."""

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The Secrets that it refers to; a rule of the settings demands that each is listed."""
        return (*self.secrets, *self.existingSecrets)

    @property
    def config_map_names(self) -> tuple[str, ...]:
        """The ConfigMap with its templates, if it has one."""
        template = parse_spec(self.spec).template
        return (template.config_map_ref.name,) if template and template.config_map_ref else ()
