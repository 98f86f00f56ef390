"""The local cluster: the programs (`toolchain`), the node's images (`image`) and the Docker daemon (`runtime`).

The node's container is a cluster kind of the product and lives in `platform_infra.cluster.local`.
"""
