package scim

import "iter"

// Select returns the page that q asks for of the resources that all yields:
// those that match q.Filter, counted all, and kept from q.Offset on, at most
// q.Limit of them. It stops at the first error. A Store uses it for what it
// cannot evaluate itself:
//
//	if id, ok := scim.Requires(q.Filter, "id"); ok { … } // yield only that one
//	return scim.Select(all, q)
//
// What all yields must be of q's tenant and type, in the order of creation,
// and have the Members and Groups that the filter may ask about; the page has
// them only if q.Projection wants them.
func Select(all iter.Seq2[*Resource, error], q Query) (*Page, error) {
	page := new(Page)
	for r, err := range all {
		if err != nil {
			return nil, err
		}
		ok, err := Match(q.Filter, r)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if page.Total >= q.Offset && len(page.Resources) < q.Limit {
			page.Resources = append(page.Resources, q.Projection.of(r))
		}
		page.Total++
	}
	return page, nil
}

// of returns r without the sets that are not wanted.
func (p Projection) of(r *Resource) *Resource {
	if (p.Members || r.Members == nil) && (p.Groups || r.Groups == nil) {
		return r
	}
	bare := *r
	if !p.Members {
		bare.Members = nil
	}
	if !p.Groups {
		bare.Groups = nil
	}
	return &bare
}
