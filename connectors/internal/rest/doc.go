// Package rest carries JSON requests to a CRM: it retries what may be retried, holds the portal's pace, and turns every
// failure into an error that names method, path and status.
//
// Its one idea: the pace sits in the transport under the retries, so that each try waits its turn and is counted. Its one
// rule: a request that may change something is sent once, and no error or log line ever holds a query, a body or a token.
package rest
