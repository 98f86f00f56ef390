"""What the operator, the gateway and the command line run on: the Kubernetes API, deliveries, rendering, metrics and logs."""
