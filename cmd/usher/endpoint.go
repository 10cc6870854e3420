package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// An endpoint is where a command sends requests to.
type endpoint struct {
	URL      string        `arg:"" name:"url" help:"Base URL of the endpoint, such as https://app.example.com/scim/v2; what Entra calls the Tenant URL."`
	Token    string        `env:"USHER_TOKEN" placeholder:"T" help:"Bearer token. In the environment it stays out of the shell's history."`
	Insecure bool          `help:"Accept any TLS certificate."`
	Timeout  time.Duration `default:"30s" help:"How long to wait for one answer."`
	Workers  int           `default:"8" help:"Requests at once."`
}

func (e *endpoint) valid() error {
	switch {
	case e.Timeout <= 0:
		return errors.New("-timeout: want more than 0s")
	case e.Workers < 1 || e.Workers > 1000:
		return errors.New("-workers: want 1 to 1000")
	}
	return nil
}

// client makes a client that is as impatient and as trusting as the flags say.
func (e *endpoint) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSClientConfig:     &tls.Config{InsecureSkipVerify: e.Insecure}, // whoever says -insecure wants that
			TLSHandshakeTimeout: e.Timeout,
			MaxIdleConnsPerHost: e.Workers + 8,
			IdleConnTimeout:     time.Second, // before the server ends it: a POST on one that just ended is lost,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// reach reports why the endpoint cannot be used at all, so that nobody has to
// read that from a hundred failures.
func (e *endpoint) reach(ctx context.Context, client *http.Client) error {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("URL: want http:// or https:// and a host, such as https://app.example.com/scim/v2")
	}
	if e.Token == "" {
		return errors.New("no token: give -token, or set USHER_TOKEN; any will do where none is asked for")
	}
	u.RawQuery, u.Fragment, u.User = "", "", nil
	base := strings.TrimRight(u.String(), "/")
	const often = "the base URL often ends in /scim or /scim/v2"
	users, err := e.get(ctx, client, base+"/Users?count=1")
	switch {
	case err != nil:
		return fmt.Errorf("cannot reach %s: %w", base, explained(err))
	case users.StatusCode == http.StatusUnauthorized, users.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s refuses the token: GET /Users is answered %d", base, users.StatusCode)
	case users.StatusCode/100 == 3:
		return fmt.Errorf("%s redirects to %q, which identity providers do not follow: give the URL that it leads to, if that is the endpoint", base, users.Header.Get("Location"))
	case users.StatusCode >= 500 && users.StatusCode != http.StatusNotImplemented:
		return fmt.Errorf("%s is out of order: GET /Users is answered %d", base, users.StatusCode)
	case strings.HasPrefix(users.Header.Get("Content-Type"), "text/html"):
		return fmt.Errorf("there is no SCIM endpoint at %s: GET /Users is answered with a web page; %s", base, often)
	case users.StatusCode == http.StatusNotFound:
		if config, err := e.get(ctx, client, base+"/ServiceProviderConfig"); err == nil && config.StatusCode == http.StatusNotFound {
			return fmt.Errorf("there is no SCIM endpoint at %s: /Users and /ServiceProviderConfig are answered 404; %s", base, often)
		}
	}
	return nil
}

// get returns the head of an answer.
func (e *endpoint) get(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+e.Token)
	req.Header.Set("Accept", "application/scim+json")
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)) // so that the connection can be used again
	return res, err
}

// explained adds to an error what to do about it.
func explained(err error) error {
	var request *url.Error
	if errors.As(err, &request) { // its text repeats the URL
		err = request.Err
	}
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		dns     *net.DNSError
	)
	switch {
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &invalid):
		return fmt.Errorf("%w; identity providers refuse such a certificate too, -insecure accepts it", err)
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("no host %s", dns.Name)
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer in time; -timeout waits longer")
	case errors.Is(err, http.ErrSchemeMismatch):
		return errors.New("it speaks HTTP without TLS; try http://")
	}
	return err
}
