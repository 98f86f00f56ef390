"""What every part of the settings is made of: the base of sections, and kinds of text with their patterns. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_QUANTITY = r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?"
_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_LABEL = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"

DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
ObjectName = Annotated[str, StringConstraints(pattern=f"^({_NAME})?$")]
"""A Kubernetes object's name, or nothing."""
SecretName = Annotated[str, StringConstraints(pattern=f"^{_NAME}$")]
LabelKey = Annotated[str, StringConstraints(pattern=f"^({_NAME}/)?{_LABEL}$")]
LabelValue = Annotated[str, StringConstraints(pattern=f"^({_LABEL})?$")]
Quantity = Annotated[str, StringConstraints(pattern=f"^{_QUANTITY}$")]
OptionalQuantity = Annotated[str, StringConstraints(pattern=f"^({_QUANTITY})?$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^:]*$")]
StackName = Annotated[str, StringConstraints(pattern=r"^([\w.-]+/[\w.-]+/[\w.-]+)?$")]
"""A Pulumi stack with its organization and project, or nothing."""
Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    """A part of the settings: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
