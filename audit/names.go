package audit

import (
	"net/url"
	"strings"

	"github.com/plumbline/plumbline/internal/crm"
)

// subject names a record. Where two stages of the portal share an id, the pipeline's goes before it.
func (r *runner) subject(ref record) crm.Ref {
	out := crm.Ref{Portal: r.snap.Portal, Kind: ref.kind}
	switch ref.kind {
	case crm.KindDeal:
		out.ID = r.snap.ID(ref.index)
	case crm.KindStage:
		out.ID = r.stageID(ref.index)
	case crm.KindPipeline:
		out.ID = r.snap.Schema.Pipelines[ref.index].ID
	case crm.KindOwner:
		out.ID = r.snap.Schema.Users[ref.index].ID
	case crm.KindProperty:
		out.ID = r.snap.Schema.LossReason.Field
	default:
		out.ID = r.snap.Portal
	}
	return out
}

func (r *runner) stageID(stage int32) string {
	id := r.snap.Stage(stage).ID
	for s := range int32(r.snap.NumStages()) {
		if s != stage && r.snap.Stage(s).ID == id {
			return r.snap.Schema.Pipelines[r.snap.PipelineOf(stage)].ID + "/" + id
		}
	}
	return id
}

// name fills in the names that a finding shows.
func (r *runner) name(ref record, f *Finding) {
	switch ref.kind {
	case crm.KindDeal:
		d := r.snap.Deal(ref.index)
		f.Name = r.snap.Text(d.Name)
		if page := r.snap.Schema.DealURL; page != "" {
			f.URL = strings.ReplaceAll(page, "{id}", url.PathEscape(f.Subject.ID))
		}
		r.nameStage(d.Stage, f)
		if d.Owner != crm.None {
			r.nameOwner(d.Owner, f)
		}
	case crm.KindStage:
		r.nameStage(ref.index, f)
		f.Name = f.StageName
	case crm.KindPipeline:
		p := &r.snap.Schema.Pipelines[ref.index]
		f.Name, f.Pipeline, f.PipelineName = p.Name, p.ID, p.Name
	case crm.KindOwner:
		r.nameOwner(ref.index, f)
		f.Name = f.OwnerName
	default:
		f.Name = f.Subject.ID
	}
}

func (r *runner) nameStage(stage int32, f *Finding) {
	s, p := r.snap.Stage(stage), &r.snap.Schema.Pipelines[r.snap.PipelineOf(stage)]
	f.Stage, f.StageName, f.Pipeline, f.PipelineName = s.ID, s.Name, p.ID, p.Name
}

func (r *runner) nameOwner(owner int32, f *Finding) {
	u := &r.snap.Schema.Users[owner]
	f.Owner, f.OwnerName = u.ID, u.Name
}
