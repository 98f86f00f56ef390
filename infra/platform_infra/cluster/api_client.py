"""The client with which a program asks an API server before it registers resources."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def api_client(document: Mapping[str, Any], context: str) -> Iterator[Any]:
    """Yield a client for a context of a parsed kubeconfig, which repeats no request.

    Raises:
        kubernetes.config.ConfigException: the context is not valid.
    """
    # Imported here: the import takes a second, and most programs ask nothing.
    from kubernetes import client, config  # noqa: PLC0415

    settings = client.Configuration()
    config.load_kube_config_from_dict(document, context=context, client_configuration=settings)
    settings.retries = False
    with client.ApiClient(settings) as api:
        yield api
