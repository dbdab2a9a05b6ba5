SELECT "id" "id" FROM "contacts"
WHERE "account_id"=?
AND ("contacts"."country_folded" IN (SELECT value FROM json_each(?))
AND "contacts"."id" IN (SELECT "taggings"."contact_id" AS holder FROM "taggings" WHERE "taggings"."tag_id" = ?))
