package daemon

import (
	"context"
	"database/sql"
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
	// settleTime is how long a step on the wire may take to settle once its job is over.
	settleTime = 30 * time.Second
	// rescueAfter is when a job counts as dead. The engine knows its age alone, so the oldest living one must be younger.
	rescueAfter = jobTimeout + settleTime + 30*time.Second
)

// engine is a job engine on either database.
type engine interface {
	Start(ctx context.Context) error
	// StopAndCancel ends the contexts of what runs, waits for it, and puts it back to be run again.
	StopAndCancel(ctx context.Context) error
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
	quiet := slog.New(leveled{log.Handler()})
	if err := migrate(ctx, driver, quiet); err != nil {
		return nil, fmt.Errorf("bring the job tables up to date: %w", err)
	}
	c, err := river.NewClient(driver, &river.Config{
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: parallel}},
		Workers:              workers,
		Logger:               quiet,
		JobTimeout:           jobTimeout,
		JobStuckThreshold:    settleTime,
		MaxAttempts:          maxAttempts,
		RescueStuckJobsAfter: rescueAfter,
		ErrorHandler:         failures{log},
	})
	if err != nil {
		return nil, fmt.Errorf("make the job engine: %w", err)
	}
	return c, nil
}

// migrateTries is how often the migration is tried: of replicas that start together one wins each of the few versions, and
// the others find it done when they look again.
const migrateTries = 10

func migrate[T any](ctx context.Context, driver riverdriver.Driver[T], log *slog.Logger) error {
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: log})
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err == nil || try == migrateTries || ctx.Err() != nil {
			return err
		}
	}
}

// failures logs the jobs that failed. Those that were stopped to be run again are none.
type failures struct{ log *slog.Logger }

// HandleError logs an attempt that failed.
func (f failures) HandleError(_ context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	f.log.Error(job.Kind+" failed", "error", err, "attempt", job.Attempt, "of", job.MaxAttempts)
	return nil
}

// HandlePanic logs a bug.
func (f failures) HandlePanic(_ context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	f.log.Error(job.Kind+" panicked", "value", value, "trace", trace)
	return nil
}

// leveled keeps the engine's own housekeeping out of the log below warnings.
type leveled struct{ slog.Handler }

// Enabled implements [slog.Handler].
func (l leveled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && l.Handler.Enabled(ctx, level)
}

// WithAttrs implements [slog.Handler].
func (l leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{l.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (l leveled) WithGroup(name string) slog.Handler { return leveled{l.Handler.WithGroup(name)} }
