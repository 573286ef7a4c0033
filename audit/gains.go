package audit

import (
	"cmp"
	"maps"
	"slices"
)

// ScoreGain is what the score would win if all findings of one policy were resolved and nothing else changed: "+4.1 if these 37
// deals get a close date". It is not the policy's share of the lost points (ScorePart.Policies): where another finding of the
// family holds a record down as well, nothing is won for it, so the gains do not add up to what is lost.
type ScoreGain struct {
	Policy  string  `json:"policy"`
	Records int     `json:"records"` // that its unwaived findings are on, of those that the score counts
	Gain    float64 `json:"gain"`    // in points of the score
}

// gains lists every policy with findings that the score counts, the greatest gain first.
func (s *sheet) gains(parts []ScorePart) []ScoreGain {
	points, records, won := 0.0, map[string]int{}, map[string]float64{}
	for _, p := range parts {
		points += p.Points
	}
	for _, p := range parts {
		if p.Family == FamilySetup {
			s.setupGains(won)
			continue
		}
		for _, rule := range dealFamilies() {
			if rule.family == p.Family {
				s.dealGains(rule, p.Points/float64(10*p.Judged), records, won)
			}
		}
	}
	maps.Copy(records, s.setupRecords())
	out := make([]ScoreGain, 0, len(records))
	for policy, n := range records {
		out = append(out, ScoreGain{Policy: policy, Records: n, Gain: 100 * won[policy] / points})
	}
	slices.SortFunc(out, func(a, b ScoreGain) int { return cmp.Or(cmp.Compare(b.Gain, a.Gain), cmp.Compare(a.Policy, b.Policy)) })
	return out
}

// dealGains adds what each policy of a family would win, where a tenth of one record is worth per points: of each record the
// distance from its worst finding to the worst one of another policy.
func (s *sheet) dealGains(rule familyRule, per float64, records map[string]int, won map[string]float64) {
	tenths := map[string]int{}
	of := s.of(rule)
	for i, j := 0, 0; i < len(of); i = j {
		second := 0
		for ; j < len(of) && of[j].deal == of[i].deal; j++ {
			if !slices.ContainsFunc(of[i:j], func(m mark) bool { return m.policy == of[j].policy }) {
				records[of[j].policy]++
			}
			if of[j].policy != of[i].policy {
				second = max(second, of[j].severity.tenths())
			}
		}
		tenths[of[i].policy] += max(0, of[i].severity.tenths()-second)
	}
	for policy, t := range tenths {
		won[policy] += per * float64(t)
	}
}

// setupGains adds what each policy of the set-up would win: of each pipeline and of the account what its sum, at most 1, would
// lose.
func (s *sheet) setupGains(won map[string]float64) {
	s.eachSetup(func(at int32, share float64) {
		sum, own := 0.0, map[string]float64{}
		for _, m := range s.setupMarks {
			if m.deal == at {
				sum += m.severity.setupWeight()
				own[m.policy] += m.severity.setupWeight()
			}
		}
		for policy, w := range own {
			won[policy] += setupPoints * share * (min(1, sum) - min(1, max(0, sum-w)))
		}
	})
}

// setupRecords counts, by policy, the pipelines, stages and other records of the set-up that its findings are on.
func (s *sheet) setupRecords() map[string]int {
	type place struct {
		policy string
		at     record
	}
	seen, out := map[place]bool{}, map[string]int{}
	for _, m := range s.setupMarks {
		if k := (place{m.policy, m.at}); !seen[k] {
			seen[k] = true
			out[m.policy]++
		}
	}
	return out
}
