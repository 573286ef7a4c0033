package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/internal/crm"
)

func TestImportSnapshot(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		old := testStart.Add(-3 * 365 * 24 * time.Hour) // older than any snapshot that is kept of a connected portal
		ok(t, db.ImportSnapshot(t.Context(), testSnapshot(t, testStart, 2, "newer")))
		ok(t, db.ImportSnapshot(t.Context(), testSnapshot(t, old, 3, "older")))
		ok(t, db.ImportSnapshot(t.Context(), testSnapshot(t, old, 3, "older")))
		want := Portal{Name: "acme", CRM: "hubspot", Auth: AuthSnapshot, Scopes: []string{}, Connected: clock.Now().UTC()}
		got, err := db.Portals(t.Context())
		ok(t, err)
		if diff := cmp.Diff([]Portal{want}, got); diff != "" {
			t.Error(diff)
		}
		if _, err := db.Token(t.Context(), "acme"); !errors.Is(err, ErrNotFound) {
			t.Errorf("an imported portal has a token: %v", err)
		}
		for at, want := range map[crm.Instant]string{0: "newer 2", crm.At(old): "older 3", crm.At(testStart.Add(-time.Hour)): "older 3", crm.At(testStart): "newer 2"} {
			snap, err := db.SnapshotAt(t.Context(), "acme", at)
			if at == 0 {
				snap, err = db.LoadSnapshot(t.Context(), "acme")
			}
			ok(t, err)
			if name(snap) != want {
				t.Errorf("at %s: %s, want %s", at, name(snap), want)
			}
		}
		syncs, err := db.Syncs(t.Context(), "acme", 9)
		ok(t, err)
		if len(syncs) != 2 {
			t.Errorf("%d syncs after the same file was imported twice, want 2", len(syncs))
		}
	})
}

func TestImportKeepsOffConnectedPortals(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		ok(t, db.Connect(t.Context(), Portal{Name: "acme", CRM: "hubspot", Auth: "oauth"}, []byte("token")))
		if err := db.ImportSnapshot(t.Context(), testSnapshot(t, testStart, 2, "foreign")); !errors.Is(err, ErrConnected) {
			t.Errorf("over a connected portal: %v", err)
		}
		if snap, err := db.LoadSnapshot(t.Context(), "acme"); err != nil || snap != nil {
			t.Errorf("the connected portal has %s, %v", name(snap), err)
		}
		other := testSnapshot(t, testStart, 2, "mine")
		other.Portal = "beta"
		ok(t, db.ImportSnapshot(t.Context(), other))
		other.CRM = "pipedrive"
		if err := db.ImportSnapshot(t.Context(), other); !errors.Is(err, ErrConnected) {
			t.Errorf("of another CRM: %v", err)
		}
	})
}
