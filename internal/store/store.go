// Package store keeps what Plumbline knows between runs: snapshots, findings, results, plans and their journal, sealed
// tokens, schedules and leases, in one SQLite file or one Postgres database.
//
// Its one idea: one SQL text serves both engines ($n placeholders, ON CONFLICT, RETURNING; text ids, times as BIGINT
// microseconds UTC, JSON in TEXT). Its one rule: nothing waits for anything else while a transaction is open, because on
// SQLite every writer shares one connection.
//
// A subject is one file and one migration: its statements live in subject.go, its tables in migrations/NNNN_subject.sql
// (goose; "-- +goose Up" on the first line; BLOB_T stands for the engine's binary column type, and is the only
// difference between the engines). Writes go through [DB.write], reads through [DB.read]; tests run over both engines
// by forEachEngine. A migration that was released is never changed: the next one alters.
package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver

	"github.com/plumbline/plumbline/internal/crm"
)

// Options are what a store is opened with. The zero value is fine.
type Options struct {
	Log *slog.Logger     // nil: says nothing
	Now func() time.Time // nil: the system's clock
}

// DB is an open store. It is safe for use by several goroutines, and several processes may open one store.
type DB struct {
	writer *sql.DB // one connection on SQLite, where it is the only one that writes
	reader *sql.DB
	pool   *pgxpool.Pool // nil on SQLite
	log    *slog.Logger
	now    func() time.Time
}

// Open opens the store at a URL, "sqlite:FILE" or "postgres://…", makes it where it does not exist, and brings its tables
// up to date. It refuses a store that a newer version has written. Its errors never carry the URL, which may hold a password.
func Open(ctx context.Context, storeURL string, opts Options) (*DB, error) {
	db := &DB{log: opts.Log, now: opts.Now}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	if db.now == nil {
		db.now = time.Now
	}
	var err error
	switch file, isSQLite := strings.CutPrefix(storeURL, "sqlite:"); {
	case isSQLite && file != "":
		err = db.openSQLite(file)
	case strings.HasPrefix(storeURL, "postgres://"), strings.HasPrefix(storeURL, "postgresql://"):
		err = db.openPostgres(ctx, storeURL)
	default:
		err = errors.New(`its URL is neither "sqlite:FILE" nor "postgres://…"`)
	}
	if err == nil {
		err = db.migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the store: %w", err), db.Close())
	}
	return db, nil
}

// Close closes every connection. Transactions that are still open are rolled back.
func (db *DB) Close() error {
	var errs []error
	for _, c := range []*sql.DB{db.reader, db.writer} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	if db.pool != nil {
		db.pool.Close()
	}
	return errors.Join(errs...)
}

// SQL returns the connections of both kinds, for the job engine. They are the same on Postgres; on SQLite the writer has
// one connection.
func (db *DB) SQL() (writer, reader *sql.DB) { return db.writer, db.reader }

// Pool returns the Postgres connections, for the job engine; nil on SQLite.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// IsPostgres reports whether the store is a Postgres database.
func (db *DB) IsPostgres() bool { return db.pool != nil }

// Ping reports whether the store answers.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.reader.QueryRowContext(ctx, `SELECT 1`).Scan(&one); err != nil {
		return fmt.Errorf("ask the store: %w", err)
	}
	return nil
}

// openSQLite opens the file twice: a single connection that writes, whose transactions take the write lock when they
// begin, and a pool that can only read. The file is readable by its owner alone: it holds customers' data.
func (db *DB) openSQLite(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	base := "file:" + (&url.URL{Path: file}).EscapedPath() + "?_pragma=busy_timeout(15000)&_pragma=foreign_keys(1)"
	// FULL: what the journal says was written must survive a power cut.
	db.writer, err = sql.Open("sqlite", base+"&_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return err
	}
	db.writer.SetMaxOpenConns(1)
	db.reader, err = sql.Open("sqlite", base+"&_pragma=query_only(1)")
	if err != nil {
		return err
	}
	db.reader.SetMaxOpenConns(4)
	return nil
}

func (db *DB) openPostgres(ctx context.Context, storeURL string) error {
	conf, err := pgxpool.ParseConfig(storeURL)
	if err != nil {
		return errors.New("its Postgres URL cannot be read")
	}
	if db.pool, err = pgxpool.NewWithConfig(ctx, conf); err != nil {
		return err
	}
	db.writer = stdlib.OpenDBFromPool(db.pool)
	db.reader = stdlib.OpenDBFromPool(db.pool)
	return nil
}

// read returns the connections for statements that change nothing.
func (db *DB) read() *sql.DB { return db.reader }

// write runs do in a transaction that is committed when do returns nil. On SQLite it holds the write lock from its
// beginning: do must neither use another connection nor wait for anything.
func (db *DB) write(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// instant is the present moment by the store's clock.
func (db *DB) instant() crm.Instant { return crm.At(db.now()) }

// newID makes an id for a new row. Ids made later by one process sort later, to the millisecond.
func (db *DB) newID() string {
	return fmt.Sprintf("%011x%s", db.now().UnixMilli(), strings.ToLower(rand.Text()[:13]))
}
