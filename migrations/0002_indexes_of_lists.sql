DROP INDEX `api_keys_by_organisation`;--> statement-breakpoint
CREATE INDEX `api_keys_listed` ON `api_keys` (`org_id`,`id`,`user_type`,`revoked_at`,`expiration_date`,`label_folded`,`hint_folded`);--> statement-breakpoint
DROP INDEX `users_by_organisation`;--> statement-breakpoint
CREATE INDEX `users_listed` ON `users` (`org_id`,`type`,`created_at`,`id`,`signed_in_at`);--> statement-breakpoint
CREATE INDEX `audit_events_by_organisation_and_action` ON `audit_events` (`org_id`,`action`,`id`);--> statement-breakpoint
CREATE INDEX `audit_events_by_action` ON `audit_events` (`action`,`id`);--> statement-breakpoint
CREATE INDEX `audit_events_by_key_and_action` ON `audit_events` (`api_key_id`,`action`,`id`);--> statement-breakpoint
CREATE INDEX `audit_events_by_user_and_action` ON `audit_events` (`user_id`,`action`,`id`);