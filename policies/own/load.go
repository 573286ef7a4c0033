package own

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// Prefix begins the id of every own policy, so that none ever meets one of the catalogue.
const Prefix = "own-"

// Bounds of a file.
const (
	// MaxFile is the largest file that is read, in bytes.
	MaxFile     = 1 << 20
	maxPolicies = 200
	maxRank     = 100 // own policies lead a case only where none of the catalogue does
)

// File is a file's content. Path is for messages.
type File struct {
	Path string
	Text []byte
}

// Options are what Load needs to know of the rest of the program.
type Options struct {
	// Taken are ids that no own policy may have.
	Taken []string
	// Meant is the tail of a message about a misspelt word: what it was probably meant to be; nil: nothing is said.
	Meant func(word string, candidates []string) string
}

// Set is what files of own policies hold.
type Set struct {
	// Policies are those that are sound, in the files' order.
	Policies []*audit.Policy
	// Problems are all mistakes of all files.
	Problems []Problem
	// Broken are the ids of policies that are not among Policies for their mistakes.
	Broken []string

	tests []*suite
}

// Load reads files. Whatever is wrong with them comes back at once, as the set's Problems.
func Load(files []File, o Options) *Set {
	if o.Meant == nil {
		o.Meant = func(string, []string) string { return "" }
	}
	out := &Set{}
	ids := map[string]string{} // by id, the file that has it
	for _, id := range o.Taken {
		ids[id] = "the catalogue"
	}
	for _, f := range files {
		s := &source{file: f.Path, lines: strings.Split(string(f.Text), "\n"), meant: o.Meant}
		out.file(s, f.Text, ids)
		out.Problems = append(out.Problems, s.sorted()...)
	}
	return out
}

func (set *Set) file(s *source, text []byte, ids map[string]string) {
	switch {
	case len(text) > MaxFile:
		s.add(0, 0, "", "has more than %d bytes", MaxFile)
		return
	case !utf8.Valid(text):
		s.add(0, 0, "", "is not UTF-8")
		return
	}
	root := s.tree(text)
	if len(s.problems) > 0 {
		return
	}
	top := s.fields(value{root, ""}, "policies")
	list := s.items(top["policies"])
	if len(list) == 0 && len(s.problems) == 0 {
		s.wrong(value{root, "policies"}, "there is no policy")
	}
	if len(list) > maxPolicies {
		s.wrong(list[maxPolicies], "there are more than %d policies", maxPolicies)
		return
	}
	for _, v := range list {
		before := len(s.problems)
		d, tests, id := s.policy(v)
		if at, taken := ids[id]; taken && id != "" {
			s.wrong(v, "%s is the id of a policy of %s already", id, at)
		} else if id != "" {
			ids[id] = s.file
		}
		if len(s.problems) > before || d == nil {
			set.Broken = append(set.Broken, id)
			continue
		}
		set.Policies = append(set.Policies, d.policy)
		if tests != nil {
			set.tests = append(set.tests, tests)
		}
	}
}

var (
	idText    = regexp.MustCompile(`^own(-[a-z0-9]+)+$`)
	plainName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// policyKeys are the keys of a policy.
func policyKeys() []string {
	return []string{"id", "title", "doc", "severity", "family", "whom", "params", "when", "unless", "since", "facts", "message", "fix", "advice", "tests"}
}

// policy reads one policy. Problems are noted; id is what it calls itself.
func (s *source) policy(v value) (d *definition, tests *suite, id string) {
	before := len(s.problems)
	f := s.fields(v, policyKeys()...)
	if len(f) == 0 {
		if len(s.problems) == before {
			s.wrong(v, "is empty")
		}
		return nil, nil, ""
	}
	id, _ = s.scalar(f["id"])
	switch {
	case id == "":
		s.wrong(v, "needs an id")
	case !idText.MatchString(id):
		s.wrong(f["id"], "%q is not an id: lower-case words joined by dashes, beginning with %s, for example %sbig-deal-without-quote", id, Prefix, Prefix)
	}
	d = &definition{id: id, params: s.paramsOf(f["params"])}
	meta := audit.Meta{ID: id, Group: audit.Own, Rank: maxRank, Subject: crm.KindDeal, Severity: audit.Medium, Sources: "own"}
	s.head(f, v, d, &meta)
	w, err := newWorld(d.params)
	if err != nil {
		s.wrong(v, "%v", err)
		return nil, nil, id
	}
	s.conditions(w, f, v, d)
	facts := s.factsOf(w, d, f["facts"])
	meta.Message = s.message(f["message"], meta.Title, facts)
	s.fixOf(f, d, &meta)
	d.describe(&meta, s.textOf(f["doc"]))
	if tests = s.suiteOf(f["tests"], d); len(s.problems) > before {
		return nil, nil, id
	}
	if d.policy, err = audit.DefineOwn(meta, newSettings(d.params), d.bind); err != nil {
		s.wrong(v, "%v", err)
		return nil, nil, id
	}
	return d, tests, id
}

func (s *source) textOf(v value) string {
	text, _ := s.scalar(v)
	return strings.TrimSpace(text)
}

// head reads what a policy is, beside its expressions.
func (s *source) head(f map[string]value, v value, d *definition, meta *audit.Meta) {
	meta.Title = s.textOf(f["title"])
	switch {
	case meta.Title == "":
		s.wrong(v, "needs a title: one line that says what is wrong")
	case strings.ContainsAny(meta.Title, "\n\r"):
		s.wrong(f["title"], "must be one line")
	}
	if text, ok := s.scalar(f["severity"]); ok {
		if err := meta.Severity.UnmarshalText([]byte(text)); err != nil || meta.Severity == audit.NoSeverity {
			s.wrong(f["severity"], "%q is not info, low, medium, high or critical", text)
		}
	}
	families := []string{string(audit.FamilyActivity), string(audit.FamilyForecast), string(audit.FamilyRecord), string(audit.FamilyPath), string(audit.FamilyLosses)}
	meta.Family = audit.Family(s.oneOf(f["family"], families))
	d.whom = first(s.oneOf(f["whom"], whoms()), whomOpen)
}

// oneOf reads a word of a closed set; "" where there is none.
func (s *source) oneOf(v value, words []string) string {
	text, ok := s.scalar(v)
	if ok && text != "" && !slices.Contains(words, text) {
		s.wrong(v, "%q is not known%s", text, s.meant(text, words))
		return ""
	}
	return text
}

// paramsOf reads the parameters.
func (s *source) paramsOf(v value) []param {
	var out []param
	for _, m := range s.members(v) {
		f := s.fields(m.value, "type", "default", "doc")
		p := param{name: m.name, kind: s.oneOf(f["type"], paramKinds()), doc: strings.ReplaceAll(s.textOf(f["doc"]), "\n", " ")}
		if !plainName.MatchString(m.name) {
			s.wrong(value{m.key, m.path}, "%q may have lower-case letters, digits and _ only, a letter first", m.name)
			continue
		}
		switch {
		case p.kind == "" && f["type"].node == nil:
			s.wrong(value{m.key, m.path}, "needs a type: %s", strings.Join(paramKinds(), ", "))
			continue
		case p.kind == "":
			continue
		case f["default"].node == nil:
			s.wrong(value{m.key, m.path}, "needs a default")
			continue
		}
		if p.kind == paramList {
			p.value = s.list(f["default"])
		} else if text, ok := s.scalar(f["default"]); !ok {
			continue
		} else if err := p.read(text); err != nil {
			s.wrong(f["default"], "%v", err)
			continue
		}
		out = append(out, p)
	}
	return out
}

// conditions reads when, unless and since.
func (s *source) conditions(w *world, f map[string]value, v value, d *definition) {
	if f["when"].node == nil {
		s.wrong(v, "needs when: an expression that is true of the deals that are wrong")
	}
	d.when = s.condition(w, f["when"], "bool", "must be true or false")
	d.unless = s.condition(w, f["unless"], "bool", "must be true or false")
	d.since = s.condition(w, f["since"], "timestamp", "must be a moment")
	if d.since != nil {
		s.still(f["since"], d.since)
	}
}

func (s *source) condition(w *world, v value, typ, want string) *expr {
	e := s.expression(w, v)
	if e == nil {
		return nil
	}
	if got := formatType(e.typ); got != typ {
		s.within(v, 0, "%s, and this is of type %s", want, got)
		return nil
	}
	return e
}

// expression reads and checks an expression; nil where there is none or it is wrong.
func (s *source) expression(w *world, v value) *expr {
	text, ok := s.scalar(v)
	if !ok {
		return nil
	}
	e, bad := w.compile(text, s.meant)
	for _, b := range bad {
		s.within(v, b.at, "%s", b.text)
	}
	return e
}

// still notes what in an expression changes as time passes.
func (s *source) still(v value, e *expr) {
	for _, m := range e.moving {
		s.within(v, m.at, "%s changes as time passes; a finding keeps what stays: name the moment instead, such as deal.stage_entered", m.name)
	}
}

// factsOf reads the facts that findings rest on.
func (s *source) factsOf(w *world, d *definition, v value) map[string]*fact {
	out := map[string]*fact{}
	for _, m := range s.members(v) {
		if !plainName.MatchString(m.name) {
			s.wrong(value{m.key, m.path}, "%q may have lower-case letters, digits and _ only, a letter first", m.name)
			continue
		}
		e := s.expression(w, m.value)
		if e == nil {
			if m.node == nil {
				s.wrong(value{m.key, m.path}, "needs an expression")
			}
			out[m.name] = &fact{name: m.name} // so that the message is not blamed too
			continue
		}
		s.still(m.value, e)
		f, err := newFact(m.name, e)
		if err != nil {
			s.wrong(value{m.key, m.path}, "%v", err)
			f = &fact{name: m.name}
		}
		out[m.name] = f
		d.facts = append(d.facts, f)
	}
	return out
}

// message reads the finding's sentence; without one the title stands for it.
func (s *source) message(v value, title string, facts map[string]*fact) string {
	text, ok := s.scalar(v)
	if !ok {
		text, facts = strings.NewReplacer("{", "(", "}", ")").Replace(title), nil
	}
	if ok && (text == "" || strings.ContainsAny(text, "\n\r")) {
		s.wrong(v, "must be one line")
	}
	out, bad := template(text, facts)
	for _, b := range bad {
		s.within(v, b.at, "%s", b.text)
	}
	return out
}

func (s *source) fixOf(f map[string]value, d *definition, meta *audit.Meta) {
	kinds := []string{"none", string(audit.FixTask), string(audit.FixAdvice), string(audit.FixOwner)}
	kind := s.oneOf(f["fix"], kinds)
	if kind == "none" {
		kind = ""
	}
	d.fix, meta.Fix = audit.FixKind(kind), audit.FixKind(kind)
	d.advice = strings.ReplaceAll(s.textOf(f["advice"]), "\n", " ")
	if d.advice != "" && d.fix != audit.FixAdvice {
		s.wrong(f["advice"], "goes with fix: advice alone")
	}
}

// describe fills in what follows from the expressions, and writes the document.
func (d *definition) describe(meta *audit.Meta, doc string) {
	for _, e := range d.expressions() {
		meta.Facts |= e.facts()
	}
	for _, e := range []*expr{d.when, d.unless} {
		if e == nil {
			continue
		}
		for _, n := range e.needs() {
			if !slices.Contains(meta.Needs, n) {
				meta.Needs = append(meta.Needs, n)
			}
		}
	}
	if d.fix == audit.FixTask || d.fix == audit.FixOwner {
		meta.Facts |= crm.FactOwner
	}
	meta.Doc = d.document(meta.Title, doc)
}

func (d *definition) expressions() []*expr {
	var out []*expr
	for _, e := range []*expr{d.when, d.unless, d.since} {
		if e != nil {
			out = append(out, e)
		}
	}
	for _, f := range d.facts {
		if f.expr != nil {
			out = append(out, f.expr)
		}
	}
	return out
}

// document is the policy's page: what its author wrote, and what it does.
func (d *definition) document(title, doc string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", title)
	if doc != "" {
		b.WriteString(doc + "\n\n")
	}
	b.WriteString("## How it is computed\n\nAn own policy. It judges ")
	b.WriteString(map[string]string{
		whomOpen: "every open deal", whomLost: "every deal lost in the last 365 days", whomWon: "every deal won in the last 365 days", whomAll: "every deal",
	}[d.whom] + ", and finds those of which this is true:\n\n")
	block := func(e *expr) {
		if e != nil {
			b.WriteString("    " + strings.ReplaceAll(strings.TrimSpace(e.source), "\n", "\n    ") + "\n\n")
		}
	}
	block(d.when)
	if d.unless != nil {
		b.WriteString("unless this is:\n\n")
		block(d.unless)
	}
	b.WriteString("A deal is not judged where the answer depends on something that is not known of it.\n")
	if d.advice != "" {
		b.WriteString("\n## How to fix it\n\n" + d.advice + "\n")
	}
	return b.String()
}
