"""How results are written: tables, JSON, YAML and names, on a terminal or into a pipe."""
