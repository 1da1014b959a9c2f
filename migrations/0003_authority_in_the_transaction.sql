CREATE TABLE `commit_guard` (
	`holds` integer NOT NULL,
	CONSTRAINT "commit_guard_holds" CHECK("commit_guard"."holds" = 1)
);
--> statement-breakpoint
ALTER TABLE `api_key_secrets` ADD `minted_by` text;--> statement-breakpoint
-- The creator of a key made its first secret. Later secrets come from rotations, which only the key's own user may do. A main
-- integration key is rotated by an administrator instead, but nothing reads who made its secrets.
UPDATE `api_key_secrets` SET `minted_by` = (
	SELECT CASE
		WHEN `api_key_secrets`.rowid = (SELECT min(s.rowid) FROM `api_key_secrets` AS s WHERE s.`key_id` = k.`id`) THEN k.`created_by`
		ELSE k.`user_id`
	END
	FROM `api_keys` AS k WHERE k.`id` = `api_key_secrets`.`key_id`
);
