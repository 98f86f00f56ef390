"""The images of the local cluster: `images.ensure_images()` builds the base image and the node image."""
