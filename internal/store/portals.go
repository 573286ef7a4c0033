package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// ErrNotFound tells that the store does not have what was asked for.
var ErrNotFound = errors.New("the store does not have it")

// Portal is one connected CRM account.
type Portal struct {
	Name      string
	CRM       string
	Account   string // the CRM's own id of the account, "" where it did not say
	Auth      string // how it was connected: "oauth" or "token"
	Scopes    []string
	API       string // the API's URL for this account, "" where the CRM did not name one
	Connected time.Time
	// Revoked is when the CRM told that the authorization is gone, and Why what it said; zero while it holds.
	Revoked time.Time
	Why     string
}

const portalColumns = `p.name, p.crm, p.account, p.auth, p.scopes, p.api_url, p.connected_at, COALESCE(t.revoked_at, 0), COALESCE(t.why, '')
	FROM portals p LEFT JOIN tokens t ON t.portal = p.name`

// Connect keeps a portal with its sealed token, in the place of what was kept for the name. Connected is set to now.
func (db *DB) Connect(ctx context.Context, p Portal, sealed []byte) error {
	scopes, err := json.Marshal(p.Scopes)
	if err != nil {
		return fmt.Errorf("keep portal %s: %w", p.Name, err)
	}
	now := int64(db.instant())
	err = db.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO portals (name, crm, account, auth, scopes, connected_at, api_url) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (name) DO UPDATE SET crm = excluded.crm, account = excluded.account, auth = excluded.auth, scopes = excluded.scopes,
			connected_at = excluded.connected_at, api_url = excluded.api_url`, p.Name, p.CRM, p.Account, p.Auth, string(scopes), now, p.API); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO tokens (portal, rev, sealed, updated_at, revoked_at, why) VALUES ($1, 1, $2, $3, 0, '')
			ON CONFLICT (portal) DO UPDATE SET rev = tokens.rev + 1, sealed = excluded.sealed, updated_at = excluded.updated_at,
			revoked_at = 0, why = ''`, p.Name, sealed, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep portal %s: %w", p.Name, err)
	}
	return nil
}

// Portal returns the portal of a name; [ErrNotFound] where it was never connected.
func (db *DB) Portal(ctx context.Context, name string) (Portal, error) {
	p, err := scanPortal(db.read().QueryRowContext(ctx, `SELECT `+portalColumns+` WHERE p.name = $1`, name))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Portal{}, fmt.Errorf("read portal %s: %w", name, err)
	}
	return p, nil
}

// Portals returns every portal that was connected, by name.
func (db *DB) Portals(ctx context.Context) ([]Portal, error) {
	rows, err := db.read().QueryContext(ctx, `SELECT `+portalColumns+` ORDER BY p.name`)
	if err != nil {
		return nil, fmt.Errorf("read portals: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Portal
	for rows.Next() {
		p, err := scanPortal(rows)
		if err != nil {
			return nil, fmt.Errorf("read portals: %w", err)
		}
		out = append(out, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read portals: %w", err)
	}
	return out, nil
}

func scanPortal(row interface{ Scan(...any) error }) (p Portal, err error) {
	var scopes string
	var connected, revoked int64
	if err := row.Scan(&p.Name, &p.CRM, &p.Account, &p.Auth, &scopes, &p.API, &connected, &revoked, &p.Why); err != nil {
		return Portal{}, err
	}
	if err := json.Unmarshal([]byte(scopes), &p.Scopes); err != nil {
		return Portal{}, fmt.Errorf("its scopes: %w", err)
	}
	p.Connected, p.Revoked = crm.Instant(connected).Time(), crm.Instant(revoked).Time()
	return p, nil
}
