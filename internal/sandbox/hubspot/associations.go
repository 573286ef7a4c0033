package hubspot

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What association requests may ask for.
const (
	mostLinkReads  = 1000
	mostLinkWrites = 2000
	mostLinksPaged = 500
)

// newLink is an association that comes with a new record.
type newLink struct {
	To struct {
		ID text `json:"id"`
	} `json:"to"`
	Types []newLinkType `json:"types"`
}

type newLinkType struct {
	Category string `json:"associationCategory"`
	TypeID   int    `json:"associationTypeId"`
}

// resolvedLink is an association whose other end was found.
type resolvedLink struct {
	to      *record
	primary bool
}

// resolveLinks finds the other ends of a new record's associations, whose types say what kind they are.
func (p *portal) resolveLinks(k *kind, wanted []newLink) ([]resolvedLink, *failure) {
	var out []resolvedLink
	for _, w := range wanted {
		if len(w.Types) == 0 {
			return nil, invalid("An association needs at least one type")
		}
		for _, t := range w.Types {
			typ := p.typeByID(k.name, t.TypeID)
			if typ == nil {
				return nil, invalid("%d is not a valid association type of %s", t.TypeID, strings.ToUpper(k.singular))
			}
			to := p.find(p.kinds.find(typ.to), string(w.To.ID), false)
			if to == nil {
				return nil, invalid("The object %s of type %s does not exist", w.To.ID, typ.to)
			}
			out = append(out, resolvedLink{to: to, primary: typ.primary})
		}
	}
	return out, nil
}

func (p *portal) typeByID(from string, id int) *linkType {
	for i := range p.types {
		if p.types[i].from == from && p.types[i].id == id {
			return &p.types[i]
		}
	}
	return nil
}

// associate joins two records and moves their times of change.
func (p *portal) associate(r *record, l resolvedLink, now time.Time) {
	p.changing(r, now)
	p.changing(l.to, now)
	join(r, l.to)
	if l.primary {
		makePrimary(r, l.to)
	}
	r.touch(now)
	l.to.touch(now)
}

// makePrimary takes the primary mark from another company, if one had it.
func makePrimary(r, company *record) {
	for i := range r.links {
		l := &r.links[i]
		if l.to.kind != company.kind {
			continue
		}
		l.primary = l.to == company
		for j := range l.to.links {
			if l.to.links[j].to == r {
				l.to.links[j].primary = l.primary
			}
		}
	}
}

// linkView is an association as its own API shows it. The id of the other end is a number there.
type linkView struct {
	To    json.RawMessage `json:"toObjectId"`
	Types []linkTypeView  `json:"associationTypes"`
}

type linkTypeView struct {
	Category string  `json:"category"`
	TypeID   int     `json:"typeId"`
	Label    *string `json:"label"`
}

func (p *portal) linkView(from *record, l link) linkView {
	v := linkView{To: number(l.to.id)}
	for _, t := range p.typesOf(from, l) {
		v.Types = append(v.Types, t.view())
	}
	return v
}

func (t linkType) view() linkTypeView {
	v := linkTypeView{Category: "HUBSPOT_DEFINED", TypeID: t.id}
	if t.label != "" {
		v.Label = &t.label
	}
	return v
}

// number is an id as a JSON number; one that is none stays a text.
func number(id string) json.RawMessage {
	if _, err := strconv.ParseInt(id, 10, 64); err == nil {
		return json.RawMessage(id)
	}
	return json.RawMessage(strconv.Quote(id))
}

// ends are the two kinds of an association's path.
func (p *portal) ends(c *call) (from, to *kind, err error) {
	from, to = p.kinds.find(c.path("from")), p.kinds.find(c.path("to"))
	if from == nil || to == nil {
		return nil, nil, invalid("Unable to infer object type from: %s to %s", c.path("from"), c.path("to"))
	}
	return from, to, nil
}

// serveLinks lists a record's associations with a kind, up to 500 in a page.
func (p *portal) serveLinks(c *call) (any, error) {
	to := p.kinds.find(c.path("to"))
	if to == nil {
		return nil, invalid("Unable to infer object type from: %s", c.path("to"))
	}
	limit, err := c.limit(mostLinksPaged, mostLinksPaged)
	if err != nil {
		return nil, err
	}
	r := p.find(c.kind, c.path("id"), false)
	if r == nil {
		return nil, notFound("Object not found. objectId are usually numeric.")
	}
	old := c.path("version") == "v3"
	var modern = []linkView{}
	var plain = []inlineLink{}
	var next *cursor
	for _, l := range r.linked(to) {
		if compareIDs(l.to.id, c.query.Get("after")) <= 0 && c.query.Get("after") != "" {
			continue
		}
		if len(modern) == limit {
			next = c.next(string(modern[limit-1].To))
			break
		}
		modern = append(modern, p.linkView(r, l))
		for _, t := range p.typesOf(r, l) {
			plain = append(plain, inlineLink{ID: l.to.id, Type: t.name})
		}
	}
	if old {
		return pageOf(plain, next), nil
	}
	return pageOf(modern, next), nil
}

// linksOf is the answer for one input of a batch.
type linksOf struct {
	From   recordID `json:"from"`
	To     any      `json:"to"`
	Paging *cursor  `json:"paging,omitempty"`
}

type recordID struct {
	ID string `json:"id"`
}

// serveLinkBatchRead reads the associations of many records. A record without any comes as an error, though nothing is wrong.
func (p *portal) serveLinkBatchRead(c *call) (any, error) {
	from, to, err := p.ends(c)
	if err != nil {
		return nil, err
	}
	var in struct {
		Inputs []struct {
			ID    text   `json:"id"`
			After string `json:"after"`
		} `json:"inputs"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if len(in.Inputs) > mostLinkReads {
		return nil, tooMany(mostLinkReads)
	}
	list, errs := []linksOf{}, []batchError(nil)
	for _, input := range in.Inputs {
		id := string(input.ID)
		r := p.find(from, id, false)
		if r == nil || len(r.linked(to)) == 0 {
			errs = append(errs, batchError{Status: "error", Category: "OBJECT_NOT_FOUND", SubCategory: "crm.associations.NO_ASSOCIATIONS_FOUND",
				Message: "No " + to.singular + " is associated with " + from.singular + " " + id + ".",
				Context: map[string][]string{"fromObjectId": {id}, "fromObjectType": {from.singular}, "toObjectType": {to.singular}}})
			continue
		}
		list = append(list, p.linksPage(c, r, to, input.After))
	}
	return c.batched(list, errs), nil
}

func (p *portal) linksPage(c *call, r *record, to *kind, after string) linksOf {
	out := linksOf{From: recordID{r.id}}
	modern, plain := []linkView{}, []inlineLink{}
	for _, l := range r.linked(to) {
		if after != "" && compareIDs(l.to.id, after) <= 0 {
			continue
		}
		if len(modern) == mostLinksPaged {
			out.Paging = &cursor{Next: cursorNext{After: string(modern[len(modern)-1].To)}}
			break
		}
		modern = append(modern, p.linkView(r, l))
		for _, t := range p.typesOf(r, l) {
			plain = append(plain, inlineLink{ID: l.to.id, Type: t.name})
		}
	}
	out.To = modern
	if c.path("version") == "v3" {
		out.To = plain
	}
	return out
}

// pairInput is one pair of a batch of associations. What archive takes has a list of other ends.
type pairInput struct {
	From  struct{ ID text }
	To    json.RawMessage
	Types []newLinkType
}

// tos are the other ends of a pair.
func (i pairInput) tos() []string {
	type end struct{ ID text }
	var one end
	if json.Unmarshal(i.To, &one) == nil {
		return []string{string(one.ID)}
	}
	var many []end
	_ = json.Unmarshal(i.To, &many) // not a list either: no ends
	var ids []string
	for _, e := range many {
		ids = append(ids, string(e.ID))
	}
	return ids
}

// pairs reads and resolves a batch of associations; pairs with an end that does not exist are in errs.
func (p *portal) pairs(c *call) (pairs [][2]*record, inputs []pairInput, errs []batchError, err error) {
	from, to, err := p.ends(c)
	if err != nil {
		return nil, nil, nil, err
	}
	var in struct{ Inputs []pairInput }
	if err := c.decode(&in); err != nil {
		return nil, nil, nil, err
	}
	if len(in.Inputs) > mostLinkWrites {
		return nil, nil, nil, tooMany(mostLinkWrites)
	}
	for _, input := range in.Inputs {
		for _, id := range input.tos() {
			a, b := p.find(from, string(input.From.ID), false), p.find(to, id, false)
			if a == nil || b == nil {
				errs = append(errs, notRead(from, []string{string(input.From.ID), id})...)
				continue
			}
			pairs, inputs = append(pairs, [2]*record{a, b}), append(inputs, input)
		}
	}
	return pairs, inputs, errs, nil
}

// madeLink is a new association in an answer.
type madeLink struct {
	FromType string          `json:"fromObjectTypeId"`
	From     json.RawMessage `json:"fromObjectId"`
	ToType   string          `json:"toObjectTypeId"`
	To       json.RawMessage `json:"toObjectId"`
	Labels   []string        `json:"labels"`
}

func made(a, b *record, labels ...string) madeLink {
	if labels == nil {
		labels = []string{}
	}
	return madeLink{FromType: a.kind.typeID, From: number(a.id), ToType: b.kind.typeID, To: number(b.id), Labels: labels}
}

// serveLinkBatchCreate makes associations, by type or by default.
func (p *portal) serveLinkBatchCreate(c *call) (any, error) {
	pairs, inputs, errs, err := p.pairs(c)
	if err != nil {
		return nil, err
	}
	for i, pair := range pairs {
		for _, t := range inputs[i].Types {
			if typ := p.typeByID(pair[0].kind.name, t.TypeID); typ == nil || typ.to != pair[1].kind.name {
				return nil, invalid("%d is not a valid association type of %s to %s", t.TypeID, pair[0].kind.name, pair[1].kind.name)
			}
		}
	}
	list := []any{}
	for i, pair := range pairs {
		primary := slices.ContainsFunc(inputs[i].Types, func(t newLinkType) bool { return p.typeByID(pair[0].kind.name, t.TypeID).primary })
		p.associate(pair[0], resolvedLink{to: pair[1], primary: primary}, c.now)
		list = append(list, p.created(c, pair[0], pair[1]))
	}
	p.wrote(len(list))
	c.status = http.StatusCreated
	return c.batched(list, errs), nil
}

// created shows a new association as the request's version does.
func (p *portal) created(c *call, a, b *record) any {
	switch {
	case c.path("version") == "v3":
		return map[string]any{"from": recordID{a.id}, "to": recordID{b.id}, "type": p.plainType(a, b).name}
	case strings.HasSuffix(c.r.URL.Path, "/associate/default"):
		return p.defaultLink(a, b)
	}
	return made(a, b)
}

// plainType is the association type of two kinds without a label.
func (p *portal) plainType(a, b *record) linkType {
	for _, t := range p.types {
		if t.from == a.kind.name && t.to == b.kind.name && !t.primary {
			return t
		}
	}
	return linkType{}
}

// defaultLink shows an association that was made without naming a type.
func (p *portal) defaultLink(a, b *record) map[string]any {
	return map[string]any{"from": recordID{a.id}, "to": recordID{b.id},
		"associationSpec": newLinkType{Category: "HUBSPOT_DEFINED", TypeID: p.plainType(a, b).id}}
}

// serveLinkDefault associates the two records of its path without naming a type.
func (p *portal) serveLinkDefault(c *call) (any, error) {
	a, b, err := p.pathEnds(c)
	if err != nil {
		return nil, err
	}
	p.associate(a, resolvedLink{to: b}, c.now)
	p.wrote(1)
	return c.batched([]any{p.defaultLink(a, b), p.defaultLink(b, a)}, nil), nil
}

// serveLinkBatchArchive ends associations.
func (p *portal) serveLinkBatchArchive(c *call) (any, error) {
	pairs, _, _, err := p.pairs(c)
	if err != nil {
		return nil, err
	}
	for _, pair := range pairs {
		p.separate(pair[0], pair[1], c.now)
	}
	return nil, nil //nolint:nilnil // an answer without a body
}

func (p *portal) separate(a, b *record, now time.Time) {
	p.changing(a, now)
	p.changing(b, now)
	if part(a, b) {
		a.touch(now)
		b.touch(now)
		p.wrote(1)
	}
}

// pathEnds are the two records of a path that names both.
func (p *portal) pathEnds(c *call) (a, b *record, err error) {
	to := p.kinds.find(c.path("to"))
	if to == nil {
		return nil, nil, invalid("Unable to infer object type from: %s", c.path("to"))
	}
	a, b = p.find(c.kind, c.path("id"), false), p.find(to, c.path("other"), false)
	if a == nil || b == nil {
		return nil, nil, notFound("Object not found. objectId are usually numeric.")
	}
	return a, b, nil
}

// serveLinkPut associates the two records of its path, by the types of the body, else by default.
func (p *portal) serveLinkPut(c *call) (any, error) {
	a, b, err := p.pathEnds(c)
	if err != nil {
		return nil, err
	}
	var types []newLinkType
	if len(c.body) > 0 {
		if err := c.decode(&types); err != nil {
			return nil, err
		}
	}
	l := resolvedLink{to: b}
	for _, t := range types {
		typ := p.typeByID(a.kind.name, t.TypeID)
		if typ == nil || typ.to != b.kind.name {
			return nil, invalid("%d is not a valid association type of %s to %s", t.TypeID, a.kind.name, b.kind.name)
		}
		l.primary = l.primary || typ.primary
	}
	p.associate(a, l, c.now)
	p.wrote(1)
	if c.path("version") == "v3" {
		return p.view(a, selection{associations: []*kind{b.kind}}, c), nil
	}
	c.status = http.StatusCreated
	return made(a, b), nil
}

// serveLinkDelete ends the association of the two records of its path.
func (p *portal) serveLinkDelete(c *call) (any, error) {
	a, b, err := p.pathEnds(c)
	if err != nil {
		return nil, err
	}
	p.separate(a, b, c.now)
	return nil, nil //nolint:nilnil // an answer without a body
}

// serveLabels lists the association types of two kinds.
func (p *portal) serveLabels(c *call) (any, error) {
	from, to, err := p.ends(c)
	if err != nil {
		return nil, err
	}
	list := []linkTypeView{}
	for _, t := range p.types {
		if t.from == from.name && t.to == to.name {
			list = append(list, t.view())
		}
	}
	return results(list), nil
}
