package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

const day = 24 * time.Hour

// now is the moment that the tests judge.
func now() crm.Instant { return crm.At(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)) }

// ago is a moment some days before now.
func ago(days float64) crm.Instant { return now().Add(-time.Duration(days * float64(day))) }

// pipeline makes a pipeline with open stages s0, s1, … then won and lost.
func pipeline(id string, open int) crm.Pipeline {
	p := crm.Pipeline{ID: id, Name: "Pipeline " + id}
	for i := range open {
		prob := float64(i+1) / float64(open+1)
		p.Stages = append(p.Stages, crm.Stage{ID: fmt.Sprintf("s%d", i), Name: fmt.Sprintf("Stage %d", i), Order: i, Probability: &prob})
	}
	one, none := 1.0, 0.0
	return withClosed(p, open, &one, &none)
}

func withClosed(p crm.Pipeline, open int, one, none *float64) crm.Pipeline {
	p.Stages = append(p.Stages,
		crm.Stage{ID: "won", Name: "Won", Order: open, Kind: crm.Won, Probability: one},
		crm.Stage{ID: "lost", Name: "Lost", Order: open + 1, Kind: crm.Lost, Probability: none})
	return p
}

func schema(pipelines ...crm.Pipeline) crm.Schema {
	for i := range pipelines {
		pipelines[i].Order = i
	}
	return crm.Schema{Currency: "EUR", Pipelines: pipelines, ClosedStages: true, DealURL: "https://crm.example/deal/{id}",
		Users: []crm.User{{ID: "u1", Name: "Ada", Active: true}}, UsersKnown: true}
}

func snapshot(t testing.TB, s crm.Schema, deals ...crm.Deal) *crm.Snapshot {
	t.Helper()
	b := crm.NewBuilder("acme", "csv", s)
	for _, d := range deals {
		if err := b.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build(now(), crm.AllFacts, crm.Completeness{})
}

// history makes a deal of its stage entries: the first one creates it, and the last one is where it is.
func history(id, pipeline string, moves ...crm.StageMove) crm.Deal {
	last := moves[len(moves)-1]
	d := crm.Deal{ID: id, Name: "Deal " + id, Pipeline: pipeline, Stage: last.Stage, Created: moves[0].At, StageEntry: last.At,
		Known: crm.AllFacts, Moves: moves, Owner: "u1", Currency: "EUR"}
	if last.Stage == "won" || last.Stage == "lost" {
		d.Closed = last.At
	}
	return d
}

func move(stage string, daysAgo float64) crm.StageMove {
	return crm.StageMove{Stage: stage, At: ago(daysAgo)}
}

func mustRun(t testing.TB, snap *crm.Snapshot, waivers []audit.Waiver, checks ...audit.Check) *audit.Result {
	t.Helper()
	r, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Checks: checks, Waivers: waivers, Now: now()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
