package pipedrive

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// How long tokens live, and how long an access token is: clients must not cut it off.
const (
	codeLife         = 5 * time.Minute
	tokenLife        = 3600 * time.Second
	refreshLife      = 60 * 24 * time.Hour
	accessTokenBytes = 576
)

// consentPage asks a person, where the sandbox was told to.
var consentPage = template.Must(template.New("consent").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Install an app in Pipedrive (sandbox)</title></head>
<body><h1>Install an app in Pipedrive (sandbox)</h1><p>The app may:</p>
<ul>{{range .Scopes}}<li>{{.}}</li>{{end}}</ul>
<form method="post" action="?{{.Query}}"><button name="decision" value="allow">Allow and install</button>
<button name="decision" value="deny">Cancel</button></form></body></html>
`))

// serveAuthorize is the page to which a user is sent. What the app may do is set with the app: the query names no scopes.
func (f *Face) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	back, err := url.Parse(query.Get("redirect_uri"))
	switch {
	case query.Get("client_id") != sandbox.ClientID:
		http.Error(w, "The app's client id is not known.", http.StatusBadRequest)
		return
	case err != nil || back.Scheme != "http" && back.Scheme != "https" || back.Host == "":
		http.Error(w, "The redirect URL is missing or is not an absolute http or https URL.", http.StatusBadRequest)
		return
	}
	scopes := f.settings.get().grant(appScopes())
	if f.gate.Asks() && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "text/html;charset=utf-8")
		_ = consentPage.Execute(w, map[string]any{"Scopes": scopes, "Query": template.URL(query.Encode())}) //nolint:gosec // encoded above
		return
	}
	answer := back.Query()
	if r.Method == http.MethodPost && r.PostFormValue("decision") != "allow" {
		answer.Set("error", "user_denied")
	} else {
		asked := sandbox.Asked{Redirect: query.Get("redirect_uri"), Scopes: scopes, Life: codeLife}
		answer.Set("code", f.gate.Grants.Code(asked, f.gate.Now()))
	}
	if state := query.Get("state"); state != "" {
		answer.Set("state", state)
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// oauthFailure is an error of the authorization server.
func oauthFailure(status int, code, message string) *failure {
	return &failure{status: status, message: message, body: map[string]any{"success": false, "error": code, "message": message}}
}

// checkClient reads the client's id and secret from the Authorization header, or, which is discouraged, from the body.
func checkClient(r *http.Request) *failure {
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != sandbox.ClientID || secret != sandbox.ClientSecret {
		return oauthFailure(http.StatusUnauthorized, "invalid_client", "Invalid client: client is invalid")
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/x-www-form-urlencoded" {
		return oauthFailure(http.StatusBadRequest, "invalid_request", "Invalid request: content must be application/x-www-form-urlencoded")
	}
	return nil
}

// serveToken exchanges a code, or renews an access token.
func (f *Face) serveToken(w http.ResponseWriter, r *http.Request) {
	if fl := checkClient(r); fl != nil {
		writeFailure(w, fl)
		return
	}
	var token string
	var grant sandbox.Grant
	var err error
	now, set := f.gate.Now(), f.settings.get()
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		token, grant, err = f.gate.Grants.Exchange(r.PostFormValue("code"), r.PostFormValue("redirect_uri"), "", now, tokenLife)
	case "refresh_token":
		how := sandbox.Renewal{Rotate: set.rotate, EndOlder: set.endOlder}
		token, grant, err = f.gate.Grants.RenewBy(how, r.PostFormValue("refresh_token"), now, tokenLife)
	default:
		writeFailure(w, oauthFailure(http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type: grant_type is invalid"))
		return
	}
	if err != nil {
		writeFailure(w, tokenFailure(err))
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "refresh_token": grant.Refresh,
		"scope": strings.Join(grant.Scopes, ","), "expires_in": int(tokenLife.Seconds()) - 1, "api_domain": f.gate.Base(r)})
}

// tokenFailure is how Pipedrive says why it gives no token.
func tokenFailure(err error) *failure {
	switch {
	case errors.Is(err, sandbox.ErrBadRefresh):
		return oauthFailure(http.StatusBadRequest, "invalid_grant", "Invalid grant: refresh token is invalid, not valid for this client or it was already exchanged")
	case errors.Is(err, sandbox.ErrBadRedirect):
		return oauthFailure(http.StatusBadRequest, "invalid_grant", "Invalid grant: redirect_uri does not match")
	}
	return oauthFailure(http.StatusBadRequest, "invalid_grant", "Invalid grant: authorization code is invalid")
}

// serveRevoke ends a token: an access token alone, or with a refresh token the whole installation. As RFC 7009 wants, a token that is unknown
// is no error.
func (f *Face) serveRevoke(w http.ResponseWriter, r *http.Request) {
	if fl := checkClient(r); fl != nil {
		writeFailure(w, fl)
		return
	}
	token := r.PostFormValue("token")
	if !f.gate.Grants.EndAccess(token) {
		f.gate.Grants.Uninstall(token)
	}
	w.WriteHeader(http.StatusOK)
}
