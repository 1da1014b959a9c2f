ALTER TABLE `api_keys` ADD `created_by_api_key_id` integer;--> statement-breakpoint
-- Keys of before: the audit log knows, as far back as it is kept.
UPDATE `api_keys` SET `created_by_api_key_id` = (
	SELECT `actor_api_key_id` FROM `audit_events` WHERE `api_key_id` = `api_keys`.`id` AND `action` = 'api_key.created'
);
