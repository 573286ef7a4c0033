package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// tokens gives access tokens.
type tokens interface {
	// static tells of one that was made in the CRM's own pages.
	token(ctx context.Context) (access string, static bool, err error)
	// doubt is told that the CRM did not accept a token.
	doubt(access string)
}

// transport puts the token on requests to one host.
type transport struct {
	tokens tokens
	api    *url.URL
	header string // takes static tokens; "": as any other
	base   http.RoundTripper
}

func newTransport(t tokens, apiURL, header string, base http.RoundTripper) (http.RoundTripper, error) {
	api, err := url.Parse(apiURL)
	if err != nil || api.Host == "" {
		return nil, errors.New("the API's URL has no host")
	}
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{tokens: t, api: api, header: header, base: base}, nil
}

// FileTransport authorises requests to the host of apiURL with a static token from a file, which is read for every request
// so that it may be exchanged. base sends them; nil is http.DefaultTransport.
func FileTransport(file, apiURL string, base http.RoundTripper) (http.RoundTripper, error) {
	return newTransport(fileToken(file), apiURL, "", base)
}

// FileTransport authorises requests as [FileTransport] does, with the token where the app's CRM wants a static one.
func (a App) FileTransport(file, apiURL string, base http.RoundTripper) (http.RoundTripper, error) {
	return newTransport(fileToken(file), apiURL, a.StaticHeader, base)
}

// RoundTrip sends a copy of the request with the token on it. A request to another host, to which a redirect may have led,
// is refused: it would give the token away.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	access, static, err := "", false, error(nil)
	if req.URL.Scheme != t.api.Scheme || !strings.EqualFold(req.URL.Host, t.api.Host) {
		err = fmt.Errorf("the token of %s is not sent to %s", t.api.Host, req.URL.Host)
	} else {
		access, static, err = t.tokens.token(req.Context())
	}
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper must, also when it fails
		}
		return nil, err
	}
	out := req.Clone(req.Context())
	if static && t.header != "" {
		out.Header.Set(t.header, access)
	} else {
		out.Header.Set("Authorization", "Bearer "+access)
	}
	resp, err := t.base.RoundTrip(out)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		t.tokens.doubt(access)
	}
	return resp, err
}

// fileToken is the path of a file that holds a static token.
type fileToken string

func (f fileToken) token(context.Context) (string, bool, error) {
	access, err := ReadToken(string(f))
	return access, true, err
}

func (f fileToken) doubt(string) {}

// ReadToken reads a static token from a file.
func ReadToken(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if err := checkToken(token); err != nil {
		return "", fmt.Errorf("the token file %s: %w", file, err)
	}
	return token, nil
}

// checkToken refuses what cannot be a token, and what must not go into a header. It does not repeat it.
func checkToken(token string) error {
	if token == "" {
		return errors.New("there is no token")
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("a token is one word of ASCII characters")
	}
	return nil
}
