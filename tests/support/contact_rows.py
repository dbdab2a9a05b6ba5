"""A statement that inserts any number of contacts at once."""

INSERT_CONTACTS = {
    "sqlite": """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
                 INSERT INTO contacts (account_id, created_at, updated_at) SELECT :account, 0, 0 FROM n""",
    "postgresql": """INSERT INTO contacts (account_id, created_at, updated_at)
                     SELECT CAST(:account AS bigint), 0, 0 FROM generate_series(1, CAST(:count AS int))""",
}
