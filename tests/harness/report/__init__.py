"""The report of the stack tests: one line per test, a table of groups at the end, and a page."""
