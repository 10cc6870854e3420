package engine

import (
	"reflect"
	"regexp"
	"strings"

	"github.com/usherkit/scim/sqlfilter"
)

// statements are the texts of what is said to the database. $1 is the tenant, but
// in Next; $2 is a type and $3 an id of it, or in those about members and groups alone,
// $2 the id of the one that is asked about and $3 that of the other.
type statements struct {
	Get, GetWithGroups string
	ForUpdate          string    // what locks a resource to change it
	Lock, LockKey      string    // one resource, to change it or to delete it
	Find               string    // the ids and types of resources, $2 types and $3 ids as JSON
	TypesOf            string    // the types that the tenant has resources of
	From               string    // the resources of a type, from FROM on up to a condition; %s stands for Parse, or nothing
	FromKey            string    // those with a value in one of keyColumns
	FromSorted         [3]string // in the order of one of keyColumns
	Parse              string    // what follows r where a condition is about parsed

	Insert, InsertWithKeys string
	InsertKeys             string // $4 as in scim_resource.keys
	DeleteKey              string // $3 its path, $4 its value, $5 the id
	KeyTaken               string // the ids that have the value $4 for the path $3
	Update                 string
	ReplaceDocument        string
	Bump                   string
	Delete                 string
	ColumnTaken            [3]string // the id that has the value $3, for each of keyColumns
	AddMembers             string    // $3 the group, $4 its members as [[id, type], ...]
	RemoveMember           string    // $3 its id
	RemoveMembers          string    // $3 the ids as JSON
	KeepMembers            string
	ClearMembers, Leave    string
	GroupsOf               string
	LockGroups             string // $2 ids as JSON
	Members, Groups        string // a page after $3 of at most $4
	GroupsOfEach           string // the groups of each of the ids in $2, as JSON
	IsMember, IsInGroup    string
	DeleteTenant           [3]string // the members, the keys and the resources of a tenant, $2 at most
	Indexes                string    // all of scim_index
	DropIndex, AddIndex    string    // $1 a type, $2 a path, $3 a form
	Queue                  string    // $1 a type: those who do so follow each other, until their transactions end
	Unmark, Mark           string    // $1 a type, $2 an attempt to index it
	IsMarked               string    // likewise; it stays so until the transaction ends
	Known                  string    // whether the planner knows of $1 rows
	Next                   string    // a page of resources of the type $1 after the tenant $2 and the id $3 of at most $4
}

const resourceColumns = "tenant_id, type, id, revision, created_ms, modified_ms, document, user_name, external_id, display_name, keys, display"

func statementsOf(d sqlfilter.Dialect) *statements {
	// The differences between the databases: how a JSON array becomes rows, and
	// what locks a row. One writer at a time needs no locks.
	var (
		items     = func(p string) string { return "(SELECT value FROM json_each(" + p + "))" }
		pairs     = func(p string) string { return "json_each(" + p + ") e" }
		part      = func(i string) string { return "json_extract(e.value, '$[" + i + "]')" }
		forUpdate = ""
		forDelete = ""
	)
	if d == sqlfilter.PostgreSQL {
		items = func(p string) string { return "(SELECT jsonb_array_elements_text(" + p + "::text::jsonb))" }
		pairs = func(p string) string { return "jsonb_array_elements(" + p + "::text::jsonb) e" }
		part = func(i string) string { return "(e.value->>" + i + ")" }
		forUpdate = " FOR NO KEY UPDATE OF r" // so that it can still be made a member
		forDelete = " FOR UPDATE OF r"
	}
	smallint := func(e string) string {
		if d == sqlfilter.PostgreSQL {
			return e + "::smallint"
		}
		return e
	}
	const one = "r.tenant_id = $1 AND r.type = $2 AND r.id = $3"
	s := &statements{
		Get:           "SELECT " + columns + " FROM scim_resource r WHERE " + one,
		GetWithGroups: "SELECT " + columns + ", " + groupsColumn(d) + " FROM scim_resource r WHERE " + one,
		Find:          "SELECT r.id, r.type FROM scim_resource r WHERE r.tenant_id = $1 AND r.type IN " + items("$2") + " AND r.id IN " + items("$3"),
		// A walk from type to type along the primary key: an index could not
		// answer DISTINCT without reading all of it.
		TypesOf: "WITH RECURSIVE t(type) AS (SELECT min(type) FROM scim_resource WHERE tenant_id = $1 UNION ALL " +
			"SELECT (SELECT min(type) FROM scim_resource WHERE tenant_id = $1 AND type > t.type) FROM t WHERE t.type IS NOT NULL) " +
			"SELECT type FROM t WHERE type IS NOT NULL",

		Insert: "INSERT INTO scim_resource (" + resourceColumns + ") VALUES ($1, $2, $3, 1, $4, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
		InsertKeys: "INSERT INTO scim_key (tenant_id, type, path, value, id, is_unique) SELECT $1, $2, " +
			part("0") + ", " + part("1") + ", $3, " + smallint(part("2")) + " FROM " + pairs("$4") + " WHERE true ON CONFLICT DO NOTHING",
		DeleteKey: "DELETE FROM scim_key WHERE tenant_id = $1 AND type = $2 AND path = $3 AND value = $4 AND id = $5",
		KeyTaken:  "SELECT id FROM scim_key WHERE tenant_id = $1 AND type = $2 AND path = $3 AND value = $4 AND is_unique = 1",
		Update: "UPDATE scim_resource SET revision = $4, modified_ms = $5, document = $6, user_name = $7, external_id = $8, display_name = $9, keys = $10, display = $11" +
			" WHERE tenant_id = $1 AND type = $2 AND id = $3",
		ReplaceDocument: "UPDATE scim_resource SET revision = revision + 1, modified_ms = $4, document = $5, display = $7" +
			" WHERE tenant_id = $1 AND type = $2 AND id = $3 AND document <> $5 AND (revision = $6 OR $6 = 0)" +
			" RETURNING id, revision, created_ms, modified_ms, document, user_name, external_id, display_name, keys",
		Bump:   "UPDATE scim_resource SET revision = revision + 1, modified_ms = $4 WHERE tenant_id = $1 AND type = $2 AND id IN " + items("$3"),
		Delete: "DELETE FROM scim_resource WHERE tenant_id = $1 AND type = $2 AND id = $3",

		AddMembers: "INSERT INTO scim_member (tenant_id, group_type, group_id, member_id, member_type) SELECT $1, $2, $3, " +
			part("0") + ", " + part("1") + " FROM " + pairs("$4") + " WHERE true ON CONFLICT DO NOTHING RETURNING member_id, member_type",
		RemoveMember:  "DELETE FROM scim_member WHERE tenant_id = $1 AND group_id = $2 AND member_id = $3 RETURNING member_id, member_type",
		RemoveMembers: "DELETE FROM scim_member WHERE tenant_id = $1 AND group_id = $2 AND member_id IN " + items("$3") + " RETURNING member_id, member_type",
		KeepMembers:   "DELETE FROM scim_member WHERE tenant_id = $1 AND group_id = $2 AND member_id NOT IN " + items("$3") + " RETURNING member_id, member_type",
		ClearMembers:  "DELETE FROM scim_member WHERE tenant_id = $1 AND group_id = $2",
		Leave:         "DELETE FROM scim_member" + byMember(d) + " WHERE tenant_id = $1 AND member_id = $2 RETURNING group_id, group_type",
		GroupsOf:      "SELECT group_id, group_type FROM scim_member" + byMember(d) + " WHERE tenant_id = $1 AND member_id = $2 ORDER BY group_id",

		Members:   "SELECT member_id, member_type FROM scim_member WHERE tenant_id = $1 AND group_id = $2 AND member_id > $3 ORDER BY member_id LIMIT $4",
		Groups:    "SELECT m.group_id, m.group_type, g.display FROM scim_member m" + byMember(d) + " JOIN scim_resource g ON g.tenant_id = m.tenant_id AND g.type = m.group_type AND g.id = m.group_id WHERE m.tenant_id = $1 AND m.member_id = $2 AND m.group_id > $3 ORDER BY m.group_id LIMIT $4",
		IsMember:  "SELECT 1 FROM scim_member WHERE tenant_id = $1 AND group_id = $2 AND member_id = $3",
		IsInGroup: "SELECT 1 FROM scim_member WHERE tenant_id = $1 AND member_id = $2 AND group_id = $3",
	}
	s.Next = "SELECT r.tenant_id, " + columns + " FROM scim_resource r WHERE r.type = $1 AND (r.tenant_id, r.type, r.id) > ($2, $1, $3) ORDER BY r.tenant_id, r.type, r.id LIMIT $4"
	for i, table := range [3][2]string{{"scim_member", "group_id, member_id"}, {"scim_key", "type, path, value, id"}, {"scim_resource", "type, id"}} {
		s.DeleteTenant[i] = "DELETE FROM " + table[0] + " WHERE tenant_id = $1 AND (" + table[1] + ") IN (SELECT " + table[1] + " FROM " + table[0] + " WHERE tenant_id = $1 LIMIT $2)"
	}
	const path, mark = " WHERE type = $1 AND path = ", "''" // no attribute is called so
	s.Indexes = "SELECT type, path, form FROM scim_index WHERE path <> " + mark
	s.DropIndex = "DELETE FROM scim_index" + path + "$2 AND form = $3"
	s.AddIndex = "INSERT INTO scim_index (type, path, form) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
	s.Queue = "INSERT INTO scim_index (type, path, form) VALUES ($1, " + mark + ", '') ON CONFLICT (type, path, form) DO UPDATE SET form = ''"
	s.Unmark = "DELETE FROM scim_index" + path + mark + " AND form <> ''"
	s.Mark = "INSERT INTO scim_index (type, path, form) VALUES ($1, " + mark + ", $2)"
	s.IsMarked = "SELECT 1 FROM scim_index" + path + mark + " AND form = $2"
	eachID := "(SELECT $1 AS tenant_id, value AS id FROM json_each($2)) r"
	if d == sqlfilter.PostgreSQL {
		eachID = "(SELECT $1::text AS tenant_id, jsonb_array_elements_text($2::text::jsonb) AS id OFFSET 0) r"
	}
	s.GroupsOfEach = "SELECT r.id, " + groupsColumn(d) + " FROM " + eachID
	s.From = " FROM scim_resource r%s WHERE r.tenant_id = $1 AND r.type = $2 AND "
	s.FromKey = s.From
	s.ForUpdate, s.Lock, s.LockKey = forUpdate, s.Get+forUpdate, s.Get+forDelete
	for i, c := range keyColumns {
		// SQLite would rather sort all of a type, with statistics and without.
		s.FromSorted[i] = " FROM scim_resource r INDEXED BY scim_resource_" + strings.TrimPrefix(c.column, "r.") + "%s WHERE r.tenant_id = $1 AND r.type = $2 AND "
		s.ColumnTaken[i] = "SELECT r.id FROM scim_resource r WHERE r.tenant_id = $1 AND r.type = $2 AND " + c.column + " = $3"
	}
	if d == sqlfilter.PostgreSQL {
		s.IsMarked += " FOR SHARE"
		s.InsertWithKeys = "WITH r AS (" + s.Insert + " RETURNING 1) INSERT INTO scim_key (tenant_id, type, path, value, id, is_unique) SELECT $1::text, $2::text, " +
			part("0") + ", " + part("1") + ", $3::text, " + smallint(part("2")) + " FROM r, " + pairs("$9")
		// OFFSET keeps it from being put in the place of each mention of it.
		s.Parse = " CROSS JOIN LATERAL (SELECT r.document::jsonb AS document OFFSET 0) " + parsed
		s.Known = "SELECT sum(reltuples) >= $1::bigint FROM pg_class WHERE oid IN ('scim_resource'::regclass, 'scim_member'::regclass)"
		s.fromLists()
	}
	return s.numbered(d)
}

// fromLists spells what is about a list of ids as PostgreSQL should do it: from one
// id to the next, each by an index. IN would leave it to the planner where to begin,
// and one without statistics, as after a large sync, believes that a group has one
// member and goes through the list for each it has.
func (s *statements) fromLists() {
	const list = "jsonb_array_elements_text($3::text::jsonb)"
	s.Find = "SELECT r.id, r.type FROM " + list + " x(id), jsonb_array_elements_text($2::text::jsonb) t(type)," +
		" LATERAL (SELECT r.id, r.type FROM scim_resource r WHERE r.tenant_id = $1 AND r.type = t.type AND r.id = x.id LIMIT 1) r"
	s.RemoveMembers = "DELETE FROM scim_member m USING (SELECT $1::text AS tenant, $2::text AS of, " + list + " AS id OFFSET 0) x" +
		" WHERE m.tenant_id = x.tenant AND m.group_id = x.of AND m.member_id = x.id RETURNING m.member_id, m.member_type"
	// A planner without statistics would rather walk the primary key of the type,
	// and in order, than look in the index of the key; or it believes that a type
	// has fewer resources than a page, and sorts them all. Of a CASE it believes that
	// it is true of half of a tenant.
	s.FromKey = " FROM scim_resource r%s WHERE r.tenant_id = $1 AND r.type || '' = $2 AND "
	for i := range s.FromSorted {
		s.FromSorted[i] = " FROM scim_resource r%s WHERE r.tenant_id = $1 AND CASE r.type WHEN $2 THEN TRUE END AND "
	}
	const each = "(SELECT $1::text AS tenant, $2::text AS of, " + list + " AS id OFFSET 0) x"
	const its = "r.tenant_id = x.tenant AND r.type = x.of AND r.id = x.id"
	s.Bump = "UPDATE scim_resource r SET revision = r.revision + 1, modified_ms = $4 FROM " + each + " WHERE " + its
	s.LockGroups = "SELECT r.id FROM scim_resource r JOIN " + each + " ON " + its + " ORDER BY r.id" + s.ForUpdate
}

// groupsColumn reads the groups of a resource r along with it, as
// [[id, type, displayName], ...].
func groupsColumn(d sqlfilter.Dialect) string {
	list := "(SELECT json_group_array(json_array(x.id, x.type, x.display)) FROM "
	if d == sqlfilter.PostgreSQL {
		list = "(SELECT jsonb_agg(jsonb_build_array(x.id, x.type, x.display))::text FROM "
	}
	return list + "(SELECT m.group_id AS id, m.group_type AS type, g.display AS display FROM scim_member m" + byMember(d) +
		" JOIN scim_resource g ON g.tenant_id = m.tenant_id AND g.type = m.group_type AND g.id = m.group_id" +
		" WHERE m.tenant_id = r.tenant_id AND m.member_id = r.id ORDER BY m.group_id) x)"
}

// byMember names to SQLite the index for the groups of a member. Its planner without
// statistics would rather read all members that a tenant has, in the primary key.
func byMember(d sqlfilter.Dialect) string {
	if d == sqlfilter.PostgreSQL {
		return ""
	}
	return " INDEXED BY scim_member_groups"
}

var placeholder = regexp.MustCompile(`\$(\d)`)

// numbered spells the placeholders as the database does.
func (s *statements) numbered(d sqlfilter.Dialect) *statements {
	if d != sqlfilter.SQLite {
		return s
	}
	fields := reflect.ValueOf(s).Elem()
	for i := range fields.NumField() {
		switch p := fields.Field(i).Addr().Interface().(type) {
		case *string:
			*p = placeholder.ReplaceAllString(*p, "?$1")
		case *[3]string:
			for j := range p {
				p[j] = placeholder.ReplaceAllString(p[j], "?$1")
			}
		}
	}
	return s
}
