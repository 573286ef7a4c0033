package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/internal/store"
)

// How a portal was connected.
const (
	AuthOAuth = "oauth"
	AuthToken = "token"
)

const (
	// renewAhead is how long before its expiry a token is renewed, at most; never more than a quarter of its life.
	renewAhead = 5 * time.Minute
	// renewPause is how long a renewal that failed is left alone while the old token still holds.
	renewPause = 30 * time.Second
	// renewTries bounds how often a renewal starts over because another process was faster.
	renewTries = 3
)

// Options are what a vault is made of. The zero value is fine.
type Options struct {
	Client *http.Client     // for token endpoints
	Now    func() time.Time // nil: the system's clock
	Log    *slog.Logger     // nil: says nothing
}

// Vault keeps the portals' tokens and authorises requests with them. It is safe for use by several goroutines, and
// several processes may share its store.
type Vault struct {
	db   *store.DB
	keys *Keys
	opts Options

	mu      sync.Mutex
	sources map[string]*source
}

// NewVault makes a vault over a store.
func NewVault(db *store.DB, keys *Keys, o Options) *Vault {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Vault{db: db, keys: keys, opts: o, sources: map[string]*source{}}
}

// Connect keeps a portal with what its CRM granted, in the place of an earlier connection.
func (v *Vault) Connect(ctx context.Context, portal, crm string, g Grant) error {
	return v.keep(ctx, store.Portal{Name: portal, CRM: crm, Account: g.Account, Auth: AuthOAuth, Scopes: g.Scopes, API: g.API}, g.Token)
}

// Add keeps a portal with a static token.
func (v *Vault) Add(ctx context.Context, portal, crm, token string) error {
	if err := checkToken(token); err != nil {
		return err
	}
	return v.keep(ctx, store.Portal{Name: portal, CRM: crm, Auth: AuthToken}, Token{access: token})
}

func (v *Vault) keep(ctx context.Context, p store.Portal, t Token) error {
	b, err := v.keys.seal(p.Name, t)
	if err != nil {
		return err
	}
	if err := v.db.Connect(ctx, p, b); err != nil {
		return err
	}
	v.mu.Lock()
	s := v.sources[p.Name]
	v.mu.Unlock()
	if s != nil {
		s.forget()
	}
	return nil
}

// Transport authorises a portal's requests, and those alone: a request that does not go to the host of apiURL is refused.
// base sends them; nil is http.DefaultTransport. All transports of a portal share one token.
func (v *Vault) Transport(portal string, app App, apiURL string, base http.RoundTripper) (http.RoundTripper, error) {
	v.mu.Lock()
	s := v.sources[portal]
	if s == nil {
		s = &source{vault: v, portal: portal}
		v.sources[portal] = s
	}
	s.app = app
	v.mu.Unlock()
	return newTransport(s, apiURL, app.StaticHeader, base)
}

// source gives a portal's access token. One renewal at a time is under way.
type source struct {
	vault  *Vault
	portal string
	app    App // guarded by vault.mu

	mu    sync.Mutex
	held  Token
	have  bool      // held is what the store has, as far as we know
	pause time.Time // until then a renewal that failed is not tried again, while held still holds
	fetch *fetch
}

// fetch is a token on its way: read from the store, and renewed if it is due.
type fetch struct {
	done  chan struct{}
	token Token
	late  bool // it was due, and could not be renewed
	err   error
}

// token returns an access token that holds for a while. The renewal goes on when ctx ends: the CRM may have made the old
// refresh token worthless by then, so its answer must be stored.
func (s *source) token(ctx context.Context) (access string, static bool, err error) {
	s.mu.Lock()
	now := s.vault.opts.Now()
	if s.have && (!s.held.due(now) || now.Before(s.pause) && now.Before(s.held.expires)) {
		defer s.mu.Unlock()
		return s.held.access, s.held.static(), nil
	}
	f := s.fetch
	if f == nil {
		f = &fetch{done: make(chan struct{})}
		s.fetch = f
		go s.run(context.WithoutCancel(ctx), f)
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.token.access, f.token.static(), f.err
	case <-ctx.Done():
		return "", false, ctx.Err()
	}
}

func (s *source) run(ctx context.Context, f *fetch) {
	f.token, f.late, f.err = s.load(ctx)
	s.mu.Lock()
	s.held, s.have, s.fetch, s.pause = f.token, f.err == nil, nil, time.Time{}
	if f.late {
		s.pause = s.vault.opts.Now().Add(renewPause)
	}
	s.mu.Unlock()
	close(f.done)
}

// load reads the token from the store and renews it if it is due. late tells that this failed, which does no harm before
// the token expires, unless the CRM said that the authorization is gone.
func (s *source) load(ctx context.Context) (t Token, late bool, err error) {
	v := s.vault
	for range renewTries {
		kept, err := v.db.Token(ctx, s.portal)
		if errors.Is(err, store.ErrNotFound) {
			return Token{}, false, fmt.Errorf("portal %s is not connected: %w", s.portal, connectors.ErrUnauthorized)
		}
		if err != nil {
			return Token{}, false, err
		}
		if kept.Revoked {
			return Token{}, false, &goneError{s.portal, kept.Why}
		}
		old, err := v.keys.open(s.portal, kept.Sealed)
		if err != nil {
			return Token{}, false, err
		}
		now := v.opts.Now()
		if !old.due(now) || old.refresh == "" {
			return old, false, nil
		}
		fresh, again, err := s.renew(ctx, kept.Rev, old)
		if again {
			continue
		}
		var gone *goneError
		if err != nil && now.Before(old.expires) && !errors.As(err, &gone) {
			v.opts.Log.Warn("token not renewed yet, the old one still holds", "portal", s.portal, "expires", old.expires, "error", err)
			return old, true, nil
		}
		return fresh, false, err
	}
	return Token{}, false, fmt.Errorf("%w: other processes keep renewing the token of portal %s", connectors.ErrUnavailable, s.portal)
}

// renew asks the CRM for a new token and stores it before anybody uses it. again is true where another process has changed
// the token meanwhile: theirs counts.
func (s *source) renew(ctx context.Context, rev int64, old Token) (fresh Token, again bool, err error) {
	v := s.vault
	v.mu.Lock()
	app := s.app
	v.mu.Unlock()
	fresh, err = app.renew(ctx, v.opts.Client, v.opts.Now(), old)
	var refusal *Refusal
	if errors.As(err, &refusal) && refusal.revoked() {
		marked, merr := v.db.RevokeToken(ctx, s.portal, rev, refusal.Error())
		if merr != nil {
			return Token{}, false, errors.Join(err, merr)
		}
		return Token{}, !marked, &goneError{s.portal, refusal.Error()}
	}
	if err != nil {
		return Token{}, false, fmt.Errorf("portal %s: %w", s.portal, err)
	}
	b, err := v.keys.seal(s.portal, fresh)
	if err != nil {
		return Token{}, false, err
	}
	swapped, err := v.db.SwapToken(ctx, s.portal, rev, b)
	for range renewTries {
		if err != nil || swapped {
			break
		}
		// Another process that tried the old refresh token after us was refused and took the authorization for gone.
		// Ours is the proof that it is not.
		kept, kerr := v.db.Token(ctx, s.portal)
		if kerr != nil || !kept.Revoked {
			return Token{}, true, kerr
		}
		swapped, err = v.db.SwapToken(ctx, s.portal, kept.Rev, b)
	}
	if err != nil {
		return Token{}, false, err
	}
	if swapped {
		v.opts.Log.Debug("token renewed", "portal", s.portal, "expires", fresh.expires)
	}
	return fresh, !swapped, nil
}

// forget makes the next request read the store.
func (s *source) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.have = false
}

// doubt makes the next request read the store again, if the token that was refused is still the one in hand: somebody
// may have connected the portal anew. It renews nothing: a refusal does not tell that a token has expired.
func (s *source) doubt(access string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.access == access {
		s.have = false
	}
}

// static reports whether a token was made in the CRM's own pages: it never expires and is never renewed.
func (t Token) static() bool { return t.refresh == "" && t.expires.IsZero() }

// due reports whether a token should be renewed.
func (t Token) due(now time.Time) bool {
	if t.expires.IsZero() {
		return false
	}
	return !now.Before(t.expires.Add(-min(renewAhead, t.life/4)))
}

// goneError tells that the CRM said that a portal's authorization is gone.
type goneError struct{ portal, why string }

func (e *goneError) Error() string {
	return fmt.Sprintf("%v: the authorization of portal %s is gone (%s); connect it again", connectors.ErrUnauthorized, e.portal, e.why)
}

func (e *goneError) Unwrap() error { return connectors.ErrUnauthorized }
