package pipedrive

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
)

const (
	seatTokens   = 30_000 // of the smallest plan, per seat and day
	defaultShare = 0.2
	// spareShare is the part of our share that may go to what can wait; the rest is kept for the day's walks and writes.
	spareShare = 0.75
	// reserve is the part of the whole day's tokens that is never touched: it is left to the customer's other programs.
	reserve = 0.1
)

// budget keeps our share of the tokens that the account has for a day. The day is UTC's: Pipedrive does not say in which zone
// its own day begins.
type budget struct {
	portal string
	ledger connectors.Ledger // nil: the count is kept here
	now    func() time.Time
	share  float64
	given  int64 // tokens of a day by configuration; 0: none

	mu       sync.Mutex
	told     int64 // by Pipedrive's headers; 0: it did not say
	seats    int64 // active users; 0: not known
	heard    bool  // told is of this connection
	counted  bool  // so is seats
	recalled bool  // what earlier connections learned was looked up
	learned  bool  // something that is not remembered yet
	kept     int64 // of our share, for the walks of the rest of the day; a quarter of it is kept at least
	day      string
	taken    int64 // without a ledger
}

// perDay is how many tokens the account has for a day, and whether that is an assumption.
func (b *budget) perDay() (tokens int64, assumed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.given > 0:
		return b.given, false
	case b.told > 0:
		return b.told, false
	}
	return seatTokens * max(1, b.seats), true
}

// limit is how many of them we may use.
func (b *budget) limit() int64 {
	tokens, _ := b.perDay()
	return int64(float64(tokens) * b.share)
}

// spare is how many of those may be gone when something is asked for that can wait.
func (b *budget) spare() int64 {
	share := b.limit()
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, min(int64(float64(share)*spareShare), share-b.kept))
}

// keep holds back tokens from what can wait.
func (b *budget) keep(tokens int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = max(0, tokens)
}

// spend takes what a request costs, before it is sent. Each try is paid for: whether Pipedrive charges for a refused one is
// not known.
func (b *budget) spend(ctx context.Context, r rest.Request) error {
	if r.Cost == 0 {
		return nil
	}
	if err := b.remember(ctx); err != nil {
		return err
	}
	limit, what := b.limit(), "our share"
	if r.Spare {
		limit, what = b.spare(), "the part of our share that is not kept for pulls and fixes"
	}
	granted, err := b.take(ctx, "tokens/"+b.now().UTC().Format(time.DateOnly), r.Cost, limit)
	if err != nil {
		return fmt.Errorf("taking from the day's tokens: %w", err)
	}
	if granted < r.Cost {
		return &rest.ExhaustedError{What: fmt.Sprintf("%s of the account's daily tokens (%d)", what, limit), RetryAt: midnight(b.now())}
	}
	return nil
}

// The names under which is remembered what the day's tokens rest on.
const toldName, seatsName = "tokens per day", "seats"

// remember looks up what earlier connections learned of the day's tokens, and keeps what this one did.
func (b *budget) remember(ctx context.Context) error {
	memory, ok := b.ledger.(connectors.Memory)
	if !ok || b.given > 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, n := range map[string]*int64{toldName: &b.told, seatsName: &b.seats} {
		if !b.recalled && *n == 0 {
			kept, err := memory.Recall(ctx, b.portal, name)
			if err != nil {
				return fmt.Errorf("recalling the day's tokens: %w", err)
			}
			*n = kept
		} else if b.learned && *n > 0 {
			if err := memory.Remember(ctx, b.portal, name, *n); err != nil {
				return fmt.Errorf("remembering the day's tokens: %w", err)
			}
		}
	}
	b.recalled, b.learned = true, false
	return nil
}

func (b *budget) take(ctx context.Context, window string, want, limit int64) (int64, error) {
	if b.ledger != nil {
		return b.ledger.Take(ctx, b.portal, window, want, limit)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.day != window {
		b.day, b.taken = window, 0
	}
	if b.taken+want > limit {
		return 0, nil
	}
	b.taken += want
	return want, nil
}

// learn notes what Pipedrive says of its own count, and reports whether so little is left that it belongs to others.
func (b *budget) learn(limit, left int64) (spent bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if limit > 0 && (limit != b.told || !b.heard) {
		b.told, b.heard, b.learned = limit, true, true
	}
	return limit > 0 && left >= 0 && float64(left) < reserve*float64(limit)
}

// people notes how many seats the account pays for, as far as its active users tell.
func (b *budget) people(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seats != int64(n) || !b.counted {
		b.seats, b.counted, b.learned = int64(n), true, true
	}
}

// midnight is when a day's tokens are given anew.
func midnight(now time.Time) time.Time {
	y, m, d := now.UTC().Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC)
}

// refill is when to ask again after Pipedrive said that the day's tokens are spent. Its day may begin up to half a day after
// UTC's, so in the first half of UTC's day it is asked again each hour.
func refill(now time.Time) time.Time {
	if now.UTC().Hour() < 12 {
		return now.Add(time.Hour)
	}
	return midnight(now)
}
