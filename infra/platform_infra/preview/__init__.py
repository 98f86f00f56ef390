"""The access of previews to the cluster of their base: an account that can manage preview namespaces and nothing else."""
