package own

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// field is one thing that an expression can ask of a deal.
type field struct {
	name string
	typ  *cel.Type
	noun string // "its NOUN is not known", "it has no NOUN"
	doc  string
	fact crm.Fact // what must be known of the deal; 0: it always is
	need audit.Need
	// moves tells that the value changes as time passes, though nothing happens to the deal.
	moves bool
	// optional tells that a deal can have none of a number.
	optional bool
	// known overrules fact where that does not say all.
	known func(r *record) bool
	// get returns the value, nil where the deal is known to have none.
	get func(r *record) ref.Val
}

// texts is the CEL type of lists of texts.
func texts() *cel.Type { return cel.ListType(cel.StringType) }

// dealFields lists what expressions can ask of a deal. Texts and numbers that a deal has none of are "" and 0; of what else a deal
// has none, an expression must ask has(deal.FIELD) first.
func dealFields() []field {
	out := placeFields()
	out = append(out, recordFields()...)
	out = append(out, timeFields()...)
	out = append(out, spanFields()...)
	return append(out, workFields()...)
}

// placeFields say what the deal is and where it stands.
func placeFields() []field {
	always := func(name string, typ *cel.Type, doc string, get func(r *record) ref.Val) field {
		return field{name: name, typ: typ, noun: words(name), doc: doc, get: get}
	}
	return []field{
		always("id", cel.StringType, "the CRM's id of the deal", func(r *record) ref.Val { return types.String(r.pass.Snap.ID(r.row.Index)) }),
		{name: "name", typ: cel.StringType, noun: "name", doc: "its name", fact: crm.FactName, need: audit.NeedName,
			get: func(r *record) ref.Val { return r.text(r.row.Name) }},
		always("status", cel.StringType, `"open", "won" or "lost"`, func(r *record) ref.Val { return types.String(r.row.Status.String()) }),
		always("pipeline", cel.StringType, "the name of its pipeline", func(r *record) ref.Val { return types.String(r.pipeline().Name) }),
		always("pipeline_id", cel.StringType, "the CRM's id of its pipeline", func(r *record) ref.Val { return types.String(r.pipeline().ID) }),
		always("stage", cel.StringType, "the name of its stage", func(r *record) ref.Val { return types.String(r.stage().Name) }),
		always("stage_id", cel.StringType, "the CRM's id of its stage", func(r *record) ref.Val { return types.String(r.stage().ID) }),
		always("stage_kind", cel.StringType, `what its stage stands for: "open", "won" or "lost"`, func(r *record) ref.Val { return types.String(r.stage().Kind.String()) }),
		always("stage_position", cel.IntType, "the place of its stage among the open stages of the pipeline, from 1", func(r *record) ref.Val { return types.Int(r.position()) }),
		always("stage_count", cel.IntType, "how many open stages the pipeline has", func(r *record) ref.Val { return types.Int(r.openStages()) }),
		{name: "probability", typ: cel.DoubleType, noun: "probability", doc: "the probability that is set for its stage, 0 to 1", optional: true, get: func(r *record) ref.Val {
			if p := r.stage().Probability; p != nil {
				return types.Double(*p)
			}
			return nil
		}},
		{name: "moves", typ: cel.IntType, noun: "stage history", doc: "how often it was moved from one stage to another", fact: crm.FactHistory, need: audit.NeedHistory,
			known: func(r *record) bool { return r.row.Known.Has(crm.FactHistory) },
			get:   func(r *record) ref.Val { return types.Int(max(0, len(r.pass.Snap.Moves(r.row.Index))-1)) }},
		{name: "stages_skipped", typ: texts(), noun: "stage history", doc: "the names of the open stages that it left out", fact: crm.FactHistory, need: audit.NeedHistory,
			known: func(r *record) bool { _, ok := r.pass.Skipped(r.row); return ok },
			get:   func(r *record) ref.Val { return r.skipped() }},
	}
}

// recordFields are what the record says.
func recordFields() []field {
	return []field{
		{name: "owner", typ: cel.StringType, noun: "owner", doc: `the name of its owner, "" when nobody owns it`, fact: crm.FactOwner, need: audit.NeedOwners,
			get: func(r *record) ref.Val {
				return r.owner(func(u *crm.User) string { return first(u.Name, u.Email, u.ID) })
			}},
		{name: "owner_id", typ: cel.StringType, noun: "owner", doc: `the CRM's id of its owner, "" when nobody owns it`, fact: crm.FactOwner, need: audit.NeedOwners,
			get: func(r *record) ref.Val { return r.owner(func(u *crm.User) string { return u.ID }) }},
		{name: "owner_email", typ: cel.StringType, noun: "owner", doc: `the e-mail address of its owner, "" when there is none`, fact: crm.FactOwner, need: audit.NeedOwners,
			get: func(r *record) ref.Val { return r.owner(func(u *crm.User) string { return u.Email }) }},
		{name: "owner_active", typ: cel.BoolType, noun: "owner", doc: "whether its owner still has access; none when nobody owns it", fact: crm.FactOwner, need: audit.NeedOwners,
			known: func(r *record) bool {
				return r.row.Known.Has(crm.FactOwner) && (r.row.Owner == crm.None || r.pass.Snap.Schema.UsersKnown)
			},
			get: func(r *record) ref.Val {
				if r.row.Owner == crm.None {
					return nil
				}
				return types.Bool(r.pass.Snap.Schema.Users[r.row.Owner].Active)
			}},
		{name: "amount", typ: cel.DoubleType, noun: "amount", doc: "its amount in its currency, 0 when there is none", fact: crm.FactAmount, need: audit.NeedAmount,
			get: func(r *record) ref.Val { return types.Double(r.row.Amount.Float()) }},
		{name: "currency", typ: cel.StringType, noun: "currency", doc: "the currency of its amount (ISO 4217)",
			get: func(r *record) ref.Val { return types.String(r.pass.Snap.Currency(r.row.Currency)) }},
		{name: "line_total", typ: cel.DoubleType, noun: "sum of line items", doc: "the sum of its line items, 0 when there are none", fact: crm.FactLineItems, need: audit.NeedLineItems,
			get: func(r *record) ref.Val { return types.Double(r.pass.Snap.LineTotal(r.row.Index).Float()) }},
		{name: "company", typ: cel.StringType, noun: "company", doc: `its company as the CRM refers to it (an id; in files, a name), "" when there is none`, fact: crm.FactCompany, need: audit.NeedCompany,
			get: func(r *record) ref.Val { return r.text(r.row.Company) }},
		{name: "contacts", typ: cel.IntType, noun: "number of contacts", doc: "how many people are associated with it", fact: crm.FactContacts, need: audit.NeedContacts,
			get: func(r *record) ref.Val { return types.Int(r.pass.Snap.Contacts(r.row.Index)) }},
		{name: "type", typ: cel.StringType, noun: "type", doc: `the account's own kind of deal, as the option's value, "" when there is none`, fact: crm.FactType, need: audit.NeedType,
			get: func(r *record) ref.Val { return r.text(r.pass.Snap.Type(r.row.Index)) }},
		{name: "source", typ: cel.StringType, noun: "channel", doc: `the channel that it came by, "" when there is none`, fact: crm.FactSource, need: audit.NeedChannel,
			get: func(r *record) ref.Val { return r.text(r.pass.Snap.Source(r.row.Index)) }},
		{name: "origin", typ: cel.StringType, noun: "origin", doc: `how it was made: "person", "automation", "integration", "import", "plumbline" or ""`, fact: crm.FactOrigin, need: audit.NeedOrigin,
			get: func(r *record) ref.Val { return types.String(origin(r.row.Origin)) }},
		{name: "loss_reason", typ: cel.StringType, noun: "loss reason", doc: `why it was lost, "" when that is not filled in`, fact: crm.FactLossReason, need: audit.NeedLossReason,
			get: func(r *record) ref.Val { return r.text(r.row.LossReason) }},
		{name: "loss_detail", typ: cel.StringType, noun: "detail of the loss reason", doc: `the detail beside the loss reason, "" when there is none`, fact: crm.FactLossDetail, need: audit.NeedLossReason,
			get: func(r *record) ref.Val { return r.text(r.row.LossDetail) }},
	}
}

// timeFields are moments; a deal has none of those that it did not reach.
func timeFields() []field {
	at := func(name, noun, doc string, fact crm.Fact, need audit.Need, get func(r *record) crm.Instant) field {
		return field{name: name, typ: cel.TimestampType, noun: noun, doc: doc, fact: fact, need: need, get: func(r *record) ref.Val { return moment(get(r)) }}
	}
	entered := at("stage_entered", "stage entry", "when it entered its stage", crm.FactStageEntry|crm.FactHistory, audit.NeedStageEntry,
		func(r *record) crm.Instant { i, _ := r.pass.EntryOf(r.row); return i })
	entered.known = func(r *record) bool { _, ok := r.pass.EntryOf(r.row); return ok }
	return []field{
		at("created", "creation date", "when it was created", crm.FactCreated, audit.NeedCreated, func(r *record) crm.Instant { return r.row.Created }),
		at("closed", "closing date", "when it was closed", crm.FactClosed, audit.NeedClosed, func(r *record) crm.Instant { return r.row.Closed }),
		entered,
		at("close_date", "expected close date", "its expected close date: the first instant of that day in the account's zone", crm.FactCloseDate, audit.NeedCloseDate,
			func(r *record) crm.Instant { return r.row.CloseDate }),
		at("last_touch", "last touch", "the last e-mail, call or meeting by a person of the team", crm.FactTouch, audit.NeedActivity, func(r *record) crm.Instant { return r.row.Touch }),
		at("last_buyer_activity", "last activity of the buyer", "the last activity of the buyer", crm.FactBuyer, audit.NeedMail, func(r *record) crm.Instant { return r.row.Buyer }),
		at("next_activity", "planned activity", "the next activity that a person planned", crm.FactPlanned, audit.NeedActivity, func(r *record) crm.Instant { return r.row.Planned }),
		at("next_due", "activity that is not done", "the earliest planned activity that is not done, past or ahead", crm.FactNextDue, audit.NeedPlanned,
			func(r *record) crm.Instant { return r.pass.Snap.Engagement(r.row.Index).NextDue }),
		at("first_touch", "first touch", "the first touch by the team", crm.FactFirstTouch, audit.NeedTouches, func(r *record) crm.Instant { return r.pass.Snap.Engagement(r.row.Index).First }),
		at("first_meeting", "meeting", "the first meeting held", crm.FactFirstMeeting, audit.NeedEvidence, func(r *record) crm.Instant { return r.pass.Snap.Engagement(r.row.Index).Meeting }),
		at("first_mail", "e-mail", "the first e-mail sent by a person of the team", crm.FactFirstMail, audit.NeedEvidence, func(r *record) crm.Instant { return r.pass.Snap.Engagement(r.row.Index).Mail }),
		at("quote_published", "published quote", "when its furthest quote was published", crm.FactQuotes, audit.NeedQuotes, func(r *record) crm.Instant { return r.pass.Snap.Quote(r.row.Index).Published }),
		at("quote_expires", "quote that expires", "when its furthest quote expires", crm.FactQuotes, audit.NeedQuotes, func(r *record) crm.Instant { return r.pass.Snap.Quote(r.row.Index).Expires }),
		at("quote_signed", "signed quote", "when its furthest quote was signed", crm.FactQuotes, audit.NeedQuotes, func(r *record) crm.Instant { return r.pass.Snap.Quote(r.row.Index).Signed }),
		at("quote_paid", "paid quote", "when its furthest quote was paid", crm.FactQuotes, audit.NeedQuotes, func(r *record) crm.Instant { return r.pass.Snap.Quote(r.row.Index).Paid }),
	}
}

// spanFields are times counted from now, in days of 24 hours; they change by themselves.
func spanFields() []field {
	since := func(name, noun, doc string, fact crm.Fact, need audit.Need, get func(r *record) crm.Instant) field {
		return field{name: name, typ: cel.DoubleType, noun: noun, doc: doc, fact: fact, need: need, moves: true, get: func(r *record) ref.Val {
			at := get(r)
			if at.IsZero() {
				return nil
			}
			return types.Double(r.pass.Now.Days(at))
		}}
	}
	inStage := since("days_in_stage", "stage entry", "days since it entered its stage", crm.FactStageEntry|crm.FactHistory, audit.NeedStageEntry,
		func(r *record) crm.Instant { i, _ := r.pass.EntryOf(r.row); return i })
	inStage.known = func(r *record) bool { _, ok := r.pass.EntryOf(r.row); return ok }
	toClose := since("days_to_close", "expected close date", "calendar days from today to its expected close date, below 0 once that is past", crm.FactCloseDate, audit.NeedCloseDate, nil)
	toClose.get = func(r *record) ref.Val {
		if r.row.CloseDate.IsZero() {
			return nil
		}
		return types.Double(r.daysTo(r.row.CloseDate))
	}
	toNext := since("days_to_next_activity", "planned activity", "days to the next activity that a person planned, below 0 once that is past", crm.FactPlanned, audit.NeedActivity, nil)
	toNext.get = func(r *record) ref.Val {
		if r.row.Planned.IsZero() {
			return nil
		}
		return types.Double(r.row.Planned.Days(r.pass.Now))
	}
	return []field{
		since("age_days", "creation date", "days since it was created", crm.FactCreated, audit.NeedCreated, func(r *record) crm.Instant { return r.row.Created }),
		inStage, toClose,
		since("days_since_closed", "closing date", "days since it was closed", crm.FactClosed, audit.NeedClosed, func(r *record) crm.Instant { return r.row.Closed }),
		since("days_since_touch", "last touch", "days since the last touch by the team", crm.FactTouch, audit.NeedActivity, func(r *record) crm.Instant { return r.row.Touch }),
		since("days_since_buyer", "last activity of the buyer", "days since the last activity of the buyer", crm.FactBuyer, audit.NeedMail, func(r *record) crm.Instant { return r.row.Buyer }),
		toNext,
	}
}

// workFields count what was done.
func workFields() []field {
	return []field{
		{name: "touches", typ: cel.IntType, noun: "number of touches", doc: "how many touches by the team it has seen", fact: crm.FactTouches, need: audit.NeedTouches,
			get: func(r *record) ref.Val { return types.Int(r.pass.Snap.Engagement(r.row.Index).Touches) }},
		{name: "close_date_changes", typ: cel.IntType, noun: "date history", doc: "how often its expected close date was changed from one day to another", fact: crm.FactDates, need: audit.NeedDates,
			get: func(r *record) ref.Val { return types.Int(r.dateChanges()) }},
		{name: "cycle_days", typ: cel.DoubleType, noun: "closing date", doc: "days from its creation to its closing", fact: crm.FactCreated | crm.FactClosed, need: audit.NeedClosed, optional: true,
			get: func(r *record) ref.Val {
				if r.row.Created.IsZero() || r.row.Closed.IsZero() {
					return nil
				}
				return types.Double(r.row.Closed.Days(r.row.Created))
			}},
	}
}

// portalFields list what expressions can ask of the account.
func portalFields() []field {
	return []field{
		{name: "name", typ: cel.StringType, doc: "the portal's name in the configuration; of a file, its base name", get: func(r *record) ref.Val { return types.String(r.pass.Snap.Portal) }},
		{name: "currency", typ: cel.StringType, doc: `the account's home currency (ISO 4217), "" where it is not known`, get: func(r *record) ref.Val { return types.String(r.pass.Snap.Schema.Currency) }},
		{name: "timezone", typ: cel.StringType, doc: `the account's time zone (IANA name), "" for UTC`, get: func(r *record) ref.Val { return types.String(r.pass.Snap.Schema.Zone) }},
	}
}
