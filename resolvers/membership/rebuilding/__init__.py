"""Working out whole memberships: after an edit, beside running writers, and to verify what is stored."""
