package sandbox

import (
	"fmt"
	"strings"
	"time"
)

// meant is what a loss says, read a second time: the class, by the option else by the text, and whether an option was chosen.
func (j *judge) meant(d *Deal) (class string, chosen bool) {
	if d.LossOption != "" {
		return strings.TrimSuffix(d.LossOption, "_2"), true
	}
	if d.LossReason == "Other" {
		return "other", false
	}
	for _, t := range lossTexts() {
		if t.text == d.LossReason {
			return t.option, false
		}
	}
	return "", false
}

// losses judges why deals were lost.
func (j *judge) losses(all []past) {
	wordings, outside := map[string]map[string]bool{}, 0
	for _, d := range all {
		if d.at.kind != isLost || d.deal.Archived || j.days(d.closed()) > 438 {
			continue
		}
		age, deal := j.days(d.closed()), d.deal
		class, chosen := j.meant(deal)
		young := age < 292
		if chosen {
			if wordings[class] == nil {
				wordings[class] = map[string]bool{}
			}
			wordings[class][deal.LossOption] = wordings[class][deal.LossOption] || young
		}
		if j.w.LossProperty != nil && !chosen && class != "" {
			outside++
			j.once("lost-reason-nonstandard", deal, young)
		}
		if class == "other" && (deal.LossReason == "" || deal.LossReason == "Other") {
			j.once("lost-other-without-detail", deal, young)
		}
		if class == "unresponsive" {
			n := 0
			for _, a := range deal.Activities {
				if a.Inbound {
					j.near = append(j.near, "the buyer of an unresponsive deal wrote")
				}
				if a.Done && a.Kind != "note" && a.Kind != "task" && !a.Inbound {
					n++
				}
			}
			if n < 4 {
				j.once("gave-up-early", deal, young)
			}
			if n == 4 {
				j.near = append(j.near, "four touches")
			}
		}
	}
	if outside > 2 {
		j.near = append(j.near, fmt.Sprintf("%d texts beside the list", outside))
	}
	if j.w.LossProperty != nil {
		j.list(wordings)
	}
	j.sharesOfLosses(all)
}

// once reports a deal, and notes when it was lost too long ago to be surely judged.
func (j *judge) once(policy string, d *Deal, young bool) {
	j.report(policy, "deal", d.ID)
	if !young {
		j.near = append(j.near, policy+" of an old loss")
	}
}

// list judges the options of the drop-down and their wordings.
func (j *judge) list(wordings map[string]map[string]bool) {
	has := map[string]bool{}
	for _, o := range j.w.LossProperty.Options {
		has[o.Value] = true
	}
	for _, o := range []string{"budget", "competitor", "unresponsive", "status_quo", "decision_maker", "other", "timing", "commitment", "product_fit"} {
		if !has[o] {
			j.report("lost-reason-options-missing", "portal", j.w.Account)
			break
		}
	}
	for class, options := range wordings {
		if len(options) < 2 {
			continue
		}
		j.report("lost-reason-variants", "portal", j.w.Account)
		for o, young := range options {
			if !young {
				j.near = append(j.near, "the option "+o+" of "+class+" was chosen long ago")
			}
		}
	}
}

// sharesOfLosses judges how many losses fall silent, and how many are for other reasons, today and a week ago.
func (j *judge) sharesOfLosses(all []past) {
	other := func(class string) bool { return class == "other" }
	silent := func(class string) bool { return class == "unresponsive" || class == "not_interested" }
	if j.often(all, -1, 0.2, other) {
		j.report("lost-reason-other-overused", "portal", j.w.Account)
	}
	for p := range j.w.Pipelines {
		if j.often(all, p, 0.3, silent) {
			j.report("unresponsive-losses", "pipeline", j.w.Pipelines[p].ID)
		}
	}
}

// often reports whether more than the limit of the losses are of a kind, beyond accident.
func (j *judge) often(all []past, pipeline int, limit float64, of func(string) bool) bool {
	says := [2]bool{}
	for i, now := range []time.Time{j.w.Now, j.w.Now.AddDate(0, 0, -7)} {
		n, k := 0, 0
		for _, d := range all {
			if age := now.Sub(d.closed()).Hours() / 24; d.at.kind != isLost || d.deal.Archived || age < 0 || age >= 180 || pipeline >= 0 && d.at.pipeline != pipeline {
				continue
			}
			if class, _ := j.meant(d.deal); class != "" || pipeline < 0 {
				n++
				if of(class) {
					k++
				}
			}
		}
		share := float64(k) / float64(max(1, n))
		says[i] = n >= 20 && lower(k, n) > limit // sterner than a one-sided test
		if n >= 16 && share > 0.8*limit && (n < 24 || share < 1.2*limit || !says[i]) {
			j.near = append(j.near, fmt.Sprintf("%d of %d losses against %.1f", k, n, limit))
		}
	}
	return says[0] && says[1]
}
