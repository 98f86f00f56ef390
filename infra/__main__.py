"""The program that `pulumi up` runs: settings, then the bundle, then what it made."""

import pulumi

from platform_infra import Bundle, load_settings

bundle = Bundle("platform", settings=load_settings())

pulumi.export("namespace", bundle.namespace)
pulumi.export("image", bundle.image)
pulumi.export("context", bundle.cluster.context)
pulumi.export("kubeconfig", bundle.cluster.kubeconfig)
pulumi.export("node", bundle.cluster.node_name)
