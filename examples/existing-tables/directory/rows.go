package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/usherkit/scim"
	"github.com/usherkit/scim/sqlfilter"
)

// A table has the resources of one type, a row each.
type table struct {
	*scim.ResourceType
	name        string
	unique, key string // the attribute that must be unique, and the column that has its Key
	columns     []column
	mapping     sqlfilter.Mapping
}

// A column is one of the application's that has an attribute: a text, empty where
// there is none, or a boolean, which is TRUE unless SCIM says otherwise.
type column struct {
	name, path string
	kind       sqlfilter.Kind
}

// New returns a Store over the tables in a database. The types are those that the
// Handler serves.
func New(db *sql.DB, d sqlfilter.Dialect, users, groups *scim.ResourceType) *Store {
	s := &Store{db, dialectOf(d), map[string]*table{
		"User": {
			ResourceType: users, name: "users", unique: "userName", key: "login_key",
			columns: []column{
				{name: "login", path: "userName"},
				{name: "full_name", path: "displayName"},
				{name: "given_name", path: "name.givenName"},
				{name: "family_name", path: "name.familyName"},
				{name: "title", path: "title"},
				{name: "department", path: scim.EnterpriseUserSchemaURI + ":department"},
				{name: "enabled", path: "active", kind: sqlfilter.Boolean},
			},
		},
		"Group": {
			ResourceType: groups, name: "teams", unique: "displayName", key: "name_key",
			columns: []column{{name: "name", path: "displayName"}},
		},
	}}
	for _, t := range s.tables {
		t.mapping = t.mappingIn(d)
	}
	return s
}

// mappingIn says where the database finds attributes. The others are Match's.
func (t *table) mappingIn(d sqlfilter.Dialect) sqlfilter.Mapping {
	columns := map[string]sqlfilter.Column{
		"id":                {Expr: "r.id", Kind: sqlfilter.UUID, Indexed: true},
		"meta.created":      {Expr: "r.created_at", Kind: sqlfilter.Time, Indexed: true},
		"meta.lastModified": {Expr: "r.updated_at", Kind: sqlfilter.Time},
		"externalId":        {Expr: "r.external_key", Kind: sqlfilter.Key, Indexed: true},
	}
	for _, c := range t.columns {
		expr := "r." + c.name
		if c.kind == sqlfilter.Boolean { // none where it is TRUE because SCIM has never said anything
			expr = "CASE WHEN r.scim IS NULL OR r.scim->>'" + c.path + "' IS NOT NULL OR NOT " + expr + " THEN " + expr + " END"
		}
		columns[c.path] = sqlfilter.Column{Expr: expr, Kind: c.kind}
	}
	columns[t.unique] = sqlfilter.Column{Expr: "r." + t.key, Kind: sqlfilter.Key, Indexed: true}
	memberships := func(of, with string) sqlfilter.Elements {
		return sqlfilter.Elements{
			Some:    "r.id IN (SELECT m." + of + " FROM team_members m WHERE %s)",
			Columns: map[string]sqlfilter.Column{"value": {Expr: "m." + with, Kind: sqlfilter.UUID, Indexed: true}},
		}
	}
	return sqlfilter.Mapping{Dialect: d, Columns: columns, Elements: map[string]sqlfilter.Elements{
		"members": memberships("team_id", "member_id"),
		"groups":  memberships("member_id", "team_id"),
	}}
}

// read returns the resources of a tenant and type that satisfy a condition.
func (s *Store) read(ctx context.Context, q querier, of scim.Ref, where string, args []any) (found []*scim.Resource, err error) {
	t := s.tables[of.Type]
	query := "SELECT r.id, r.version, r.created_at, r.updated_at, r.scim"
	for _, c := range t.columns {
		query += ", r." + c.name
	}
	err = each(ctx, q, query+" FROM "+t.name+" r WHERE r.org_id = $1 AND "+where, args, func(row *sql.Rows) error {
		r, columns := &scim.Resource{Ref: of}, make([]any, len(t.columns))
		var said *string
		into := []any{&r.ID, &r.Version, moment{&r.Created}, moment{&r.LastModified}, &said}
		for i := range columns {
			into = append(into, &columns[i])
		}
		if err := row.Scan(into...); err != nil {
			return err
		}
		for i, c := range t.columns {
			if c.kind == sqlfilter.Boolean {
				columns[i] = columns[i] == true || columns[i] == int64(1) // in SQLite
			}
		}
		if r.Document, err = t.document(said, columns); err != nil {
			return fmt.Errorf("directory: %s %s: %v", r.Type, r.ID, err) // not of a kind that is the client's fault
		}
		r.Members = set{ctx, s.db, "SELECT member_id, member_type, '' FROM team_members WHERE team_id = $1", "member_id", r.ID}
		r.Groups = set{ctx, s.db, "SELECT t.id, 'Group', t.name FROM team_members m JOIN teams t ON t.id = m.team_id WHERE m.member_id = $1", "t.id", r.ID}
		found = append(found, r)
		return nil
	})
	return found, err
}

// document lays columns over what SCIM said, if anything: where the two differ, the
// application has changed the columns since, or filled them first.
func (t *table) document(said *string, columns []any) (scim.Document, error) {
	attributes := map[string]any{}
	if said != nil {
		var err error
		if attributes, err = decode(*said); err != nil {
			return scim.Document{}, err
		}
	}
	same := said != nil
	for i, c := range t.columns {
		within, name := c.in(attributes)
		if within[name] == columns[i] || within[name] == nil && columns[i] == c.none() && said != nil {
			continue
		}
		within[name], same = columns[i], false
	}
	if same {
		return scim.ReadDocument(*said)
	}
	d, _, err := t.Encode(attributes)
	return d, err
}

// own returns the values of the columns for a document.
func (t *table) own(document string) ([]any, error) {
	attributes, err := decode(document)
	if err != nil {
		return nil, err
	}
	values := make([]any, len(t.columns))
	for i, c := range t.columns {
		within, name := c.in(attributes)
		if values[i] = within[name]; values[i] == nil {
			values[i] = c.none()
		}
	}
	return values, nil
}

func decode(document string) (attributes map[string]any, err error) {
	in := json.NewDecoder(strings.NewReader(document))
	in.UseNumber()
	err = in.Decode(&attributes)
	return attributes, err
}

// none is what a column holds where SCIM says nothing.
func (c column) none() any {
	if c.kind == sqlfilter.Boolean {
		return true
	}
	return ""
}

// in returns the object that has the attribute of a column, and its name there.
func (c column) in(attributes map[string]any) (within map[string]any, name string) {
	sep := "."
	if strings.HasPrefix(c.path, "urn:") {
		sep = ":"
	}
	i := strings.LastIndex(c.path, sep)
	if i < 0 {
		return attributes, c.path
	}
	within, ok := attributes[c.path[:i]].(map[string]any)
	if !ok {
		within = map[string]any{}
		attributes[c.path[:i]] = within
	}
	return within, c.path[i+1:]
}

// insert writes a new row.
func (s *Store) insert(ctx context.Context, tx *sql.Tx, r *scim.Resource) error {
	return s.tables[r.Type].write(ctx, tx, "INSERT INTO %s (org_id, id, %s) VALUES ($1, $2, %s)", r)
}

// update writes a row anew, with the next version.
func (s *Store) update(ctx context.Context, tx *sql.Tx, r *scim.Resource) error {
	version, err := strconv.ParseInt(r.Version, 10, 64)
	if err != nil {
		return err
	}
	r.Version, r.LastModified = strconv.FormatInt(version+1, 10), now()
	return s.tables[r.Type].write(ctx, tx, "UPDATE %s SET (%s) = (%s) WHERE org_id = $1 AND id = $2", r)
}

// write writes a row by a statement with places for the table, its columns and their
// values.
func (t *table) write(ctx context.Context, tx *sql.Tx, statement string, r *scim.Resource) error {
	own, err := t.own(r.Document.String())
	if err != nil {
		return err
	}
	columns := "version, created_at, updated_at, scim, " + t.key + ", external_key"
	args := []any{r.Tenant, r.ID, r.Version, moment{&r.Created}, moment{&r.LastModified}, r.Document.String(), nil, nil}
	for _, k := range t.Keys(r.Document) {
		switch k.Path {
		case t.unique:
			args[6] = k.Value
		case "externalId":
			args[7] = k.Value
		}
	}
	for i, c := range t.columns {
		columns, args = columns+", "+c.name, append(args, own[i])
	}
	values := "$3"
	for i := 4; i <= len(args); i++ {
		values += ", $" + strconv.Itoa(i)
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf(statement, t.name, columns, values), args...)
	if kindOf(err) == taken {
		return &scim.Error{Kind: scim.ErrUniqueness, Detail: t.unique + " is already in use", Err: err}
	}
	return err
}
