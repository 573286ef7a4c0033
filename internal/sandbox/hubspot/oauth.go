package hubspot

import (
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// tokenLife is how long an access token lives.
const tokenLife = 1800 * time.Second

// consentPage asks a person, where the sandbox was told to.
var consentPage = template.Must(template.New("consent").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Connect an app to HubSpot (sandbox)</title></head>
<body><h1>Connect an app to HubSpot (sandbox)</h1><p>The app asks for:</p>
<ul>{{range .Scopes}}<li>{{.}}</li>{{end}}</ul>
<form method="post" action="?{{.Query}}"><button name="decision" value="allow">Connect app</button>
<button name="decision" value="deny">Cancel</button></form></body></html>
`))

// serveAuthorize is the page to which a user is sent to allow the app what it asks for.
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
	scopes := strings.Fields(query.Get("scope") + " " + query.Get("optional_scope"))
	if len(scopes) == 0 {
		http.Error(w, "No scopes are asked for.", http.StatusBadRequest)
		return
	}
	if f.gate.Asks() && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "text/html;charset=utf-8")
		_ = consentPage.Execute(w, map[string]any{"Scopes": scopes, "Query": template.URL(query.Encode())}) //nolint:gosec // encoded above
		return
	}
	answer := back.Query()
	if r.Method == http.MethodPost && r.PostFormValue("decision") != "allow" {
		answer.Set("error", "access_denied")
		answer.Set("error_description", "The user denied the app access.")
	} else {
		asked := sandbox.Asked{Redirect: query.Get("redirect_uri"), Scopes: f.settings.grant(append(scopes, "oauth")),
			Challenge: query.Get("code_challenge")}
		answer.Set("code", f.gate.Grants.Code(asked, f.gate.Now()))
	}
	if state := query.Get("state"); state != "" {
		answer.Set("state", state)
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// oauthFailure is an error of the authorization endpoints: RFC 6749's fields beside HubSpot's own.
func oauthFailure(code, status, message string) *failure {
	return &failure{status: http.StatusBadRequest, message: message, body: map[string]any{
		"error": code, "error_description": message, "status": status, "message": message}}
}

// checkClient checks the client's id and secret.
func checkClient(r *http.Request) *failure {
	switch {
	case r.PostFormValue("client_id") != sandbox.ClientID:
		return oauthFailure("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id")
	case r.PostFormValue("client_secret") != sandbox.ClientSecret:
		return oauthFailure("invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret")
	}
	return nil
}

// serveToken exchanges a code, or renews an access token.
func (f *Face) serveToken(w http.ResponseWriter, r *http.Request) {
	if fl := checkClient(r); fl != nil {
		writeFailure(w, r, fl)
		return
	}
	var token string
	var grant sandbox.Grant
	var err error
	now := f.gate.Now()
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		token, grant, err = f.gate.Grants.Exchange(r.PostFormValue("code"), r.PostFormValue("redirect_uri"), r.PostFormValue("code_verifier"), now, tokenLife)
	case "refresh_token":
		token, grant, err = f.gate.Grants.Renew(r.PostFormValue("refresh_token"), now, tokenLife)
	default:
		writeFailure(w, r, oauthFailure("unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant type"))
		return
	}
	if err != nil {
		writeFailure(w, r, tokenFailure(err))
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]any{
		"token_type": "bearer", "access_token": token, "refresh_token": grant.Refresh, "expires_in": int(tokenLife.Seconds()),
		"hub_id": f.current().account(), "scopes": grant.Scopes, "user_id": firstUserID, "token_use": "access_token",
	})
}

// tokenFailure is how HubSpot says why it gives no token.
func tokenFailure(err error) *failure {
	switch {
	case errors.Is(err, sandbox.ErrBadRefresh):
		return oauthFailure("invalid_grant", "BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
	case errors.Is(err, sandbox.ErrBadRedirect):
		return oauthFailure("invalid_grant", "BAD_REDIRECT_URI", "redirect_uri does not match the one of the authorization")
	case errors.Is(err, sandbox.ErrBadVerifier):
		return oauthFailure("invalid_grant", "BAD_CODE_VERIFIER", "code verifier does not match the challenge")
	}
	return oauthFailure("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code")
}
