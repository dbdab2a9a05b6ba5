SELECT "id" "id" FROM "appointments"
WHERE "account_id"=? AND "appointments"."starts_at" >= ?
