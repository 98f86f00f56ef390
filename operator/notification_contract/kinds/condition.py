"""A condition in the status of an object, by the conventions of the Kubernetes API. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from notification_contract.kinds.block import Block, Generation, MapKeys, Message, Time
from notification_contract.kinds.choices import ConditionStatus  # noqa: TC001 - pydantic reads annotations at run time


class Condition(Block):
    """One condition."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """The type of the condition in CamelCase."""
    status: ConditionStatus
    """The status of the condition."""
    observed_generation: Generation | None = None
    """The metadata.generation that the condition is based on."""
    last_transition_time: Time
    """The time of the last change of the condition status."""
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """The machine-readable reason for the condition status in CamelCase."""
    message: Message
    """The human-readable explanation of the condition status."""


Conditions = Annotated[tuple[Condition, ...], Field(max_length=64), MapKeys(("type",))]
