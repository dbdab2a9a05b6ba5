"""Computing whole memberships by queries: after an edit, in builds beside running writes, and to verify what is stored."""
