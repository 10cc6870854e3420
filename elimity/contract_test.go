package elimity_test

import (
	"flag"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	usher "github.com/usherkit/scim"
	"github.com/usherkit/scim/storetest"
)

// applications differ in their habits.
var applications = []struct {
	name, reason string
	habits
	lost []string // clauses of the contract of a Store
}{
	{"careful", "it does what the package asks for", habits{}, nil},
	{"silent", "what a write does not return is read", habits{silent: true}, nil},
	{"ends memberships", "what is done already is not done again", habits{cascades: true}, nil},
	{"shows groups", "what the handler returns need not be found", habits{showsGroups: true}, nil},
	{"ignores filters", "filters are evaluated by the Store", habits{noFilter: true}, nil},
	{"refuses filters", "so the Store does without", habits{noSuchFilter: true}, nil},
	{"does not page", "pages are cut out of everything", habits{noPaging: true}, nil},

	{"no meta", "times are the handler's to keep", habits{noMeta: true}, []string{
		"times",
	}},
	{"not unique", "what is taken is the handler's to know", habits{notUnique: true}, []string{
		"update without a document leaves it",
		"keys that are not given stay",
		"unique values are free again",
		"values that differ far from their beginning",
		"a taken value",
		"fifty concurrent creates of one name",
		"concurrent changes to one name",
		"changing to a taken value",
		"a value that was given up",
		"an update that fails changes neither document nor members",
		"a value is taken in one tenant only",
	}},
	{"one tenant", "tenants are the handler's to keep apart", habits{oneTenant: true}, []string{
		"another tenant's resource is not found",
		"a list shows one tenant",
		"a value is taken in one tenant only",
		"a member is of the group's tenant",
		"two tenants with the same in them",
		"tenants whose names are alike",
		"a place in another tenant",
	}},
	{"ids per type", "ids are the handler's to give", habits{idsPerType: true}, []string{
		"ids are distinct, need no escape and are never reused",
		"what is not there is not found",
		"no change keeps version and time",
		"delete ends memberships",
		"an update that fails changes neither document nor members",
		"another tenant's resource is not found",
		"a list shows one tenant",
		"a member is of the group's tenant",
		"two tenants with the same in them",
		"filters on members and groups",
		"get: members and groups only where wanted",
		"members of a group",
		"groups of a member",
		"has",
		"add and remove",
		"reset",
		"what was added",
		"what was removed",
		"a member that cannot be",
		"members of the right type",
		"twenty concurrent adds all survive",
		"concurrent adds and removes",
		"a member that is deleted while it is added",
		"a cancelled call writes nothing",
		"a write that is cancelled on its way is whole or nothing",
	}},
	{"newest first", "the order is the handler's", habits{newestFirst: true}, []string{
		"documents come back byte for byte",
		"keys follow the document",
		"values that differ far from their beginning",
		"order of creation, page by page",
		"the order outlasts changes",
		"no filter",
		"a bound on what is looked at",
		"filters take every character for itself",
		"sorted by facts of the resource",
		"pages while others write",
	}},
	{"half an update", "a Replace is as atomic as the handler makes it", habits{halfDone: true}, []string{
		"an update that fails changes neither document nor members",
	}},
}

// An application that does what the package asks of it keeps the whole contract
// of a Store.
func TestContract(t *testing.T) {
	// A handler is handed all members of a group with each change of them, so
	// that a large one is as large as -short has it.
	short := flag.Lookup("test.short").Value.String()
	defer flag.Set("test.short", short)
	flag.Set("test.short", "true")
	name := os.Getenv("APPLICATION") // set by TestApplications
	for _, a := range applications {
		if a.name == name || name == "" && a.name == "careful" {
			storetest.Run(t, func(t *testing.T) usher.Store { return newStore(t, &app{habits: a.habits}) })
		}
	}
}

var verdict = regexp.MustCompile(`(?m)^    --- (PASS|FAIL): TestContract/(\S+)`)

// What each application loses of the contract: exactly that, and why.
func TestApplications(t *testing.T) {
	for _, tt := range applications {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestContract$", "-test.skip=/a_group_of_.*_thousand", "-test.short", "-test.v")
			cmd.Env = append(os.Environ(), "APPLICATION="+tt.name)
			out, _ := cmd.CombinedOutput()
			var kept, lost []string
			for _, m := range verdict.FindAllSubmatch(out, -1) {
				name := strings.ReplaceAll(string(m[2]), "_", " ")
				if string(m[1]) == "PASS" {
					kept = append(kept, name)
				} else {
					lost = append(lost, name)
				}
			}
			if tt.habits.cascades {
				// The handler changes a group without the Store, which may be
				// changing it at the same time: the one that is last wins.
				lost = slices.DeleteFunc(lost, func(clause string) bool { return clause == "readers and writers together" })
			}
			if len(kept) < 20 || !slices.Equal(lost, tt.lost) {
				t.Errorf("%s:\n kept %d clauses\n lost %q\n want %q\n%s", tt.reason, len(kept), lost, tt.lost, out[:min(len(out), 8000)])
			}
		})
	}
}
