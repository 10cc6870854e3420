-- +goose Up

-- The connections of tenants with their identity providers (package tenant), the
-- hashes of their tokens, and what became of their requests. Whoever shows a token
-- names no tenant: connections and tokens have an index by their ids alone, which is
-- not unique, so that the tables can be distributed all the same.

CREATE TABLE scim_connection (
	tenant_id   text   COLLATE "C" NOT NULL,
	id          text   COLLATE "C" NOT NULL,
	version     bigint             NOT NULL, -- of the settings
	created_ms  bigint             NOT NULL, -- milliseconds since 1970
	settings    text   COLLATE "C" NOT NULL, -- as JSON
	seen_ms     bigint,                      -- the last request; times that never were are null
	error_ms    bigint,                      -- the last request that was refused
	error       text   COLLATE "C" NOT NULL, -- what it was told
	unknown_ms  bigint,                      -- the last request to the tenant's address with a token that is none of its
	held_ms     bigint,                      -- since when the brake holds
	held_reason text   COLLATE "C" NOT NULL,
	approved_ms bigint,                      -- until when it lets everything pass
	PRIMARY KEY (tenant_id, id)
);

CREATE INDEX scim_connection_id ON scim_connection (id);

CREATE TABLE scim_token (
	tenant_id     text   COLLATE "C" NOT NULL,
	connection_id text   COLLATE "C" NOT NULL,
	id            text   COLLATE "C" NOT NULL, -- the part of the token that is no secret
	hash          text   COLLATE "C" NOT NULL, -- the HMAC of the token, in base64
	label         text   COLLATE "C" NOT NULL,
	created_by    text   COLLATE "C" NOT NULL,
	created_ms    bigint             NOT NULL,
	ends_ms       bigint,                      -- null: never
	revoked       integer            NOT NULL, -- 1: it has ended, whatever the time is
	used_ms       bigint,
	PRIMARY KEY (tenant_id, connection_id, id),
	CONSTRAINT scim_token_connection FOREIGN KEY (tenant_id, connection_id) REFERENCES scim_connection (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX scim_token_id ON scim_token (id);

-- What a brake has counted: how much of something, under a name, in a second.
CREATE TABLE scim_spend (
	tenant_id     text   COLLATE "C" NOT NULL,
	connection_id text   COLLATE "C" NOT NULL,
	name          text   COLLATE "C" NOT NULL,
	at_s          bigint             NOT NULL, -- seconds since 1970
	amount        bigint             NOT NULL,
	PRIMARY KEY (tenant_id, connection_id, name, at_s),
	CONSTRAINT scim_spend_connection FOREIGN KEY (tenant_id, connection_id) REFERENCES scim_connection (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX scim_spend_at ON scim_spend (tenant_id, connection_id, at_s);

-- Requests that changed something or were refused. These are many, and written while
-- others wait: they do without foreign keys, and go with their connection because
-- whoever deletes it deletes them.
CREATE TABLE scim_record (
	tenant_id     text   COLLATE "C" NOT NULL,
	connection_id text   COLLATE "C" NOT NULL,
	id            text   COLLATE "C" NOT NULL, -- a UUID of version 7
	at_ms         bigint             NOT NULL,
	status        integer            NOT NULL, -- of HTTP
	document      text   COLLATE "C" NOT NULL, -- the rest, as JSON
	PRIMARY KEY (tenant_id, connection_id, id)
);

CREATE INDEX scim_record_id ON scim_record (id);

CREATE INDEX scim_record_refused ON scim_record (tenant_id, connection_id, id) WHERE status >= 400;

CREATE INDEX scim_record_refused_id ON scim_record (id) WHERE status >= 400;

-- +goose Down

DROP TABLE scim_record;

DROP TABLE scim_spend;

DROP TABLE scim_token;

DROP TABLE scim_connection;
