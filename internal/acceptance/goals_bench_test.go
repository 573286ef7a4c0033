package acceptance

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/snapfile"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/store/storetest"
)

// scan reads every byte of a snapshot's columns once and does nothing with them.
func scan(snap *crm.Snapshot) (sum uint64) {
	c := snap.Columns()
	for _, col := range [][]crm.TextID{c.ID, c.Name, c.Company, c.LossReason, c.LossText, c.LossDetail, c.Merged, c.Type, c.Source, c.Editor, c.Closer} {
		sum += total(col)
	}
	for _, col := range [][]int32{c.Stage, c.Owner, c.Currency, c.Contacts, c.Touches} {
		sum += total(col)
	}
	for _, col := range [][]crm.Instant{c.Created, c.Modified, c.Closed, c.StageEntry, c.CloseDate, c.Touch, c.Buyer, c.Planned, c.Updated, c.FirstTouch, c.FirstMeeting,
		c.FirstMail, c.NextDue, c.QuotePublished, c.QuoteExpires, c.QuoteSigned, c.QuotePaid} {
		sum += total(col)
	}
	sum += total(c.Status) + total(c.Origin) + total(c.Known) + total(c.Amount) + total(c.LineTotal) + total(c.MoveEnd) + total(c.DateEnd)
	for i := range c.Archived {
		if c.Archived[i] {
			sum++
		}
	}
	for i := range c.Moves {
		m := &c.Moves[i]
		sum += uint64(m.At) + uint64(m.Stage) + uint64(m.Origin)
	}
	return sum
}

func total[T ~int64 | ~int32 | ~uint32 | ~uint8](col []T) (sum uint64) {
	for _, v := range col {
		sum += uint64(v)
	}
	return sum
}

func audited(tb testing.TB, snap *crm.Snapshot, checks []audit.Check) *audit.Result {
	tb.Helper()
	r, err := audit.Run(tb.Context(), audit.Input{Snapshot: snap, Checks: checks, Now: goalMoment()})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// BenchmarkGoal2 compares the whole catalogue with all statistics, the score and the comparison with what was found before with one
// look at every byte.
func BenchmarkGoal2(b *testing.B) {
	n := dealsOr(b, 100_000)
	snap, checks := goalPortal(b, "acme", n, true), allChecks()
	db := kept(b, snap)
	if err := db.SaveResult(b.Context(), audited(b, snap, checks)); err != nil {
		b.Fatal(err)
	}
	var sum uint64
	var result *audit.Result
	whole, pure := pairs(b, 7, func() {
		result = audited(b, snap, checks)
		if err := db.SaveResult(b.Context(), result); err != nil {
			b.Fatal(err)
		}
	}, func() {
		for range 20 {
			sum += scan(snap)
		}
	})
	pure /= 20
	for b.Loop() { // the figures above are the benchmark
	}
	b.Logf("%d policies, %d findings on %d deals, %d not judged (%d)", len(checks), len(result.Findings), n, len(result.Unknown), sum&1)
	b.ReportMetric(float64(whole.Nanoseconds())/float64(n), "ns/deal")
	b.ReportMetric(float64(pure.Nanoseconds())/float64(n), "scan-ns/deal")
	goal(b, float64(whole)/float64(pure), "x-scan", "<= 100")
	perDeal := func(n int) float64 {
		s := goalPortal(b, "acme", n, true)
		return testing.AllocsPerRun(3, func() { audited(b, s, checks) })
	}
	goal(b, (perDeal(n/5)-perDeal(n/10))/float64(n/5-n/10), "allocs/deal", "0")
}

// BenchmarkGoal3 compares a snapshot's load with one of rows, and weighs it on disk and in memory.
func BenchmarkGoal3(b *testing.B) {
	n := dealsOr(b, 200_000)
	made := goalPortal(b, "acme", n, false)
	db, rows := kept(b, made), rowStore(b, made)
	meta, chunks, err := snapfile.Encode(made)
	if err != nil {
		b.Fatal(err)
	}
	disk := len(meta)
	for _, c := range chunks {
		disk += len(c.Deals) + len(c.Moves) + len(c.Texts)
	}
	before := heap()
	held := loaded(b, db, "acme")
	memory := heap() - before
	runtime.KeepAlive(held)
	columns, byRow := pairs(b, 3, func() { loaded(b, db, "acme") }, func() { loadRows(b, rows, n) })
	for b.Loop() { // the figures above are the benchmark
	}
	b.ReportMetric(float64(columns.Nanoseconds())/float64(n), "ns/deal")
	goal(b, float64(byRow)/float64(columns), "x-rows", ">= 20")
	goal(b, float64(disk)/float64(n), "disk-B/deal", "<= 100")
	goal(b, memory/float64(n), "memory-B/deal", "<= 200")
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// rowStore is a SQLite file that holds a snapshot as rows.
func rowStore(tb testing.TB, snap *crm.Snapshot) *sql.DB {
	tb.Helper()
	db := rawDB(tb, `CREATE TABLE deals (id TEXT PRIMARY KEY, name TEXT, company TEXT, pipeline TEXT, stage TEXT, owner TEXT, currency TEXT, status INTEGER, origin INTEGER, archived INTEGER, known INTEGER,
		amount INTEGER, created INTEGER, modified INTEGER, closed INTEGER, stage_entry INTEGER, close_date INTEGER, touch INTEGER, buyer INTEGER, planned INTEGER, loss_reason TEXT, source TEXT)`,
		`CREATE TABLE moves (deal TEXT, seq INTEGER, stage TEXT, at INTEGER, origin INTEGER, PRIMARY KEY (deal, seq))`)
	inTx(tb, db, func(tx *sql.Tx) {
		deal := prepared(tb, tx, `INSERT INTO deals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
		move := prepared(tb, tx, `INSERT INTO moves VALUES (?, ?, ?, ?, ?)`)
		for i := range int32(snap.Len()) {
			d, r := snap.Export(i), snap.Deal(i)
			insert(tb, deal, d.ID, d.Name, d.Company, d.Pipeline, d.Stage, d.Owner, d.Currency, r.Status, d.Origin, d.Archived, d.Known, d.Amount, d.Created, d.Modified, d.Closed,
				d.StageEntry, d.CloseDate, d.Touch, d.Buyer, d.Planned, d.LossReason, d.Source)
			for k, m := range d.Moves {
				insert(tb, move, d.ID, k, m.Stage, m.At, m.Origin)
			}
		}
	})
	return db
}

func rawDB(tb testing.TB, statements ...string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(tb.TempDir(), "rows.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(normal)")
	if err != nil {
		tb.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	tb.Cleanup(func() { _ = db.Close() })
	for _, s := range statements {
		if _, err := db.ExecContext(tb.Context(), s); err != nil {
			tb.Fatal(err)
		}
	}
	return db
}

func inTx(tb testing.TB, db *sql.DB, f func(tx *sql.Tx)) {
	tb.Helper()
	tx, err := db.BeginTx(tb.Context(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	f(tx)
	if err := tx.Commit(); err != nil {
		tb.Fatal(err)
	}
}

func prepared(tb testing.TB, tx *sql.Tx, text string) *sql.Stmt {
	tb.Helper()
	s, err := tx.PrepareContext(tb.Context(), text)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func insert(tb testing.TB, s *sql.Stmt, args ...any) {
	if _, err := s.Exec(args...); err != nil {
		tb.Fatal(err)
	}
}

// loadRows reads all rows into deals.
func loadRows(tb testing.TB, db *sql.DB, want int) {
	tb.Helper()
	deals := make([]crm.Deal, 0, want)
	at := make(map[string]int, want)
	each(tb, db, `SELECT * FROM deals ORDER BY id`, func(rows *sql.Rows) error {
		var d crm.Deal
		var status crm.Status
		err := rows.Scan(&d.ID, &d.Name, &d.Company, &d.Pipeline, &d.Stage, &d.Owner, &d.Currency, &status, &d.Origin, &d.Archived, &d.Known, &d.Amount, &d.Created, &d.Modified, &d.Closed,
			&d.StageEntry, &d.CloseDate, &d.Touch, &d.Buyer, &d.Planned, &d.LossReason, &d.Source)
		at[d.ID] = len(deals)
		deals = append(deals, d)
		return err
	})
	each(tb, db, `SELECT deal, stage, at, origin FROM moves ORDER BY deal, seq`, func(rows *sql.Rows) error {
		var id string
		var m crm.StageMove
		err := rows.Scan(&id, &m.Stage, &m.At, &m.Origin)
		d := &deals[at[id]]
		d.Moves = append(d.Moves, m)
		return err
	})
	if len(deals) != want {
		tb.Fatalf("%d deals, want %d", len(deals), want)
	}
}

func each(tb testing.TB, db *sql.DB, query string, f func(*sql.Rows) error) {
	tb.Helper()
	rows, err := db.QueryContext(tb.Context(), query)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := f(rows); err != nil {
			tb.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkGoal4 keeps the findings of a run of which two in a hundred changed, and compares that with writing all of them.
func BenchmarkGoal4(b *testing.B) {
	n := dealsOr(b, 300_000)
	all := make([]audit.Finding, n)
	facts := func(limit int) audit.Facts {
		return audit.Facts{"limit_days": float64(limit), "entered_at": "2026-11-01T00:00:00Z", "from": "policies"}
	}
	for i := range all {
		id := fmt.Sprint(10_000_000_000 + i*7)
		ref := crm.Ref{Portal: "acme", Kind: crm.KindDeal, ID: id}
		all[i] = audit.Finding{ID: audit.FindingID("stale-in-stage", ref, ""), Policy: "stale-in-stage", Severity: audit.High, Subject: ref, Name: "Deal " + id, Facts: facts(14), Since: goalMoment()}
	}
	url := storetest.SQLiteURL(b)
	db, err := store.Open(b.Context(), url, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	rows := rawDB(b, `CREATE TABLE findings (id TEXT PRIMARY KEY, portal TEXT, policy TEXT, subject TEXT, severity INTEGER, doc TEXT, run INTEGER)`)
	perRun := rawDB(b, `CREATE TABLE findings (run INTEGER, id TEXT, portal TEXT, policy TEXT, subject TEXT, severity INTEGER, doc TEXT, PRIMARY KEY (run, id))`)
	run := 0
	steady := func() {
		run++
		for i := run % 50; i < n; i += 50 {
			all[i].Facts = facts(14 + run)
		}
		r := &audit.Result{Portal: "acme", CRM: "hubspot", AsOf: goalMoment().Add(time.Duration(run) * time.Hour), Complete: true, Judged: map[string]audit.Judged{"stale-in-stage": {Judged: n}}, Findings: append([]audit.Finding(nil), all...)}
		if err := db.SaveResult(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	write := func(db *sql.DB, text string, args func(f *audit.Finding, doc string) []any) {
		inTx(b, db, func(tx *sql.Tx) {
			s := prepared(b, tx, text)
			for i := range all {
				doc, err := json.Marshal(all[i].Facts)
				if err != nil {
					b.Fatal(err)
				}
				insert(b, s, args(&all[i], string(doc))...)
			}
		})
	}
	upsert := func() {
		write(rows, `INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, doc = excluded.doc, run = excluded.run`,
			func(f *audit.Finding, doc string) []any {
				return []any{f.ID, "acme", f.Policy, f.Subject.ID, int(f.Severity), doc, run}
			})
	}
	steady()
	upsert()
	reader, _ := db.SQL()
	size := used(b, reader)
	ours, theirs := pairs(b, 5, steady, upsert)
	grown := float64(used(b, reader)-size) / 5
	empty := used(b, perRun)
	write(perRun, `INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?)`, func(f *audit.Finding, doc string) []any {
		return []any{run, f.ID, "acme", f.Policy, f.Subject.ID, int(f.Severity), doc}
	})
	for b.Loop() { // the figures above are the benchmark
	}
	b.ReportMetric(ours.Seconds()*1000, "ms/run")
	goal(b, float64(theirs)/float64(ours), "x-upsert", ">= 8")
	goal(b, float64(used(b, perRun)-empty)/max(grown, 1), "x-smaller-than-rows-per-run", ">= 40")
	b.Logf("grows by %.2f MB per run", grown/1e6)
}

// used is how many bytes of a SQLite file hold something.
func used(tb testing.TB, db *sql.DB) (bytes int64) {
	tb.Helper()
	var pages, free, size int64
	for pragma, to := range map[string]*int64{"page_count": &pages, "freelist_count": &free, "page_size": &size} {
		if err := db.QueryRowContext(tb.Context(), "PRAGMA "+pragma).Scan(to); err != nil {
			tb.Fatal(err)
		}
	}
	return (pages - free) * size
}

// BenchmarkGoal5 does the cycle of a usual portal, and weighs a process that does it.
func BenchmarkGoal5(b *testing.B) {
	snap, checks := goalPortal(b, "acme", 10_000, false), allChecks()
	db := kept(b, snap)
	cycle := func() { cycled(b, db, "acme", checks) }
	cycle()
	var s *crm.Snapshot
	var r *audit.Result
	whole := times(b, 15, cycle)
	load := times(b, 15, func() { s = loaded(b, db, "acme") })
	judge := times(b, 15, func() { r = audited(b, s, checks) })
	save := times(b, 15, func() {
		if err := db.SaveResult(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	})
	for b.Loop() {
		cycle()
	}
	b.Logf("load %s, audit %s, diff and commit %s", load, judge, save)
	goal(b, whole.Seconds()*1000, "ms", "<= 20")
	goal(b, float64(peak(b, snap))/(1<<20), "peak-MB", "<= 64")
}

func cycled(tb testing.TB, db *store.DB, portal string, checks []audit.Check) {
	if err := db.SaveResult(tb.Context(), audited(tb, loaded(tb, db, portal), checks)); err != nil {
		tb.Fatal(err)
	}
}

// peak is the most memory that the program's own process takes for load, audit, diff and commit, in bytes.
func peak(tb testing.TB, snap *crm.Snapshot) int64 {
	tb.Helper()
	dir := tb.TempDir()
	bin := filepath.Join(dir, "plumbline")
	execute(tb, ".", []string{"go", "build", "-o", bin, "github.com/plumbline/plumbline/cmd/plumbline"})
	file, err := os.Create(filepath.Join(dir, "acme.zip"))
	if err != nil {
		tb.Fatal(err)
	}
	if err := snapfile.WriteArchive(file, snap, "bench"); err != nil || file.Close() != nil {
		tb.Fatal(err)
	}
	execute(tb, dir, []string{bin, "snapshot", "import", "acme.zip"})
	cmd := exec.CommandContext(tb.Context(), bin, "audit", "acme")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, out)
	}
	return cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss * 1024
}

// BenchmarkGoal6 compares the first of a thousand portals with the last, and one core with two.
func BenchmarkGoal6(b *testing.B) {
	portals, deals := dealsOr(b, 1_000), 500
	checks := allChecks()
	first := goalPortal(b, "portal0", deals, false)
	db := kept(b, first)
	cycled(b, db, "portal0", checks)
	alone := times(b, 30, func() { cycled(b, db, "portal0", checks) })
	for i := 1; i < portals; i++ {
		s := *first
		s.Portal = fmt.Sprintf("portal%d", i)
		sync := crm.Sync{ID: "s" + s.Portal, Portal: s.Portal, Full: true, Started: s.Taken, Ended: s.Taken}
		if err := db.SaveSync(b.Context(), sync, &s); err != nil {
			b.Fatal(err)
		}
		cycled(b, db, s.Portal, checks)
	}
	last := fmt.Sprintf("portal%d", portals-1)
	then, again := pairs(b, 30, func() { cycled(b, db, last, checks) }, func() { cycled(b, db, "portal0", checks) })
	for b.Loop() { // the figures above are the benchmark
	}
	b.Logf("the first of %d: %s alone, %s among all; the last: %s", portals, alone, again, then)
	goal(b, float64(then)/float64(alone), "x-first", "<= 1.3")

	big := goalPortal(b, "acme", 20_000, false)
	work := func(cores int) func() {
		return func() {
			was := runtime.GOMAXPROCS(cores)
			defer runtime.GOMAXPROCS(was)
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for range 2 {
						audited(b, big, checks)
					}
				})
			}
			wg.Wait()
		}
	}
	var one, two time.Duration
	for range 7 { // by the clock on the wall: the best of each, for other programs may have a core
		one, two = least(one, work(1)), least(two, work(2))
	}
	goal(b, float64(one)/float64(two), "x-two-cores", ">= 1.8, where both cores are free")
}

// least is the shorter of a time and what f takes by the clock on the wall; zero is no time yet.
func least(so time.Duration, f func()) time.Duration {
	start := time.Now()
	f()
	if took := time.Since(start); so == 0 || took < so {
		return took
	}
	return so
}
