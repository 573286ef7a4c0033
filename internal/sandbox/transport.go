package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"syscall"
)

// Transport answers requests in process, without a network: any host will do, paths are those of the server. Dropped connections
// and bodies cut short come as the errors that a network gives.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

// RoundTrip serves one request.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	in := req.Clone(req.Context())
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	rec := newRecording()
	whole := serveRecording(t.server, rec, in)
	if ctxErr := req.Context().Err(); ctxErr != nil {
		return nil, ctxErr
	}
	var body io.Reader = bytes.NewReader(rec.body.Bytes())
	if !whole {
		if rec.header.Get("Content-Length") == "" {
			return nil, fmt.Errorf("read answer: %w", syscall.ECONNRESET)
		}
		body = io.MultiReader(body, brokenOff{})
	}
	length := int64(-1)
	if n, err := strconv.ParseInt(rec.header.Get("Content-Length"), 10, 64); err == nil {
		length = n
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", rec.status, http.StatusText(rec.status)), StatusCode: rec.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: rec.header,
		Body: io.NopCloser(body), ContentLength: length, Request: req,
	}, nil
}

// serveRecording reports whether the handler ran to its end; a handler that broke the connection off did not.
func serveRecording(h http.Handler, rec *recording, r *http.Request) (whole bool) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); !ok || !errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			whole = false
		}
	}()
	h.ServeHTTP(rec, r)
	return true
}

// brokenOff is the end of a body that was cut short.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
