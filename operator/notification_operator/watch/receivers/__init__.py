"""The receivers of the cluster, and the objects that they refer to."""
