package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/plumbline/plumbline/internal/crm"
)

// AuthSnapshot is the [Portal].Auth of a portal that is not connected to a CRM: its snapshots came from files.
const AuthSnapshot = "snapshot"

// ErrConnected tells that a portal of the name is connected to a CRM, or was imported as one of another CRM.
var ErrConnected = errors.New("there is another portal of this name")

// ImportSnapshot keeps a snapshot that came from a file, as one of the portal that it names, which is made where it is not there.
// Several may be imported for one portal, in any order; the one taken last is its newest, and none is ever dropped for its age.
// It fails with [ErrConnected] for the name of a portal that is connected, or was imported from another CRM.
func (db *DB) ImportSnapshot(ctx context.Context, snap *crm.Snapshot) error {
	file, err := encodeSnapshot(snap)
	if err == nil {
		err = db.write(ctx, func(tx *sql.Tx) error { return db.importSnapshot(ctx, tx, snap, file) })
	}
	if err != nil {
		return fmt.Errorf("import a snapshot of portal %s: %w", snap.Portal, err)
	}
	return nil
}

func (db *DB) importSnapshot(ctx context.Context, tx *sql.Tx, snap *crm.Snapshot, file encoded) error {
	res, err := tx.ExecContext(ctx, `INSERT INTO portals (name, crm, account, auth, scopes, connected_at, api_url) VALUES ($1, $2, $3, $4, '[]', $5, '')
		ON CONFLICT (name) DO UPDATE SET account = excluded.account, connected_at = excluded.connected_at
		WHERE portals.auth = excluded.auth AND portals.crm = excluded.crm`, snap.Portal, snap.CRM, snap.Schema.Account, AuthSnapshot, db.instant())
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrConnected)
	}
	same, err := scanAll(ctx, tx, scanInt, `SELECT COUNT(*) FROM snapshots WHERE portal = $1 AND part = 0 AND first_at = $2 AND digest = $3`, snap.Portal, snap.Taken, file.digest)
	if err != nil || same[0] > 0 {
		return err
	}
	s := crm.Sync{
		ID: db.newID(), Portal: snap.Portal, Full: true, Started: snap.Taken, Ended: snap.Taken, Completeness: snap.Completeness, Facts: snap.Asked, FullAt: snap.Taken,
	}
	if err := db.putSync(ctx, tx, s, false); err != nil {
		return err
	}
	return db.insertSnapshot(ctx, tx, s, 0, snap, file)
}
