package conformance

// Checks returns what the suites check, in their order, as results that have
// neither a status nor a finding.
func Checks() (list []*Result) {
	for _, s := range suites() {
		for i := range s.checks {
			list = append(list, s.result(&s.checks[i]))
		}
	}
	return list
}

// result is what a check begins with.
func (s *suite) result(c *check) *Result {
	return &Result{
		ID: s.name + "." + c.id, Suite: s.name, Area: c.area, Title: c.title, Requirements: c.rows, Source: c.source,
		Level: c.level, Why: c.why, Fix: c.fix, check: c,
	}
}
