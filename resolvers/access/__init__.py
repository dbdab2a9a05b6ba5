"""Who may do what: roles, sign-in, users, access tokens, accounts and the audit log."""
