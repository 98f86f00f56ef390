"""A program with one instance of the component in each of two clusters.

Replaces infra/__main__.py in a copy. TRIAL_KUBECONFIGS names the kubeconfigs of the clusters, one per line; TRIAL_IMAGE the
operator's image, which both have.
"""

from __future__ import annotations

import os
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from platform_infra import NotificationPlatform

for name, kubeconfig in zip(("orders", "billing"), os.environ["TRIAL_KUBECONFIGS"].splitlines(), strict=True):
    cluster = kubernetes.Provider(f"{name}-cluster", kubeconfig=Path(kubeconfig).read_text("utf-8"))
    platform = NotificationPlatform(
        name,
        {
            "operator_image": os.environ["TRIAL_IMAGE"],
            "operator_namespace": f"{name}-notifications",
            "watch_namespaces": [name],
            "crd_managed": False,
        },
        pulumi.ResourceOptions(provider=cluster),
    )
    pulumi.export(name, platform.metrics_url)
