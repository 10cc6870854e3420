package conformance

import (
	"bytes"
	"encoding/json"
	"io"
)

// jsonFormat is raised when a field changes its meaning or goes; fields may be
// added without.
const jsonFormat = "usher-check/1"

// WriteJSON writes the report as one indented JSON object: the fields of
// Report with their JSON names, and
//
//	format      "usher-check/1"
//	conforms    what Conforms returns
//	verdict     the result in a sentence
//	counts      results by status; a status without results is left out
//	durationMs  here, in results and in exchanges: milliseconds
//
// Bodies of more than 64 KiB are shortened, and credentials and cookies left
// out. json.Marshal of a Report gives the same without indentation.
func (r *Report) WriteJSON(w io.Writer) error {
	var b bytes.Buffer
	if err := json.Indent(&b, encode(r), "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

// MarshalJSON implements json.Marshaler. WriteJSON tells the form.
func (r *Report) MarshalJSON() ([]byte, error) {
	type plain Report
	return encode(struct {
		Format   string         `json:"format"`
		Conforms bool           `json:"conforms"`
		Verdict  string         `json:"verdict"`
		Counts   map[Status]int `json:"counts"`
		Duration float64        `json:"durationMs"`
		*plain
	}{jsonFormat, r.Conforms(), r.verdict(), r.tally(), milliseconds(r.Duration), (*plain)(r)}), nil
}

// MarshalJSON implements json.Marshaler. Report.WriteJSON tells the form.
func (r *Result) MarshalJSON() ([]byte, error) {
	type plain Result
	return encode(struct {
		*plain
		Duration float64 `json:"durationMs"`
	}{(*plain)(r), milliseconds(r.Duration)}), nil
}

// MarshalJSON implements json.Marshaler. Report.WriteJSON tells the form.
func (x Exchange) MarshalJSON() ([]byte, error) {
	type plain Exchange
	x.RequestHeader, x.ResponseHeader = withoutSecrets(x.RequestHeader), withoutSecrets(x.ResponseHeader)
	x.RequestBody, x.ResponseBody = shorten(x.RequestBody), shorten(x.ResponseBody)
	return encode(struct {
		plain
		Duration float64 `json:"durationMs"`
	}{plain(x), milliseconds(x.Duration)}), nil
}
