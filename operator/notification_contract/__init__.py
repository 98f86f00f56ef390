"""What operator, infrastructure and clients agree on: names, CRDs, settings and the routing language. Pure."""
