package hubspot

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// failure is an answer that says no. Only the parts that HubSpot would send are filled.
type failure struct {
	status  int
	header  map[string]string
	body    map[string]any // nil: no JSON body at all
	message string
}

// Error makes a failure an error; it is what HubSpot would say.
func (f *failure) Error() string { return fmt.Sprintf("%d: %s", f.status, f.message) }

// detail is one entry of a failure's errors list.
type detail struct {
	Message     string              `json:"message"`
	Code        string              `json:"code,omitempty"`
	SubCategory string              `json:"subCategory,omitempty"`
	In          string              `json:"in,omitempty"`
	Context     map[string][]string `json:"context,omitempty"`
}

func fail(status int, category, message string, args ...any) *failure {
	if len(args) > 0 {
		message = fmt.Sprintf(message, args...)
	}
	return &failure{status: status, message: message, body: map[string]any{
		"status": "error", "message": message, "category": category,
	}}
}

// with adds a key to the body.
func (f *failure) with(key string, value any) *failure {
	f.body[key] = value
	return f
}

func invalid(message string, args ...any) *failure {
	return fail(http.StatusBadRequest, "VALIDATION_ERROR", message, args...)
}

// notFound is the 404 of one record: the body of the objects API.
func notFound(message string, args ...any) *failure {
	return fail(http.StatusNotFound, "OBJECT_NOT_FOUND", message, args...)
}

// noRoute is the 404 of a path or of a pipeline: it has no JSON body.
func noRoute() *failure { return &failure{status: http.StatusNotFound, message: "not found"} }

func missingScopes(scopes []string) *failure {
	return fail(http.StatusForbidden, "MISSING_SCOPES",
		"This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.").
		with("errors", []detail{{
			Message: "One or more of the following scopes are required.",
			Context: map[string][]string{"requiredGranularScopes": scopes},
		}}).
		with("links", map[string]string{"scopes": "https://developers.hubspot.com/scopes"})
}

// badValue is one property value that was refused.
type badValue struct {
	message, code, property string
}

// invalidProperties is the 400 for one or more refused values; its message holds the list as JSON text.
func invalidProperties(bad []badValue) *failure {
	type entry struct {
		IsValid bool   `json:"isValid"`
		Message string `json:"message"`
		Error   string `json:"error"`
		Name    string `json:"name"`
	}
	entries := make([]entry, len(bad))
	details := make([]detail, len(bad))
	for i, b := range bad {
		entries[i] = entry{Message: b.message, Error: b.code, Name: b.property}
		details[i] = detail{Message: b.message, Code: b.code, Context: map[string][]string{"propertyName": {b.property}}}
	}
	text, _ := json.Marshal(entries) // plain strings always encode
	return invalid("Property values were not valid: %s", text).with("errors", details)
}

// limitFailure is the 429 of a named policy.
func limitFailure(policy string) *failure {
	messages := map[string]string{
		"TEN_SECONDLY_ROLLING": "You have reached your ten_secondly_rolling limit.",
		"DAILY":                "You have reached your daily limit.",
		"SECONDLY":             "You have reached your secondly limit.",
	}
	body := map[string]any{
		"status": "error", "message": messages[policy], "errorType": "RATE_LIMIT", "policyName": policy, "requestId": uuid(),
	}
	if policy != "DAILY" {
		body["groupName"] = "publicapi:private-apps-api-calls"
	}
	return &failure{status: http.StatusTooManyRequests, message: messages[policy], body: body}
}

// faultFailure is how HubSpot answers with a status that something outside the request caused.
func faultFailure(status int) *failure {
	switch status {
	case http.StatusUnauthorized:
		return unauthorized("EXPIRED_AUTHENTICATION")
	case http.StatusForbidden:
		return fail(status, "MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call.")
	case http.StatusTooManyRequests:
		return limitFailure("TEN_SECONDLY_ROLLING")
	case http.StatusLocked:
		return fail(status, "LOCKED", "The record is locked while another request changes it. Wait at least 2 seconds.")
	case 477:
		f := fail(status, "MIGRATION_IN_PROGRESS", "This account is being migrated between data hosting locations.")
		f.header = map[string]string{"Retry-After": "2"}
		return f
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return &failure{status: status, message: "gateway"}
	case http.StatusInternalServerError:
		return &failure{status: status, message: "internal error", body: map[string]any{"status": "error", "message": "internal error"}}
	}
	text := strings.ToUpper(strings.ReplaceAll(http.StatusText(status), " ", "_"))
	if text == "" {
		text = "UNKNOWN"
	}
	return fail(status, text, "The request could not be served.")
}

func unauthorized(category string) *failure {
	message := "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
	if category == "EXPIRED_AUTHENTICATION" {
		message = "The OAuth token used to make this call expired."
	}
	return fail(http.StatusUnauthorized, category, message)
}

// writeFailure sends a failure. One without a JSON body is an HTML page, unless the client asks for JSON: then it is empty.
func writeFailure(w http.ResponseWriter, r *http.Request, f *failure) {
	for name, value := range f.header {
		w.Header().Set(name, value)
	}
	if f.body != nil {
		body := map[string]any{"correlationId": cmp.Or(w.Header().Get(correlationHeader), uuid())}
		for key, value := range f.body {
			body[key] = value
		}
		writeJSON(w, f.status, body)
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		w.WriteHeader(f.status)
		return
	}
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	w.WriteHeader(f.status)
	_, _ = fmt.Fprintf(w, "<html><head><title>Error %d</title></head><body><h2>HTTP ERROR %d</h2></body></html>\n", f.status, f.status)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client may have gone
}

// capital writes a word with a capital letter.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
