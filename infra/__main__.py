"""The Pulumi program: loads the settings, creates the bundle and exports its outputs."""

import pulumi

from platform_infra import Bundle, load_settings

bundle = Bundle("platform", settings=load_settings())

pulumi.export("namespace", bundle.namespace)
pulumi.export("image", bundle.image)
pulumi.export("context", bundle.cluster.context)
pulumi.export("kubeconfig", bundle.cluster.kubeconfig)
pulumi.export("node", bundle.cluster.node_name)
