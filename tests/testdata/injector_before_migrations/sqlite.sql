BEGIN TRANSACTION;
CREATE TABLE injector_configurations (
	id VARCHAR(63) NOT NULL,
	display_name TEXT NOT NULL,
	description TEXT NOT NULL,
	open_notifications_enabled BOOLEAN NOT NULL,
	open_statistics_enabled BOOLEAN NOT NULL,
	pixel_base_url TEXT NOT NULL,
	pixel_placement TEXT NOT NULL,
	privacy_level INTEGER NOT NULL,
	notified_headers JSON NOT NULL,
	senders JSON NOT NULL,
	create_time_us BIGINT NOT NULL,
	update_time_us BIGINT NOT NULL,
	etag TEXT NOT NULL,
	PRIMARY KEY (id)
);
INSERT INTO "injector_configurations" VALUES('full','Rundbrief · рассылка 📬','With ''quotes'', "more" and
lines',1,1,'https://t.example.com/x','start',3,'["X-Campaign", "List-Id"]','["News@Example.com", "m\u00fcnchen.example"]',1795735589122789,1795735589122789,'7dfa564091a72343');
INSERT INTO "injector_configurations" VALUES('plain','','twice',0,0,'','end',1,'[]','[]',1795735589128561,1795735589131253,'fc4b4a6cd3fd43b3');
CREATE TABLE injector_senders (
	sender_key TEXT NOT NULL,
	configuration_id VARCHAR(63) NOT NULL,
	PRIMARY KEY (sender_key),
	FOREIGN KEY(configuration_id) REFERENCES injector_configurations (id) ON DELETE CASCADE
);
INSERT INTO "injector_senders" VALUES('news@example.com','full');
INSERT INTO "injector_senders" VALUES('xn--mnchen-3ya.example','full');
CREATE TABLE injector_state (
	id INTEGER NOT NULL,
	schema_version INTEGER NOT NULL,
	generation BIGINT NOT NULL,
	PRIMARY KEY (id)
);
INSERT INTO "injector_state" VALUES(1,1,3);
CREATE INDEX ix_injector_senders_configuration_id ON injector_senders (configuration_id);
COMMIT;
