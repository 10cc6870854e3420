package conformance

import (
	"fmt"
	"maps"
	"slices"
)

// interop is where the rules of this suite stand: draft-ietf-scim-interop-profile.
func interop(section string) string { return "SCIM 2.0 Interoperability Profile §" + section }

// strictChecks hold the endpoint to the SCIM 2.0 Interoperability Profile, to
// the letter. Much of what the profile refuses Entra ID and Okta send, so an
// endpoint either claims it or serves those; the suite runs by itself only
// where it is claimed. There are no checks for what the profile leaves to the
// server or asks of clients.
func strictChecks() []check {
	return slices.Concat(strictDiscoveryChecks(), strictModelChecks(), strictQueryChecks(), strictPatchChecks(), strictLifecycleChecks())
}

func strictDiscoveryChecks() []check {
	return []check{
		{
			id: "discovery.r333-conformant", area: Discovery, level: Must, rows: []string{"R-333"}, source: interop("4"),
			title: "ServiceProviderConfig says interopProfileConformant: true",
			why:   "A client that keeps to the profile looks there, and does not connect to an endpoint that does not claim it.",
			fix:   "Set interopProfileConformant to true, a boolean, but only where all of the profile holds.",
			run: func(p *probe) {
				o := p.object(p.get("/ServiceProviderConfig"), 200)
				p.expect(field(o, "interopProfileConformant") == true, "interopProfileConformant true", "interopProfileConformant "+show(field(o, "interopProfileConformant")))
			},
		},
		{
			id: "discovery.r334-endpoints", area: Discovery, level: Must, rows: []string{"R-334"}, source: interop("5.1"),
			title: "ServiceProviderConfig, Schemas and ResourceTypes are served",
			why:   "Clients of the profile configure themselves from these three.",
			fix:   "Serve all three: the first as an object, the others as ListResponses.",
			run: func(p *probe) {
				p.object(p.get("/ServiceProviderConfig"), 200)
				schemas := p.list(p.get("/Schemas"))
				p.expect(len(schemas.resources) > 0, "schemas", show(schemas.object))
				p.resourceTypes()
			},
		},
		{
			id: "discovery.r335-schemas-of-types", area: Discovery, level: Must, rows: []string{"R-335"}, source: interop("5.1"),
			title: "Every schema that a resource type names is at /Schemas",
			why:   "A client cannot map attributes of a schema that it cannot read.",
			fix:   "Publish the schema and every extension of each resource type.",
			run: func(p *probe) {
				var types []object
				p.prepare("cannot read the resource types", func() { types = p.resourceTypes() })
				schemas := p.publishedSchemas()
				for _, t := range types {
					uris := schemasOf(t)
					p.expect(len(uris) > 0, "a schema", show(t))
					for _, uri := range uris {
						p.expect(schemas[uri] != nil, uri+" at /Schemas", show(slices.Sorted(maps.Keys(schemas))))
					}
				}
			},
		},
		{
			id: "discovery.r335-nothing-undefined", area: Discovery, level: Must, rows: []string{"R-335"}, source: interop("5.1"),
			title: "Users and groups have no attribute that the schemas do not define",
			why:   "A client that reads a resource and sends it back is refused for what the endpoint itself made up.",
			fix:   "Define what you return, sub-attributes too, or do not return it.",
			run: func(p *probe) {
				var types []object
				var schemas map[string]object
				p.prepare("cannot read the schemas", func() { types, schemas = p.resourceTypes(), p.publishedSchemas() })
				path, u := p.newUser(nil)
				resources := map[string]string{"/Users": path}
				if p.features.has[groups] {
					resources["/Groups"], _ = p.newGroup(nil, idOf(u))
				}
				for _, t := range types {
					path, uris := resources[p.endpointOf(t)], schemasOf(t)
					if path == "" || len(uris) == 0 {
						continue
					}
					got := p.read(path)
					names := undefined(got, uris, schemas)
					p.expect(len(names) == 0, "attributes that are at /Schemas", "besides them "+show(names)+" in "+show(got))
				}
			},
		},
		{
			id: "discovery.r335-nothing-missing", area: Discovery, level: Must, rows: []string{"R-335"}, source: interop("5.1"),
			title: "What the User schema defines is stored and returned",
			why:   "A client maps attributes because the schema has them; their values are lost, and every cycle sends them again.",
			fix:   "Leave out of the schema what you do not store.",
			run: func(p *probe) {
				p.prepare("cannot read the schemas", func() {
					p.expect(len(attributes(p.features.schemas[userURN])) > 0, "the User schema", show(p.features.schemas[userURN]))
				})
				core, extension := p.samples(userURN), p.samples(enterpriseURN)
				sent := maps.Clone(core)
				if len(extension) > 0 {
					sent["schemas"] = []string{userURN, enterpriseURN}
					sent[enterpriseURN] = extension
				}
				u := p.resource(p.post("/Users", p.user(sent)), 201, 200)
				got := p.read(pathOf("/Users", u))
				lost := []string{}
				for name, v := range core {
					lost = append(lost, missing(name, field(got, name), v)...)
				}
				for name, v := range extension {
					lost = append(lost, missing(enterpriseURN+":"+name, field(field(got, enterpriseURN), name), v)...)
				}
				slices.Sort(lost)
				p.expect(len(lost) == 0, "all attributes that were sent and are in the schema", "without "+show(lost))
			},
		},
		{
			id: "discovery.r337-type-ids", area: Discovery, level: Must, rows: []string{"R-337"}, source: interop("5.1"),
			title: "The id of every resource type is its name",
			why:   "Clients read /ResourceTypes/User by the name they know.",
			fix:   "Give each resource type an id that equals its name.",
			run: func(p *probe) {
				for _, t := range p.resourceTypes() {
					name, _ := field(t, "name").(string)
					p.expect(name != "" && field(t, "id") == name, "id "+show(name), "id "+show(field(t, "id")))
				}
			},
		},
		{
			id: "discovery.r341-canonical-types", area: Discovery, level: Must, rows: []string{"R-341"}, source: interop("5.4"),
			title: "Every multi-valued attribute with a type lists the types there are",
			why:   "Clients may send no other type than the schema lists, so where it lists none they can send none.",
			fix:   "Give the sub-attribute type of emails, phoneNumbers and the others canonicalValues.",
			run: func(p *probe) {
				var schemas map[string]object
				p.prepare("cannot read the schemas", func() { schemas = p.publishedSchemas() })
				var bare []string
				for uri, s := range schemas {
					if isConfiguration(uri) {
						continue
					}
					for _, def := range attributes(s) {
						sub := definition(subAttributes(def), "type")
						values, _ := field(sub, "canonicalValues").([]any)
						if field(def, "multiValued") == true && sub != nil && len(values) == 0 {
							bare = append(bare, uri+":"+fmt.Sprint(field(def, "name"))+".type")
						}
					}
				}
				slices.Sort(bare)
				p.expect(len(bare) == 0, "canonicalValues of every type", "none of "+show(bare))
			},
		},
		{
			id: "discovery.r342-endpoints-differ", area: Discovery, level: Must, rows: []string{"R-342"}, source: interop("6.1"),
			title: "Every resource type has an endpoint of its own",
			why:   "A client that lists users gets groups among them.",
			fix:   "Serve each resource type at its own endpoint, and name that in /ResourceTypes.",
			run: func(p *probe) {
				seen := map[string]bool{}
				for _, t := range p.resourceTypes() {
					endpoint := p.endpointOf(t)
					p.expect(endpoint != "" && !seen[endpoint], "an endpoint for each resource type", show(t))
					seen[endpoint] = true
					for _, r := range p.list(p.get(endpoint + "?count=5")).resources {
						typ, has := field(field(r, "meta"), "resourceType").(string)
						p.expect(!has || typ == field(t, "name"), "resources of type "+show(field(t, "name"))+" alone at "+endpoint, show(r))
					}
				}
			},
		},
		{
			id: "transport.r370-no-basic", area: Transport, level: Should, rows: []string{"R-370"}, source: interop("7.2"),
			title: "Basic authentication is not offered",
			why:   "A password that never changes goes over the wire with every request.",
			fix:   "Offer bearer tokens, short-lived ones best, and take httpbasic from authenticationSchemes.",
			run: func(p *probe) {
				schemes, _ := field(p.features.config, "authenticationSchemes").([]any)
				for _, s := range schemes {
					p.expect(field(s, "type") != "httpbasic", "no scheme of type httpbasic", show(s))
				}
			},
		},
	}
}

// narrowed are the checks of the RFCs that send what the profile refuses: an
// operation of a PATCH without a path (§6.5.1.1), and replace of part of a
// complex value (§6.5.2.1).
var narrowed = map[string]bool{
	"rfc.patch.no-path": true, "rfc.patch.no-path.complex": true, "rfc.patch.extension.no-path": true, "rfc.groups.patch.add.no-path": true,
	"rfc.patch.lists.add": true, "rfc.patch.lists.replace": true, "rfc.groups.patch.replace": true, "rfc.groups.patch.rename": true,
	"rfc.patch.no-target": true, "rfc.patch.names.case": true, "rfc.patch.complex": true,
}
