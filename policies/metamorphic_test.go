package policies

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
	"github.com/plumbline/plumbline/internal/sandbox"
)

// account is a portal that can be changed and judged again.
type account struct {
	schema crm.Schema
	deals  []crm.Deal
	now    crm.Instant
}

// accounts are generated portals in UTC, of several sizes.
func accounts(t *testing.T) map[string]account {
	t.Helper()
	out := map[string]account{}
	for seed := range uint64(6) {
		w := sandbox.Generate(sandbox.GenOptions{Deals: 200 + 150*int(seed%3), Seed: 100 + seed})
		w.Zone = ""
		out[fmt.Sprint("seed ", w.Account)] = accountOf(read(t, w))
	}
	return out
}

func accountOf(snap *crm.Snapshot) account {
	a := account{schema: snap.Schema, now: snap.Taken}
	for i := range int32(snap.Len()) {
		a.deals = append(a.deals, snap.Export(i))
	}
	return a
}

// verdicts are what the whole catalogue says of an account, by policy and record.
func (a account) verdicts(t *testing.T, change ...func(*audit.Check)) map[string]string {
	t.Helper()
	b := crm.NewBuilder("acme", "hubspot", a.schema)
	for _, d := range a.deals {
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	var checks []audit.Check
	for _, p := range All() {
		c := audit.Check{Policy: p}
		for _, f := range change {
			f(&c)
		}
		checks = append(checks, c)
	}
	r, err := audit.Run(t.Context(), audit.Input{Snapshot: b.Build(a.now, crm.AllFacts, crm.Completeness{}), Checks: checks, Now: a.now})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range r.Findings {
		out[fmt.Sprint(f.Policy, " ", f.Subject.Kind, " ", f.Subject.ID)] += " " + f.Severity.String()
	}
	for _, u := range r.Unknown {
		out[fmt.Sprint(u.Policy, " ", u.Subject.Kind, " ", u.Subject.ID)] += " unknown: " + string(u.Need)
	}
	return out
}

// without leaves the verdicts of some policies out.
func without(verdicts map[string]string, policies ...string) map[string]string {
	out := maps.Clone(verdicts)
	maps.DeleteFunc(out, func(k, _ string) bool {
		policy, _, _ := strings.Cut(k, " ")
		return slices.Contains(policies, policy)
	})
	return out
}

// calendar are the policies that read the calendar: months end where they end, whatever the distance between two dates.
func calendar() []string { return []string{"close-date-default", "close-date-pushed"} }

// workweek are the policies that count working days or hours, which a shift by less than a week does not keep.
func workweek() []string {
	return []string{"no-next-activity", "follow-up-overdue", "slow-first-response"}
}

// Everything that happened, and the clock with it, some days later: the verdicts stay.
func TestShiftedTimes(t *testing.T) {
	for name, a := range accounts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := a.verdicts(t)
			if len(want) == 0 {
				t.Fatal("nothing is found that could change")
			}
			for days, but := range map[int][]string{7: calendar(), -364: calendar(), 1: append(calendar(), workweek()...), 30: append(calendar(), workweek()...)} {
				got := a.shifted(time.Duration(days) * 24 * time.Hour).verdicts(t)
				if d := diff.Diff(without(want, but...), without(got, but...)); d != "" {
					t.Errorf("by %d days (-before +after):\n%s", days, d)
				}
			}
		})
	}
}

// shifted is the account with every time in it moved.
func (a account) shifted(by time.Duration) account {
	out := account{schema: a.schema, now: a.now.Add(by), deals: slices.Clone(a.deals)}
	shift(reflect.ValueOf(&out.schema).Elem(), by)
	for i := range out.deals {
		shift(reflect.ValueOf(&out.deals[i]).Elem(), by)
	}
	return out
}

// shift moves the instants within a value, whose slices and pointers it renews.
func shift(v reflect.Value, by time.Duration) {
	switch v.Kind() {
	case reflect.Int64:
		if at, ok := v.Interface().(crm.Instant); ok && !at.IsZero() {
			v.Set(reflect.ValueOf(at.Add(by)))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			shift(v.Field(i), by)
		}
	case reflect.Slice:
		if !v.IsNil() {
			fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(fresh, v)
			v.Set(fresh)
		}
		for i := range v.Len() {
			shift(v.Index(i), by)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			fresh := reflect.New(v.Type().Elem())
			fresh.Elem().Set(v.Elem())
			shift(fresh.Elem(), by)
			v.Set(fresh)
		}
	}
}

// Other ids, in another order: the verdicts stay with their records.
func TestRenamedIDs(t *testing.T) {
	for name, a := range accounts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			renamed, back := a.renamed()
			got := map[string]string{}
			for k, v := range renamed.verdicts(t) {
				words := strings.Fields(k)
				last := len(words) - 1
				parts := strings.Split(words[last], "/") // of a stage whose id another pipeline has too
				for i, id := range parts {
					if old, ok := back[id]; ok {
						parts[i] = old
					}
				}
				words[last] = strings.Join(parts, "/")
				got[strings.Join(words, " ")] = v
			}
			if d := diff.Diff(a.verdicts(t), got); d != "" {
				t.Errorf("(-before +after):\n%s", d)
			}
		})
	}
}

// renamed is the account with other ids of deals, pipelines, stages and users, but for the stages that the CRM ships, and the
// old ids by the new ones.
func (a account) renamed() (out account, back map[string]string) {
	rng := rand.New(rand.NewPCG(7, 7))
	ids, back := map[string]string{"": ""}, map[string]string{}
	name := func(id string) string {
		if _, ok := ids[id]; !ok {
			ids[id] = fmt.Sprintf("%08x-%d", rng.Uint32(), len(ids))
			back[ids[id]] = id
		}
		return ids[id]
	}
	out = account{schema: a.schema, now: a.now}
	for _, p := range a.schema.Pipelines {
		for _, s := range p.Stages {
			if s.Shipped != "" {
				ids[s.ID] = s.ID
			}
		}
	}
	out.schema.Pipelines = slices.Clone(a.schema.Pipelines)
	for i := range out.schema.Pipelines {
		p := &out.schema.Pipelines[i]
		p.ID, p.Stages = name(p.ID), slices.Clone(p.Stages)
		for j := range p.Stages {
			p.Stages[j].ID = name(p.Stages[j].ID)
		}
	}
	out.schema.Users = slices.Clone(a.schema.Users)
	for i := range out.schema.Users {
		out.schema.Users[i].ID = name(out.schema.Users[i].ID)
	}
	for _, d := range a.deals {
		for _, id := range []*string{&d.ID, &d.Pipeline, &d.Stage, &d.Owner, &d.Editor, &d.Closer} {
			*id = name(*id)
		}
		d.Moves = slices.Clone(d.Moves)
		for i := range d.Moves {
			d.Moves[i].Stage = name(d.Moves[i].Stage)
		}
		out.deals = append(out.deals, d)
	}
	return out, back
}

// The deals in another order: nothing changes.
func TestShuffledDeals(t *testing.T) {
	for name, a := range accounts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := a.verdicts(t)
			a.deals = slices.Clone(a.deals)
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(a.deals), func(i, j int) { a.deals[i], a.deals[j] = a.deals[j], a.deals[i] })
			if d := diff.Diff(want, a.verdicts(t)); d != "" {
				t.Errorf("(-before +after):\n%s", d)
			}
		})
	}
}

// With every limit configured, so that none is learned from the other deals, one more healthy deal says nothing about another.
func TestAnotherHealthyDeal(t *testing.T) {
	for name, a := range accounts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := a.verdicts(t, configured)
			tried := 0
			for _, d := range a.deals {
				if d.Archived || d.Status != nil || !a.isOpen(d) || wrong(before, d.ID) {
					continue
				}
				d.ID, d.Name, d.Company = "healthy", "Another healthy deal", "another"
				more := a
				more.deals = append(slices.Clone(a.deals), d)
				for k, v := range more.verdicts(t, configured) {
					if strings.Contains(k, " deal ") && before[k] != v && !strings.HasSuffix(k, " healthy") {
						t.Errorf("one more deal like %s: %s:%s, it was%s", d.Name, k, v, before[k])
					}
				}
				if tried++; tried == 12 {
					break
				}
			}
			if tried == 0 {
				t.Error("the account has no healthy open deal")
			}
		})
	}
}

func (a account) isOpen(d crm.Deal) bool {
	for _, p := range a.schema.Pipelines {
		for _, s := range p.Stages {
			if p.ID == d.Pipeline && s.ID == d.Stage {
				return s.Kind == crm.Open
			}
		}
	}
	return false
}

// wrong reports whether any policy has found something about a deal.
func wrong(verdicts map[string]string, deal string) bool {
	for k, v := range verdicts {
		if strings.HasSuffix(k, " deal "+deal) && !strings.Contains(v, "unknown") {
			return true
		}
	}
	return false
}

// configured sets a limit wherever a policy would else learn one, and asks for more deals than there are where it can only
// learn.
func configured(c *audit.Check) {
	settings := reflect.New(reflect.TypeOf(c.Policy.Defaults())).Elem()
	settings.Set(reflect.ValueOf(c.Policy.Defaults()))
	if settings.Kind() != reflect.Struct {
		return
	}
	for i := range settings.NumField() {
		f, of := settings.Field(i), settings.Type().Field(i)
		switch {
		case of.Name == "Limit" && f.Type() == reflect.TypeFor[audit.Days]() && f.IsZero():
			f.Set(reflect.ValueOf(audit.Days(90 * 24 * time.Hour)))
		case strings.HasPrefix(of.Name, "Min") && f.Kind() == reflect.Int:
			f.SetInt(1 << 30)
		}
	}
	c.Settings = settings.Interface().(audit.Checker)
}
