CREATE TABLE `idempotent_answers` (
	`id` text PRIMARY KEY NOT NULL,
	`request_hash` text NOT NULL,
	`secret_hash` text,
	`answer` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `idempotent_answers_by_age` ON `idempotent_answers` (`at`);