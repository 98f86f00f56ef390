"""What the operator decides, as pure functions: no clock, no network, no randomness of its own."""
