package acceptance

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/store"
	"github.com/plumbline/plumbline/internal/store/storetest"
)

// fiveAnswers are the answers to the five checks: how many open deals are in their stage for longer than nine in ten of the stays of
// won deals ended within a year, skipped a stage, have a close date before today; how many deals lost within a year have no reason; and how
// many moves there are from each stage to each other.
type fiveAnswers struct {
	stale, skipped, past, reasonless int
	moves                            map[[2]int32]int
}

// lines are the answers as the SQL shells print them.
func (a *fiveAnswers) lines() []string {
	out := []string{fmt.Sprintf("stale|%d", a.stale), fmt.Sprintf("skipped|%d", a.skipped), fmt.Sprintf("past|%d", a.past), fmt.Sprintf("reasonless|%d", a.reasonless)}
	for pair, n := range a.moves {
		out = append(out, fmt.Sprintf("%d>%d|%d", pair[0], pair[1], n))
	}
	slices.Sort(out)
	return out
}

// checkFunc is a check that is a function.
type checkFunc struct{ f func(p *audit.Pass) }

// Check runs it.
func (c checkFunc) Check(p *audit.Pass) { c.f(p) }

// fiveByAudit are the five checks as policies of the audit, which works out every statistic and the score beside.
func fiveByAudit(tb testing.TB, snap *crm.Snapshot) *fiveAnswers {
	tb.Helper()
	a := &fiveAnswers{moves: map[[2]int32]int{}}
	stages := int32(snap.NumStages())
	counts := make([]int, stages*stages)
	judge := func(id string, check func(p *audit.Pass)) audit.Check {
		p := audit.Define(audit.Meta{ID: id, Severity: audit.Low, Subject: crm.KindDeal}, checkFunc{check})
		return audit.Check{Policy: p, Settings: p.Defaults()}
	}
	checks := []audit.Check{
		judge("stale", func(p *audit.Pass) {
			limits := make([]float64, stages)
			for s := range stages {
				limits[s] = p.Stats.WonVisits(s).Quantile(0.9)
			}
			for r := range p.Open() {
				if entered, ok := p.EntryOf(r); ok && p.Now.Days(entered) > limits[r.Stage] {
					a.stale++
				}
				p.OK(r)
			}
		}),
		judge("skipped", func(p *audit.Pass) {
			for r := range p.Open() {
				if stages, ok := p.Skipped(r); ok && len(stages) > 0 {
					a.skipped++
				}
				p.OK(r)
			}
		}),
		judge("past", func(p *audit.Pass) {
			today := p.Today()
			for r := range p.Open() {
				if r.CloseDate != 0 && r.CloseDate < today {
					a.past++
				}
				p.OK(r)
			}
		}),
		judge("reasonless", func(p *audit.Pass) {
			for r := range p.Lost() {
				if r.LossReason == 0 {
					a.reasonless++
				}
				p.OK(r)
			}
		}),
		judge("matrix", func(p *audit.Pass) {
			for r := range p.All() {
				if visits, ok := p.Visits(r); ok {
					for i := 1; i < len(visits); i++ {
						counts[visits[i-1].Stage*stages+visits[i].Stage]++
					}
				}
				p.OK(r)
			}
		}),
	}
	if _, err := audit.Run(tb.Context(), audit.Input{Snapshot: snap, Checks: checks, Now: goalMoment()}); err != nil {
		tb.Fatal(err)
	}
	a.matrix(counts, stages)
	return a
}

func (a *fiveAnswers) matrix(counts []int, stages int32) {
	for i, n := range counts {
		if n > 0 {
			a.moves[[2]int32{int32(i) / stages, int32(i) % stages}] = n
		}
	}
}

// fiveByColumns are the five checks and nothing else, over the same columns as the audit: one walk, and the lengths sorted.
func fiveByColumns(snap *crm.Snapshot) *fiveAnswers {
	a := &fiveAnswers{moves: map[[2]int32]int{}}
	now, c, stages := goalMoment(), snap.Columns(), int32(snap.NumStages())
	year, today := now.Add(-365*24*time.Hour), now-now%crm.Instant(24*time.Hour/time.Microsecond)
	counts, stays := make([]int, stages*stages), make([][]int64, stages)
	isOpen, order := make([]bool, stages), make([]int32, stages)
	for s := range stages {
		isOpen[s], order[s] = snap.Stage(s).Kind == crm.Open, snap.StageRef(s).Index
	}
	from := uint32(0)
	for i, status := range c.Status {
		moves := c.Moves[from:c.MoveEnd[i]]
		from = c.MoveEnd[i]
		for k := 1; k < len(moves); k++ {
			left, at := &moves[k-1], moves[k].At
			counts[left.Stage*stages+moves[k].Stage]++
			if status == crm.Won && at > year && isOpen[left.Stage] {
				stays[left.Stage] = append(stays[left.Stage], int64(at-left.At))
			}
		}
		switch {
		case status == crm.Open:
			if c.CloseDate[i] != 0 && c.CloseDate[i] < today {
				a.past++
			}
			if lo, hi := order[moves[0].Stage], order[moves[len(moves)-1].Stage]; int(hi-lo)+1 > len(moves) {
				a.skipped++
			}
		case status == crm.Lost && c.Closed[i] > year && c.LossReason[i] == 0:
			a.reasonless++
		}
	}
	limits := make([]crm.Instant, stages)
	for s, list := range stays {
		if n := len(list); n > 0 {
			slices.Sort(list)
			limits[s] = crm.Instant(list[(n*9+9)/10-1])
		}
	}
	for i, status := range c.Status {
		if status == crm.Open && now-c.StageEntry[i] > limits[c.Stage[i]] {
			a.stale++
		}
	}
	a.matrix(counts, stages)
	return a
}

// tables writes what the five checks look at as two files for the SQL shells.
func tables(tb testing.TB, snap *crm.Snapshot, dir string) {
	tb.Helper()
	write := func(name string, rows func(w *bufio.Writer)) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			tb.Fatal(err)
		}
		w := bufio.NewWriter(f)
		rows(w)
		if err := w.Flush(); err != nil {
			tb.Fatal(err)
		}
		if err := f.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	write("stages.csv", func(w *bufio.Writer) {
		for s := range int32(snap.NumStages()) {
			fmt.Fprintf(w, "%d,%d,%d\n", s, snap.StageRef(s).Index, snap.Stage(s).Kind)
		}
	})
	write("deals.csv", func(w *bufio.Writer) {
		for i := range int32(snap.Len()) {
			r := snap.Deal(i)
			fmt.Fprintf(w, "%d,%d,%d,%d,%d,%d,%d,%s,%s,%d\n", i, r.Stage, r.Status, r.Created, r.StageEntry, r.Closed, r.CloseDate, snap.Text(r.LossReason), snap.Text(r.Name), r.Amount)
		}
	})
	write("moves.csv", func(w *bufio.Writer) {
		for i := range int32(snap.Len()) {
			for k, m := range snap.Moves(i) {
				fmt.Fprintf(w, "%d,%d,%d,%d\n", i, k, m.Stage, m.At)
			}
		}
	})
}

// shell is a database that answers the five checks in SQL through its own shell.
type shell struct {
	name, goal string
	tool       string
	load, ask  func(dir, sql string) []string // commands
}

func shells(postgres string) []shell {
	return []shell{
		{"sqlite3", ">= 80", "sqlite3",
			func(dir, sql string) []string {
				return []string{"sqlite3", "-csv", filepath.Join(dir, "five.db"), ".read " + sql, ".import " + dir + "/stages.csv stages", ".import " + dir + "/deals.csv deals", ".import " + dir + "/moves.csv moves", "ANALYZE"}
			},
			func(dir, sql string) []string {
				return []string{"sqlite3", filepath.Join(dir, "five.db"), ".read " + sql}
			}},
		{"postgres", ">= 40", "psql",
			func(dir, sql string) []string {
				return []string{"psql", "-q", "-v", "ON_ERROR_STOP=1", postgres, "-f", sql, "-c", `\copy stages from '` + dir + `/stages.csv' csv`,
					"-c", `\copy deals from '` + dir + `/deals.csv' with (format csv, null '-')`, "-c", `\copy moves from '` + dir + `/moves.csv' csv`, "-c", "ANALYZE"}
			},
			func(_, sql string) []string {
				return []string{"psql", "-q", "-t", "-A", "-F", "|", "-v", "ON_ERROR_STOP=1", postgres, "-c", "SET max_parallel_workers_per_gather = 0", "-f", sql, "-f", filepath.Join(filepath.Dir(sql), "server.sql")}
			}},
	}
}

func execute(tb testing.TB, dir string, command []string) (out []byte, took time.Duration) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), command[0], command[1:]...)
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%s: %v\n%s", command[0], err, errs.Bytes())
	}
	return out, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// kept is a store that holds a snapshot.
func kept(tb testing.TB, snap *crm.Snapshot) *store.DB {
	tb.Helper()
	db, err := store.Open(tb.Context(), storetest.SQLiteURL(tb), store.Options{Now: func() time.Time { return goalMoment().Time() }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	s := crm.Sync{ID: "s1", Portal: snap.Portal, Full: true, Started: snap.Taken, Ended: snap.Taken}
	if err := db.SaveSync(tb.Context(), s, snap); err != nil {
		tb.Fatal(err)
	}
	return db
}

func loaded(tb testing.TB, db *store.DB, portal string) *crm.Snapshot {
	tb.Helper()
	snap, err := db.LoadSnapshot(tb.Context(), portal)
	if err != nil || snap == nil {
		tb.Fatal("there is no snapshot", err)
	}
	return snap
}

// TestFiveChecks holds the three ways to the same answers, on a portal small enough for every test run.
func TestFiveChecks(t *testing.T) {
	snap := goalPortal(t, "acme", 3_000, false)
	want := fiveByAudit(t, snap).lines()
	if d := cmp.Diff(want, fiveByColumns(snap).lines()); d != "" {
		t.Errorf("by columns (-audit +columns):\n%s", d)
	}
	if len(want) < 40 || slices.ContainsFunc(want[:], func(l string) bool { return strings.HasSuffix(l, "|0") }) {
		t.Errorf("a check finds nothing: %q", want)
	}
	for _, sh := range shells(os.Getenv(storetest.Postgres)) {
		t.Run(sh.name, func(t *testing.T) {
			if why := sh.missing(); why != "" {
				if os.Getenv("CI") == "true" {
					t.Fatal(why)
				}
				t.Skip(why)
			}
			answer(t, sh, snap, want)
		})
	}
}

func (s shell) missing() string {
	if _, err := exec.LookPath(s.tool); err != nil {
		return s.tool + " is not installed"
	}
	if s.name == "postgres" && os.Getenv(storetest.Postgres) == "" {
		return storetest.Postgres + " names no Postgres database"
	}
	return ""
}

// answer loads the snapshot into a shell's database, lets it answer twice, and gives the processor time that the second took, of the shell
// and of the server behind it. One core has to do, as it does for us.
func answer(tb testing.TB, sh shell, snap *crm.Snapshot, want []string) time.Duration {
	tb.Helper()
	dir := tb.TempDir()
	tables(tb, snap, dir)
	wd, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	sql := func(name string) string { return filepath.Join(wd, "testdata", "goal1", name) }
	execute(tb, dir, sh.load(dir, sql("tables.sql")))
	var took time.Duration
	for range 2 { // what is read from disk first time is in memory the second
		var out []byte
		out, took = execute(tb, dir, sh.ask(dir, sql("five.sql")))
		var got []string
		for _, l := range strings.Fields(string(out)) {
			if ticks, ok := strings.CutPrefix(l, "ticks|"); ok { // of the server, in hundredths of a second
				n, err := strconv.Atoi(ticks)
				if err != nil {
					tb.Fatal(err)
				}
				took += time.Duration(n) * 10 * time.Millisecond
				continue
			}
			got = append(got, l)
		}
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			tb.Fatalf("%s answers differently (-ours +its):\n%s", sh.name, d)
		}
	}
	return took
}

// BenchmarkGoal1 answers five checks about a million deals from our own store, and from databases by their own shells.
func BenchmarkGoal1(b *testing.B) {
	snap := goalPortal(b, "acme", dealsOr(b, 1_000_000), false)
	b.Logf("%d deals, %.2f moves each", snap.Len(), float64(len(snap.Columns().Moves))/float64(snap.Len()))
	db := kept(b, snap)
	want := fiveByAudit(b, snap).lines()
	load := times(b, 5, func() { loaded(b, db, "acme") })
	engine := times(b, 5, func() { fiveByAudit(b, loaded(b, db, "acme")) })
	columns := times(b, 5, func() { fiveByColumns(loaded(b, db, "acme")) })
	held := loaded(b, db, "acme")
	memory := times(b, 5, func() { fiveByColumns(held) })
	runtime.KeepAlive(held)
	for b.Loop() { // the figures above are the benchmark
	}
	b.ReportMetric(memory.Seconds(), "in-memory-s")
	b.ReportMetric(load.Seconds(), "load-s")
	b.ReportMetric(columns.Seconds(), "checks-s")
	b.ReportMetric(engine.Seconds(), "audit-s")
	for _, sh := range shells(os.Getenv(storetest.Postgres)) {
		if why := sh.missing(); why != "" {
			b.Log(why)
			continue
		}
		took := answer(b, sh, snap, want)
		b.ReportMetric(took.Seconds(), sh.name+"-s")
		goal(b, took.Seconds()/columns.Seconds(), "x-"+sh.name, sh.goal)
		goal(b, took.Seconds()/memory.Seconds(), "x-"+sh.name+"-in-memory", sh.goal+", the snapshot being loaded already")
		goal(b, took.Seconds()/engine.Seconds(), "x-"+sh.name+"-by-audit", sh.goal+", with every statistic and the score worked out beside")
	}
}
