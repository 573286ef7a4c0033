package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Token is a portal's sealed token.
type Token struct {
	Sealed  []byte
	Rev     int64  // grows with every change
	Revoked bool   // the CRM told that the authorization is gone
	Why     string // what it said
}

// Token returns a portal's token; [ErrNotFound] where it has none.
func (db *DB) Token(ctx context.Context, portal string) (Token, error) {
	var t Token
	var revoked int64
	err := db.read().QueryRowContext(ctx, `SELECT sealed, rev, revoked_at, why FROM tokens WHERE portal = $1`, portal).Scan(&t.Sealed, &t.Rev, &revoked, &t.Why)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Token{}, fmt.Errorf("read the token of portal %s: %w", portal, err)
	}
	t.Revoked = revoked != 0
	return t, nil
}

// SwapToken exchanges a portal's token for another one, if it is still the one of revision rev. swapped is false where
// somebody else was faster.
func (db *DB) SwapToken(ctx context.Context, portal string, rev int64, sealed []byte) (swapped bool, err error) {
	return db.changeToken(ctx, portal, `UPDATE tokens SET sealed = $1, updated_at = $2, rev = rev + 1, revoked_at = 0, why = '' WHERE portal = $3 AND rev = $4`,
		sealed, int64(db.instant()), portal, rev)
}

// RevokeToken notes that the CRM no longer accepts a portal's token of revision rev, and what it said. marked is false
// where the portal has another token by now.
func (db *DB) RevokeToken(ctx context.Context, portal string, rev int64, why string) (marked bool, err error) {
	return db.changeToken(ctx, portal, `UPDATE tokens SET revoked_at = $1, why = $2, rev = rev + 1 WHERE portal = $3 AND rev = $4`,
		int64(db.instant()), why, portal, rev)
}

func (db *DB) changeToken(ctx context.Context, portal, query string, args ...any) (changed bool, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		changed = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("change the token of portal %s: %w", portal, err)
	}
	return changed, nil
}
