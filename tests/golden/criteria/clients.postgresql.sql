SELECT "id" "id" FROM "contacts"
WHERE "account_id"=$1
AND ("contacts"."country_folded" = ANY($2::text[])
AND "contacts"."id" IN (SELECT "taggings"."contact_id" FROM "taggings" WHERE "taggings"."tag_id" = $3::bigint))
