"""The routing language: matchers, receivers, and the table of rules. Pure."""
