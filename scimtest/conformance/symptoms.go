package conformance

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A symptom is a mistake that many checks stumble over, each in its own words:
// which of them fail, and which pass, tells it from other mistakes.
type symptom struct {
	title string // what is wrong
	share int    // percent of the telling checks that ran and must show it

	// The checks that tell it, by id, the one that shows it best first; a star
	// stands for whatever follows.
	telling string

	also   string         // more checks that fail of it when it is there
	unlike string         // checks of which most pass, as else the mistake is a larger one
	shows  *regexp.Regexp // what evidence there must be in a finding; nil: any
}

// symptoms are looked for in this order: a finding belongs to the first that it
// shows.
var symptoms = sync.OnceValue(func() []symptom {
	shows := regexp.MustCompile
	return []symptom{
		// What every answer has.
		{
			title:   "Requests without a token, or with a wrong one, are served",
			telling: "rfc.http.auth.required rfc.http.auth.wrong entra.transport.unauthorized microsoft.logicapp.credentials okta.errors.bad-token",
			shows:   shows(`expected 401`), share: 50,
		},
		{
			title:   "Answers are not application/scim+json",
			telling: "rfc.http.media rfc.http.media.default entra.transport.media-type microsoft.validator.media-type",
			also:    "*", shows: shows(`expected Content-Type application/scim\+json`), share: 50,
		},
		{
			title:   "Errors are not SCIM errors",
			telling: "rfc.errors.shape entra.transport.errors okta.errors.unknown-user okta.errors.bad-token rfc.read.unknown rfc.delete.unknown",
			also:    "*", shows: shows(`expected (a SCIM error|detail, a string|status "\d+", a string|schemas \["urn:ietf:params:scim:api:messages:2\.0:Error)`), share: 50,
		},
		{
			title:   "/Schemas, /ResourceTypes and /ServiceProviderConfig are not all there",
			telling: "rfc.discovery.schemas rfc.discovery.types rfc.discovery.config microsoft.logicapp.schemas entra.schemas.served entra.discovery.all",
			also:    "rfc.discovery.* entra.schemas.* strict.discovery.*", shows: shows(`request GET /(Schemas|ResourceTypes|ServiceProviderConfig)(?s:.*)status 404`), share: 40,
		},
		{
			title:   "The ServiceProviderConfig does not say all that it must",
			telling: "rfc.discovery.config rfc.discovery.config.features rfc.discovery.config.authentication",
			share:   60,
		},
		{
			title:   "A 401 has no WWW-Authenticate",
			telling: "rfc.http.auth.challenge entra.transport.unauthorized-answer",
			shows:   shows(`expected (a )?WWW-Authenticate`), share: 60,
		},
		{
			title:   "Media types with parameters, or application/json, are refused",
			telling: "rfc.http.content-type.charset entra.transport.charset rfc.http.content-type.json entra.transport.plain-json okta.create.spec-user rfc.patch.media",
			shows:   shows(`status 4\d\d`), share: 50,
		},
		{
			title:   "Names of attributes are matched with case",
			telling: "rfc.create.names.case rfc.filter.names.case rfc.patch.names.case entra.create.odd-case",
			also:    "entra.search.any-case rfc.projection.case entra.groups.excluded-any-case", share: 60,
		},

		// Creating.
		{
			title:   "userName is not unique",
			telling: "entra.create.duplicate rfc.create.duplicate microsoft.validator.user.duplicate okta.errors.duplicate rfc.create.duplicate.case rfc.create.duplicate.race entra.create.disabled-exists",
			also:    "entra.create.duplicate-case rfc.put.duplicate rfc.patch.uniqueness entra.patch.taken rfc.errors.scimtype.uniqueness strict.errors.r368* strict.filter.r338*",
			shows:   shows(`expected (409|one of)`), share: 60,
		},
		{
			title:   "userName is unique only for new users: PUT and PATCH take what another has",
			telling: "rfc.patch.uniqueness rfc.put.duplicate entra.patch.taken strict.errors.r368-patch-conflict",
			also:    "rfc.errors.scimtype.uniqueness", shows: shows(`expected 409`), share: 40,
		},
		{
			title:   "displayName of groups is not unique, as Microsoft's validator wants it",
			telling: "microsoft.validator.group.duplicate entra.groups.duplicate entra.groups.rename-taken",
			shows:   shows(`expected 409`), share: 60,
		},
		{
			title:   "A password is returned",
			telling: "rfc.create.password rfc.read.returned okta.create.assigned-user okta.patch.password",
			shows:   shows(`expected no password`), share: 50,
		},
		{
			title:   "Resources do not say where they are: Location, meta.location",
			telling: "rfc.create.location rfc.read.same rfc.create.location.base rfc.create.readable rfc.create.created",
			also:    "rfc.put.read-only rfc.put.round-trip", shows: shows(`expected (a |the )?(meta\.location|Location)`), share: 40,
		},
		{
			title:   "Read-only attributes can be written",
			telling: "rfc.patch.read-only rfc.create.read-only rfc.put.read-only rfc.patch.groups rfc.create.extension.manager rfc.put.id rfc.create.id",
			also:    "rfc.patch.scimtype.mutability", share: 40,
		},
		{
			title:   "Values of the wrong type, and missing ones, are stored",
			telling: "rfc.create.type rfc.create.required rfc.put.type rfc.put.required rfc.patch.type rfc.patch.required entra.create.bad-body entra.patch.required entra.active.nonsense",
			also:    "rfc.groups.required rfc.create.primary rfc.errors.scimtype.value", shows: shows(`expected (400|userName)(?s:.*)status 2`), share: 50,
		},
		{
			title:   "What a new user is sent with is not what is read",
			telling: "entra.create.default-mapping entra.read.same-everywhere rfc.create.stored rfc.create.lists rfc.create.extension okta.read.spec-attributes",
			also:    "rfc.create.* entra.create.verbatim*", shows: shows(`write POST /Users(?s:.*)status 2`), share: 60,
		},

		// Searching.
		{
			title:   "Filters compare userName and displayName with case",
			telling: "entra.search.any-case rfc.filter.case okta.filter.username-case microsoft.validator.user.filter.case microsoft.validator.group.filter.case entra.groups.match",
			unlike:  "rfc.filter.eq entra.search.user-name okta.filter.match-user", share: 50,
		},
		{
			title:   "A filter that is not understood is answered with everybody, or nobody",
			telling: "entra.search.not-understood rfc.filter.not-ignored rfc.filter.syntax rfc.filter.unknown-operator rfc.filter.boolean.order rfc.errors.scimtype.filter rfc.search.post.filter",
			also:    "rfc.filter.unknown-attribute strict.filter.r348-unknown-attribute", shows: shows(`status 200`), share: 50,
		},
		{
			title:   "Filters on parts of attributes, such as emails[type eq \"work\"].value and name.familyName, find nobody or are refused",
			telling: "entra.search.work-email rfc.filter.lists rfc.filter.sub-attribute rfc.filter.value-path entra.search.email-forms",
			unlike:  "rfc.filter.eq entra.search.user-name", share: 50,
		},
		{
			title:   "Filters on attributes with their schema's URN find nobody or are refused",
			telling: "rfc.filter.urn rfc.filter.extension entra.search.extension entra.search.core-urn",
			unlike:  "rfc.filter.eq entra.search.user-name", share: 50,
		},
		{
			title:   "In filters little works besides a single eq: neither other operators nor and, or and not",
			telling: "rfc.filter.and rfc.filter.or rfc.filter.not rfc.filter.precedence rfc.filter.grouping rfc.filter.co rfc.filter.sw rfc.filter.ew rfc.filter.ne rfc.filter.pr rfc.filter.order rfc.filter.date-time",
			also:    "rfc.filter.boolean strict.filter.r346-eq-and", unlike: "rfc.filter.eq rfc.filter.id", share: 75,
		},
		{
			title:   "In filters only eq works: ne, co, sw, ew, pr, gt and their like do not",
			telling: "rfc.filter.co rfc.filter.sw rfc.filter.ew rfc.filter.ne rfc.filter.pr rfc.filter.order rfc.filter.date-time",
			also:    "rfc.filter.boolean", unlike: "rfc.filter.eq rfc.filter.id", share: 60,
		},
		{
			title:   "and, or, not and parentheses do not work in filters",
			telling: "rfc.filter.and rfc.filter.or rfc.filter.not rfc.filter.precedence rfc.filter.grouping strict.filter.r346-eq-and",
			unlike:  "rfc.filter.eq rfc.filter.id", share: 60,
		},
		{
			title:   "startIndex and count do not page as they should",
			telling: "entra.paging.pages okta.paging.import-users rfc.paging.all rfc.paging.count rfc.paging.list rfc.paging.count-zero microsoft.logicapp.users.pages entra.paging.checks",
			also:    "rfc.paging.* entra.paging.* okta.paging.* microsoft.logicapp.groups.pages", share: 40,
		},
		{
			title:   "sortBy does not sort",
			telling: "rfc.sort.ascending rfc.sort.descending rfc.sort.sub-attribute rfc.sort.absent", share: 50,
		},
		{
			title:   "The parameter excludedAttributes is ignored",
			telling: "entra.groups.excluded-members microsoft.validator.group.get.excluding microsoft.validator.group.filter.excluding rfc.projection.members rfc.projection.excluded",
			also:    "rfc.projection.* entra.projection.* entra.groups.excluded-any-case", shows: shows(`request [A-Z]+ [^\n]*excludedAttributes=`), share: 50,
		},
		{
			title:   "The parameter attributes is ignored: answers have what nobody asked for",
			telling: "rfc.projection.attributes rfc.projection.query rfc.projection.create rfc.projection.replace rfc.projection.patch entra.projection.attributes",
			also:    "rfc.projection.*", shows: shows(`(request|write) [A-Z]+ [^\n]*[?&]attributes=`), share: 50,
		},

		// PATCH.
		{
			title:   "PATCH does not work: nothing changes",
			telling: "rfc.patch.replace rfc.patch.add rfc.patch.remove rfc.patch.boolean okta.lifecycle.deactivate-by-path okta.lifecycle.patch-deactivates entra.active.without-path entra.roles.replace microsoft.validator.user.rename",
			also:    "rfc.* entra.* okta.* microsoft.*", shows: shows(`write PATCH [^\n]*\nexpected [^45]`), share: 75,
		},
		{
			title:   "The op of a PATCH is matched with case: Add, Replace and Remove do not work",
			telling: "entra.patch.replace rfc.patch.op.case entra.patch.add-sets entra.patch.remove entra.members.add entra.active.add entra.active.strings",
			also:    "entra.* microsoft.*", unlike: "rfc.patch.replace rfc.patch.add rfc.groups.patch.add entra.active.without-path",
			shows: shows(`write PATCH [^\n]*"op":\s*"[A-Z]`), share: 75,
		},
		{
			title:   "externalId cannot be changed by a PATCH",
			telling: "entra.groups.external-id entra.patch.replace microsoft.logicapp.group.update microsoft.validator.group.replace",
			also:    "entra.patch.* microsoft.*", unlike: "rfc.patch.replace rfc.patch.add entra.groups.rename",
			shows: shows(`write PATCH [^\n]*externalId[^\n]*\n(?s:.*)(expected .*externalId|status 400)`), share: 75,
		},
		{
			title:   "A manager that is sent as a bare id, or cleared with \"\", is not understood",
			telling: "entra.manager.set entra.manager.clear microsoft.validator.manager.add microsoft.validator.manager.replace microsoft.validator.manager.remove microsoft.logicapp.manager rfc.patch.extension.manager",
			also:    "entra.manager.* entra.cycle.settles", shows: shows(`write P[A-Z]+ [^\n]*manager`), share: 50,
		},
		{
			title:   "Keys that are paths, in a PATCH without a path, are not understood: {\"name.givenName\": …}",
			telling: "entra.patch.flag-dialect entra.patch.siblings microsoft.validator.user.replace microsoft.validator.user.add microsoft.logicapp.user.update.pathless microsoft.logicapp.null.pathless entra.values.null-update-flag",
			unlike:  "rfc.patch.no-path entra.active.without-path", shows: shows(`(?s)write PATCH [^\n]*"value":\{[^\n]*"name\.[a-z].*(expected|got) [^\n]*\bname\.`), share: 40,
		},
		{
			title:   "Paths with a filter, such as emails[type eq \"work\"].value, are not understood",
			telling: "entra.values.element-there rfc.patch.lists.replace.element rfc.patch.lists.replace.filter rfc.patch.lists.remove.filter rfc.patch.lists.filter.and rfc.patch.lists.remove.sub-attribute",
			also:    "entra.* microsoft.* rfc.patch.*", shows: shows(`write PATCH [^\n]*"(emails|addresses|phoneNumbers|roles)\[(?s:.*)(expected [^4]|status 4)`), share: 60,
		},
		{
			title:   "A path with a filter that matches nothing, such as emails[type eq \"work\"].value, creates no element",
			telling: "entra.values.element-missing entra.values.other-element entra.values.address entra.values.address-beside entra.roles.primary-missing",
			also:    "entra.patch.first-update entra.roles.* microsoft.validator.user.add*", unlike: "entra.values.element-there rfc.patch.lists.replace.element",
			shows: shows(`write PATCH [^\n]*[a-z]\[`), share: 50,
		},
		{
			title:   "\"True\" and \"False\", strings for booleans, are refused or stay strings",
			telling: "entra.active.strings entra.active.add entra.create.string-boolean entra.values.primary entra.create.string-primary entra.active.without-path-string",
			also:    "entra.* microsoft.*", shows: shows(`write P[A-Z]+ [^\n]*:\s*"([Tt]rue|[Ff]alse)"`), share: 50,
		},
		{
			title:   "A value cannot be cleared by \"\" or null",
			telling: "entra.values.null-update entra.values.null-update-null entra.values.null-update-flag microsoft.logicapp.null microsoft.logicapp.null.values microsoft.logicapp.null.pathless rfc.patch.null",
			also:    "entra.manager.clear-forms entra.members.replace-null", share: 50,
		},
		{
			title:   "Paths such as name.givenName are not understood",
			telling: "entra.patch.siblings rfc.patch.sub-attribute rfc.patch.sub-attribute.absent rfc.patch.sub-attribute.remove",
			also:    "microsoft.* entra.values.null-update* entra.patch.*", shows: shows(`write PATCH [^\n]*"name\.(?s:.*)(expected|got) [^\n]*\bname\.`), share: 60,
		},
		{
			title:   "Attributes of the enterprise extension are not reached by a PATCH",
			telling: "entra.values.extension rfc.patch.extension rfc.patch.extension.no-path rfc.patch.extension.manager entra.manager.object",
			also:    "entra.values.* entra.manager.* microsoft.*", shows: shows(`expected [^\n]*enterprise:2\.0:User`), share: 50,
		},
		{
			title:   "A complex value replaces the whole: what it does not name is lost",
			telling: "rfc.patch.complex rfc.patch.no-path.complex rfc.patch.extension.no-path entra.values.nested-name strict.patch.r357-add-complex",
			share:   50,
		},
		{
			title:   "add to a list replaces the list, or marks a second value primary",
			telling: "rfc.patch.lists.add rfc.patch.lists.primary rfc.patch.lists.add.same strict.patch.r358-add-list",
			also:    "rfc.create.primary", share: 60,
		},
		{
			title:   "A PATCH without a path is not understood",
			telling: "rfc.patch.no-path okta.lifecycle.patch-deactivates entra.active.without-path microsoft.validator.user.rename microsoft.validator.user.disable okta.members.rename-without-path microsoft.validator.group.rename",
			also:    "rfc.patch.no-path* okta.members.rename* okta.patch.password okta.members.replace-without-path", unlike: "rfc.patch.replace entra.active.strings", share: 50,
		},
		{
			title:   "Remove takes nothing away",
			telling: "rfc.patch.remove entra.patch.remove rfc.patch.sub-attribute.remove rfc.patch.lists.remove",
			also:    "rfc.patch.* entra.patch.* entra.values.* entra.manager.*", shows: shows(`write PATCH [^\n]*"op":\s*"[Rr]emove"[^\n]*\nexpected [^45]`), share: 60,
		},
		{
			title:   "Mistakes in a PATCH are answered with success",
			telling: "rfc.patch.unknown-op rfc.patch.path rfc.patch.path.filter rfc.patch.no-value rfc.patch.no-target rfc.patch.no-match rfc.patch.operations",
			also:    "*", shows: shows(`write PATCH [^\n]*\nexpected (4\d\d|a status from 400)(?s:.*)status 2`), share: 50,
		},
		{
			title:   "PATCH is answered neither with the resource nor with 204",
			telling: "entra.patch.answer rfc.patch.answer", share: 60,
		},
		{
			title:   "PUT does not replace",
			telling: "rfc.put.replace rfc.put.lists rfc.put.extension rfc.put.null okta.replace.whole-user okta.lifecycle.put-deactivates",
			also:    "*", shows: shows(`write PUT `), share: 50,
		},

		// Groups.
		{
			title:   "Remove of members with a value empties the group",
			telling: "entra.members.remove-value entra.members.remove-list okta.members.remove-nested-value",
			shows:   shows(`got (ids of the )?members \[\]`), share: 60,
		},
		{
			title:   "Remove of members with a value removes nobody",
			telling: "entra.members.remove-value entra.members.remove-list", share: 60,
		},
		{
			title:   "members[value eq \"id\"] removes nobody, or more than the one",
			telling: "entra.members.remove-filter okta.members.remove-by-filter microsoft.validator.group.members.remove rfc.groups.patch.remove rfc.groups.patch.remove.several okta.members.remove-and-add",
			also:    "entra.members.hundred rfc.groups.patch.of-user", shows: shows(`members\[value eq`), share: 50,
		},
		{
			title:   "Members that are added are not in the group, or the others are out",
			telling: "entra.members.add rfc.groups.patch.add okta.members.add-with-display entra.members.add-list rfc.groups.patch.add.several okta.members.one-operation-each",
			also:    "entra.members.* okta.members.* rfc.groups.patch.* entra.cycle.settles", shows: shows(`write PATCH /Groups[^\n]*"op":\s*"[Aa]dd"`), share: 60,
		},
		{
			title:   "{\"members\": […]} without a path replaces the members whatever op says",
			telling: "rfc.groups.patch.add.no-path entra.members.without-path okta.members.replace-without-path", share: 60,
		},
		{
			title:   "Members are not a set: one who is added twice is in the group twice",
			telling: "entra.members.add-present okta.members.add-again rfc.groups.patch.add.same", share: 60,
		},
		{
			title:   "A group that is renamed loses its name or its members",
			telling: "entra.groups.rename okta.members.rename-with-id okta.members.rename-without-path rfc.groups.patch.rename microsoft.validator.group.rename entra.groups.rename-with-member",
			share:   50,
		},
		{
			title:   "The members that a group is created with, or replaced by, are not in it",
			telling: "entra.groups.create-members okta.members.push-group rfc.groups.create rfc.groups.put entra.groups.members-shown okta.members.put-renames rfc.groups.patch.replace entra.members.replace",
			also:    "okta.members.* rfc.groups.*", shows: shows(`(write (POST|PUT) /Groups|"replace")`), share: 50,
		},
		{
			title:   "A user's groups are not those it is in",
			telling: "rfc.groups.of-user rfc.groups.patch.of-user", share: 60,
		},

		// The end.
		{
			title:   "Ids that there are not are not answered with 404",
			telling: "rfc.read.unknown entra.read.by-id rfc.patch.unknown rfc.put.unknown rfc.delete.unknown rfc.groups.unknown entra.patch.unknown-user okta.errors.unknown-user okta.errors.write-to-nobody",
			also:    "rfc.delete.twice rfc.read.other-endpoint", shows: shows(`expected 404`), share: 50,
		},
		{
			title:   "A user who is disabled is not found any more",
			telling: "entra.search.inactive okta.lifecycle.inactive-user-is-found entra.lifecycle.restart entra.lifecycle.disable-restore strict.lifecycle.r362-patch-keeps",
			share:   50,
		},
		{
			title:   "What is deleted is still there",
			telling: "entra.lifecycle.delete rfc.delete.gone rfc.delete.search microsoft.validator.user.delete entra.groups.delete microsoft.validator.group.delete rfc.groups.deleted okta.lifecycle.unlink-deletes-group",
			also:    "rfc.delete.* entra.lifecycle.create-again strict.lifecycle.*", share: 50,
		},
		{
			title:   "Of changes at the same time some are lost",
			telling: "entra.members.parallel rfc.groups.patch.race rfc.create.duplicate.race rfc.versions.race entra.patch.parallel", share: 40,
		},
		{
			title:   "ETags do not tell versions apart, or are not heeded",
			telling: "rfc.versions.if-match.put rfc.versions.if-match.patch rfc.versions.etag rfc.versions.change rfc.versions.same rfc.versions.if-none-match",
			also:    "rfc.versions.*", share: 40,
		},
		{
			title:   "Bulk does not do what it should",
			telling: "rfc.bulk.create rfc.bulk.methods rfc.bulk.reference rfc.bulk.failure rfc.bulk.fail-on-errors",
			also:    "rfc.bulk.*", share: 40,
		},
	}
})

// place is where an id stands in a list of ids, -1 if it is not in it.
func place(ids []string, id string) int {
	return slices.IndexFunc(ids, func(p string) bool {
		begin, star := strings.CutSuffix(p, "*")
		return p == id || star && strings.HasPrefix(id, begin)
	})
}

// diagnose finds the symptoms that there are, each with what failed of it and
// what it blocked. A symptom is there if a failed check shows it and another
// one does too, be it only advice.
func (r *Report) diagnose() (found []cause) {
	var open []*Result // what ran and belongs to no symptom yet
	evidence := map[*Result]string{}
	for _, result := range r.Results {
		if result.Status == Passed {
			open = append(open, result)
		} else if result.Status != Skipped && !result.crashed() {
			open, evidence[result] = append(open, result), r.evidence(result)
		}
	}
	shows := func(s *symptom, result *Result) bool {
		return result.Status != Passed && (s.shows == nil || s.shows.MatchString(evidence[result]))
	}
	for i := range symptoms() {
		s := &symptoms()[i]
		ran, shown := 0, 0
		telling, also := strings.Fields(s.telling), strings.Fields(s.also)
		c := cause{Symptom: s.title}
		for _, result := range open {
			tells := place(telling, result.ID) >= 0
			if tells && result.Status != Blocked {
				ran++
			}
			if !tells && place(also, result.ID) < 0 || !shows(s, result) {
				continue
			}
			switch {
			case result.Status == Failed:
				c.Results = append(c.Results, result)
			case result.Status == Blocked:
				c.Blocked = append(c.Blocked, result)
			}
			if tells && result.Status != Blocked {
				shown++
			}
		}
		if shown == 0 || shown*100 < s.share*ran || len(c.Results) == 0 || c.checks() < 2 && shown < 2 || r.larger(s) {
			continue
		}
		slices.SortStableFunc(c.Results, func(a, b *Result) int { return cmp.Compare(rank(telling, a), rank(telling, b)) })
		open = slices.DeleteFunc(open, func(result *Result) bool {
			return slices.Contains(c.Results, result) || slices.Contains(c.Blocked, result)
		})
		found = append(found, c)
	}
	slices.SortStableFunc(found, func(a, b cause) int {
		return cmp.Or(cmp.Compare(b.checks(), a.checks()), cmp.Compare(b.microsofts(), a.microsofts()))
	})
	return found
}

// larger reports whether a larger mistake is behind what looks like the symptom:
// most of the checks fail that should pass then.
func (r *Report) larger(s *symptom) bool {
	unlike, ran, failed := strings.Fields(s.unlike), 0, 0
	for _, result := range r.Results {
		if result.Status == Skipped || place(unlike, result.ID) < 0 {
			continue
		}
		ran++
		if result.Status != Passed {
			failed++
		}
	}
	return failed*2 > ran
}

// rank is lower for a check that stands earlier among those that tell a symptom.
func rank(telling []string, result *Result) int {
	if i := place(telling, result.ID); i >= 0 {
		return i
	}
	return len(telling)
}

// evidence is what symptoms are looked for in: the request that the finding is
// about, the last write, what was expected and what came.
func (r *Report) evidence(result *Result) string {
	var b strings.Builder
	x := result.atFault()
	if x != nil {
		fmt.Fprintf(&b, "request %s\n", r.line(x))
	}
	if w := result.lastWrite(); w != nil {
		fmt.Fprintf(&b, "write %s %s\n", r.line(w), strings.ReplaceAll(clip(w.RequestBody, 4<<10), "\n", " "))
	}
	fmt.Fprintf(&b, "expected %s\ngot %s\n", result.expected(), result.got())
	if x != nil {
		fmt.Fprintf(&b, "status %d\n", x.Status)
	}
	return b.String()
}
