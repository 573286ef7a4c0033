package acceptance

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/connectors/csvfile"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/mirror"
	"github.com/plumbline/plumbline/internal/sandbox"
)

// sides are one set of deals, audited as a file and as a portal that was filled with it.
type sides struct {
	file, portal *audit.Result
	names        map[string]string // how the file names the portal's records, by kind and id
}

// pulling is how long a pull may take.
const pulling = 5 * time.Minute

// bothSides audits a file as of a moment, loads it into a simulated portal as of a little before, pulls that over OAuth, and
// audits it as of the same moment.
func bothSides(t *testing.T, o csvfile.Options, now time.Time) sides {
	t.Helper()
	file := must(csvfile.Open(o))(t)
	if len(file.Unreadable) > 0 {
		t.Fatalf("unreadable: %v", file.Unreadable)
	}
	world := sandbox.FromDeals(must(file.Schema(t.Context()))(t), file.Rows(), now.Add(-pulling))
	office := opened(t, world)
	s := office.sync(t)
	if n := int64(len(file.Rows())); !now.After(office.clock()) || !s.Completeness.Complete() || s.Completeness.Read["deals"].Read != n {
		t.Fatalf("of %d deals the portal gave %+v", n, s.Completeness)
	}
	office.pass(now.Sub(office.clock()))
	both := sides{portal: office.audit(t), names: map[string]string{}}
	snap := must(mirror.Collect(t.Context(), file, mirror.Options{Portal: file.Portal, CRM: csvfile.Name, Now: office.clock}))(t)
	both.file = must(audit.Run(t.Context(), audit.Input{Snapshot: snap, Checks: catalogue(), Now: both.portal.AsOf}))(t)
	for _, d := range world.Deals {
		both.names["deal "+d.ID] = d.External
	}
	for _, owner := range world.Owners {
		both.names["owner "+owner.ID] = strings.TrimSpace(owner.First + " " + owner.Last) // a file has no other id
	}
	for i, p := range world.Pipelines {
		theirs := snap.Schema.Pipelines[i]
		both.names["pipeline "+p.ID] = theirs.ID
		for j, st := range p.Stages {
			full := theirs.ID + "/" + theirs.Stages[j].ID
			both.names["stage "+st.ID], both.names["stage "+theirs.Stages[j].ID] = full, full // a name that several pipelines have is given in full
		}
	}
	return both
}

// verdicts are a policy's words on records, by the names that the file has for them.
type verdicts struct {
	found   map[string]audit.Finding
	unknown map[string]bool
}

func (b sides) of(r *audit.Result, policy string) verdicts {
	v := verdicts{map[string]audit.Finding{}, map[string]bool{}}
	name := func(ref crm.Ref) string {
		id := ref.ID
		if n, ok := b.names[string(ref.Kind)+" "+id]; ok {
			id = n
		}
		if ref.Kind == crm.KindPortal {
			id = "the portal"
		}
		return string(ref.Kind) + " " + id
	}
	for _, f := range r.Findings {
		if f.Policy == policy {
			v.found[name(f.Subject)] = f
		}
	}
	for _, u := range r.Unknown {
		if u.Policy == policy {
			v.unknown[name(u.Subject)] = true
		}
	}
	return v
}

// compare holds that both sides say the same of every record that both could judge. A record that one side could not judge
// is no difference; of how many that holds is returned by policy. With facts, what the findings say must be the same too.
func (b sides) compare(t *testing.T, facts bool) (unknown map[string]int) {
	t.Helper()
	unknown = map[string]int{}
	for _, policy := range slices.Sorted(maps.Keys(b.file.Judged)) {
		file, portal := b.of(b.file, policy), b.of(b.portal, policy)
		for name := range union(file.unknown, portal.unknown) {
			if file.unknown[name] != portal.unknown[name] {
				unknown[policy]++
			}
		}
		both, differ := 0, 0
		for name := range union(file.found, portal.found) {
			f, inFile := file.found[name]
			p, inPortal := portal.found[name]
			switch {
			case file.unknown[name] || portal.unknown[name]:
			case !inFile || !inPortal:
				if differ++; differ <= 3 {
					t.Errorf("%s of %s: found in the file %v, in the portal %v: %+v %+v", policy, name, inFile, inPortal, f.Facts, p.Facts)
				}
			default:
				both++
				if f.Since.IsZero() { // the store has put in when the finding was first seen
					p.Since = 0
				}
				if diff := gocmp.Diff(said(f, p), said(p, f)); facts && diff != "" {
					if differ++; differ <= 3 {
						t.Errorf("%s of %s (-file +portal):\n%s", policy, name, diff)
					}
				}
			}
		}
		if differ > 3 {
			t.Errorf("%s: %d more differences", policy, differ-3)
		}
		in, out := b.file.Judged[policy], b.portal.Judged[policy]
		t.Logf("%-22s file: %d found, %d judged, %d unknown; portal: %d found, %d judged, %d unknown; found by both: %d",
			policy, len(file.found), in.Judged, in.Unknown, len(portal.found), out.Judged, out.Unknown, both)
	}
	return unknown
}

// said is what a finding says, without the names that each side has for things and the facts that the other could not know.
func said(f, other audit.Finding) map[string]any {
	out := map[string]any{"severity": f.Severity.String(), "amount": f.Value.Amount.String(), "since": f.Since.String()}
	for name, fact := range f.Facts {
		if _, known := other.Facts[name]; known {
			out["fact "+name] = fact
		}
	}
	return out
}

func union[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// TestMavenAsFileAndAsPortal audits the deals of Maven's invented company as a consultant would get them, and again after they
// went through a portal, with the history of their stages and without.
func TestMavenAsFileAndAsPortal(t *testing.T) {
	dir := os.Getenv("PLUMBLINE_TESTDATA")
	if dir == "" {
		missing(t, "PLUMBLINE_TESTDATA is not set: the outside data is missing")
	}
	source := filepath.Join(dir, "maven", "sales_pipeline.csv")
	asOf := time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, history := range map[string]string{"without history": "", "with history": mavenHistory(t, source)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bothSides(t, csvfile.Options{
				File: source, History: history, Stages: "Prospecting,Engaging,Won=won,Lost=lost",
				Map: "id=opportunity_id,owner=sales_agent,company=account,stage=deal_stage,created=engage_date,closed=close_date,expected_close=close_date,amount=close_value,lost_reason=",
			}, asOf)
			delete(b.file.Judged, "no-new-deals") // the 500 deals without a date are new ones in the portal
			b.compare(t, true)
			counts := map[string]int{"close-date-missing": 1589, "amount-missing": 1589, "lost-reason-missing": 2473, "open-too-long": 1445}
			if history != "" {
				counts["stale-in-stage"] = 1434
			}
			for policy, n := range counts {
				if in, out := len(b.of(b.file, policy).found), len(b.of(b.portal, policy).found); in != n || out != n {
					t.Errorf("%s: %d in the file, %d in the portal, want %d", policy, in, out, n)
				}
			}
		})
	}
}

// mavenHistory makes a history of the same data: into Engaging on the day of the engagement, into the closed stage on that of
// closing.
func mavenHistory(t *testing.T, source string) string {
	t.Helper()
	f := must(os.Open(source))(t)
	defer f.Close()
	rows := must(csv.NewReader(f).ReadAll())(t)
	out := [][]string{{"deal", "stage", "entered"}}
	for _, r := range rows[1:] {
		if r[5] != "" {
			out = append(out, []string{r[0], "Engaging", r[5]})
		}
		if r[6] != "" {
			out = append(out, []string{r[0], r[4], r[6]})
		}
	}
	return writeCSV(t, "history.csv", out)
}

func writeCSV(t *testing.T, name string, rows [][]string) string {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	must0(t, w.WriteAll(rows))
	file := filepath.Join(t.TempDir(), name)
	must0(t, os.WriteFile(file, b.Bytes(), 0o600))
	return file
}

// TestAPlainFileAsPortal writes generated portals down as plain files with their histories. File, portal and truth agree.
func TestAPlainFileAsPortal(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			world := sandbox.Generate(sandbox.GenOptions{Deals: 600, Seed: seed, Plant: []string{"stale-in-stage", "open-too-long", "stage-skipped", "stage-regressed",
				"close-date-past", "close-date-missing", "amount-missing", "owner-missing", "no-next-activity", "lost-reason-missing", "often-skipped-stage", "status-as-stage", "too-many-stages"}})
			o := plainFile(t, world)
			for policy, n := range bothSides(t, o, world.Now.Add(pulling)).compare(t, true) {
				if !noFile(policy) {
					t.Errorf("%s: %d records could be judged by one side only", policy, n)
				}
			}
			// Without the histories the file still tells when each deal entered its stage. The portal takes that for all of the
			// history, and so knows of deals that were closed as they were created: averages differ, findings do not.
			o.History = ""
			needHistory := []string{"stage-skipped", "stage-regressed", "stage-rushed", "created-late", "reopened", "unused-stage", "often-skipped-stage"}
			for policy, n := range bothSides(t, o, world.Now.Add(pulling)).compare(t, false) {
				if !slices.Contains(needHistory, policy) && !noFile(policy) {
					t.Errorf("without histories, %s: %d records could be judged by one side only", policy, n)
				}
			}
		})
	}
}

// noFile reports whether a policy judges what no file tells: who has left, what stages are worth, how often a deal was touched,
// which stages the CRM ships, when the buyer was heard of, who belongs to a deal, what is planned for it and on record of it,
// which close dates it had, what moved it, when stages were changed, what the CRM forbids, and how the team reaches out.
func noFile(policy string) bool {
	return strings.HasPrefix(policy, "probability-") || slices.Contains([]string{
		"owner-inactive", "owner-overloaded", "gave-up-early", "default-stages-untouched", "no-buyer-activity", "follow-up-overdue", "next-activity-overdue", "slow-first-response",
		"contact-missing", "single-threaded", "stage-without-evidence", "behind-its-evidence", "touched-in-bulk", "close-date-pushed",
		"starts-too-early", "review-overdue", "single-channel-outreach", "activity-not-captured", "manual-stage-moves", "moves-bounce", "rules-bypassed",
		"skipping-allowed", "owner-overloaded",
	}, policy)
}

// plainFile writes a world down in the plain layout, with the history of its stages.
func plainFile(t *testing.T, w *sandbox.World) csvfile.Options {
	t.Helper()
	names := namesOf(w)
	deals := [][]string{{"id", "name", "pipeline", "stage", "status", "amount", "currency", "owner", "company", "created", "entered_stage", "expected_close", "closed", "last_activity", "next_activity", "lost_reason"}}
	moves := [][]string{{"deal", "stage", "entered"}}
	for _, d := range w.Deals {
		if d.Archived || slices.ContainsFunc(d.Moves, func(m sandbox.Move) bool { return names.line[m.Stage] != d.Pipeline }) {
			continue // a file has no archive, and a history file names no pipeline
		}
		entered := d.Moves[len(d.Moves)-1].At
		expected, closed := moment(d.CloseDate), ""
		if status := names.kind[d.Stage]; status != "open" {
			closed = moment(entered)
		}
		touch, next := activities(d, w.Now)
		deals = append(deals, []string{d.ID, d.Name, names.of[d.Pipeline], names.of[d.Stage], names.kind[d.Stage], d.Amount, d.Currency, names.of[d.Owner], names.of[d.Company],
			moment(d.Created), moment(entered), expected, closed, moment(touch), moment(next), cmp.Or(d.LossReason, d.LossOption)})
		for _, m := range d.Moves {
			moves = append(moves, []string{d.ID, names.of[m.Stage], moment(m.At)})
		}
	}
	return csvfile.Options{File: writeCSV(t, "deals.csv", deals), History: writeCSV(t, "history.csv", moves), Stages: strings.Join(names.order, ",")}
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// activities are a deal's last touch and the next thing that is planned.
func activities(d sandbox.Deal, now time.Time) (touch, next time.Time) {
	for _, a := range d.Activities {
		switch {
		case a.Kind == "note" || a.Kind == "task" && a.Done || a.Inbound:
		case a.Done && a.At.After(touch):
			touch = a.At
		case !a.Done && a.At.After(now) && (next.IsZero() || a.At.Before(next)):
			next = a.At
		}
	}
	return touch, next
}

// worldNames are the names of a world's records, by id.
type worldNames struct {
	of, kind, line map[string]string
	order          []string // stages as --stages takes them
}

func namesOf(w *sandbox.World) worldNames {
	n := worldNames{of: map[string]string{}, kind: map[string]string{}, line: map[string]string{}}
	for _, o := range w.Owners {
		n.of[o.ID] = o.First + " " + o.Last
	}
	for _, c := range w.Companies {
		n.of[c.ID] = c.Name
	}
	for _, p := range w.Pipelines {
		n.of[p.ID] = p.Label
		for _, s := range p.Stages {
			n.of[s.ID], n.line[s.ID], n.kind[s.ID] = s.Label, p.ID, "open"
			listed := s.Label
			switch s.Probability {
			case 0:
				n.kind[s.ID], listed = "lost", s.Label+"=lost"
			case 1:
				n.kind[s.ID], listed = "won", s.Label+"=won"
			}
			if !slices.Contains(n.order, listed) {
				n.order = append(n.order, listed)
			}
		}
	}
	return n
}
