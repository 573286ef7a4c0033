package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"plumbline": main})
}

// TestScripts runs the stories of testdata/script with the real binary. Beside testscript's own commands they have
//
//	exits CODE command…           run a command that ends with this very exit code
//	start NAME REGEXP command…    start a command, wait until a line of its output matches, and set $NAME to the first group;
//	                              its output goes to the files NAME.out and NAME.err
//	await NAME REGEXP             wait until a line of its output matches
//	type NAME TEXT                write a line to its standard input
//	pastefrom NAME FILE           write a file's text to it, as a line
//	end [-INT|-TERM] NAME CODE    send a signal, if one is given, and wait for it to end with this exit code
//	http [-status=N] [-stay] METHOD URL [BODY]    ask; the answer's body becomes stdout, with -stay its Location
//	json FILE PATH WANT           compare a part of a JSON document: a/b[key=value]/0 (len: length, keys: sorted keys)
//	jsonset NAME FILE PATH        set $NAME to that part
//	freeport NAME                 set $NAME to a port that is free
//	poll REGEXP URL               ask until the answer matches
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(5 * patience), // commands that hang are killed
		Setup: func(env *testscript.Env) error {
			env.Setenv("PLUMBLINE_USER", "tester")
			env.Setenv("PLUMBLINE_TESTDATA", os.Getenv("PLUMBLINE_TESTDATA"))
			env.Values[startedKey{}] = map[string]*started{}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "testdata" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			there := os.Getenv("PLUMBLINE_TESTDATA") != ""
			if !there && os.Getenv("CI") == "true" {
				return false, errors.New("PLUMBLINE_TESTDATA is not set")
			}
			return there, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "start": start, "await": await, "type": typeLine, "pastefrom": pasteFrom, "end": end,
			"http": ask, "json": jsonCheck, "jsonset": jsonSet, "freeport": freePort, "poll": poll, "sql": sqlStatement,
		},
	})
}

// patience bounds every wait of a script.
const patience = 30 * time.Second

func need(ts *testscript.TestScript, neg bool, args []string, atLeast int, how string) {
	if neg || len(args) < atLeast {
		ts.Fatalf("usage: %s", how)
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "exits CODE command…")
	err := ts.Exec(args[1], args[2:]...)
	if got := exitCode(ts, err); strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func exitCode(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

type startedKey struct{}

// started is a process that runs beside the script.
type started struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *lines
	err   *lines
	done  chan error // told once
}

// lines keeps what a process writes, and writes it to a file too.
type lines struct {
	mu   sync.Mutex
	file *os.File
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	return l.file.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func running(ts *testscript.TestScript) map[string]*started {
	return ts.Value(startedKey{}).(map[string]*started)
}

func named(ts *testscript.TestScript, name string) *started {
	p := running(ts)[name]
	if p == nil {
		ts.Fatalf("nothing was started as %s", name)
	}
	return p
}

func start(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 3, "start NAME REGEXP command…")
	ts.Check(ts.Exec("env")) // the script's own environment, which is not to be had otherwise
	env := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	path := args[2]
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if file := filepath.Join(dir, args[2]); fileExists(file) {
			path = file
			break
		}
	}
	p := &started{cmd: exec.Command(path, args[3:]...), out: newLines(ts, args[0]+".out"), err: newLines(ts, args[0]+".err"), done: make(chan error, 1)}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = ts.MkAbs("."), env, p.out, p.err
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	go func() { p.done <- p.cmd.Wait() }()
	ts.Defer(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		_, _ = p.out.file.Close(), p.err.file.Close()
	})
	running(ts)[args[0]] = p
	ts.Setenv(args[0], p.await(ts, args[1]))
}

func fileExists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func newLines(ts *testscript.TestScript, name string) *lines {
	f, err := os.Create(ts.MkAbs(name))
	ts.Check(err)
	return &lines{file: f}
}

// await waits until what the process wrote matches, and returns the first group.
func (p *started) await(ts *testscript.TestScript, pattern string) string {
	re := regexp.MustCompile("(?m)" + pattern)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for {
		for _, text := range []string{p.out.String(), p.err.String()} {
			if m := re.FindStringSubmatch(text); m != nil {
				return slices.Concat(m, []string{""})[1]
			}
		}
		select {
		case err := <-p.done:
			p.done <- err
			if m := re.FindStringSubmatch(p.out.String() + p.err.String()); m == nil {
				ts.Fatalf("it ended (%v) before it wrote %s:\n%s%s", err, pattern, p.out, p.err)
			}
		case <-late:
			ts.Fatalf("it did not write %s:\n%s%s", pattern, p.out, p.err)
		case <-tick.C:
		}
	}
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "await NAME REGEXP")
	named(ts, args[0]).await(ts, args[1])
}

func typeLine(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "type NAME TEXT")
	_, err := io.WriteString(named(ts, args[0]).stdin, args[1]+"\n")
	ts.Check(err)
}

func pasteFrom(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "pastefrom NAME FILE")
	typeLine(ts, neg, []string{args[0], strings.TrimSpace(ts.ReadFile(args[1]))})
}

func end(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "end [-INT|-TERM] NAME CODE")
	signals := map[string]os.Signal{"-INT": os.Interrupt, "-TERM": syscall.SIGTERM}
	signal := signals[args[0]]
	if signal != nil {
		args = args[1:]
	}
	p := named(ts, args[0])
	if signal != nil {
		ts.Check(p.cmd.Process.Signal(signal))
	}
	select {
	case err := <-p.done:
		if got := exitCode(ts, err); strconv.Itoa(got) != args[1] {
			ts.Fatalf("%s ended with %d, want %s:\n%s%s", args[0], got, args[1], p.out, p.err)
		}
	case <-time.After(patience):
		ts.Fatalf("%s did not end:\n%s%s", args[0], p.out, p.err)
	}
	delete(running(ts), args[0])
}

func ask(ts *testscript.TestScript, neg bool, args []string) {
	status, stay := "200", false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if n, ok := strings.CutPrefix(args[0], "-status="); ok {
			status = n
		}
		stay = stay || args[0] == "-stay"
		args = args[1:]
	}
	need(ts, neg, args, 2, "http [-status=N] [-stay] METHOD URL [BODY]")
	body := ""
	if len(args) > 2 {
		body = args[2]
	}
	client := &http.Client{Timeout: patience}
	if stay {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	got, text, location := fetch(ts, client, args[0], args[1], body)
	if strconv.Itoa(got) != status && !stay {
		ts.Fatalf("status %d, want %s: %s", got, status, text)
	}
	if stay {
		text = location + "\n"
	}
	_, err := io.WriteString(ts.Stdout(), text)
	ts.Check(err)
}

func fetch(ts *testscript.TestScript, client *http.Client, method, url, body string) (status int, text, location string) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	ts.Check(err)
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer pat-sandbox")
	reply, err := client.Do(req)
	ts.Check(err)
	defer reply.Body.Close()
	b, err := io.ReadAll(reply.Body)
	ts.Check(err)
	return reply.StatusCode, string(b), reply.Header.Get("Location")
}

func poll(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "poll REGEXP URL")
	re := regexp.MustCompile("(?m)" + args[0])
	for late := time.Now().Add(patience); ; {
		_, text, _ := fetch(ts, http.DefaultClient, http.MethodGet, args[1], "")
		if re.MatchString(text) {
			return
		}
		if time.Now().After(late) {
			ts.Fatalf("%s does not say %s:\n%s", args[1], args[0], text)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// sqlStatement changes a SQLite file behind the program's back, as somebody with access to the disk could.
func sqlStatement(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2, "sql FILE STATEMENT")
	db, err := sql.Open("sqlite", "file:"+ts.MkAbs(args[0])+"?_pragma=busy_timeout(15000)")
	ts.Check(err)
	defer db.Close()
	res, err := db.ExecContext(context.Background(), args[1])
	ts.Check(err)
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		ts.Fatalf("the statement changed nothing: %v", err)
	}
}

func freePort(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1, "freeport NAME")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	ts.Check(l.Close())
}
