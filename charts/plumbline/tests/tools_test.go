// Package tests judges the chart, its alerts and its dashboard by the tools that will read them: Helm, promtool and a
// Prometheus that scrapes the demo.
package tests

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// chart is the chart's folder.
const chart = ".."

// built holds the program while the tests run.
var built = struct {
	sync.Once
	dir, file, out string
	err            error
}{}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "plumbline-chart-")
	if err != nil {
		panic(err)
	}
	built.dir = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // a temporary folder
	os.Exit(code)
}

// plumbline is the program of this tree, built once.
func plumbline(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		built.file = filepath.Join(built.dir, "plumbline")
		out, err := exec.CommandContext(t.Context(), "go", "build", "-o", built.file, "../../../cmd/plumbline").CombinedOutput()
		built.out, built.err = string(out), err
	})
	if built.err != nil {
		t.Fatalf("build plumbline: %v\n%s", built.err, built.out)
	}
	return built.file
}

// tool finds a program; without it the test is skipped, and fails where CI=true.
func tool(t *testing.T, name, env string) string {
	t.Helper()
	if file := os.Getenv(env); env != "" && file != "" {
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	file, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return file
}

// run runs a program to its end and returns what it wrote.
func run(t *testing.T, program string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// start runs a program until the test ends, and returns when it has written a line with a word, or fails after a minute.
func start(t *testing.T, word, program string, args ...string) (line string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = io.Discard, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := &said{word: word, found: make(chan string, 1)}
	go said.follow(read)
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		_ = write.Close() // the reader ends with it
	}()
	t.Cleanup(func() { <-ended })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case line = <-said.found:
		return line
	case err := <-ended:
		ended <- err
		t.Fatalf("%s ended: %v\n%s", filepath.Base(program), err, said)
	case <-ctx.Done():
		t.Fatalf("%s did not say %q\n%s", filepath.Base(program), word, said)
	}
	return ""
}

// said is what a running program has written so far.
type said struct {
	word  string
	found chan string
	mu    sync.Mutex
	text  strings.Builder
}

func (s *said) follow(r io.Reader) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		s.mu.Lock()
		s.text.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
		if strings.Contains(lines.Text(), s.word) {
			select {
			case s.found <- lines.Text():
			default:
			}
		}
	}
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
