-- +goose Up

-- The Keys that all resources of a type have, so that look-ups may go by them: what a
-- definition newly says is Indexed is not here until it was reindexed. It is about all
-- tenants alike, some ten rows: where tables are distributed, a reference table.

CREATE TABLE scim_index (
	type text COLLATE "C" NOT NULL, -- the resource type's name, such as User
	path text COLLATE "C" NOT NULL, -- such as emails.value
	form text COLLATE "C" NOT NULL, -- how a Key is made of a value: its type, exact, unique, several
	PRIMARY KEY (type, path, form)
);

-- What the types of RFC 7643 and of the draft of roles and entitlements have had Keys
-- of from the start.
INSERT INTO scim_index (type, path, form) VALUES
	('Entitlement', 'value', 'string'),
	('Group', 'displayName', 'string unique'),
	('Group', 'externalId', 'string exact'),
	('Role', 'value', 'string'),
	('User', 'displayName', 'string'),
	('User', 'emails.value', 'string of-several'),
	('User', 'externalId', 'string exact'),
	('User', 'userName', 'string unique');

-- +goose Down

DROP TABLE scim_index;
