package vocabulary

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Kind is what a stage's name says of the stage.
type Kind string

// The kinds of stages, by name only.
const (
	NotEngaged  Kind = "not-engaged" // the buyer has not shown yet that it wants to buy
	Engaged     Kind = "engaged"     // something happened between buyer and seller
	Proposal    Kind = "proposal"
	Negotiation Kind = "negotiation" // after the proposal, up to the signature
	Status      Kind = "status"      // no step but a state: on hold, no response, nurture
	LossReason  Kind = "loss-reason" // why a deal was lost
	Subjective  Kind = "subjective"  // the seller's opinion: hot, likely
	Won         Kind = "won"
	Lost        Kind = "lost"

	none Kind = "none" // the words of such a phrase say nothing
)

// Kinds returns every kind, in the order of a sale.
func Kinds() []Kind {
	return []Kind{NotEngaged, Engaged, Proposal, Negotiation, Status, LossReason, Subjective, Won, Lost}
}

// StageReading is what a name was understood to say.
type StageReading struct {
	// Kinds are what the name reads as, each once, sorted by their text; none when the name is not known.
	Kinds []Kind
	// Closing is Won or Lost where the name says so in so many words ("Closed won", "Perdu"), and nothing else of the sale;
	// a name like "Contract signed" or "Rejected" is of those kinds without saying it.
	Closing Kind
	// Step is true where the name is surely an open step of a sale: of the kinds not-engaged to negotiation and of no other.
	Step bool
	// Seller is true where the name says what the seller does or is to do ("Send proposal", "Follow up").
	Seller bool
	// Readable is false where the name is in a script that the vocabulary has no words in.
	Readable bool
}

// Is reports whether the name reads as a kind, among others perhaps.
func (r StageReading) Is(kind Kind) bool { return slices.Contains(r.Kinds, kind) }

// Opinion reports whether the name says what the seller feels and names no event beside it.
func (r StageReading) Opinion() bool {
	return r.Is(Subjective) && !slices.ContainsFunc(r.Kinds, func(k Kind) bool { return k != Subjective && k != NotEngaged })
}

// Stages reads the names of stages. It never changes, so any number of goroutines may share one. Make one with [Default] or
// [Stages.WithWords].
type Stages struct {
	tables *index
	seller *index
	own    *index // words of a portal's own; nil: none
}

// Default returns the vocabulary of the tables, which are read once, when they are first asked for.
func Default() *Stages { return defaultStages() }

var defaultStages = sync.OnceValue(func() *Stages { return &Stages{tables: readStages(), seller: readSeller()} })

// Stage returns the kinds that a stage's name reads as by the tables, as [StageReading] gives them.
func Stage(name string) []Kind { return Default().Read(name).Kinds }

// WithWords returns a vocabulary that knows words of a portal's own too: per kind phrases that may stand anywhere in a name.
// Where one of them does, the tables are not asked. The kind "none" takes phrases that say nothing of the sale. The error names
// every kind that does not exist and every phrase that is empty.
func (s *Stages) WithWords(words map[string][]string) (*Stages, error) {
	if len(words) == 0 {
		return s, nil
	}
	own := newIndex()
	var problems []error
	for _, kind := range slices.Sorted(maps.Keys(words)) {
		if kind != string(none) && !slices.Contains(Kinds(), Kind(kind)) {
			problems = append(problems, fmt.Errorf("%q is no kind of stage: the kinds are %q and %q", kind, Kinds(), none))
			continue
		}
		for _, text := range words[kind] {
			p, ok := newPhrase(text)
			if !ok {
				problems = append(problems, fmt.Errorf("%s: %q has no word", kind, text))
				continue
			}
			p.kind, p.how, p.explicit = Kind(kind), has, Kind(kind) == Won || Kind(kind) == Lost
			own.add(p)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return &Stages{tables: s.tables, seller: s.seller, own: own}, nil
}

// Read tells what a name says.
func (s *Stages) Read(name string) StageReading {
	r := StageReading{Readable: Readable(name)}
	n := newName(name)
	r.Seller = len(s.seller.find(n)) > 0
	if s.own != nil {
		if spans := s.own.find(n); len(spans) > 0 {
			r.conclude(spans)
			return r
		}
	}
	spans := s.tables.find(n)
	if len(spans) == 0 {
		if spelt, ok := n.respelt(); ok {
			spans = s.tables.find(spelt)
		}
	}
	r.conclude(spans)
	return r
}

// conclude makes kinds of what was found.
func (r *StageReading) conclude(spans []span) {
	spans = outermost(spans)
	sure := slices.ContainsFunc(spans, func(s span) bool { return s.how != hint })
	explicit := map[Kind]bool{}
	for _, s := range spans {
		if s.kind == none || sure && s.how == hint {
			continue
		}
		r.Kinds = append(r.Kinds, s.kind)
		explicit[s.kind] = explicit[s.kind] || s.explicit
	}
	slices.Sort(r.Kinds)
	r.Kinds = slices.Compact(r.Kinds)
	if !sure && len(r.Kinds) > 1 {
		r.Kinds = nil // hints that contradict each other
	}
	r.Step = sure && len(r.Kinds) > 0 && !slices.ContainsFunc(r.Kinds, func(k Kind) bool { return !open(k) })
	for _, k := range []Kind{Won, Lost} {
		if explicit[k] && !slices.ContainsFunc(r.Kinds, func(o Kind) bool { return o == Won && k != Won || o == Lost && k != Lost || open(o) }) {
			r.Closing = k
		}
	}
}

// open reports whether a kind is a step of a sale that goes on.
func open(k Kind) bool {
	return k == NotEngaged || k == Engaged || k == Proposal || k == Negotiation
}

// Languages returns the languages that the tables have words in, sorted.
func Languages() []string { return stageLanguages() }
