DROP INDEX `api_key_secrets_by_key`;--> statement-breakpoint
ALTER TABLE `api_key_secrets` ADD `hint` text;--> statement-breakpoint
CREATE INDEX `api_key_secrets_of_key` ON `api_key_secrets` (`key_id`,`retires_at`);--> statement-breakpoint
-- Of the secrets that are within their overlap the audit log has the hints: the last rotation of their keys replaced them.
UPDATE `api_key_secrets` SET `hint` = (
	SELECT `changes` ->> '$.key_hint[0]' FROM `audit_events`
	WHERE `audit_events`.`api_key_id` = `api_key_secrets`.`key_id` AND `action` = 'api_key.rotated'
	ORDER BY `audit_events`.`id` DESC LIMIT 1
) WHERE `retires_at` > unixepoch() * 1000;
