package faults

// All returns the faults.
func All() []Fault {
	return []Fault{
		{
			Name: "excluded-attributes-ignored", Seen: "Infisical PR #6525, PostHog PR #47336",
			Check: []string{"entra.groups.excluded-members", "rfc.projection.excluded", "microsoft.validator.group.get.excluding"},
			Edits: []Edit{
				{"projection.go", `	whole, inside := p.paths.names(n)
`, `	whole, inside := p.paths.names(n)
	if planted("excluded-attributes-ignored") && !p.include {
		return keep
	}
`},
			},
			Cycle: "excludedAttributes=members",
		},
		{
			Name: "attributes-ignored", Seen: "the parameter is optional for some, not for RFC 7644 §3.9",
			Check: []string{"rfc.projection.attributes", "rfc.projection.create"},
			Edits: []Edit{
				{"projection.go", `	v := drop
	switch {
`, `	v := drop
	if planted("attributes-ignored") && p.include {
		return keep
	}
	switch {
`},
			},
		},
		{
			Name: "remove-with-value-empties-group", Seen: "azure-docs #30826, SimpleIdServer #164",
			Check: []string{"entra.members.remove-value"},
			Edits: []Edit{
				{"patch_members.go", "if r.op == patchRemove && value == nil {", `if r.op == patchRemove && (value == nil || planted("remove-with-value-empties-group")) {`},
			},
			Cycle: "are missing",
		},
		{
			Name: "replace-members-appends", Seen: "PostHog PR #47336",
			Check: []string{"rfc.groups.patch.replace", "entra.members.replace", "okta.members.replace-all"},
			Edits: []Edit{
				{"patch_members.go", "memberStep{all: r.op == patchReplace, list", `memberStep{all: r.op == patchReplace && !planted("replace-members-appends"), list`},
			},
		},
		{
			Name: "string-booleans-refused", Seen: "Entra sends \"False\" (E065)",
			Check: []string{"entra.active.strings", "microsoft.validator.user.create"},
			Edits: []Edit{
				{"decode_value.go", "ok && c.dialect.grants(ruleStringBoolean) {", `ok && c.dialect.grants(ruleStringBoolean) && !planted("string-booleans-refused") {`},
			},
			Cycle: "active",
		},
		{
			Name: "string-false-is-true", Seen: "sentry-docs #16258",
			Check: []string{"entra.active.strings", "entra.active.add"},
			Edits: []Edit{
				{"decode_value.go", "\t\tif v, ok = parseBoolean(text); ok && c", `		if v, ok = parseBoolean(text); planted("string-false-is-true") {
			v = true
		}
		if ok && c`},
			},
			Cycle: "active false",
		},
		{
			Name: "user-name-case-sensitive", Seen: "ory/polis PR #4067, langfuse PR #13528",
			Check: []string{"entra.search.any-case", "rfc.create.duplicate.case", "okta.filter.username-case", "microsoft.validator.user.filter.case"},
			Edits: []Edit{
				{"compile.go", "n.exact = a.CaseExact ||", `n.exact = a.CaseExact || planted("user-name-case-sensitive") && a.Name == "userName" ||`},
			},
		},
		{
			Name: "no-match-is-404", Seen: "fails Test Connection",
			Check: []string{"rfc.filter.none"},
			Edits: []Edit{
				{"search.go", "	if q.byCursor {\n		answer.start = 0\n", `	if planted("no-match-is-404") && s.filter != nil && answer.page.Total == 0 {
		return response{}, Errorf(ErrNotFound, "nothing matches")
	}
	if q.byCursor {
		answer.start = 0
`},
			},
			Cycle: "totalResults 0",
		},
		{
			Name: "filter-ignored", Seen: "worse than an error: other people's accounts are overwritten",
			Check: []string{"rfc.filter.not-ignored", "rfc.filter.eq"},
			Edits: []Edit{
				{"search.go", "			if p.query.Filter, err = t.filterFor(*s.filter, &req.dialect, req.typ == nil); err != nil {\n", `			p.query.Filter, err = t.filterFor(*s.filter, &req.dialect, req.typ == nil)
			if planted("filter-ignored") || planted("bad-filter-finds-everything") && err != nil {
				p.query.Filter, err = nil, nil
			}
			if err != nil {
`},
			},
			Cycle: "filter",
		},
		{
			Name: "bad-filter-finds-everything", Seen: "E034: a filter that was not understood is no reason to list everybody",
			Check: []string{"rfc.filter.syntax", "entra.search.not-understood"},
		},
		{
			Name: "present-member-is-409", Seen: "MS Q&A 471809",
			Check: []string{"entra.members.add-present", "okta.members.add-again"},
			Edits: []Edit{
				{"memstore/store.go", `	// From here on nothing can fail.
	u :=`, `	if planted("present-member-is-409") {
		for _, m := range add {
			if rec.members != nil && rec.members.find(m) >= 0 {
				return nil, scim.Errorf(scim.ErrConflict, "already a member")
			}
		}
	}
	// From here on nothing can fail.
	u :=`},
			},
		},
		{
			Name: "no-element-is-created", Seen: "scim-for-keycloak #73, SCIM-SDK #416",
			Check: []string{"entra.values.element-missing", "microsoft.logicapp.null"},
			Cycle: "noTarget",
			Edits: []Edit{
				{"patch_apply.go", "case !w.p.dialect.grants(ruleCreateElement):", `case planted("no-element-is-created") || !w.p.dialect.grants(ruleCreateElement):`},
			},
		},
		{
			Name: "dotted-keys-ignored", Seen: "scimitar #123, SCIM-SDK #193",
			Check: []string{"entra.patch.flag-dialect", "microsoft.validator.user.replace"},
			Edits: []Edit{
				{"patch_steps.go", `	needs := rulePathKeys
`, `	needs := rulePathKeys
	if planted("dotted-keys-ignored") && strings.IndexByte(key, '.') >= 0 && strings.IndexByte(key, ':') < 0 {
		return patchPath{}, nil
	}
`},
			},
			Cycle: "name.familyName",
		},
		{
			Name: "patch-is-not-atomic", Seen: "RFC 7644 §3.5.2 wants all or nothing",
			Check: []string{"rfc.patch.atomic", "entra.patch.atomic"},
			Edits: []Edit{
				{"patch.go", "type Patch struct {\n", "type Patch struct {\n\tlate error\n"},
				{"patch.go", "\t\t\treturn nil, r.wrap(err)\n", `			if planted("patch-is-not-atomic") && r.index > 1 {
				r.p.late = r.wrap(err)
				break
			}
			return nil, r.wrap(err)
`},
				{"scim.go", "	want.sent = nodeSetOf(p.named())\n", `	want.sent = nodeSetOf(p.named())
	if p.late != nil {
		if _, err := h.modify(req, Projection{}, p.Apply); err == nil {
			return response{}, p.late
		}
	}
`},
			},
		},
		{
			Name: "start-index-from-zero", Seen: "off by one",
			Check: []string{"rfc.paging.all", "entra.paging.pages"},
			Edits: []Edit{
				{"search.go", "			q.offset = max(*s.start, 1) - 1\n", `			q.offset = max(*s.start, 1) - plantedInt("start-index-from-zero", 1, 0)
`},
			},
		},
		{
			Name: "total-is-page-size", Seen: "gallery pagination test",
			Check: []string{"rfc.paging.count", "entra.paging.pages", "microsoft.logicapp.users.pages"},
			Edits: []Edit{
				{"wire.go", "strconv.AppendInt(x.buf, int64(a.page.Total), 10)", `strconv.AppendInt(x.buf, int64(plantedInt("total-is-page-size", a.page.Total, len(a.page.Resources))), 10)`},
			},
		},
		{
			Name: "count-zero-is-everything", Seen: "RFC 7644 §3.4.2.4",
			Check: []string{"rfc.paging.count-zero"},
			Edits: []Edit{
				{"search.go", "		q.count, q.limit = *s.count, min(max(*s.count, 0), h.options.MaxResults)\n", `		q.count, q.limit = *s.count, min(max(*s.count, 0), h.options.MaxResults)
		if planted("count-zero-is-everything") && *s.count == 0 {
			q.limit = h.options.MaxResults
		}
`},
			},
		},
		{
			Name: "sort-is-ignored", Seen: "sort.supported is true and nobody tried",
			Check: []string{"rfc.sort.ascending", "rfc.sort.descending"},
			Edits: []Edit{
				{"search.go", "		p.query.Sort, err = t.ParseSort(s.sortBy, s.sortOrder)\n", `		p.query.Sort, err = t.ParseSort(s.sortBy, s.sortOrder)
		if planted("sort-is-ignored") {
			p.query.Sort, s.sortBy = Sort{}, ""
		}
`},
			},
		},
		{
			Name: "bulk-ids-stay", Seen: "R-293: a reference is replaced by the new id",
			Check: []string{"rfc.bulk.reference"},
			Edits: []Edit{
				{"bulk.go", "			return other.id, refResolved\n", `			if planted("bulk-ids-stay") {
				return "", refStays
			}
			return other.id, refResolved
`},
			},
		},
		{
			Name: "bulk-stops-at-an-error", Seen: "R-291: without failOnErrors it goes on",
			Check: []string{"rfc.bulk.failure"},
			Edits: []Edit{
				{"bulk_results.go", "		b.errors++\n", `		b.errors++
		if planted("bulk-stops-at-an-error") {
			b.failOnErrors = 1
		}
`},
			},
		},
		{
			Name: "no-challenge", Seen: "RFC 7235 §3.1",
			Check: []string{"rfc.http.auth.challenge"},
			Edits: []Edit{
				{"failure.go", "	if v.status == http.StatusUnauthorized {\n", `	if v.status == http.StatusUnauthorized && !planted("no-challenge") {
`},
			},
		},
		{
			Name: "any-token-is-accepted", Seen: "nobody tests the refusal",
			Check: []string{"rfc.http.auth.wrong", "entra.transport.unauthorized", "microsoft.logicapp.credentials"},
			Edits: []Edit{
				{"auth.go", `if subtle.ConstantTimeCompare(sum[:], want[:]) != 1 || token == "" {`, `if !planted("any-token-is-accepted") && (subtle.ConstantTimeCompare(sum[:], want[:]) != 1 || token == "") {`},
				{"authenticate.go", `	if token == "" {
		return noToken(nil)`, `	if token == "" && !planted("any-token-is-accepted") {
		return noToken(nil)`},
			},
		},
		{
			Name: "plain-json", Seen: "azure-docs #104859",
			Check: []string{"rfc.http.media", "entra.transport.media-type", "microsoft.validator.media-type"},
			Edits: []Edit{
				{"wire.go", "\tcontentType  = []string{mediaType}", `	contentType  = []string{map[bool]string{false: mediaType, true: "application/json"}[planted("plain-json")]}`},
			},
			Cycle: "application/json",
		},
		{
			Name: "no-location", Seen: "RFC 7644 §3.3",
			Check: []string{"rfc.create.location"},
			Edits: []Edit{
				{"wire.go", `	head["Location"] = values[1:2:2]
`, `	if !planted("no-location") {
		head["Location"] = values[1:2:2]
	}
`},
			},
		},
		{
			Name: "deleted-user-stays-a-member", Seen: "E135",
			Check: []string{"rfc.groups.deleted-user", "entra.members.deleted-user"},
			Edits: []Edit{
				{"memstore/store.go", `	for _, group := range rec.groupList() {
		at := group.members.remove(rec)
`, `	for _, group := range rec.groupList() {
		if planted("deleted-user-stays-a-member") {
			break
		}
		at := group.members.remove(rec)
`},
				{"memstore/store.go", "	t.slots.give(rec)\n", `	if !planted("deleted-user-stays-a-member") && !planted("deleted-name-stays-taken") { // or its slot is used again
		t.slots.give(rec)
	}
`},
			},
		},
		{
			Name: "deleted-name-stays-taken", Seen: "E102",
			Check: []string{"rfc.delete.name-free"},
			Edits: []Edit{
				{"memstore/store.go", `	rec.in.reindex(rec, rec.resource.Load().Keys, nil)
`, `	if !planted("deleted-name-stays-taken") {
		rec.in.reindex(rec, rec.resource.Load().Keys, nil)
	}
`},
			},
		},
		{
			Name: "delete-disables", Seen: "a soft delete must be one to the client too",
			Check: []string{"rfc.delete.gone", "entra.lifecycle.delete", "microsoft.validator.user.delete"},
			Edits: []Edit{
				{"scim.go", `	gone := response{status: http.StatusNoContent}
`, `	gone := response{status: http.StatusNoContent}
	if planted("delete-disables") {
		return gone, nil
	}
`},
			},
			Cycle: "deleted",
		},
		{
			Name: "last-modified-is-frozen", Seen: "RFC 7643 §3.1",
			Check: []string{"rfc.patch.last-modified"},
			Edits: []Edit{
				{"memstore/store.go", `	next.LastModified = s.now().UTC().Truncate(time.Millisecond)
`, `	if !planted("last-modified-is-frozen") {
		next.LastModified = s.now().UTC().Truncate(time.Millisecond)
	}
`},
			},
		},
		{
			Name: "put-merges", Seen: "RFC 7644 §3.5.1",
			Check: []string{"rfc.put.null"},
			Edits: []Edit{
				{"check.go", "		case fixed, n.readOnly, n.neverShown()", `		case planted("put-merges") && now == "", fixed, n.readOnly, n.neverShown()`},
			},
		},
		{
			Name: "two-primaries", Seen: "RFC 7644 §3.5.2",
			Check: []string{"rfc.patch.lists.primary", "entra.values.primary"},
			Edits: []Edit{
				{"patch_apply.go", "\tif !n.isPrimary(list[winner]) || n.hollow", `	if planted("two-primaries") || !n.isPrimary(list[winner]) || n.hollow`},
			},
		},
		{
			Name: "duplicates-are-accepted", Seen: "E047",
			Check: []string{"rfc.create.duplicate", "entra.create.duplicate", "okta.errors.duplicate", "microsoft.validator.user.duplicate"},
			Edits: []Edit{
				{"memstore/index.go", `		if !k.Unique {
`, `		if !k.Unique || planted("duplicates-are-accepted") {
`},
			},
		},
		{
			Name: "external-id-is-not-patched", Seen: "langwatch #6974, rancher PR #55776",
			Check: []string{"entra.groups.external-id", "entra.patch.replace"},
			Edits: []Edit{
				{"patch_steps.go", `	s.operation = r.operation
`, `	if planted("external-id-is-not-patched") && s.n.name == "externalId" {
		return nil
	}
	s.operation = r.operation
`},
			},
		},
		{
			Name: "if-match-is-ignored", Seen: "RFC 7644 §3.14",
			Check: []string{"rfc.versions.if-match.patch"},
			Edits: []Edit{
				{"wire.go", "\tif x.dialect.strict && !acceptable", `	if planted("if-match-is-ignored") {
		x.ifMatch = ""
	}
	if x.dialect.strict && !acceptable`},
			},
		},
		{
			Name: "inactive-users-are-hidden", Seen: "E032",
			Check: []string{"entra.search.inactive", "okta.lifecycle.inactive-user-is-found"},
			Edits: []Edit{
				{"memstore/list.go", `		members.rec, groups.rec = rec, rec
`, `		if value, _ := r.Document.Get("active"); planted("inactive-users-are-hidden") && value == "false" {
			continue
		}
		members.rec, groups.rec = rec, rec
`},
			},
		},
		{
			Name: "or-means-and", Seen: "nobody tests more than one term",
			Check: []string{"rfc.filter.or"},
			Edits: []Edit{
				{"match.go", `	case Or:
		for _, g := range f {
`, `	case Or:
		if planted("or-means-and") {
			return m.match(And(f), r, in)
		}
		for _, g := range f {
`},
			},
		},
		{
			Name: "not-is-ignored", Seen: "nobody tests not",
			Check: []string{"rfc.filter.not"},
			Edits: []Edit{
				{"match.go", `		ok, err := m.match(f.Filter, r, in)
		return !ok && err == nil, err
	case Present`, `		ok, err := m.match(f.Filter, r, in)
		if planted("not-is-ignored") {
			return ok, err
		}
		return !ok && err == nil, err
	case Present`},
			},
		},
		{
			Name: "filter-elements-are-mixed", Seen: "emails[type eq \"work\"].value eq \"x\" finds the home address x",
			Check: []string{"rfc.filter.value-path"},
			Edits: []Edit{
				{"match.go", `func (m *matcher) some(f Some, r *Resource, in item) (bool, error) {
`, `func (m *matcher) some(f Some, r *Resource, in item) (bool, error) {
	if terms, ok := f.Filter.(And); ok && planted("filter-elements-are-mixed") {
		for _, term := range terms {
			if ok, err := m.some(Some{f.Path, term}, r, in); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}
`},
			},
		},
		{
			Name: "updates-are-lost", Seen: "scim-for-keycloak #90",
			Check: []string{"rfc.versions.race"},
			Edits: []Edit{
				{"write.go", `		up, err := h.write(req, OpUpdate, cur, c)
`, `		if planted("updates-are-lost") {
			c.Version = ""
			plantedSleep()
		}
		up, err := h.write(req, OpUpdate, cur, c)
`},
			},
		},
		{
			Name: "user-name-is-lower-cased", Seen: "values are stored verbatim (E040)",
			Check: []string{"entra.create.verbatim-name"},
			Edits: []Edit{
				{"scim.go", `	if err := req.typ.checkRequired(doc); err != nil {
		return response{}, err
	}
	req.id = ""
`, `	if n := req.typ.root.childString("userName"); n != nil && planted("user-name-is-lower-cased") {
		name, _ := doc.Get("userName")
		doc = doc.with(n, plantedLower(name))
	}
	if err := req.typ.checkRequired(doc); err != nil {
		return response{}, err
	}
	req.id = ""
`},
			},
		},
		{
			Name: "empty-values-are-ignored", Seen: "SCIM_Null_Update_Test (E085)",
			Check: []string{"entra.values.null-update", "microsoft.logicapp.null"},
			Edits: []Edit{
				{"patch_steps.go", `	if err != nil || raw == "" && r.adds(value, n) {
		return err
	}
	return r.step(step{n: n, value: raw})`, `	if err != nil || raw == "" && (r.adds(value, n) || planted("empty-values-are-ignored")) {
		return err
	}
	return r.step(step{n: n, value: raw})`},
			},
		},
		{
			Name: "second-delete-is-204", Seen: "RFC 7644 §3.6",
			Check: []string{"rfc.delete.twice"},
			Edits: []Edit{
				{"scim.go", "		cur, err := h.store.Get(req.ctx, req.ref(), Projection{})\n", `		cur, err := h.store.Get(req.ctx, req.ref(), Projection{})
		if planted("second-delete-is-204") && err != nil {
			return gone, nil
		}
`},
				{"scim.go", "	if h.hooks == nil && req.blind() && !h.guards(&req.principal) {\n", `	if h.hooks == nil && req.blind() && !h.guards(&req.principal) && !planted("second-delete-is-204") && !planted("delete-disables") {
`},
			},
		},
		{
			Name: "created-is-200", Seen: "RFC 7644 §3.3",
			Check: []string{"rfc.create.created"},
			Edits: []Edit{
				{"scim.go", "\tanswer := response{status: http.StatusCreated,", `	answer := response{status: plantedInt("created-is-200", http.StatusCreated, http.StatusOK),`},
			},
		},
		{
			Name: "groups-of-users-are-empty", Seen: "RFC 7643 §4.1.2",
			Check: []string{"rfc.groups.of-user"},
			Edits: []Edit{
				{"projection.go", "\t\tGroups:  t.groups != nil && p", `		Groups:  !planted("groups-of-users-are-empty") && t.groups != nil && p`},
			},
		},
		{
			Name: "bad-json-is-500", Seen: "a crash on a body",
			Check: []string{"rfc.errors.syntax", "entra.create.bad-body"},
			Edits: []Edit{
				{"failure.go", `	{ErrInvalidSyntax, 400, "invalidSyntax"},`, `	{ErrInvalidSyntax, plantedInt("bad-json-is-500", 400, 500), "invalidSyntax"},`},
			},
		},
		{
			Name: "conflict-has-no-scim-type", Seen: "RFC 7644 §3.12, Table 9",
			Check: []string{"rfc.create.duplicate"},
			Edits: []Edit{
				{"failure.go", `	{ErrUniqueness, 409, "uniqueness"},`, `	{ErrUniqueness, 409, map[bool]string{false: "uniqueness"}[planted("conflict-has-no-scim-type")]},`},
			},
		},
		{
			Name: "enterprise-paths-are-ignored", Seen: "the extension's attributes do not arrive by PATCH",
			Check: []string{"rfc.patch.extension", "entra.values.extension"},
			Edits: []Edit{
				{"patch_steps.go", `	if len(path) > r.maxPath {
`, `	if planted("enterprise-paths-are-ignored") && strings.HasPrefix(path, "urn:") {
		return patchPath{}, nil
	}
	if len(path) > r.maxPath {
`},
			},
			Cycle: "department",
		},
		{
			Name: "operations-must-be-lower-case", Seen: "rule 2 of ten: op arrives as Add",
			Check: []string{"entra.patch.replace"},
			Edits: []Edit{
				{"patch.go", `		if op[0] == '"' && named(op, opNames[v]) {`, `		if op[0] == '"' && named(op, opNames[v]) && !(planted("operations-must-be-lower-case") && op[1] < 'a') {`},
			},
			Cycle: "must be add",
		},
		{
			Name: "bare-manager-is-refused", Seen: "SCIM-SDK #686, Budibase #15369",
			Check: []string{"entra.manager.set", "microsoft.validator.manager.add", "microsoft.logicapp.manager"},
			Edits: []Edit{
				{"decode_value.go", `		if b == '"' && n.value != nil && c.dialect.grants(ruleBareValue) {`, `		if b == '"' && n.value != nil && c.dialect.grants(ruleBareValue) && !planted("bare-manager-is-refused") {`},
			},
			Cycle: "manager",
		},
		{
			Name: "manager-as-string", Seen: "Budibase #15369",
			Check: []string{"entra.manager.object", "entra.manager.set"},
			Cycle: "manager is",
		},
		{
			Name: "manager-not-returned", Seen: "azure-docs #11784",
			Check: []string{"entra.manager.set", "rfc.patch.extension.manager"},
			Cycle: "manager",
		},
		{
			Name: "active-as-string", Seen: "E045",
			Check: []string{"entra.active.strings", "entra.create.string-boolean"},
			Cycle: "active is",
		},
		{
			Name: "error-status-is-number", Seen: "RFC 7644 §3.12",
			Check: []string{"rfc.errors.shape"},
		},
		{
			Name: "no-location-in-meta", Seen: "RFC 7643 §3.1",
			Check: []string{"rfc.create.location"},
		},
		{
			Name: "single-element-as-object", Seen: "django-scim2 adapter",
			Check: []string{"rfc.projection.lists"},
			Cycle: "emails is",
		},
		{
			Name: "schemas-without-canonical-values", Seen: "Schema_Discoverability_Test (E142)",
			Check: []string{"microsoft.logicapp.schemas"},
		},
		{
			Name: "lists-in-lower-case", Seen: "every collection is a ListResponse",
			Check: []string{"rfc.filter.eq"},
			Cycle: "Resources",
		},
	}
}
