"""What must hold for everything that a stack puts into a cluster: rules over plain data, without any SDK."""
