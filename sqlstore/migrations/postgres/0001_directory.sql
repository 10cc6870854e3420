-- +goose Up

-- Every key begins with the tenant, so that the tables can be distributed by it
-- (Citus, CockroachDB, YugabyteDB) and a tenant's rows lie together. Ids are UUIDs
-- of version 7: their order is the order of creation. Texts are compared byte by
-- byte, as the comparison keys in them are made for.

CREATE TABLE scim_resource (
	tenant_id    text   COLLATE "C" NOT NULL,
	type         text   COLLATE "C" NOT NULL, -- the resource type's name, such as User
	id           text   COLLATE "C" NOT NULL,
	revision     bigint             NOT NULL, -- the version
	created_ms   bigint             NOT NULL, -- milliseconds since 1970
	modified_ms  bigint             NOT NULL,
	display      text   COLLATE "C",          -- the displayName as it is written
	document     text   COLLATE "C" NOT NULL, -- the attributes as canonical JSON
	user_name    text   COLLATE "C",          -- comparison keys; null where there is no value
	external_id  text   COLLATE "C",
	display_name text   COLLATE "C",
	keys         text   COLLATE "C",          -- all other keys, as in scim_key: [[path, value, 0 or 1 if unique, 1 if one of several], ...]
	PRIMARY KEY (tenant_id, type, id)
);

-- The type comes last here: a planner without statistics would otherwise take one
-- of these indexes for another, or for the primary key, by the columns before.
CREATE UNIQUE INDEX scim_resource_user_name ON scim_resource (tenant_id, user_name, type);

CREATE INDEX scim_resource_external_id ON scim_resource (tenant_id, external_id, type);

CREATE INDEX scim_resource_display_name ON scim_resource (tenant_id, display_name, type);

-- The other attributes by which resources are found or that must be unique.
CREATE TABLE scim_key (
	tenant_id text     COLLATE "C" NOT NULL,
	type      text     COLLATE "C" NOT NULL,
	path      text     COLLATE "C" NOT NULL, -- such as emails.value
	value     text     COLLATE "C" NOT NULL,
	id        text     COLLATE "C" NOT NULL,
	is_unique smallint             NOT NULL,
	PRIMARY KEY (tenant_id, type, path, value, id)
);

CREATE UNIQUE INDEX scim_key_unique ON scim_key (tenant_id, type, path, value) WHERE is_unique = 1;

CREATE TABLE scim_member (
	tenant_id   text COLLATE "C" NOT NULL,
	group_id    text COLLATE "C" NOT NULL,
	member_id   text COLLATE "C" NOT NULL,
	group_type  text COLLATE "C" NOT NULL,
	member_type text COLLATE "C" NOT NULL,
	PRIMARY KEY (tenant_id, group_id, member_id),
	CONSTRAINT scim_member_group FOREIGN KEY (tenant_id, group_type, group_id) REFERENCES scim_resource (tenant_id, type, id) ON DELETE CASCADE,
	CONSTRAINT scim_member_member FOREIGN KEY (tenant_id, member_type, member_id) REFERENCES scim_resource (tenant_id, type, id) ON DELETE CASCADE
);

CREATE INDEX scim_member_groups ON scim_member (tenant_id, member_id, group_id);

-- +goose Down

DROP TABLE scim_member;

DROP TABLE scim_key;

DROP TABLE scim_resource;
