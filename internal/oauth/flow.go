package oauth

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// consentTime is how long a person has to answer the consent page.
const consentTime = 5 * time.Minute

// Flow lets a person connect a portal from a terminal: it sends them to the CRM's consent page and takes the redirect on
// the port of App.RedirectURL.
type Flow struct {
	App App
	// Open shows the consent page; nil prints its URL alone on Out, and takes the redirected URL from In too, for a person
	// whose browser is on another machine.
	Open func(url string) error
	Out  io.Writer
	In   io.Reader // nil: nothing is pasted
	// Hints is told what to do; never a token. nil: nobody.
	Hints  io.Writer
	Client *http.Client
	Now    func() time.Time
}

// answer is a redirect's query, and where to say what became of it.
type answer struct {
	query url.Values
	done  chan error // told once
}

// Run waits up to five minutes for the person and returns what the CRM granted.
func (f Flow) Run(ctx context.Context) (Grant, error) {
	ctx, cancel := context.WithTimeout(ctx, consentTime)
	defer cancel()
	attempt := NewAttempt(f.App)
	answers := make(chan answer)
	stop, err := f.listen(ctx, attempt, answers)
	if err != nil && (f.Open != nil || f.In == nil) {
		return Grant{}, err
	}
	defer func() { cancel(); stop() }() // a redirect that comes too late must not hold up the end
	if f.Open == nil {
		if _, err := fmt.Fprintln(f.Out, attempt.URL()); err != nil {
			return Grant{}, fmt.Errorf("print the consent page's URL: %w", err)
		}
		f.hint("Open this URL in a browser. If the page that it ends on cannot be reached, paste that page's URL here.")
		if f.In != nil {
			go f.paste(ctx, attempt, answers)
		}
	} else {
		f.hint("Waiting for the consent page in your browser. If none opened, visit " + attempt.URL())
		if err := f.Open(attempt.URL()); err != nil {
			f.hint("The browser could not be opened: " + err.Error())
		}
	}
	select {
	case a := <-answers:
		grant, err := attempt.Redeem(ctx, f.Client, f.now(), a.query)
		a.done <- err
		if err != nil {
			return Grant{}, fmt.Errorf("connect to %s: %w", f.App.CRM, err)
		}
		return grant, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return Grant{}, fmt.Errorf("connect to %s: the consent page was not answered within %d minutes", f.App.CRM, int(consentTime.Minutes()))
		}
		return Grant{}, ctx.Err()
	}
}

func (f Flow) now() time.Time {
	if f.Now == nil {
		return time.Now()
	}
	return f.Now()
}

func (f Flow) hint(s string) {
	if f.Hints != nil {
		_, _ = fmt.Fprintln(f.Hints, s) // a hint that cannot be shown changes nothing
	}
}

// listen serves the redirect. stop ends that, and lets the page on the wire out first; it is never nil.
func (f Flow) listen(ctx context.Context, attempt *Attempt, answers chan<- answer) (stop func(), err error) {
	stop = func() {}
	redirect, err := url.Parse(f.App.RedirectURL)
	if err != nil {
		return stop, fmt.Errorf("the redirect URL %q cannot be read", f.App.RedirectURL)
	}
	ip := net.ParseIP(redirect.Hostname())
	if redirect.Scheme != "http" || redirect.Hostname() != "localhost" && !ip.IsLoopback() {
		return stop, fmt.Errorf("the redirect URL %s does not lead to this machine: use --no-browser and paste the URL that it ends on, or register http://localhost:8976/oauth/callback", f.App.RedirectURL)
	}
	port := redirect.Port()
	if port == "" {
		port = "80"
	}
	hosts := []string{redirect.Hostname()}
	if ip == nil {
		hosts = []string{"127.0.0.1", "::1"} // browsers try either for localhost
	}
	server := &http.Server{Handler: f.callback(ctx, redirect.Path, attempt, answers), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	served := 0
	var failure error
	for _, host := range hosts {
		l, lerr := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, port))
		if lerr != nil {
			failure = lerr
			continue
		}
		served++
		go func() { _ = server.Serve(l) }() // ends by Shutdown
	}
	if served == 0 {
		return stop, fmt.Errorf("listen for the redirect: %w", failure)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}, nil
}

// resultPage is what the person sees after the redirect.
var resultPage = template.Must(template.New("result").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Plumbline</title></head>
<body><h1>{{if .}}Not connected{{else}}Connected{{end}}</h1><p>{{with .}}{{.}}. {{end}}You can close this window.</p></body></html>
`))

// callback takes the redirect. One that does not bring this attempt's state is turned away, and the wait goes on.
func (f Flow) callback(ctx context.Context, path string, attempt *Attempt, answers chan<- answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'")
		if r.Method != http.MethodGet || r.URL.Path != cmp.Or(path, "/") {
			http.NotFound(w, r)
			return
		}
		if !attempt.Ours(r.URL.Query()) {
			http.Error(w, "This redirect does not answer the present attempt to connect.", http.StatusBadRequest)
			return
		}
		a := answer{query: r.URL.Query(), done: make(chan error, 1)}
		var err error
		select {
		case answers <- a:
			err = <-a.done
		case <-ctx.Done():
			err = errors.New("nobody waits for it any more")
		case <-r.Context().Done():
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
		}
		_ = resultPage.Execute(w, err)
	})
}

// paste takes the redirected URL from a person. It ends with the input, or when the answer is taken.
func (f Flow) paste(ctx context.Context, attempt *Attempt, answers chan<- answer) {
	lines := bufio.NewScanner(f.In)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		u, err := url.Parse(line)
		if err != nil || !attempt.Ours(u.Query()) {
			f.hint("That is not the URL of the page that the consent page leads to.")
			continue
		}
		select {
		case answers <- answer{query: u.Query(), done: make(chan error, 1)}:
		case <-ctx.Done():
		}
		return
	}
}

// OpenBrowser shows a page in the person's browser.
func OpenBrowser(page string) error {
	name, args := "xdg-open", []string{page}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", page}
	}
	cmd := exec.CommandContext(context.Background(), name, args...) // the browser outlives us
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("open a browser: %w", err)
	}
	go func() { _ = cmd.Wait() }() // whether it worked is seen by the redirect alone
	return nil
}
