"""Settings of the operator's pods that a cluster of others asks for: credentials of the registry, marks, certificates. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from platform_infra.settings.sections.base import LabelKey, LabelValue, OptionalObjectName, SecretKey, Section


class Registry(Section):
    """The credentials of the image's registry, from which the stack creates a pull secret."""

    server: Annotated[str, StringConstraints(pattern=r"^(https?://)?[^\s/]*(/\S*)?$")] = ""
    """Registry of a pull secret that the stack creates, as in the name of the image, such as `ghcr.io`; empty for none."""
    username: str = ""
    """For `operatorRegistryServer`: the user."""
    password: SecretStr | None = None
    """For `operatorRegistryServer`: the password or token, a secret."""

    @property
    def is_incomplete(self) -> bool:
        """Whether some, but not all of the settings are set."""
        return len({bool(self.server), bool(self.username), self.password is not None}) > 1


class ServiceAccount(Section):
    """The operator's ServiceAccount."""

    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Additional labels of the operator's ServiceAccount."""
    annotations: dict[LabelKey, str] = Field(default_factory=dict)
    """Additional annotations of the operator's ServiceAccount, such as `{"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/notifications"}`."""


class Pod(Section):
    """The metadata of the operator's pods."""

    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Additional labels of the operator's pods, such as `{"azure.workload.identity/use": "true"}`."""
    annotations: dict[LabelKey, str] = Field(default_factory=dict)
    """Additional annotations of the operator's pods, for example for a service mesh."""


class CaBundle(Section):
    """Certificates of authorities that the operator trusts, in PEM, from an object in its namespace."""

    config_map: OptionalObjectName = ""
    """Name of an existing ConfigMap with certificates of authorities in PEM that the operator trusts for every TLS connection except to the API server."""
    secret: OptionalObjectName = ""
    """The same in an existing Secret."""
    key: SecretKey = "ca.crt"
    """For `operatorCaBundleConfigMap` and `operatorCaBundleSecret`: the key of the certificates."""

    @property
    def is_set(self) -> bool:
        """Whether there is a bundle."""
        return bool(self.config_map or self.secret)
