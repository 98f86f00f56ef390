"""Rendering where it has a time limit and a process: messages are composed, tenants' texts computed by the render worker."""
