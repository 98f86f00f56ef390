"""What runs inside the node's container: a whole small Kubernetes, supervised by process 1.

Standard library only: the image has Debian's Python and nothing else.
"""
