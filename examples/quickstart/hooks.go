package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/usherkit/scim"
)

// announcer tells what provisioning did, a line for each event. An application
// would invite people, end their sessions, hand out seats and keys.
type announcer struct {
	scim.NoHooks // the methods that are not written here
	say          func(event)
}

type event struct{ kind, text string }

func (a announcer) tell(kind, format string, args ...any) error {
	a.say(event{kind, fmt.Sprintf(format, args...)})
	return nil
}

func (a announcer) OnUserStaged(_ context.Context, e scim.UserEvent) error {
	u := e.User()
	text := person(u)
	if u.Title != "" {
		text += ", " + u.Title
	}
	return a.tell("user staged", "%s", text)
}

func (a announcer) OnUserUpdated(_ context.Context, e scim.UserEvent) error {
	return a.tell("user updated", "%s: %s", person(e.User()), names(e.Changed))
}

func (a announcer) OnUserDeactivated(_ context.Context, e scim.UserEvent) error {
	return a.tell("user deactivated", "%s", person(e.User()))
}

func (a announcer) OnUserReactivated(_ context.Context, e scim.UserEvent) error {
	return a.tell("user reactivated", "%s", person(e.User()))
}

func (a announcer) OnUserDeleted(_ context.Context, e scim.UserEvent) error {
	return a.tell("user deleted", "%s", person(e.User()))
}

func (a announcer) OnGroupCreated(_ context.Context, e scim.GroupEvent) error {
	return a.tell("group created", "%s", e.Group().DisplayName)
}

func (a announcer) OnGroupUpdated(_ context.Context, e scim.GroupEvent) error {
	return a.tell("group updated", "%s: %s", e.Group().DisplayName, names(e.Changed))
}

func (a announcer) OnGroupDeleted(_ context.Context, e scim.GroupEvent) error {
	return a.tell("group deleted", "%s", e.Group().DisplayName)
}

func (a announcer) OnGroupMemberAdded(_ context.Context, e scim.MemberEvent) error {
	return a.tell("members added", "%s: %d", e.Group().DisplayName, len(e.Members))
}

func (a announcer) OnGroupMemberRemoved(_ context.Context, e scim.MemberEvent) error {
	return a.tell("members removed", "%s: %d", e.Group().DisplayName, len(e.Members))
}

func person(u scim.User) string {
	if u.DisplayName == "" {
		return u.UserName
	}
	return fmt.Sprintf("%s <%s>", u.DisplayName, u.UserName)
}

// names lists changed attributes, an extension by the end of its URI.
func names(changed []string) string {
	list := make([]string, len(changed))
	for i, name := range changed {
		if name == scim.EnterpriseUserSchemaURI {
			name = "enterprise data"
		}
		list[i] = name
	}
	return strings.Join(list, ", ")
}
