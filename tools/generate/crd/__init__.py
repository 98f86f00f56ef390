"""The CRDs, from the models of the contract (DD-KINDS-001)."""
