CREATE TABLE `usage_calls` (
	`day` integer NOT NULL,
	`key_id` integer NOT NULL,
	`secret` integer NOT NULL,
	`network` text NOT NULL,
	`needs` text NOT NULL,
	`first_seen` integer NOT NULL,
	`last_seen` integer NOT NULL,
	`count` integer NOT NULL,
	`hours` text NOT NULL,
	PRIMARY KEY(`day`, `key_id`, `secret`, `network`, `needs`)
);
