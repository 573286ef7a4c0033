package store

import (
	"context"
	"database/sql"
	"errors"
)

// querier is a transaction or the connections outside of one.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// scanAll runs a query and reads every row by scan.
func scanAll[T any](ctx context.Context, q querier, scan func(func(...any) error) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

func scanText(scan func(...any) error) (s string, err error) { return s, scan(&s) }

// view runs do in a transaction that only reads and sees the store as of one moment.
func (db *DB) view(ctx context.Context, do func(tx *sql.Tx) error) error {
	opts := &sql.TxOptions{ReadOnly: true}
	if db.IsPostgres() {
		opts.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.reader.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return do(tx)
}
