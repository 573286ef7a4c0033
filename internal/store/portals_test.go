package store

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPortalsReadBack(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		if _, err := db.Portal(t.Context(), "acme"); !errors.Is(err, ErrNotFound) {
			t.Fatalf("a portal that was never connected: %v", err)
		}
		if _, err := db.Token(t.Context(), "acme"); !errors.Is(err, ErrNotFound) {
			t.Fatalf("a token that was never kept: %v", err)
		}
		b := Portal{Name: "beta", CRM: "pipedrive", Auth: "token", API: "https://beta.example"}
		a := Portal{Name: "acme", CRM: "hubspot", Account: "62515", Auth: "oauth", Scopes: []string{"oauth", "crm.objects.deals.read"}}
		for _, p := range []Portal{b, a} {
			if err := db.Connect(t.Context(), p, []byte{0, 1, 255}); err != nil {
				t.Fatal(err)
			}
		}
		a.Connected, b.Connected = clock.Now().UTC(), clock.Now().UTC()
		got, err := db.Portals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Portal{a, b}, got); diff != "" {
			t.Error(diff)
		}
		tok, err := db.Token(t.Context(), "acme")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Token{Sealed: []byte{0, 1, 255}, Rev: 1}, tok); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTokenIsSwappedOnce(t *testing.T) {
	forEachEngine(t, func(t *testing.T, db *DB) {
		if err := db.Connect(t.Context(), Portal{Name: "acme", CRM: "hubspot", Auth: "oauth"}, []byte("first")); err != nil {
			t.Fatal(err)
		}
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				swapped, err := db.SwapToken(t.Context(), "acme", 1, fmt.Appendf(nil, "by %d", i))
				if err != nil {
					t.Error(err)
				}
				if swapped {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		tok, err := db.Token(t.Context(), "acme")
		if err != nil || won.Load() != 1 || tok.Rev != 2 || !bytes.HasPrefix(tok.Sealed, []byte("by ")) {
			t.Fatalf("%d swaps of one revision, then %+v, %v", won.Load(), tok, err)
		}
	})
}

func TestTokenRevoked(t *testing.T) {
	forEachEngineAt(t, func(t *testing.T, db *DB, clock *testClock) {
		p := Portal{Name: "acme", CRM: "hubspot", Auth: "oauth"}
		if err := db.Connect(t.Context(), p, []byte("first")); err != nil {
			t.Fatal(err)
		}
		if marked, err := db.RevokeToken(t.Context(), "acme", 7, "x"); err != nil || marked {
			t.Fatalf("a revision that is not there was revoked: %v, %v", marked, err)
		}
		if marked, err := db.RevokeToken(t.Context(), "acme", 1, "BAD_REFRESH_TOKEN"); err != nil || !marked {
			t.Fatalf("%v, %v", marked, err)
		}
		if swapped, err := db.SwapToken(t.Context(), "acme", 1, []byte("late")); err != nil || swapped {
			t.Fatalf("a revoked token was renewed: %v, %v", swapped, err)
		}
		got, err := db.Portal(t.Context(), "acme")
		if err != nil || !got.Revoked.Equal(clock.Now()) || got.Why != "BAD_REFRESH_TOKEN" {
			t.Fatalf("%+v, %v", got, err)
		}
		clock.now = clock.now.Add(time.Hour)
		if err := db.Connect(t.Context(), p, []byte("second")); err != nil {
			t.Fatal(err)
		}
		tok, err := db.Token(t.Context(), "acme")
		if err != nil || tok.Revoked || tok.Rev != 3 || string(tok.Sealed) != "second" {
			t.Errorf("connecting again left %+v, %v", tok, err)
		}
		if got, err := db.Portal(t.Context(), "acme"); err != nil || !got.Revoked.IsZero() || !got.Connected.Equal(clock.now) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
