package oauth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/plumbline/plumbline/connectors"
)

// exchangeTime is how long the token endpoint may take.
const exchangeTime = 30 * time.Second

// App is our registration with a CRM, and where that CRM's authorization is found.
type App struct {
	CRM          string
	AuthorizeURL string
	TokenURL     string
	ClientID     string
	ClientSecret func() (string, error)
	RedirectURL  string // exactly as registered
	Scopes       []string
	Optional     []string // scopes that are asked for and may be refused
	// AccountField and ScopesField are where the CRM's token reply names the account and the granted scopes, beside what
	// OAuth itself says; "" where it does not.
	AccountField, ScopesField string
	// APIField is where the token reply names the API's URL; "" where it does not.
	APIField string
	// SecretInHeader says that client id and secret go to the token endpoint by HTTP Basic authentication.
	SecretInHeader bool
	// StaticHeader is the header that takes a static token; "": Authorization, as a bearer token.
	StaticHeader string
}

// Token is what a portal is spoken to with. It never prints.
type Token struct {
	access, refresh string
	expires         time.Time // zero: never
	life            time.Duration
}

// String hides the token.
func (t Token) String() string { return "[token]" }

// Format hides the token from every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[token]")) }

// MarshalText hides the token from JSON and logs.
func (t Token) MarshalText() ([]byte, error) { return []byte("[token]"), nil }

// Expires is when the access token expires; zero: never.
func (t Token) Expires() time.Time { return t.expires }

// Grant is what a CRM answers to a code: a token, and what it is for.
type Grant struct {
	Token   Token
	Account string
	Scopes  []string
	API     string // the API's URL for this account, "" where the CRM does not say
}

// Refusal is a token endpoint's refusal. It holds the codes that the CRM gave, never its words, which may repeat a token.
type Refusal struct {
	Status int
	Codes  []string // "invalid_grant", "BAD_REFRESH_TOKEN"
}

// Error gives status and codes.
func (e *Refusal) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the token endpoint answered %d %s", e.Status, strings.Join(e.Codes, " ")))
}

// Is makes a refusal that no second try will cure a [connectors.ErrUnauthorized], and any other [connectors.ErrUnavailable].
func (e *Refusal) Is(target error) bool {
	if e.Status >= 400 && e.Status < 500 && e.Status != http.StatusTooManyRequests && e.Status != http.StatusRequestTimeout {
		return target == connectors.ErrUnauthorized
	}
	return target == connectors.ErrUnavailable
}

// revokedCodes are the only answers to a renewal that mean that the authorization is gone. Any other refusal may be our
// mistake, and must not take every portal's connection with it.
var revokedCodes = []string{"invalid_grant", "BAD_REFRESH_TOKEN", "BAD_HUB", "access_denied"}

// revoked reports whether a refused renewal means that the authorization is gone.
func (e *Refusal) revoked() bool {
	return e.Status >= 400 && e.Status < 500 && slices.ContainsFunc(e.Codes, func(c string) bool { return slices.Contains(revokedCodes, c) })
}

// Attempt is one try to connect a portal: an authorize URL and the state that its redirect must bring back.
type Attempt struct {
	app   App
	state string
}

// NewAttempt begins to connect a portal.
func NewAttempt(app App) *Attempt { return &Attempt{app: app, state: rand.Text()} }

// URL is the page to which the person is sent. Spaces are %20: some CRMs do not read +.
func (a *Attempt) URL() string {
	conf := a.app.config("")
	var opts []oauth2.AuthCodeOption
	if len(a.app.Optional) > 0 {
		opts = append(opts, oauth2.SetAuthURLParam("optional_scope", strings.Join(a.app.Optional, " ")))
	}
	return strings.ReplaceAll(conf.AuthCodeURL(a.state, opts...), "+", "%20")
}

// Ours reports whether a redirect answers this attempt and no other.
func (a *Attempt) Ours(query url.Values) bool {
	return subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(a.state)) == 1
}

// Redeem exchanges what a redirect brought for a grant. client may be nil; now is the present.
func (a *Attempt) Redeem(ctx context.Context, client *http.Client, now time.Time, query url.Values) (Grant, error) {
	if !a.Ours(query) {
		return Grant{}, errors.New("the redirect does not answer this attempt to connect")
	}
	if code := query.Get("error"); code != "" {
		return Grant{}, fmt.Errorf("the consent page answered %s", cmp.Or(strings.Join(codes(code), ""), "an error"))
	}
	if query.Get("code") == "" {
		return Grant{}, errors.New("the redirect brings no code")
	}
	conf, ctx, cancel, err := a.app.prepare(ctx, client)
	if err != nil {
		return Grant{}, err
	}
	defer cancel()
	tok, err := conf.Exchange(ctx, query.Get("code"))
	if err != nil {
		return Grant{}, fmt.Errorf("exchange the code: %w", clean(err))
	}
	return a.app.grant(tok, now), nil
}

// renew gets a new access token, and whatever refresh token the CRM gives with it.
func (a App) renew(ctx context.Context, client *http.Client, now time.Time, old Token) (Token, error) {
	conf, ctx, cancel, err := a.prepare(ctx, client)
	if err != nil {
		return Token{}, err
	}
	defer cancel()
	tok, err := conf.TokenSource(ctx, &oauth2.Token{RefreshToken: old.refresh}).Token()
	if err != nil {
		return Token{}, fmt.Errorf("renew the token: %w", clean(err))
	}
	return a.grant(tok, now).Token, nil
}

func (a App) config(secret string) *oauth2.Config {
	style := oauth2.AuthStyleInParams
	if a.SecretInHeader {
		style = oauth2.AuthStyleInHeader
	}
	return &oauth2.Config{
		ClientID: a.ClientID, ClientSecret: secret, RedirectURL: a.RedirectURL, Scopes: a.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: a.AuthorizeURL, TokenURL: a.TokenURL, AuthStyle: style},
	}
}

// prepare readies a call of the token endpoint. A redirect there is not followed: it would carry our secret along.
func (a App) prepare(ctx context.Context, client *http.Client) (*oauth2.Config, context.Context, context.CancelFunc, error) {
	secret, err := a.ClientSecret()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("the client secret: %w", err)
	}
	own := http.Client{}
	if client != nil {
		own = *client
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	ctx, cancel := context.WithTimeout(ctx, exchangeTime)
	return a.config(secret), context.WithValue(ctx, oauth2.HTTPClient, &own), cancel, nil
}

// grant reads a token reply.
func (a App) grant(tok *oauth2.Token, now time.Time) Grant {
	g := Grant{Token: Token{access: tok.AccessToken, refresh: tok.RefreshToken}}
	if tok.ExpiresIn > 0 {
		g.Token.life = time.Duration(tok.ExpiresIn) * time.Second
		g.Token.expires = now.Add(g.Token.life)
	}
	switch v := tok.Extra(a.AccountField).(type) {
	case string:
		g.Account = v
	case float64:
		g.Account = strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		g.Account = v.String()
	}
	switch v := tok.Extra(cmp.Or(a.ScopesField, "scope")).(type) {
	case string:
		g.Scopes = strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' })
	case []any:
		for _, s := range v {
			if s, ok := s.(string); ok {
				g.Scopes = append(g.Scopes, s)
			}
		}
	}
	slices.Sort(g.Scopes)
	if api, ok := tok.Extra(a.APIField).(string); ok && a.APIField != "" {
		g.API = apiURL(api)
	}
	return g
}

// apiURL is a URL of an API as a token reply names it; "" where that is none that a token may be sent to.
func apiURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && !ip.IsLoopback()) {
		return ""
	}
	return strings.TrimSuffix(u.String(), "/")
}

// plainCode is what a code of an error looks like; anything else may be anything.
var plainCode = regexp.MustCompile(`^[A-Za-z][A-Za-z_]{1,39}$`)

func codes(words ...string) (out []string) {
	for _, w := range words {
		if plainCode.MatchString(w) && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// clean makes an error of the oauth2 package fit to be shown: that package puts the whole reply into it.
func clean(err error) error {
	var refused *oauth2.RetrieveError
	var reach *url.Error
	switch {
	case errors.As(err, &refused):
		var body struct {
			Status   string `json:"status"`
			Category string `json:"category"`
		}
		_ = json.Unmarshal(refused.Body, &body) // a body that is no JSON has no codes
		r := &Refusal{Codes: codes(refused.ErrorCode, body.Status, body.Category)}
		if refused.Response != nil {
			r.Status = refused.Response.StatusCode
		}
		return r
	case errors.As(err, &reach):
		u, perr := url.Parse(reach.URL)
		if perr != nil {
			u = &url.URL{}
		}
		return fmt.Errorf("%w: reach the token endpoint at %s: %w", connectors.ErrUnavailable, u.Host, reach.Err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the token endpoint did not answer in full", connectors.ErrUnavailable)
	default:
		return fmt.Errorf("%w: the token endpoint's reply cannot be read", connectors.ErrUnavailable)
	}
}
