"""The Secret that the image is pulled with, made from the credentials of a registry."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final

import pulumi
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from platform_infra import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_infra.children import Children
    from platform_infra.inputs import Inputs
    from platform_infra.settings.sections.deployment import Operator

TYPE: Final = "kubernetes.io/dockerconfigjson"
KEY: Final = ".dockerconfigjson"


def pull_secrets(
    operator: Operator, inputs: Inputs, namespace: pulumi.Input[str], child: Children
) -> Sequence[pulumi.Input[str]]:
    """Return the names of the pull secrets; one is created if the settings have the credentials of a registry.

    The name of a created one is an output: whatever uses it is created after the Secret.
    """
    server = operator.registry.server
    if not server:
        return operator.image_pull_secrets
    credentials = pulumi.Output.all(inputs.registry_username, inputs.registry_password)
    content = credentials.apply(lambda both: docker_config(server, *both))
    created = Secret(
        child.name("registry"),
        metadata=ObjectMetaArgs(
            name=names.REGISTRY_SECRET,
            namespace=namespace,
            labels=names.labels("registry"),
            annotations=dict(names.WRITE_ONLY),
        ),
        type=TYPE,
        string_data={KEY: content},
        opts=child.options(),
    )
    return [created.metadata.name]


def docker_config(server: str, username: str, password: str) -> str:
    """Return the credentials of a registry in the format of Docker's config.json."""
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    entry = {"username": username, "password": password, "auth": token}
    return json.dumps({"auths": {server: entry}})
