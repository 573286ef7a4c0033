package daemon

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// The limits of a job. A job that needs longer checkpoints in our rows and asks to be run again.
const (
	jobTimeout  = 60 * time.Second
	maxAttempts = 3
	rescueAfter = 90 * time.Second // above jobTimeout: River rescues by age alone
	stopTimeout = 30 * time.Second // how long a step on the wire may take to settle
)

// engine is a job engine on either database.
type engine interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	Insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
}

// newEngine makes the engine for whichever database the store is, and brings its tables up to date.
func newEngine(ctx context.Context, pool *pgxpool.Pool, writer *sql.DB, workers *river.Workers, parallel int, log *slog.Logger) (engine, error) {
	if pool != nil {
		return newClient(ctx, riverpgxv5.New(pool), workers, parallel, log)
	}
	return newClient(ctx, riversqlite.New(writer), workers, parallel, log)
}

func newClient[T any](ctx context.Context, driver riverdriver.Driver[T], workers *river.Workers, parallel int, log *slog.Logger) (engine, error) {
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet(log)})
	if err != nil {
		return nil, fmt.Errorf("prepare the job tables: %w", err)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, fmt.Errorf("migrate the job tables: %w", err)
	}
	c, err := river.NewClient(driver, &river.Config{
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: parallel}},
		Workers:              workers,
		Logger:               quiet(log),
		JobTimeout:           jobTimeout,
		MaxAttempts:          maxAttempts,
		RescueStuckJobsAfter: rescueAfter,
		SoftStopTimeout:      stopTimeout,
		ErrorHandler:         failures{log},
	})
	if err != nil {
		return nil, fmt.Errorf("start the job engine: %w", err)
	}
	return c, nil
}

// failures logs jobs that ended in an error. Errors of a portal are told by the cycle; these are of the engine.
type failures struct{ log *slog.Logger }

func (f failures) HandleError(_ context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	if !errors.Is(err, context.Canceled) {
		f.log.Error("job", "kind", job.Kind, "attempt", job.Attempt, "error", err)
	}
	return nil
}

func (f failures) HandlePanic(_ context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	f.log.Error("job panicked", "kind", job.Kind, "value", value, "trace", trace)
	return nil
}

// quiet keeps the engine's own housekeeping out of the log below warnings.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(leveled{log.Handler()})
}

type leveled struct{ slog.Handler }

func (l leveled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && l.Handler.Enabled(ctx, level)
}

func (l leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{l.Handler.WithAttrs(attrs)}
}

func (l leveled) WithGroup(name string) slog.Handler { return leveled{l.Handler.WithGroup(name)} }
