-- The tables of an application, and what SCIM needs in them besides. PostgreSQL
-- and SQLite both read this file; to SQLite the names of types are only names.

CREATE TABLE IF NOT EXISTS users (
	id          uuid PRIMARY KEY,
	org_id      text NOT NULL,                  -- the customer: the Tenant of the Principal whose token it is
	login       text NOT NULL CHECK (login <> ''),
	full_name   text NOT NULL DEFAULT '',
	given_name  text NOT NULL DEFAULT '',
	family_name text NOT NULL DEFAULT '',
	title       text NOT NULL DEFAULT '',
	department  text NOT NULL DEFAULT '',
	enabled     boolean NOT NULL DEFAULT TRUE,
	version     bigint NOT NULL DEFAULT 1,      -- whoever changes a row counts on
	created_at  timestamptz(3) NOT NULL,        -- to the millisecond, as those of Resources are
	updated_at  timestamptz(3) NOT NULL,

	-- For SCIM: what it said last, and the comparison keys (scim.Key) of userName and
	-- externalId, by which users are looked up. The key of a login that is ASCII and
	-- no longer than 100 characters is its lower case.
	scim         json,
	login_key    text COLLATE "C" NOT NULL,
	external_key text COLLATE "C"
);
CREATE UNIQUE INDEX IF NOT EXISTS users_login ON users (org_id, login_key);
CREATE INDEX IF NOT EXISTS users_external ON users (org_id, external_key);
CREATE INDEX IF NOT EXISTS users_created ON users (org_id, created_at, id);

CREATE TABLE IF NOT EXISTS teams (
	id           uuid PRIMARY KEY,
	org_id       text NOT NULL,
	name         text NOT NULL CHECK (name <> ''),
	version      bigint NOT NULL DEFAULT 1,
	created_at   timestamptz(3) NOT NULL,
	updated_at   timestamptz(3) NOT NULL,
	scim         json,
	name_key     text COLLATE "C" NOT NULL,
	external_key text COLLATE "C"
);
CREATE UNIQUE INDEX IF NOT EXISTS teams_name ON teams (org_id, name_key);
CREATE INDEX IF NOT EXISTS teams_external ON teams (org_id, external_key);
CREATE INDEX IF NOT EXISTS teams_created ON teams (org_id, created_at, id);

-- Teams have users in them, and teams.
CREATE TABLE IF NOT EXISTS team_members (
	team_id     uuid NOT NULL REFERENCES teams (id),
	member_id   uuid NOT NULL,                  -- of the table that member_type says
	member_type text NOT NULL CHECK (member_type IN ('User', 'Group')),
	PRIMARY KEY (team_id, member_id)
);
CREATE INDEX IF NOT EXISTS team_members_member ON team_members (member_id);
