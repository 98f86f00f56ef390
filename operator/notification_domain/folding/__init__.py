"""From recorded attempts to the next status: phase, counters, conditions and targets. Pure."""
