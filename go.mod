module github.com/usherkit/scim

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0 // of tests alone
	golang.org/x/text v0.43.0
	golang.org/x/time v0.16.0
)
