package hubspot

import (
	"slices"
	"strings"
)

// owner is a user, or a queue, that can own records.
type owner struct {
	id, email, first, last string
	userID                 int64
	queue, archived        bool
}

// ownerView is an owner as the API shows it. A deactivated one has no user id any more.
type ownerView struct {
	ID            string `json:"id"`
	Email         string `json:"email,omitempty"`
	Type          string `json:"type"`
	FirstName     string `json:"firstName"`
	LastName      string `json:"lastName"`
	UserID        *int64 `json:"userId"`
	UserIDForEver int64  `json:"userIdIncludingInactive"`
	CreatedAt     string `json:"createdAt"`
	UpdatedAt     string `json:"updatedAt"`
	Archived      bool   `json:"archived"`
}

func (o *owner) view() ownerView {
	v := ownerView{ID: o.id, Email: o.email, Type: "PERSON", FirstName: o.first, LastName: o.last, UserIDForEver: o.userID,
		CreatedAt: stamp(propertiesBorn), UpdatedAt: stamp(propertiesBorn), Archived: o.archived}
	if o.queue {
		v.Type = "QUEUE"
	}
	if !o.archived {
		v.UserID = &o.userID
	}
	return v
}

// firstUserID is below all ids of owners that HubSpot gives, so that nobody takes one for the other.
const firstUserID = 1_000_000

func (p *portal) loadOwners() {
	for i, o := range p.world.Owners {
		p.owners = append(p.owners, &owner{id: o.ID, email: o.Email, first: o.First, last: o.Last, userID: firstUserID + int64(i),
			queue: o.Queue, archived: !o.Active})
	}
	slices.SortFunc(p.owners, func(a, b *owner) int { return compareIDs(a.id, b.id) })
}

// userOf is the user id of an owner; 0 for nobody.
func (p *portal) userOf(owner string) int64 {
	if o := p.owner(owner); o != nil {
		return o.userID
	}
	return 0
}

func (p *portal) owner(id string) *owner {
	for _, o := range p.owners {
		if o.id == id {
			return o
		}
	}
	return nil
}

// serveOwners lists the active or the archived owners, a page at a time.
func (p *portal) serveOwners(c *call) (any, error) {
	limit, err := c.limit(100, 500)
	if err != nil {
		return nil, err
	}
	archived, email, after := c.flag("archived"), c.query.Get("email"), c.query.Get("after")
	page := []ownerView{}
	for _, o := range p.owners {
		if o.archived != archived || email != "" && !strings.EqualFold(o.email, email) || after != "" && compareIDs(o.id, after) <= 0 {
			continue
		}
		if len(page) == limit {
			return pageOf(page, c.next(page[limit-1].ID)), nil
		}
		page = append(page, o.view())
	}
	return pageOf(page, nil), nil
}

// serveOwner reads one owner, by id or by user id.
func (p *portal) serveOwner(c *call) (any, error) {
	id := c.path("id")
	for _, o := range p.owners {
		v := o.view()
		found := o.id == id
		if c.query.Get("idProperty") == "userId" {
			found = itoa(o.userID) == id
		}
		if found && o.archived == c.flag("archived") {
			return v, nil
		}
	}
	return nil, notFound("resource not found")
}
