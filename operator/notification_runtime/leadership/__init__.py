"""Which replica works on which shard: Leases, election and ownership."""
