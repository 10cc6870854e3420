package durability

import (
	"context"
	"fmt"
	"strings"

	"github.com/usherkit/scim"
)

// application is one with tables of its own, which it writes in the transaction of
// each change. A row that is there already, or is not there, is an error: what
// the Hooks are told is exactly what changed.
type application struct {
	scim.NoHooks
	execute
}

// applicationTables are created before an endpoint serves. They keep what the
// Hooks told, to be compared with the Store's own tables.
var applicationTables = []string{
	"CREATE TABLE app_person (id text PRIMARY KEY, name text NOT NULL)",
	"CREATE TABLE app_team (id text PRIMARY KEY, name text NOT NULL)",
	"CREATE TABLE app_membership (team text, person text, PRIMARY KEY (team, person))",
}

// exec executes a statement that changes so many rows; -1 stands for any number.
func (a application) exec(ctx context.Context, rows int, statement string, args ...any) error {
	n, err := a.execute(ctx, statement, args...)
	if err == nil && rows >= 0 && int(n) != rows {
		err = fmt.Errorf("%s %q changed %d rows, want %d", statement, args, n, rows)
	}
	return err
}

func (a application) OnUserStaged(ctx context.Context, e scim.UserEvent) error {
	return a.exec(ctx, 1, "INSERT INTO app_person (id, name) VALUES ($1, $2)", e.Ref.ID, e.User().UserName)
}

func (a application) OnUserUpdated(ctx context.Context, e scim.UserEvent) error {
	return a.exec(ctx, 1, "UPDATE app_person SET name = $2 WHERE id = $1", e.Ref.ID, e.User().UserName)
}

func (a application) OnUserDeleted(ctx context.Context, e scim.UserEvent) error {
	if err := a.exec(ctx, -1, "DELETE FROM app_membership WHERE person = $1", e.Ref.ID); err != nil {
		return err
	}
	return a.exec(ctx, 1, "DELETE FROM app_person WHERE id = $1", e.Ref.ID)
}

func (a application) OnGroupCreated(ctx context.Context, e scim.GroupEvent) error {
	return a.exec(ctx, 1, "INSERT INTO app_team (id, name) VALUES ($1, $2)", e.Ref.ID, e.Group().DisplayName)
}

func (a application) OnGroupUpdated(ctx context.Context, e scim.GroupEvent) error {
	return a.exec(ctx, 1, "UPDATE app_team SET name = $2 WHERE id = $1", e.Ref.ID, e.Group().DisplayName)
}

func (a application) OnGroupDeleted(ctx context.Context, e scim.GroupEvent) error {
	if err := a.exec(ctx, -1, "DELETE FROM app_membership WHERE team = $1", e.Ref.ID); err != nil {
		return err
	}
	return a.exec(ctx, 1, "DELETE FROM app_team WHERE id = $1", e.Ref.ID)
}

func (a application) OnGroupMemberAdded(ctx context.Context, e scim.MemberEvent) error {
	rows, args := memberships(e)
	return a.exec(ctx, len(e.Members), "INSERT INTO app_membership (team, person) VALUES "+rows, args...)
}

func (a application) OnGroupMemberRemoved(ctx context.Context, e scim.MemberEvent) error {
	rows, args := memberships(e)
	return a.exec(ctx, len(e.Members), "DELETE FROM app_membership WHERE (team, person) IN (VALUES "+rows+")", args...)
}

// memberships are the rows of an event, as VALUES has them.
func memberships(e scim.MemberEvent) (rows string, args []any) {
	var list []string
	args = []any{e.Ref.ID}
	for _, m := range e.Members {
		args = append(args, m.ID)
		list = append(list, fmt.Sprintf("($1, $%d)", len(args)))
	}
	return strings.Join(list, ", "), args
}
