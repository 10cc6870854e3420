package tenant

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Request makes the request again, to an endpoint such as that of a test:
// https://localhost:8080/scim/v2. It has no token. It reports ErrInvalid if not all
// of the path or the body was kept: it was longer than 64 KiB, or nothing was wrong with it, or it
// was refused before anybody had read it.
func (r *Record) Request(ctx context.Context, endpoint string) (*http.Request, error) {
	if strings.HasSuffix(r.Path, "…") {
		return nil, invalid("the path of request %s was too long to be kept", r.ID)
	}
	if r.Cut {
		return nil, invalid("the body of request %s was not kept, or not all of it", r.ID)
	}
	q, err := http.NewRequestWithContext(ctx, r.Method, strings.TrimRight(endpoint, "/")+"/"+readTarget(r.Path), bytes.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("tenant: request %s: %w", r.ID, err)
	}
	for name, value := range map[string]string{"Content-Type": r.ContentType, "If-Match": r.IfMatch, "If-None-Match": r.IfNoneMatch, "User-Agent": r.UserAgent} {
		if value != "" {
			q.Header.Set(name, value)
		}
	}
	return q, nil
}
