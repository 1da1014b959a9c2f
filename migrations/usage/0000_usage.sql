CREATE TABLE `usage_days` (
	`key_id` integer NOT NULL,
	`day` integer NOT NULL,
	`code` text NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`key_id`, `day`, `code`)
);
--> statement-breakpoint
CREATE INDEX `usage_days_by_day` ON `usage_days` (`day`);--> statement-breakpoint
CREATE TABLE `usage_flushes` (
	`id` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `usage_flushes_by_time` ON `usage_flushes` (`at`);--> statement-breakpoint
CREATE TABLE `usage_hours` (
	`key_id` integer NOT NULL,
	`hour` integer NOT NULL,
	`code` text NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`key_id`, `hour`, `code`)
);
--> statement-breakpoint
CREATE INDEX `usage_hours_by_hour` ON `usage_hours` (`hour`);--> statement-breakpoint
CREATE TABLE `usage_last` (
	`key_id` integer PRIMARY KEY NOT NULL,
	`last_used_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `usage_sources` (
	`key_id` integer NOT NULL,
	`refused` integer NOT NULL,
	`network` text NOT NULL,
	`first_seen` integer NOT NULL,
	`last_seen` integer NOT NULL,
	`count` integer NOT NULL,
	PRIMARY KEY(`key_id`, `refused`, `network`)
);
