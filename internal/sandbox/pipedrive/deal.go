package pipedrive

import (
	"encoding/json"
	"time"
)

// The statuses of a deal.
const (
	statusOpen    = "open"
	statusWon     = "won"
	statusLost    = "lost"
	statusDeleted = "deleted"
)

// change is one entry of a deal's changelog.
type change struct {
	id       int64
	at       time.Time
	field    string
	old, new *string
	user     int64 // 0: nobody
	source   string
}

// mail is one e-mail message of a deal.
type mail struct {
	at      time.Time
	inbound bool
}

// deal is a deal with everything that ever changed.
type deal struct {
	home            *portal
	id              int64
	name            string
	creator, owner  int64
	value           float64
	currency        string
	person, org     int64 // 0: none
	participants    int
	pipeline, stage int64
	status          string // open, won or lost; deleted tells the rest
	added, updated  time.Time
	touched         time.Time // the last activity, mail or note
	stageChanged    time.Time // zero: never moved
	probability     *int64
	lostReason      *string
	visibleTo       int64
	closedAt        time.Time
	wonAt, lostAt   time.Time
	firstWon        time.Time
	expected        string // date, "" none
	labels          []int64
	origin          string
	channel         int64 // option of the field of channels; 0: none
	products        []*product
	deleted         bool
	deletedAt       time.Time
	archived        bool
	archivedAt      time.Time
	custom          map[string]any
	mergedInto      int64

	changes    []change // oldest first
	activities []*activity
	notes      []*note
	mails      []mail
}

func (d *deal) key() int64         { return d.id }
func (d *deal) addedAt() time.Time { return d.added }

// updatedAt is the deal's last update, which may be an activity that somebody added to it.
func (d *deal) updatedAt() time.Time {
	switch {
	case d.deleted:
		return d.deletedAt
	case d.home.set.activityTouches:
		return later(d.updated, d.touched)
	}
	return d.updated
}

// opt is a field of an answer that only some requests ask for.
type opt struct {
	asked bool
	value any
}

// IsZero reports that nobody asked.
func (o opt) IsZero() bool { return !o.asked }

// MarshalJSON writes the value, null for none.
func (o opt) MarshalJSON() ([]byte, error) { return json.Marshal(o.value) }

// dealView is a deal as v2 shows it.
type dealView struct {
	ID             int64          `json:"id"`
	Title          string         `json:"title"`
	Creator        int64          `json:"creator_user_id"`
	Owner          int64          `json:"owner_id"`
	Value          float64        `json:"value"`
	Currency       string         `json:"currency"`
	Person         opt            `json:"person_id,omitzero"`
	Org            opt            `json:"org_id,omitzero"`
	Stage          int64          `json:"stage_id"`
	Pipeline       int64          `json:"pipeline_id"`
	Status         string         `json:"status"`
	Added          string         `json:"add_time"`
	Updated        string         `json:"update_time"`
	StageChanged   *string        `json:"stage_change_time"`
	Probability    *int64         `json:"probability"`
	LostReason     *string        `json:"lost_reason"`
	VisibleTo      int64          `json:"visible_to"`
	CloseTime      *string        `json:"close_time"`
	WonTime        *string        `json:"won_time"`
	LostTime       *string        `json:"lost_time"`
	LocalWonDate   *string        `json:"local_won_date"`
	LocalLostDate  *string        `json:"local_lost_date"`
	LocalCloseDate *string        `json:"local_close_date"`
	Expected       *string        `json:"expected_close_date"`
	Labels         []int64        `json:"label_ids"`
	Origin         string         `json:"origin"`
	OriginID       *string        `json:"origin_id"`
	Channel        *int64         `json:"channel"`
	ChannelID      *string        `json:"channel_id"`
	ACV            *float64       `json:"acv"`
	ARR            *float64       `json:"arr"`
	MRR            *float64       `json:"mrr"`
	Deleted        bool           `json:"is_deleted"`
	Archived       bool           `json:"is_archived"`
	ArchiveTime    *string        `json:"archive_time"`
	Custom         map[string]any `json:"custom_fields"`

	NextActivity opt `json:"next_activity_id,omitzero"`
	LastActivity opt `json:"last_activity_id,omitzero"`
	FirstWon     opt `json:"first_won_time,omitzero"`
	Products     opt `json:"products_count,omitzero"`
	Files        opt `json:"files_count,omitzero"`
	Notes        opt `json:"notes_count,omitzero"`
	Followers    opt `json:"followers_count,omitzero"`
	Mails        opt `json:"email_messages_count,omitzero"`
	Activities   opt `json:"activities_count,omitzero"`
	Done         opt `json:"done_activities_count,omitzero"`
	Undone       opt `json:"undone_activities_count,omitzero"`
	Participants opt `json:"participants_count,omitzero"`
	LastIncoming opt `json:"last_incoming_mail_time,omitzero"`
	LastOutgoing opt `json:"last_outgoing_mail_time,omitzero"`
	SmartBcc     opt `json:"smart_bcc_email,omitzero"`
	SourceLead   opt `json:"source_lead_id,omitzero"`
}

// localDate is the date of a moment in the account's time zone.
func (p *portal) localDate(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.In(p.zone).Format(time.DateOnly)
	return &s
}

// link is the id of a record that a deal names; one that is not there is null, or left out where the account's answers are so.
func (p *portal) link(id int64) opt {
	if id == 0 && p.set.omitNulls {
		return opt{}
	}
	return opt{true, maybeID(id)}
}

// view is a deal as v2 shows it, without what include_fields asks for. keys are the custom fields that are wanted, nil for all.
func (p *portal) view(d *deal, keys []string) dealView {
	v := dealView{ID: d.id, Title: d.name, Creator: d.creator, Owner: d.owner, Value: d.value, Currency: d.currency, Person: p.link(d.person),
		Org: p.link(d.org), Stage: d.stage, Pipeline: d.pipeline, Status: d.status, Added: stampV2(d.added), Updated: stampV2(d.updatedAt()),
		StageChanged: maybe(d.stageChanged), Probability: d.probability, LostReason: d.lostReason, VisibleTo: d.visibleTo,
		CloseTime: maybe(d.closedAt), WonTime: maybe(d.wonAt), LostTime: maybe(d.lostAt), LocalWonDate: p.localDate(d.wonAt),
		LocalLostDate: p.localDate(d.lostAt), LocalCloseDate: p.localDate(d.closedAt), Labels: d.labels, Origin: d.origin, Channel: maybeID(d.channel),
		Deleted: d.deleted, Archived: d.archived, ArchiveTime: maybe(d.archivedAt), Custom: map[string]any{}}
	if v.Labels == nil {
		v.Labels = []int64{}
	}
	v.Expected = textOrNull(d.expected)
	if d.stageChanged.IsZero() && p.set.changedAtAdd {
		v.StageChanged = maybe(d.added)
	}
	if d.deleted {
		v.Status = statusDeleted
	}
	if keys == nil {
		keys = p.customKeys()
	}
	for _, key := range keys {
		v.Custom[key] = d.custom[key] // nil is null
	}
	return v
}

// include fills in what include_fields asks for.
func (p *portal) include(v *dealView, d *deal, names []string) {
	for _, name := range names {
		switch name {
		case "next_activity_id":
			v.NextActivity = opt{true, d.nextActivity()}
		case "last_activity_id":
			v.LastActivity = opt{true, d.lastActivity()}
		case "first_won_time":
			v.FirstWon = opt{true, maybe(d.firstWon)}
		case "products_count":
			v.Products = opt{true, len(d.products)}
		case "files_count":
			v.Files = opt{true, 0}
		case "notes_count":
			v.Notes = opt{true, len(d.notes)}
		case "followers_count":
			v.Followers = opt{true, 1}
		case "email_messages_count":
			v.Mails = opt{true, len(d.mails)}
		case "activities_count":
			done, undone := d.counts()
			v.Activities = opt{true, done + undone}
		case "done_activities_count":
			done, _ := d.counts()
			v.Done = opt{true, done}
		case "undone_activities_count":
			_, undone := d.counts()
			v.Undone = opt{true, undone}
		case "participants_count":
			v.Participants = opt{true, d.participants}
		case "last_incoming_mail_time":
			v.LastIncoming = opt{true, d.lastMail(true)}
		case "last_outgoing_mail_time":
			v.LastOutgoing = opt{true, d.lastMail(false)}
		case "smart_bcc_email":
			v.SmartBcc = opt{true, "sandbox+deal" + itoa(d.id) + "@pipedrivemail.com"}
		case "source_lead_id":
			v.SourceLead = opt{true, nil}
		}
	}
}

// includable are the names that include_fields takes.
func includable() []string {
	return []string{"next_activity_id", "last_activity_id", "first_won_time", "products_count", "files_count", "notes_count", "followers_count",
		"email_messages_count", "activities_count", "done_activities_count", "undone_activities_count", "participants_count",
		"last_incoming_mail_time", "last_outgoing_mail_time", "smart_bcc_email", "source_lead_id"}
}

// nextActivity is the undone activity that is due first; nil: none.
func (d *deal) nextActivity() *int64 {
	var first *activity
	for _, a := range d.activities {
		if !a.done && !a.deleted && a.dueDate != "" && (first == nil || a.due() < first.due()) {
			first = a
		}
	}
	if first == nil {
		return nil
	}
	return maybeID(first.id)
}

// lastActivity is the activity that was done last; nil: none.
func (d *deal) lastActivity() *int64 {
	var last *activity
	for _, a := range d.activities {
		if a.done && !a.deleted && (last == nil || a.due() >= last.due()) {
			last = a
		}
	}
	if last == nil {
		return nil
	}
	return maybeID(last.id)
}

func (d *deal) counts() (done, undone int) {
	for _, a := range d.activities {
		switch {
		case a.deleted:
		case a.done:
			done++
		default:
			undone++
		}
	}
	return done, undone
}

// lastMail is the time of the last e-mail in one direction.
func (d *deal) lastMail(inbound bool) *string {
	var at time.Time
	for _, m := range d.mails {
		if m.inbound == inbound {
			at = later(at, m.at)
		}
	}
	return maybe(at)
}
