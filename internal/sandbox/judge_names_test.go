package sandbox

import (
	"slices"
	"strings"
	"unicode"
)

// names is the second reading of the policies about stages' names and flags, by lists of its own.
func (j *judge) names() {
	for _, pl := range j.w.Pipelines {
		var open []Stage
		won, lost := 0, 0
		for _, s := range pl.Stages {
			switch s.Probability {
			case 1:
				won++
				continue
			case 0:
				lost++
				continue
			}
			open = append(open, s)
			j.openName(s, won > 0)
		}
		j.flags(pl, len(open), won, lost)
		j.alike(pl)
		if len(open) == 5 && open[0].Label == "Appointment Scheduled" && open[4].Label == "Contract Sent" {
			j.report("default-stages-untouched", "pipeline", pl.ID)
		}
	}
}

func (j *judge) openName(s Stage, afterWon bool) {
	for _, w := range []string{"hot", "interes", "intéressé", "promising", "wahrscheinlich", "sıcak", "意向强烈"} {
		if strings.Contains(strings.ToLower(s.Label), w) {
			j.report("subjective-stage-name", "stage", s.ID)
			break
		}
	}
	for _, w := range []string{"perdu", "gewonnen", " won", "lost", "kaybed", "赢"} {
		if strings.Contains(strings.ToLower(s.Label), w) {
			j.report("stage-label-contradicts", "stage", s.ID)
			break
		}
	}
	if afterWon {
		j.report("stage-after-won", "stage", s.ID)
	}
}

func (j *judge) flags(pl Pipeline, open, won, lost int) {
	if open < 2 {
		j.report("too-few-stages", "pipeline", pl.ID)
	}
	if won > 1 || lost > 1 {
		j.report("several-closed-stages", "pipeline", pl.ID)
	}
	if won == 0 || lost == 0 {
		j.report("closing-stage-missing", "pipeline", pl.ID)
	}
}

// alike compares the plain letters of names: accents are left out with the letters that carry them.
func (j *judge) alike(pl Pipeline) {
	var seen []string
	for _, s := range pl.Stages {
		plain := strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) && r < 0x80 {
				return unicode.ToLower(r)
			}
			return -1
		}, strings.ReplaceAll(s.Label, "é", "e"))
		letters := 0
		for _, r := range s.Label {
			if unicode.IsLetter(r) {
				letters++
			}
		}
		han := strings.ContainsFunc(s.Label, func(r rune) bool { return unicode.Is(unicode.Han, r) })
		if !han && (letters < 3 || letters > 40 || slices.Contains(seen, plain)) {
			j.report("unclear-stage-name", "stage", s.ID)
		}
		seen = append(seen, plain)
	}
}
