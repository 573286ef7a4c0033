// Package storetest gives tests a fresh, empty database on each engine that stores can be kept in.
//
// Its one rule: it does not know the store, so that the store's own tests can use it too.
package storetest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Postgres is the environment variable that holds the URL of a Postgres database in which tests may make schemas.
const Postgres = "PLUMBLINE_TEST_POSTGRES"

// Each runs a subtest per engine with the URL of a fresh store. Without a Postgres database its subtest is skipped, or
// fails where CI=true.
func Each(t *testing.T, run func(t *testing.T, storeURL string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { run(t, SQLiteURL(t)) })
	t.Run("postgres", func(t *testing.T) { run(t, PostgresURL(t)) })
}

// SQLiteURL returns the URL of a store in a new file that goes away with the test.
func SQLiteURL(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "plumbline.db")
}

// PostgresURL returns the URL of a store in a new schema that is dropped after the test.
func PostgresURL(t testing.TB) string {
	t.Helper()
	base := os.Getenv(Postgres)
	if base == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no Postgres database: %s is not set", Postgres)
		}
		t.Skipf("no Postgres database: %s is not set", Postgres)
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s is not a URL", Postgres)
	}
	schema := "t_" + strings.ToLower(rand.Text())
	conn, err := pgx.Connect(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if _, err := conn.Exec(ctx, "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Error(err)
		}
		_ = conn.Close(ctx)
	})
	if _, err := conn.Exec(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	q.Set("pool_max_conns", "4")
	u.RawQuery = q.Encode()
	return u.String()
}
