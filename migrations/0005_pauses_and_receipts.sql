DROP INDEX `api_keys_listed`;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `paused_at` integer;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `paused_by` text;--> statement-breakpoint
CREATE INDEX `api_keys_listed` ON `api_keys` (`org_id`,`id`,`user_type`,`revoked_at`,`paused_at`,`expiration_date`,`label_folded`,`hint_folded`);--> statement-breakpoint
ALTER TABLE `idempotent_answers` ADD `effective_by` text;