"""The Docker daemon that the local cluster runs on."""
