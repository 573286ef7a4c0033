package pipedrive

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// failure is an answer that says no.
type failure struct {
	status  int
	header  map[string]string
	body    any    // JSON; nil: html is sent
	html    string // "" with a nil body: an empty answer
	message string
}

// Error makes a failure an error; it is what Pipedrive would say.
func (f *failure) Error() string { return fmt.Sprintf("%d: %s", f.status, f.message) }

// failV1 is an error of v1.
func failV1(status int, message string) *failure {
	return &failure{status: status, message: message, body: map[string]any{"success": false, "error": message,
		"error_info": "Please check developers.pipedrive.com for more information about Pipedrive API.", "data": nil, "additional_data": nil}}
}

// failV2 is an error of v2.
func failV2(status int, code, message string) *failure {
	return &failure{status: status, message: message, body: map[string]any{"success": false, "error": message, "code": code}}
}

// invalid is v2's refusal of a parameter, or of several when more pairs of name and reason follow.
func invalid(name, why string) *failure { return invalidAll([]string{name + ": " + why}) }

func invalidAll(reasons []string) *failure {
	return failV2(http.StatusBadRequest, "ERR_SCHEMA_VALIDATION_FAILED", "Validation failed: "+strings.Join(reasons, "; "))
}

// notAllowed is what v2 says of a key that it does not know.
func notAllowed(name string) string {
	return fmt.Sprintf("%s: Parameter '%s' is not allowed for this request", name, name)
}

// fieldFailure is the refusal of a custom field's value, which names the field.
func fieldFailure(code, why string) *failure {
	f := invalid("custom_fields."+code, why)
	f.body = map[string]any{"success": false, "error": f.message, "code": "ERR_SCHEMA_VALIDATION_FAILED", "field_code": code}
	return f
}

// bad is a refusal in the words of the request's version.
func (c *call) bad(name, why string) *failure {
	if c.v2 {
		return invalid(name, why)
	}
	return failV1(http.StatusBadRequest, name+": "+why)
}

// notFound is the answer for a record that is not there.
func (c *call) notFound(what string) *failure {
	if c.v2 {
		return failV2(http.StatusNotFound, "ERR_NOT_FOUND", what+" not found")
	}
	return failV1(http.StatusNotFound, what+" not found")
}

func (c *call) forbidden(message string) *failure {
	if c.v2 {
		return failV2(http.StatusForbidden, "ERR_FORBIDDEN", message)
	}
	return failV1(http.StatusForbidden, message)
}

// unauthorized is the gateway's 401, which it also sends for what it does not route.
func unauthorized() *failure {
	return &failure{status: http.StatusUnauthorized, message: "unauthorized access", header: map[string]string{"x-401-by-gw": "true"},
		body: map[string]any{"success": false, "error": "unauthorized access", "errorCode": http.StatusUnauthorized, "error_info": "Please check developers.pipedrive.com"}}
}

// badAccessToken is the 401 of the proxy before the API for an OAuth token that does not live.
func badAccessToken() *failure {
	return &failure{status: http.StatusUnauthorized, message: "Invalid token: access_token is invalid",
		body: map[string]any{"success": false, "error": "Invalid token: access_token is invalid", "errorCode": http.StatusUnauthorized}}
}

// wrongScope is the 403 of the same proxy.
func wrongScope() *failure {
	return &failure{status: http.StatusForbidden, message: "Scope and URL mismatch",
		body: map[string]any{"success": false, "error": "Scope and URL mismatch", "errorCode": http.StatusForbidden, "error_info": "Please check developers.pipedrive.com"}}
}

// overLimit is the 429 of both kinds; its body is not documented, so that a setting chooses it.
func overLimit(set traits) *failure {
	f := &failure{status: http.StatusTooManyRequests, message: "request over limit"}
	switch set.limitBody {
	case "html":
		f.html = "<html><head><title>429 Too Many Requests</title></head><body><center><h1>429 Too Many Requests</h1></center></body></html>"
	case "empty":
	default:
		f.body = map[string]any{"success": false, "error": "request over limit", "errorCode": http.StatusTooManyRequests, "error_info": "Please check developers.pipedrive.com"}
	}
	return f
}

// blocked is the page that stands before the API for who went on in spite of many 429s.
func blocked() *failure {
	return &failure{status: http.StatusForbidden, message: "blocked", header: map[string]string{"Server": "cloudflare"},
		html: "<!DOCTYPE html>\n<html lang=\"en-US\"><head><title>Access denied | api.pipedrive.com used Cloudflare to restrict access</title></head>" +
			"<body><h1>Error 1015</h1><p>You are being rate limited</p></body></html>"}
}

// faultFailure is how Pipedrive answers with a status that something outside the request caused.
func faultFailure(status int, v2 bool, set traits) *failure {
	switch status {
	case http.StatusUnauthorized:
		return badAccessToken()
	case http.StatusForbidden:
		return blocked()
	case http.StatusTooManyRequests:
		return overLimit(set)
	case http.StatusBadGateway, http.StatusGatewayTimeout, 524:
		return &failure{status: status, message: "gateway", html: fmt.Sprintf("<html><body><h1>%d</h1></body></html>", status)}
	}
	text := http.StatusText(status)
	if text == "" {
		text = "Unknown error"
	}
	if v2 {
		return failV2(status, "ERR_"+strings.ToUpper(strings.ReplaceAll(text, " ", "_")), text)
	}
	return failV1(status, text)
}

func writeFailure(w http.ResponseWriter, f *failure) {
	for name, value := range f.header {
		w.Header().Set(name, value)
	}
	if f.body != nil {
		writeJSON(w, f.status, f.body)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(f.status)
	_, _ = w.Write([]byte(f.html)) // the client may have gone
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client may have gone
}
