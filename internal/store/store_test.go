package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plumbline/plumbline/internal/store/storetest"
)

// testStart is the moment at which the clock of a test's store stands.
var testStart = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

// testClock is a clock that tests set.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// forEachEngine runs a test over a fresh store on SQLite and on Postgres.
func forEachEngine(t *testing.T, test func(t *testing.T, db *DB)) {
	t.Helper()
	forEachEngineAt(t, func(t *testing.T, db *DB, _ *testClock) { test(t, db) })
}

// forEachEngineAt is forEachEngine with a clock to set.
func forEachEngineAt(t *testing.T, test func(t *testing.T, db *DB, clock *testClock)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, url string) {
		clock := &testClock{now: testStart}
		test(t, openTest(t, url, clock), clock)
	})
}

func openTest(t *testing.T, url string, clock *testClock) *DB {
	t.Helper()
	db, err := Open(t.Context(), url, Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestOpenTwice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		var group sync.WaitGroup
		for range 4 { // as several processes that start at once on a store that does not exist yet
			group.Go(func() {
				db, err := Open(context.WithoutCancel(t.Context()), url, Options{})
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(db.Ping(t.Context()), db.Close()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	})
}

func TestOpenRefusesNewerStore(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		db := openTest(t, url, &testClock{now: testStart})
		if _, err := db.writer.ExecContext(t.Context(), `INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, $1)`, true); err != nil {
			t.Fatal(err)
		}
		newer, err := Open(t.Context(), url, Options{})
		if err == nil {
			_ = newer.Close()
			t.Fatal("a store that a newer version wrote was opened")
		}
		if !strings.Contains(err.Error(), "newer version") {
			t.Errorf("the error does not say that a newer version wrote it: %v", err)
		}
	})
}

func TestOpenBadURL(t *testing.T) {
	for _, url := range []string{"", "sqlite:", "mysql://x", "postgres://user:hunter2@h:port/db", "sqlite:" + filepath.Join(t.TempDir(), "missing", "x.db")} {
		_, err := Open(t.Context(), url, Options{})
		if err == nil {
			t.Errorf("Open(%q) took it", url)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open(%q) shows the password: %v", url, err)
		}
	}
}

func TestSQLiteFileIsPrivate(t *testing.T) {
	url := storetest.SQLiteURL(t) + " 100%?#" // a name that a URL would cut
	openTest(t, url, &testClock{now: testStart})
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(strings.TrimPrefix(url, "sqlite:") + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %v", info.Name(), got)
		}
	}
}

func TestWrite(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		insert := func(tx *sql.Tx, portal string) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO leases (portal, holder, token, expires_at) VALUES ($1, '', '', 0)`, portal)
			return err
		}
		failure := errors.New("no")
		if err := db.write(t.Context(), func(tx *sql.Tx) error { return errors.Join(insert(tx, "rolled back"), failure) }); !errors.Is(err, failure) {
			t.Fatalf("write gave %v", err)
		}
		if err := db.write(t.Context(), func(tx *sql.Tx) error { return insert(tx, "kept") }); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := db.read().QueryRowContext(t.Context(), `SELECT portal FROM leases`).Scan(&got); err != nil || got != "kept" {
			t.Fatalf("read %q, %v", got, err)
		}
	})
}

func TestReaderCannotWriteOnSQLite(t *testing.T) {
	db := openTest(t, storetest.SQLiteURL(t), &testClock{now: testStart})
	if _, err := db.read().ExecContext(t.Context(), `DELETE FROM leases`); err == nil {
		t.Error("a connection for reading took a write")
	}
}
