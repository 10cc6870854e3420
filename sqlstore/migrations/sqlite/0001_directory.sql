-- +goose Up

-- Every key begins with the tenant, so that a tenant's rows lie together. Ids are
-- UUIDs of version 7: their order is the order of creation. Texts are compared byte
-- by byte, as the comparison keys in them are made for.

CREATE TABLE scim_resource (
	tenant_id    TEXT    NOT NULL,
	type         TEXT    NOT NULL, -- the resource type's name, such as User
	id           TEXT    NOT NULL,
	revision     INTEGER NOT NULL, -- the version
	created_ms   INTEGER NOT NULL, -- milliseconds since 1970
	modified_ms  INTEGER NOT NULL,
	display      TEXT,             -- the displayName as it is written; before the document, which may be large and would be gone through
	document     TEXT    NOT NULL, -- the attributes as canonical JSON
	user_name    TEXT,             -- comparison keys; null where there is no value
	external_id  TEXT,
	display_name TEXT,
	keys         TEXT,             -- all other keys, as in scim_key: [[path, value, 0 or 1 if unique, 1 if one of several], ...]
	PRIMARY KEY (tenant_id, type, id)
);

-- The type comes last here: a planner without statistics would otherwise take one
-- of these indexes for another, or for the primary key, by the columns before.
CREATE UNIQUE INDEX scim_resource_user_name ON scim_resource (tenant_id, user_name, type);

CREATE INDEX scim_resource_external_id ON scim_resource (tenant_id, external_id, type);

CREATE INDEX scim_resource_display_name ON scim_resource (tenant_id, display_name, type);

-- The other attributes by which resources are found or that must be unique.
CREATE TABLE scim_key (
	tenant_id TEXT    NOT NULL,
	type      TEXT    NOT NULL,
	path      TEXT    NOT NULL, -- such as emails.value
	value     TEXT    NOT NULL,
	id        TEXT    NOT NULL,
	is_unique INTEGER NOT NULL,
	PRIMARY KEY (tenant_id, type, path, value, id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX scim_key_unique ON scim_key (tenant_id, type, path, value) WHERE is_unique = 1;

CREATE TABLE scim_member (
	tenant_id   TEXT NOT NULL,
	group_id    TEXT NOT NULL,
	member_id   TEXT NOT NULL,
	group_type  TEXT NOT NULL,
	member_type TEXT NOT NULL,
	PRIMARY KEY (tenant_id, group_id, member_id),
	CONSTRAINT scim_member_group FOREIGN KEY (tenant_id, group_type, group_id) REFERENCES scim_resource (tenant_id, type, id) ON DELETE CASCADE,
	CONSTRAINT scim_member_member FOREIGN KEY (tenant_id, member_type, member_id) REFERENCES scim_resource (tenant_id, type, id) ON DELETE CASCADE
) WITHOUT ROWID;

-- All of a row, so that a planner without statistics takes it, and not the primary
-- key, for what the foreign keys ask when a member is deleted.
CREATE INDEX scim_member_groups ON scim_member (tenant_id, member_id, group_id, member_type, group_type);

-- +goose Down

DROP TABLE scim_member;

DROP TABLE scim_key;

DROP TABLE scim_resource;
