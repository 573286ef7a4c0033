// Package oauth connects portals and authorises requests to them: it obtains tokens through the CRM's consent page, keeps
// them sealed, and renews them before they expire.
//
// Its one idea: whoever talks to a CRM gets an http.RoundTripper and never sees a token. Its one rule: no token, code or
// secret leaves this package, not in an error, a log or a page; and a token that was renewed is stored before it is used.
package oauth
