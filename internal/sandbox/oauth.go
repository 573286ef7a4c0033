package sandbox

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
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
	// Redirect is the redirect URI that the client gave; "" for static tokens.
	Redirect string
}

// Has reports whether a scope was granted.
func (g Grant) Has(scope string) bool { return slices.Contains(g.Scopes, scope) }

// Asked is a request for authorization: what a code stands for until it is exchanged.
type Asked struct {
	Redirect  string
	Scopes    []string
	Challenge string // PKCE, S256; "" none
	// Life is how long the code may wait for its exchange; 0: ten minutes.
	Life  time.Duration
	until time.Time
}

// install is what a refresh token stands for.
type install struct {
	scopes   []string
	redirect string
	used     time.Time
}

// Grants is an authorization server's memory: codes, access tokens and refresh tokens. A token that expired is remembered as such.
type Grants struct {
	// Idle is how long a refresh token lives when nobody uses it; 0: for ever. A face sets it once, before the first request.
	Idle time.Duration
	// TokenBytes is how many random bytes an access token holds, in 4 letters for 3 bytes; 0: 180. A face sets it once, too.
	TokenBytes int

	mu      sync.Mutex
	codes   map[string]Asked
	refresh map[string]*install
	access  map[string]Grant
}

func newGrants() *Grants {
	return &Grants{codes: map[string]Asked{}, refresh: map[string]*install{}, access: map[string]Grant{}}
}

// codeLife is how long a code may wait for its exchange.
const codeLife = 10 * time.Minute

// Code makes a code that Exchange takes once while it lives.
func (g *Grants) Code(asked Asked, now time.Time) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked.until = now.Add(cmp.Or(asked.Life, codeLife))
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
	g.refresh[refresh] = &install{scopes: asked.Scopes, redirect: asked.Redirect, used: now}
	access, grant = g.issue(refresh, now, life)
	return access, grant, nil
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Renewal says what becomes of the older tokens when an access token is renewed; the zero value keeps them all.
type Renewal struct {
	Rotate   bool // a new refresh token takes the place of the one that was used
	EndOlder bool // the access tokens made before end at once
}

// Renew makes a new access token of a refresh token, which stays the same.
func (g *Grants) Renew(refresh string, now time.Time, life time.Duration) (access string, grant Grant, err error) {
	return g.RenewBy(Renewal{}, refresh, now, life)
}

// RenewBy makes a new access token of a refresh token; how says what becomes of the older ones.
func (g *Grants) RenewBy(how Renewal, refresh string, now time.Time, life time.Duration) (access string, grant Grant, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	in := g.refresh[refresh]
	if in == nil || g.Idle > 0 && now.After(in.used.Add(g.Idle)) {
		return "", Grant{}, ErrBadRefresh
	}
	in.used = now
	if how.EndOlder {
		g.endAccess(refresh)
	}
	if how.Rotate {
		next := secret("na1-", 36)
		delete(g.refresh, refresh)
		g.refresh[next] = in
		for token, older := range g.access {
			if older.Refresh == refresh {
				older.Refresh = next
				g.access[token] = older
			}
		}
		refresh = next
	}
	access, grant = g.issue(refresh, now, life)
	return access, grant, nil
}

func (g *Grants) issue(refresh string, now time.Time, life time.Duration) (string, Grant) {
	token := secret("", cmp.Or(g.TokenBytes, 180))
	in := g.refresh[refresh]
	grant := Grant{Scopes: in.scopes, Refresh: refresh, Redirect: in.redirect, Expires: now.Add(life)}
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
	in, ok := g.refresh[token]
	if !ok {
		return nil, false
	}
	return in.scopes, true
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
	g.endAccess(refresh)
}

// EndAccess ends one access token; the refresh token that it was made of lives on. It reports whether there was one.
func (g *Grants) EndAccess(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.access[token]
	delete(g.access, token)
	return ok
}

// Installs lists what each living refresh token stands for, in the order of the tokens.
func (g *Grants) Installs() []Grant {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []Grant
	for _, token := range slices.Sorted(maps.Keys(g.refresh)) {
		in := g.refresh[token]
		out = append(out, Grant{Scopes: in.scopes, Refresh: token, Redirect: in.redirect})
	}
	return out
}

// endAccess ends the access tokens that were made of a refresh token.
func (g *Grants) endAccess(refresh string) {
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
