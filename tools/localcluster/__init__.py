"""The local cluster: toolchain, node image and runtime."""
