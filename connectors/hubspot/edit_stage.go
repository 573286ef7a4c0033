package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/plumbline/plumbline/connectors"
	"github.com/plumbline/plumbline/connectors/internal/rest"
	"github.com/plumbline/plumbline/internal/crm"
)

// metaProbability is where a stage keeps its probability, as a text between 0.0 and 1.0.
const metaProbability = "probability"

// stageSite is where a stage is found: HubSpot's paths name its pipeline, too.
type stageSite struct {
	pipeline string
	stage    crm.Stage
}

func findStage(s crm.Schema, id string) (stageSite, bool) {
	for _, p := range s.Pipelines {
		for _, st := range p.Stages {
			if st.ID == id {
				return stageSite{p.ID, st}, true
			}
		}
	}
	return stageSite{}, false
}

// stage judges a change of a stage's probability, the one thing of a stage that is written. HubSpot takes a stage for closed exactly
// when that is 0 or 1, so no write brings an open stage there, and a closed one keeps what makes it one.
func (j *judge) stage(e crm.Edit) connectors.Verdict {
	at, found := findStage(j.schema, e.Target.ID)
	text, given := e.After[crm.FieldProbability]
	p, err := strconv.ParseFloat(text, 64)
	switch {
	case !found:
		return impossible("the portal has no stage %s", e.Target.ID)
	case !given || len(e.After) != 1:
		return manual("change it in HubSpot under Settings, Objects, Deals, Pipelines")
	case err != nil || !(p > 0 && p < 1):
		return impossible("%q is no probability of an open stage: 0 and 1 would close it", text)
	case at.stage.Kind != crm.Open:
		return impossible("%s is a closed stage: another probability would open it", at.stage.Name)
	}
	return ok()
}

// liveStages reads stages' names and probabilities, in one request.
func (e *editor) liveStages(ctx context.Context, refs []crm.Ref, names []string, out map[crm.Ref]crm.Fields) error {
	lines, err := e.listPipelines(ctx)
	if err != nil {
		return err
	}
	live := map[string]crm.Fields{}
	for _, l := range lines {
		for _, st := range l.Stages {
			if l.Archived || st.Archived {
				continue
			}
			if live[st.ID], err = stageFields(st, names); err != nil {
				return err
			}
		}
	}
	give(refs, live, out)
	return nil
}

func stageFields(st stage, names []string) (crm.Fields, error) {
	f := crm.Fields{}
	for _, n := range names {
		switch n {
		case crm.FieldProbability:
			f[n] = st.Metadata[metaProbability]
		case crm.FieldName:
			f[n] = st.Label
		case crm.FieldRotDays:
			f[n] = "" // HubSpot has none
		default:
			return nil, fmt.Errorf("hubspot: stages have no field %q", n)
		}
	}
	return f, nil
}

// setStage changes a stage's probability. PATCH leaves everything else as it is; PUT would not. The answer repeats the request, so
// it tells nothing of what is stored, and is not taken for it.
func (a *applying) setStage(ctx context.Context, i int) {
	e := a.edits[i]
	at, found := findStage(a.schema, e.Target.ID)
	text, given := e.After[crm.FieldProbability]
	if !found || !given || len(e.After) != 1 {
		a.not(i, crm.OutcomeRejected, "the portal has no such stage, or something else than its probability is to be written")
		return
	}
	reply, err := a.rest.Do(ctx, rest.Request{
		Operation: "stages.update", Method: http.MethodPatch, Write: true, Lanes: []string{laneBurst},
		Path: pathPipelines + "/" + url.PathEscape(at.pipeline) + "/stages/" + url.PathEscape(e.Target.ID),
		Body: map[string]any{"metadata": map[string]string{metaProbability: text}},
	}, nil)
	if err != nil {
		a.failed(i, verdict(reply, err))
		return
	}
	a.out[i].RequestID = rest.RequestID(reply.Header)
	a.applied(i, e.Target.ID, nil, "")
}
