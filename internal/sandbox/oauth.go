package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"sync"
	"time"
)

// What every sandbox CRM accepts.
const (
	ClientID     = "sandbox"
	ClientSecret = "sandbox"
	StaticToken  = "pat-sandbox"
)

// Why an authorization server refuses.
var (
	ErrBadCode     = errors.New("the code is unknown, used or expired")
	ErrBadRedirect = errors.New("the redirect URI is not the one that the code was asked with")
	ErrBadVerifier = errors.New("the code verifier does not match")
	ErrBadRefresh  = errors.New("the refresh token is unknown or revoked")
)

// Grant is what somebody allowed a client to do.
type Grant struct {
	Scopes  []string
	Static  bool      // by a token made in the CRM's own pages, which never expires
	Refresh string    // the refresh token that the grant lives by; "" for static ones
	Expires time.Time // of the access token; zero: never
}

// Has reports whether a scope was granted.
func (g Grant) Has(scope string) bool { return slices.Contains(g.Scopes, scope) }

// Asked is a request for authorization: what a code stands for until it is exchanged.
type Asked struct {
	Redirect  string
	Scopes    []string
	Challenge string // PKCE, S256; "" none
	until     time.Time
}

// Grants is an authorization server's memory: codes, access tokens and refresh tokens. A token that expired is remembered as such.
type Grants struct {
	mu      sync.Mutex
	codes   map[string]Asked
	refresh map[string][]string // refresh token to its scopes
	access  map[string]Grant
}

func newGrants() *Grants {
	return &Grants{codes: map[string]Asked{}, refresh: map[string][]string{}, access: map[string]Grant{}}
}

// codeLife is how long a code may wait for its exchange.
const codeLife = 10 * time.Minute

// Code makes a code that Exchange takes once within ten minutes.
func (g *Grants) Code(asked Asked, now time.Time) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked.until = now.Add(codeLife)
	code := secret("na1-", 24)
	g.codes[code] = asked
	return code
}

// Exchange turns a code into an access and a refresh token. A code is used up by the first try, right or wrong.
func (g *Grants) Exchange(code, redirect, verifier string, now time.Time, life time.Duration) (access string, grant Grant, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked, ok := g.codes[code]
	delete(g.codes, code)
	switch {
	case !ok || now.After(asked.until):
		return "", Grant{}, ErrBadCode
	case asked.Redirect != redirect:
		return "", Grant{}, ErrBadRedirect
	case asked.Challenge != "" && asked.Challenge != challengeOf(verifier):
		return "", Grant{}, ErrBadVerifier
	}
	refresh := secret("na1-", 36)
	g.refresh[refresh] = asked.Scopes
	access, grant = g.issue(refresh, now, life)
	return access, grant, nil
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Renew makes a new access token of a refresh token, which stays the same.
func (g *Grants) Renew(refresh string, now time.Time, life time.Duration) (access string, grant Grant, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.refresh[refresh]; !ok {
		return "", Grant{}, ErrBadRefresh
	}
	access, grant = g.issue(refresh, now, life)
	return access, grant, nil
}

func (g *Grants) issue(refresh string, now time.Time, life time.Duration) (string, Grant) {
	token := secret("", 180)
	grant := Grant{Scopes: g.refresh[refresh], Refresh: refresh, Expires: now.Add(life)}
	g.access[token] = grant
	return token, grant
}

// Access tells what an access token may do. known is false for a token that was never issued; live is false for one that has expired.
func (g *Grants) Access(token string, now time.Time) (grant Grant, known, live bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	grant, known = g.access[token]
	return grant, known, known && (grant.Expires.IsZero() || now.Before(grant.Expires))
}

// Refresh returns the scopes that a refresh token stands for.
func (g *Grants) Refresh(token string) (scopes []string, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	scopes, ok = g.refresh[token]
	return scopes, ok
}

// Revoke ends a refresh token; access tokens made of it live on until they expire. It reports whether there was one.
func (g *Grants) Revoke(refresh string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.refresh[refresh]
	delete(g.refresh, refresh)
	return ok
}

// Uninstall ends every token of a grant at once, as removing the app from the account does.
func (g *Grants) Uninstall(refresh string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.refresh, refresh)
	for token, grant := range g.access {
		if grant.Refresh == refresh {
			delete(g.access, token)
		}
	}
}

// Allow makes a token valid for ever, as the CRM's own pages do.
func (g *Grants) Allow(token string, scopes []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.access[token] = Grant{Scopes: scopes, Static: true}
}

func secret(prefix string, bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}
