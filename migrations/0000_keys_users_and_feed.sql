CREATE TABLE `api_key_secrets` (
	`hash` text PRIMARY KEY NOT NULL,
	`key_id` integer NOT NULL,
	`sealed` text,
	`created_at` integer NOT NULL,
	`retires_at` integer,
	FOREIGN KEY (`key_id`) REFERENCES `api_keys`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `api_key_secrets_by_key` ON `api_key_secrets` (`key_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `api_key_secrets_one_in_use` ON `api_key_secrets` (`key_id`) WHERE retires_at IS NULL;--> statement-breakpoint
CREATE TABLE `api_keys` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`org_id` integer NOT NULL,
	`user_id` text NOT NULL,
	`user_type` text NOT NULL,
	`label` text NOT NULL,
	`label_folded` text NOT NULL,
	`description` text,
	`hint` text NOT NULL,
	`hint_folded` text NOT NULL,
	`expiration_date` text,
	`ip_whitelist` text NOT NULL,
	`has_restricted_permissions` integer NOT NULL,
	`permissions` text NOT NULL,
	`created_by` text NOT NULL,
	`created_by_name` text,
	`created_at` integer NOT NULL,
	`revoked_by` text,
	`revoked_by_name` text,
	`revoked_at` integer,
	`revision` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`org_id`) REFERENCES `organisations`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `api_keys_by_organisation` ON `api_keys` (`org_id`,`id`);--> statement-breakpoint
CREATE INDEX `api_keys_by_user` ON `api_keys` (`user_id`,`id`);--> statement-breakpoint
CREATE TABLE `audit_events` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`org_id` integer NOT NULL,
	`at` integer NOT NULL,
	`action` text NOT NULL,
	`actor_user_id` text,
	`actor_name` text,
	`actor_api_key_id` integer,
	`client_ip` text,
	`api_key_id` integer,
	`user_id` text,
	`changes` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_events_by_organisation` ON `audit_events` (`org_id`,`id`);--> statement-breakpoint
CREATE INDEX `audit_events_by_key` ON `audit_events` (`api_key_id`,`id`);--> statement-breakpoint
CREATE INDEX `audit_events_by_user` ON `audit_events` (`user_id`,`id`);--> statement-breakpoint
CREATE TABLE `feed_state` (
	`id` integer PRIMARY KEY NOT NULL,
	`epoch` text NOT NULL,
	`head` integer NOT NULL,
	CONSTRAINT "feed_state_one_row" CHECK("feed_state"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE `key_changes` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`api_key_id` integer,
	`user_id` text,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `organisations` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`name_folded` text NOT NULL,
	`is_deployment` integer DEFAULT false NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `organisations_one_deployment` ON `organisations` (`is_deployment`) WHERE is_deployment = 1;--> statement-breakpoint
CREATE TABLE `users` (
	`id` text PRIMARY KEY NOT NULL,
	`org_id` integer NOT NULL,
	`type` text NOT NULL,
	`role` text NOT NULL,
	`first_name` text,
	`last_name` text,
	`email` text,
	`email_folded` text,
	`search_folded` text NOT NULL,
	`disabled` integer DEFAULT false NOT NULL,
	`signed_in_at` integer,
	`created_at` integer NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`deleted_at` integer,
	FOREIGN KEY (`org_id`) REFERENCES `organisations`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `users_email` ON `users` (`email_folded`);--> statement-breakpoint
CREATE UNIQUE INDEX `users_one_bot` ON `users` (`org_id`) WHERE type = 'bot';--> statement-breakpoint
CREATE INDEX `users_by_organisation` ON `users` (`org_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `users_by_role` ON `users` (`org_id`,`role`);