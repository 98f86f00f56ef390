"""A simulated cluster in which the real operator runs on a virtual clock, one schedule per sequence of choices."""
