SELECT "id" "id" FROM "contacts"
WHERE "account_id"=$1
AND ("contacts"."country_folded" = ANY($2::text[])
AND EXISTS (SELECT 1 FROM (SELECT "taggings"."contact_id" AS holder FROM "taggings" WHERE "taggings"."tag_id" = $3::bigint) AS held
WHERE held.holder = "contacts"."id"))
