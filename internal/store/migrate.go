package store

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// expanded is a file system whose files have BLOB_T replaced by the engine's binary column type.
type expanded struct {
	fs.FS
	blob []byte
}

// Open opens a file of the folder, or the folder itself.
func (e expanded) Open(name string) (fs.File, error) {
	f, err := e.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return f, err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return expandedFile{f, bytes.NewReader(bytes.ReplaceAll(text, []byte("BLOB_T"), e.blob))}, nil
}

// expandedFile reads the replaced text of a file.
type expandedFile struct {
	fs.File
	text io.Reader
}

// Read reads the replaced text.
func (f expandedFile) Read(b []byte) (int, error) { return f.text.Read(b) }

// migrate brings the tables up to date. Of several processes that start at once one does the work: on Postgres under an
// advisory lock, on SQLite by trying again after losing the race for it.
func (db *DB) migrate(ctx context.Context) error {
	dialect, blob := goose.DialectSQLite3, "BLOB"
	opts := []goose.ProviderOption{goose.WithTableName("schema_versions"), goose.WithSlog(db.log), goose.WithDisableGlobalRegistry(true)}
	tries := 3
	if db.IsPostgres() {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return err
		}
		dialect, blob, tries = goose.DialectPostgres, "BYTEA", 1
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, db.writer, expanded{files, []byte(blob)}, opts...)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		if _, err = p.Up(ctx); err == nil || try == tries {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("bring its tables up to date: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the version of its tables: %w", err)
	}
	if have > want {
		return fmt.Errorf("a newer version of Plumbline has written it (its tables are at version %d, this one knows %d)", have, want)
	}
	return nil
}
