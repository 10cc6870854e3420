package conformance

import "strings"

// SymptomIDs returns the ids of checks that symptoms name, by the symptom's
// title.
func SymptomIDs() map[string][]string {
	ids := map[string][]string{}
	for _, s := range symptoms() {
		ids[s.title] = strings.Fields(s.telling + " " + s.also + " " + s.unlike)
	}
	return ids
}
