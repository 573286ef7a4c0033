package audit

import (
	"cmp"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// The score's fixed figures.
const (
	setupPoints   = 15.0
	fullSample    = 10   // records from which a family weighs in full
	leastPoints   = 60.0 // weight of the judged families below which no score is given
	leastOpen     = 10   // open deals below which no score is given
	pipelineShare = 2.0 / 3
)

// standing is whom a deal is counted among.
type standing uint8

const (
	standsOpen standing = 1 << iota
	standsWon           // in the last 365 days
	standsLost          // in the last 365 days, or nobody knows when
)

// familyRule says what a family of deal policies is worth and which deals are its records.
type familyRule struct {
	family  Family
	points  float64
	records standing
}

// dealFamilies lists the families that judge deals; a family's place is its bit.
func dealFamilies() [5]familyRule {
	return [5]familyRule{
		{FamilyActivity, 25, standsOpen},
		{FamilyForecast, 20, standsOpen},
		{FamilyRecord, 15, standsOpen | standsWon},
		{FamilyPath, 10, standsOpen},
		{FamilyLosses, 15, standsLost},
	}
}

// tenths is s of the score in tenths: whole numbers add up without error.
func (s Severity) tenths() int { return [...]int{0, 0, 1, 4, 8, 10}[s] }

// setupWeight is s' of the score.
func (s Severity) setupWeight() float64 { return [...]float64{0, 0, 0.04, 0.12, 0.3, 0.6}[s] }

// mark is one finding as the score sees it.
type mark struct {
	family   Family
	policy   string
	rank     int
	severity Severity
	deal     int32 // place of the deal; for the set-up, the pipeline's, or crm.None for the account
	at       record
}

// sheet is all that the score rests on.
type sheet struct {
	standing []standing // by deal
	judged   []uint8    // by deal: the families that could judge it
	open     []int      // by pipeline: its open deals
	setup    int        // pipelines and account that the set-up's policies could judge
	marks    []mark     // the findings on deals that count
	// setupMarks are those on the set-up.
	setupMarks []mark
}

// parts works out each family's points and what is lost of them, and to which policy. A record costs its worst finding, once.
func (s *sheet) parts() []ScorePart {
	out := []ScorePart{}
	for bit, rule := range dealFamilies() {
		n := 0
		for i, st := range s.standing {
			if st&rule.records != 0 && s.judged[i]&(1<<bit) != 0 {
				n++
			}
		}
		if n == 0 {
			continue
		}
		part := ScorePart{Family: rule.family, Points: rule.points * min(1, float64(n)/fullSample), Judged: n, Policies: map[string]float64{}}
		costs, all := map[string]int{}, 0
		for _, m := range s.worst(rule) {
			if t := m.severity.tenths(); t > 0 {
				costs[m.policy] += t
				all += t
			}
		}
		per := part.Points / float64(10*n)
		part.Lost = per * float64(all)
		for policy, t := range costs {
			part.Policies[policy] = per * float64(t)
		}
		out = append(out, part)
	}
	if s.setup > 0 {
		out = append(out, s.setupPart())
	}
	return out
}

// worst returns, in order of the deals, the worst mark of each of a family's records; of equals the first in the family's order.
func (s *sheet) worst(rule familyRule) []mark {
	return slices.CompactFunc(s.of(rule), func(a, b mark) bool { return a.deal == b.deal })
}

// of returns a family's marks on its records in order of the deals, those of one deal from the worst on.
func (s *sheet) of(rule familyRule) []mark {
	var of []mark
	for _, m := range s.marks {
		if m.family == rule.family && s.standing[m.deal]&rule.records != 0 {
			of = append(of, m)
		}
	}
	slices.SortFunc(of, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.deal, b.deal), cmp.Compare(b.severity, a.severity), cmp.Compare(a.rank, b.rank), cmp.Compare(a.policy, b.policy))
	})
	return of
}

// setupPart is the family of the set-up: two thirds for the pipelines by their open deals, one third for the account.
func (s *sheet) setupPart() ScorePart {
	part := ScorePart{Family: FamilySetup, Points: setupPoints, Judged: s.setup, Policies: map[string]float64{}}
	s.eachSetup(func(at int32, share float64) {
		sum := 0.0
		for _, m := range s.setupMarks {
			if m.deal == at {
				sum += m.severity.setupWeight()
			}
		}
		part.Lost += setupPoints * share * min(1, sum)
		for _, m := range s.setupMarks {
			if m.deal == at && m.severity.setupWeight() > 0 {
				part.Policies[m.policy] += setupPoints * share * m.severity.setupWeight() * min(1, sum) / sum
			}
		}
	})
	return part
}

// eachSetup calls f for the account and for every pipeline with its share of the set-up.
func (s *sheet) eachSetup(f func(at int32, share float64)) {
	deals := 0
	for _, n := range s.open {
		deals += n + 1
	}
	for at := int32(crm.None); at < int32(len(s.open)); at++ {
		share := 1 - pipelineShare
		if at != crm.None {
			share = pipelineShare * float64(s.open[at]+1) / float64(deals)
		}
		f(at, share)
	}
}

// total is the score that the parts make, and the sum of their points.
func total(parts []ScorePart) (score, points float64) {
	lost := 0.0
	for _, p := range parts {
		points += p.Points
		lost += p.Lost
	}
	if points == 0 {
		return 0, 0
	}
	return 100 * (1 - lost/points), points
}

// grade names a score; what floating point takes off a whole number does not cost a grade.
func grade(score float64) string {
	score += 1e-9
	switch {
	case score >= 90:
		return "A"
	case score >= 80:
		return "B"
	case score >= 70:
		return "C"
	case score >= 60:
		return "D"
	}
	return "F"
}

// score fills in the score, what switched-off policies would take off it, and the money at risk.
func (r *runner) score(out *Result) {
	s := r.sheet(func(f *noted) bool { return !f.off && f.Waived == nil })
	out.ScoreParts, out.ScoreGains = s.parts(), []ScoreGain{}
	score, points := total(out.ScoreParts)
	open := 0
	for _, n := range s.open {
		open += n
	}
	if out.Complete && points >= leastPoints && open >= leastOpen {
		out.Score, out.Grade = &score, grade(score)
		if slices.ContainsFunc(r.findings, func(f noted) bool { return f.off && !f.spare }) {
			with := r.sheet(func(f *noted) bool { return f.Waived == nil && (!f.off || !f.spare) })
			all, _ := total(with.parts())
			out.PointsOff = max(0, score-all)
		}
		out.ScoreGains = s.gains(out.ScoreParts)
	}
	r.atRisk(out)
	r.stakes(out)
}

// sheet gathers what the score rests on, with the findings that count.
func (r *runner) sheet(counts func(*noted) bool) *sheet {
	c := r.snap.Columns()
	s := &sheet{standing: make([]standing, r.snap.Len()), judged: r.judged, open: make([]int, len(r.snap.Schema.Pipelines)), setup: len(r.setup)}
	for i := range s.standing {
		switch {
		case c.Archived[i]:
		case c.Status[i] == crm.Open:
			s.standing[i] = standsOpen
			s.open[r.snap.PipelineOf(c.Stage[i])]++
		case c.Status[i] == crm.Won && c.Known[i].Has(crm.FactClosed) && c.Closed[i] > r.now.Add(-lossWindow):
			s.standing[i] = standsWon
		case lostLately(c, i, r.now):
			s.standing[i] = standsLost
		}
	}
	for i := range r.findings {
		f := &r.findings[i]
		if !counts(f) {
			continue
		}
		m := mark{family: f.Family, policy: f.Policy, rank: f.rank, severity: f.Severity, deal: f.at.index, at: f.at}
		switch {
		case f.Family == "" || f.Family != FamilySetup && f.at.kind != crm.KindDeal:
			continue
		case f.Family == FamilySetup:
			if at := r.setupOf(f.at); at.kind == crm.KindPipeline {
				m.deal = at.index
			} else {
				m.deal = crm.None
			}
			s.setupMarks = append(s.setupMarks, m)
			continue
		}
		s.marks = append(s.marks, m)
	}
	return s
}

// atRisk sums the money of the open deals that have a case with a high or critical finding.
func (r *runner) atRisk(out *Result) {
	plain, weighted := newPurse(r.snap), newPurse(r.snap)
	seen := map[int32]bool{}
	for i := range r.findings {
		f := &r.findings[i]
		if f.off || f.Waived != nil || f.Case == "" || f.Severity < High || seen[f.at.index] {
			continue
		}
		seen[f.at.index] = true
		d := r.snap.Deal(f.at.index)
		if d.Status != crm.Open || d.Amount == 0 {
			continue
		}
		plain.add(d.Currency, float64(d.Amount))
		if p, _, ok := r.stats.probability(d.Stage); ok {
			weighted.add(d.Currency, float64(d.Amount)*p)
		}
	}
	out.ValueAtRisk, out.ValueAtRiskExp = plain.money(), weighted.money()
}
