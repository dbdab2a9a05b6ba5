SELECT "id" "id" FROM "appointments"
WHERE "account_id"=$1 AND "appointments"."starts_at" >= $2::bigint
