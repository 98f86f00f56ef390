"""The supervisor of a node's container: it starts and supervises all Kubernetes components as process 1.

Standard library only, because the image contains no other Python packages.
"""
