package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
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
// out. json.Marshal of a Report gives the same without indentation, and
// json.Unmarshal reads both.
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

// UnmarshalJSON implements json.Unmarshaler: it reads what WriteJSON wrote, and
// refuses another format.
func (r *Report) UnmarshalJSON(b []byte) error {
	type plain Report
	read := struct {
		Format   string  `json:"format"`
		Duration float64 `json:"durationMs"`
		*plain
	}{plain: new(plain)}
	if err := json.Unmarshal(b, &read); err != nil {
		return err
	}
	if read.Format != jsonFormat {
		return fmt.Errorf("conformance: a report of the format %q; want %q", read.Format, jsonFormat)
	}
	if slices.Contains(read.Results, nil) {
		return errors.New("conformance: a report with a result that is null")
	}
	*r = Report(*read.plain)
	r.Duration = duration(read.Duration)
	return nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Result) UnmarshalJSON(b []byte) error {
	type plain Result
	read := struct {
		*plain
		Duration float64 `json:"durationMs"`
	}{plain: new(plain)}
	if err := json.Unmarshal(b, &read); err != nil {
		return err
	}
	*r = Result(*read.plain)
	r.Duration = duration(read.Duration)
	return nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (x *Exchange) UnmarshalJSON(b []byte) error {
	type plain Exchange
	read := struct {
		*plain
		Duration float64 `json:"durationMs"`
	}{plain: new(plain)}
	if err := json.Unmarshal(b, &read); err != nil {
		return err
	}
	*x = Exchange(*read.plain)
	x.Duration = duration(read.Duration)
	return nil
}

// duration is what milliseconds wrote.
func duration(ms float64) time.Duration {
	return time.Duration(ms * float64(time.Millisecond)).Round(10 * time.Microsecond)
}
