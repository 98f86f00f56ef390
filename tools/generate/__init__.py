"""Everything in this repository that is generated from code: `make generate` writes it, `CHECK=1` only checks it."""
