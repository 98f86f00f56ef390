"""The Pulumi program: loads the settings, creates the bundle and exports its outputs."""

import pulumi

from platform_infra import Bundle, Settings

bundle = Bundle("platform", settings=Settings.load())

pulumi.export("namespace", bundle.namespace)
pulumi.export("image", bundle.image)
pulumi.export("context", bundle.cluster.context)
pulumi.export("kubeconfig", bundle.cluster.kubeconfig)
pulumi.export("node", bundle.cluster.node_name)
