package hubspot

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// hubDomain is the account's name on the authorization pages.
const hubDomain = "sandbox.example.com"

// userEmail is who connected the app.
const userEmail = "admin@sandbox.example.com"

// tokenInfo is what the authorization server tells of an access token, if it lives.
func (f *Face) tokenInfo(token string, now time.Time) (map[string]any, bool) {
	grant, _, live := f.gate.Grants.Access(token, now)
	if token == sandbox.StaticToken {
		grant, live = sandbox.Grant{Static: true, Scopes: f.settings.grant(allScopes)}, true
	}
	if !live {
		return nil, false
	}
	info := f.clientInfo(token, grant.Scopes)
	info["token_type"], info["token_use"] = "access", "access_token"
	info["app_id"], info["is_private_distribution"] = json.Number(appID), false
	info["signed_access_token"] = map[string]any{"hublet": "na1", "isUserLevel": false, "hubId": f.current().account(), "scopes": strings.Join(grant.Scopes, " ")}
	if !grant.Expires.IsZero() {
		info["expires_in"] = int(grant.Expires.Sub(now).Seconds())
	}
	return info, true
}

func (f *Face) refreshInfo(token string) (map[string]any, bool) {
	scopes, ok := f.gate.Grants.Refresh(token)
	if !ok {
		return nil, false
	}
	info := f.clientInfo(token, scopes)
	info["token_type"], info["token_use"] = "refresh", "refresh_token"
	return info, true
}

func (f *Face) clientInfo(token string, scopes []string) map[string]any {
	return map[string]any{"token": token, "hub_id": f.current().account(), "user_id": firstUserID, "client_id": sandbox.ClientID,
		"user": userEmail, "hub_domain": hubDomain, "scopes": scopes}
}

// serveIntrospect tells whether a token lives.
func (f *Face) serveIntrospect(w http.ResponseWriter, r *http.Request) {
	if fl := checkClient(r); fl != nil {
		writeFailure(w, r, fl)
		return
	}
	token := r.PostFormValue("token")
	info, ok := f.tokenInfo(token, f.gate.Now())
	if !ok {
		info, ok = f.refreshInfo(token)
	}
	if !ok {
		info = map[string]any{}
	}
	info["active"] = ok
	writeJSON(w, http.StatusOK, info)
}

// serveRevoke ends a refresh token. As RFC 7009 wants, a token that is unknown is no error.
func (f *Face) serveRevoke(w http.ResponseWriter, r *http.Request) {
	if fl := checkClient(r); fl != nil {
		writeFailure(w, r, fl)
		return
	}
	f.gate.Grants.Revoke(r.PostFormValue("token"))
	w.WriteHeader(http.StatusOK)
}

func noToken(what string) *failure {
	return &failure{status: http.StatusNotFound, message: what + " token not found", body: map[string]any{"status": "error", "message": what + " token not found"}}
}

// serveAccessToken is introspection as version 1 had it.
func (f *Face) serveAccessToken(w http.ResponseWriter, r *http.Request) {
	if info, ok := f.tokenInfo(r.PathValue("token"), f.gate.Now()); ok {
		writeJSON(w, http.StatusOK, info)
		return
	}
	writeFailure(w, r, noToken("access"))
}

func (f *Face) serveRefreshToken(w http.ResponseWriter, r *http.Request) {
	if info, ok := f.refreshInfo(r.PathValue("token")); ok {
		writeJSON(w, http.StatusOK, info)
		return
	}
	writeFailure(w, r, noToken("refresh"))
}

func (f *Face) serveRefreshTokenDelete(w http.ResponseWriter, r *http.Request) {
	if !f.gate.Grants.Revoke(r.PathValue("token")) {
		writeFailure(w, r, noToken("refresh"))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// servePrivateToken tells what a static token may do.
func (f *Face) servePrivateToken(w http.ResponseWriter, r *http.Request) {
	var in struct {
		TokenKey string `json:"tokenKey"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		writeFailure(w, r, invalid("Invalid input JSON: %s", err))
		return
	}
	info, ok := f.tokenInfo(in.TokenKey, f.gate.Now())
	if !ok {
		writeFailure(w, r, unauthorized("INVALID_AUTHENTICATION"))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"userId": firstUserID, "hubId": info["hub_id"], "appId": info["app_id"], "scopes": info["scopes"]})
}

// serveUninstall removes the app from the account: every token of the grant ends at once.
func (f *Face) serveUninstall(w http.ResponseWriter, r *http.Request) {
	grant, fl := f.authenticate(r, f.gate.Now())
	if fl != nil {
		writeFailure(w, r, fl)
		return
	}
	f.gate.Grants.Uninstall(grant.Refresh)
	w.WriteHeader(http.StatusNoContent)
}
