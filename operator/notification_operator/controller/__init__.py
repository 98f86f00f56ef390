"""The control loop: work queue, reconciler and retention."""
