"""What the world is told about a write: one module a kind of announcement, and the seam between them."""
