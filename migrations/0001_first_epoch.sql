-- The feed's one row. The epoch names this history of the database: a restore to an earlier moment has to set a new one,
-- because sequence numbers would otherwise be given out a second time.
INSERT INTO `feed_state` (`id`, `epoch`, `head`) VALUES (1, lower(hex(randomblob(16))), 0);
