"""The decisions of the operator as pure functions: no clock, no I/O, no randomness of their own."""
