package main

import "github.com/usherkit/scim"

// With -test-types there is a third resource type at /TestResources, for those
// who test clients and servers: it has an attribute for every type of value and
// every characteristic of RFC 7643, and an extension that each resource must
// have.
const (
	testSchemaURI    = "urn:ietf:params:scim:schemas:test:2.0:TestResource"
	testExtensionURI = "urn:ietf:params:scim:schemas:extension:test:2.0:TestResource"
)

// testTypes returns the usual types and the one for tests.
func testTypes() ([]*scim.ResourceType, error) {
	users, err := scim.UserType()
	if err != nil {
		return nil, err
	}
	groups, err := scim.GroupType()
	if err != nil {
		return nil, err
	}
	tests, err := scim.NewResourceType(scim.TypeDefinition{
		Name:        "TestResource",
		Endpoint:    "TestResources",
		Description: "One attribute for every characteristic",
		Schema:      testSchema(),
		Extensions:  []scim.Extension{{Schema: testExtension(), Required: true}},
	})
	if err != nil {
		return nil, err
	}
	return []*scim.ResourceType{users, groups, tests}, nil
}

func testSchema() *scim.Schema {
	return &scim.Schema{ID: testSchemaURI, Name: "TestResource", Description: "One attribute for every characteristic", Attributes: []scim.Attribute{
		{Name: "identifier", Required: true, CaseExact: true, Uniqueness: scim.UniqueServer, Description: "Required, and unique in its exact spelling"},
		{Name: "uniqueString", Uniqueness: scim.UniqueServer, Description: "Unique whatever its case"},
		{Name: "caseExactString", CaseExact: true, Description: "Compared in its exact spelling"},
		{Name: "caseInsensitiveString", Description: "Compared in any case"},
		{Name: "integerAttr", Type: scim.TypeInteger, Description: "A whole number of 64 bits"},
		{Name: "booleanAttr", Type: scim.TypeBoolean, Description: "True or false"},
		{Name: "dateTimeAttr", Type: scim.TypeDateTime, Description: "A date and time, returned in UTC"},
		{Name: "binaryAttr", Type: scim.TypeBinary, CaseExact: true, Description: "Bytes in base64"},
		{Name: "referenceAttr", Type: scim.TypeReference, CaseExact: true, ReferenceTypes: []string{"external"}, Description: "A URI"},
		{Name: "readOnlyAttr", Mutability: scim.ReadOnly, Description: "Set by the server alone, which leaves it empty"},
		{Name: "immutableAttr", Mutability: scim.Immutable, Description: "Set once"},
		{Name: "writeOnlyAttr", Mutability: scim.WriteOnly, Returned: scim.ReturnedNever, Description: "Set at any time, and never returned"},
		{Name: "requestOnlyAttr", Returned: scim.ReturnedRequest, Description: "Returned to who asks for it by name, or has sent it"},
		{Name: "alwaysReturnedAttr", Returned: scim.ReturnedAlways, Description: "Returned even to who excludes it"},
		{Name: "multiStrings", MultiValued: true, Description: "Many strings"},
		{Name: "complexAttr", Type: scim.TypeComplex, Description: "Sub-attributes", SubAttributes: []scim.Attribute{
			{Name: "sub1", Description: "A string"},
			{Name: "sub2", Type: scim.TypeInteger, Description: "A whole number"},
			{Name: "sub3", Description: "Another string"},
		}},
		{Name: "multiComplex", Type: scim.TypeComplex, MultiValued: true, Description: "Many objects", SubAttributes: []scim.Attribute{
			{Name: "value", Description: "The value"},
			{Name: "type", CanonicalValues: []string{"work", "home", "other"}, Description: "What the value is for"},
			{Name: "primary", Type: scim.TypeBoolean, Description: "Whether this is the preferred one, of which there is one at most"},
		}},
	}}
}

func testExtension() *scim.Schema {
	return &scim.Schema{ID: testExtensionURI, Name: "TestExtension", Description: "An extension that each TestResource must have", Attributes: []scim.Attribute{
		{Name: "extString", Description: "A string"},
		{Name: "extRequired", Required: true, Description: "A string that must be there"},
		{Name: "extInteger", Type: scim.TypeInteger, Description: "A whole number"},
	}}
}
