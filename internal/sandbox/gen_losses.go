package sandbox

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// plantedInLosses are the problems that lie in the reasons why deals were lost, and in what was done before.
func plantedInLosses() []string {
	return []string{lossOptionsMissing, lossOtherOverused, lossVariants, lossNonstandard, lossOtherBare, gaveUpEarly, unresponsiveLosses}
}

// choosePlanOfLosses draws what is wrong with losses, by numbers of its own, so that the rest of the account does not depend on it.
func (g *maker) choosePlanOfLosses(without map[string]bool) {
	g.whys = rand.New(rand.NewPCG(g.opts.Seed, 0x6c6f7373))
	for _, p := range plantedInLosses() {
		chosen := g.whys.Float64() < 0.5
		if g.opts.Plant != nil {
			chosen = slices.Contains(g.opts.Plant, p)
		}
		g.plan[p] = chosen && !g.opts.Healthy && !without[p]
	}
}

// why is what is said of one loss, and how often its owner had tried.
type why struct {
	option, text string
	touches      int // e-mails, calls and meetings by the team; -1: as many as any deal has
}

// The values of the drop-down that mean something of their own here, and the text of a loss for another reason.
const (
	optionUnresponsive  = "unresponsive"
	optionNotInterested = "not_interested"
	optionOther         = "other"
	textOther           = "Other"
)

// Ages in days: until when a loss is surely judged, and from when it surely is not.
const (
	surelyYoung = 285
	surelyOld   = 450
)

// reasons is what the losses of an account say, in the making.
type reasons struct {
	g      *maker
	listed bool                // there is a drop-down
	texts  map[string][]string // by option
	usual  []string            // options that any loss may have
	lost   []*draft            // the latest closed last
	silent map[*track]*deck
	loud   *track // whose losses fall silent
	others *deck
}

// explainLosses says why every deal was lost, and plants what can be wrong with that. It returns what could not be planted.
func (g *maker) explainLosses() (without []string) {
	s := &reasons{g: g, listed: g.world.LossProperty != nil, texts: map[string][]string{}, silent: map[*track]*deck{}, others: &deck{}}
	for _, t := range lossTexts() {
		if s.texts[t.option] == nil && t.option != optionUnresponsive && t.option != optionNotInterested && t.option != optionOther {
			s.usual = append(s.usual, t.option)
		}
		s.texts[t.option] = append(s.texts[t.option], t.text)
	}
	for _, d := range g.closed {
		if d.outcome == isLost && !d.noReason {
			s.lost = append(s.lost, d)
		}
	}
	slices.SortStableFunc(s.lost, func(a, b *draft) int { return a.ended().Compare(b.ended()) })
	var missing, second, typed string
	if s.listed {
		missing, second, typed = s.take(lossOptionsMissing), s.take(lossVariants), s.take(lossNonstandard)
	}
	s.shares()
	for _, d := range s.lost {
		d.why = s.say(d)
	}
	for _, p := range []struct {
		policy string
		plant  func() bool
	}{
		{lossOptionsMissing, func() bool { return s.plantGap(missing) }}, {lossVariants, func() bool { return s.plantVariants(second) }},
		{lossNonstandard, func() bool { return s.plantTyped(typed) }}, {lossOtherOverused, s.plantOthers},
		{lossOtherBare, s.plantBare}, {gaveUpEarly, s.plantHaste}, {unresponsiveLosses, s.plantSilence},
	} {
		if g.plan[p.policy] && !p.plant() {
			without = append(without, p.policy)
		}
	}
	return without
}

// take keeps an option back for what is planted; no other loss has it then.
func (s *reasons) take(policy string) string {
	if !s.g.plan[policy] {
		return ""
	}
	i := s.g.whys.IntN(len(s.usual))
	option := s.usual[i]
	s.usual = slices.Delete(s.usual, i, i+1)
	return option
}

// shares sets how many losses fall silent, and how many are for other reasons.
func (s *reasons) shares() {
	for _, t := range s.g.tracks {
		s.silent[t] = &deck{share: 0.1}
	}
	if s.g.plan[unresponsiveLosses] {
		s.loud = slices.MaxFunc(s.g.tracks, func(a, b *track) int { return cmp.Compare(a.deals, b.deals) })
		s.silent[s.loud].share = 0.7
	}
	if s.g.plan[lossOtherOverused] {
		s.others.share = 0.7
	}
}

func (s *reasons) age(d *draft) float64 { return s.g.ago(d.ended()) }

// say draws why a deal was lost. Old losses may have no reason, or one only as text.
func (s *reasons) say(d *draft) why {
	rng, age := s.g.whys, s.age(d)
	w := why{option: pick(rng, s.usual), touches: -1}
	spoke := d.ended().Sub(d.created()) < 6*time.Hour // too short to fall silent
	switch {
	case !spoke && s.silent[d.track].draw(rng):
		w.option = optionUnresponsive
		if rng.Float64() < 0.3 {
			w.option = optionNotInterested
		}
	case age < surelyYoung && s.others.draw(rng):
		w.option = optionOther
	}
	if w.option == optionUnresponsive {
		w.touches = 5 + rng.IntN(4)
	}
	if w.option == optionOther {
		w.text = textOther
	} else {
		w.text = pick(rng, s.texts[w.option])
	}
	old := age > surelyOld
	switch {
	case old && rng.Float64() < 0.2:
		return why{touches: w.touches}
	case !s.listed, old && rng.Float64() < 0.5:
		w.option = ""
	case w.option == optionOther || rng.Float64() < 0.5:
		w.text = ""
	}
	return w
}

// is reports whether a loss was explained by an option, by its text where there is no list.
func (s *reasons) is(d *draft, option string) bool {
	if s.listed {
		return d.why.option == option
	}
	return slices.Contains(s.texts[option], d.why.text) || option == optionOther && d.why.text == textOther
}

// plantGap takes an option off the list.
func (s *reasons) plantGap(option string) bool {
	if !s.listed {
		return false
	}
	p := s.g.world.LossProperty
	p.Options = slices.DeleteFunc(slices.Clone(p.Options), func(o LossOption) bool { return o.Value == option })
	s.g.world.plant(lossOptionsMissing, "portal", s.g.world.Account)
	return true
}

// plantVariants puts a second wording of an option on the list, and both are chosen.
func (s *reasons) plantVariants(option string) bool {
	young := s.young(func(d *draft) bool { return s.plain(d) })
	if !s.listed || len(young) < 2 {
		return false
	}
	p := s.g.world.LossProperty
	p.Options = append(slices.Clone(p.Options), LossOption{option + "_2", secondWording(option)})
	for i, d := range s.g.choose(young, 2+s.g.whys.IntN(len(young)/8+1), func(*draft) bool { return true }) {
		d.why.option, d.why.text = option, ""
		if i%2 == 1 {
			d.why.option += "_2"
		}
	}
	s.g.world.plant(lossVariants, "portal", s.g.world.Account)
	return true
}

// plantTyped lets one or two losses have a text in place of the option that it means: too few to be the account's habit. The
// texts are one, and nothing else has that option, so that it is no second wording.
func (s *reasons) plantTyped(option string) bool {
	young := s.young(func(d *draft) bool { return s.plain(d) })
	if !s.listed || len(young) < 20 {
		return false
	}
	text := pick(s.g.whys, s.texts[option])
	for _, d := range s.g.choose(young, 1+s.g.whys.IntN(2), func(*draft) bool { return true }) {
		d.why.option, d.why.text = "", text
		d.wrong = append(d.wrong, lossNonstandard)
	}
	return true
}

// plantOthers has been done where losses were explained; each of them lacks the detail, too.
func (s *reasons) plantOthers() bool {
	for _, now := range []time.Time{s.g.opts.Now, s.g.opts.Now.Add(-7 * day)} {
		all, other := 0, 0
		for _, d := range s.g.closed {
			if age := now.Sub(d.ended()); d.outcome == isLost && age >= 0 && age <= days(180) {
				all++
				if !d.noReason && s.is(d, optionOther) {
					other++
				}
			}
		}
		if all < 24 || 100*other < 45*all {
			return false
		}
	}
	for _, d := range s.lost {
		if s.is(d, optionOther) {
			d.wrong = append(d.wrong, lossOtherBare)
		}
	}
	s.g.world.plant(lossOtherOverused, "portal", s.g.world.Account)
	return true
}

// plantBare lets a few losses be for another reason, and nothing says which: too few to be overused.
func (s *reasons) plantBare() bool {
	if s.g.plan[lossOtherOverused] {
		return true
	}
	young := s.young(func(d *draft) bool { return s.plain(d) })
	for _, d := range s.g.choose(young, min(3, 1+len(young)/40), func(*draft) bool { return true }) {
		d.why.text = textOther
		if s.listed {
			d.why.option, d.why.text = optionOther, ""
		}
		d.wrong = append(d.wrong, lossOtherBare)
	}
	return len(young) > 0
}

// plantHaste lets owners give up after three touches or fewer.
func (s *reasons) plantHaste() bool {
	young := s.young(func(d *draft) bool { return s.is(d, optionUnresponsive) })
	for _, d := range s.g.choose(young, 1+s.g.whys.IntN(1+len(young)/4), func(*draft) bool { return true }) {
		d.why.touches = s.g.whys.IntN(4)
		d.wrong = append(d.wrong, gaveUpEarly)
	}
	return len(young) > 0
}

// plantSilence has been done where losses were explained; it holds today and held a week ago.
func (s *reasons) plantSilence() bool {
	for _, now := range []time.Time{s.g.opts.Now, s.g.opts.Now.Add(-7 * day)} {
		all, silent := 0, 0
		for _, d := range s.lost {
			if age := now.Sub(d.ended()); d.track == s.loud && age >= 0 && age < days(180) {
				all++
				if s.is(d, optionUnresponsive) || s.is(d, optionNotInterested) {
					silent++
				}
			}
		}
		if all < 24 || 100*silent < 60*all {
			return false
		}
	}
	s.g.world.plant(unresponsiveLosses, "pipeline", s.loud.pipeline.ID)
	return true
}

// young are the losses that are surely judged and fit.
func (s *reasons) young(fits func(*draft) bool) []*draft {
	return slices.DeleteFunc(slices.Clone(s.lost), func(d *draft) bool { return s.age(d) >= surelyYoung || !fits(d) })
}

// plain reports whether nothing hangs on why a deal was lost.
func (s *reasons) plain(d *draft) bool {
	planted := []string{lossNonstandard, lossOtherBare, gaveUpEarly}
	return !s.is(d, optionUnresponsive) && !s.is(d, optionNotInterested) && !s.is(d, optionOther) && !variant(d.why.option) &&
		!slices.ContainsFunc(d.wrong, func(p string) bool { return slices.Contains(planted, p) }) && (!s.listed || slices.Contains(s.usual, d.why.option))
}

// variant reports whether an option is a second wording.
func variant(option string) bool { return len(option) > 2 && option[len(option)-2:] == "_2" }

// explain writes down why a deal was lost, and what was done before, where that tells.
func (f *filler) explain(d *draft, out *Deal) {
	out.LossOption, out.LossReason = d.why.option, d.why.text
	if d.why.touches < 0 {
		return
	}
	rng := f.g.whys
	out.Activities = nil
	span := d.ended().Sub(d.created())
	for i := range d.why.touches {
		at := d.created().Add(span * time.Duration(i+1) / time.Duration(d.why.touches+1)).Truncate(time.Millisecond)
		out.Activities = append(out.Activities, Activity{Kind: pick(rng, []string{"email", "call"}), At: at, Owner: out.Owner, Subject: pick(rng, f.subj), Done: true})
	}
}
