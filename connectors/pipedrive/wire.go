package pipedrive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// value is a scalar as it came. Pipedrive describes fields as never null that are, and gives some ids as numbers here and as
// texts there; v1 wraps references into objects.
type value struct {
	text string // "" for null
	sent bool   // the answer has the field, if only as null
}

func (v *value) UnmarshalJSON(b []byte) error {
	*v = value{sent: true}
	switch {
	case bytes.Equal(b, []byte("null")):
	case b[0] == '"':
		return json.Unmarshal(b, &v.text)
	case b[0] == '{':
		var ref struct {
			Value, ID *value
		}
		if err := json.Unmarshal(b, &ref); err != nil {
			return err
		}
		for _, inner := range []*value{ref.Value, ref.ID} {
			if inner != nil {
				v.text = inner.text
				return nil
			}
		}
	case b[0] == '[': // several values: joined, in their order
		var many []value
		if err := json.Unmarshal(b, &many); err != nil {
			return err
		}
		var parts []string
		for _, m := range many {
			parts = append(parts, m.text)
		}
		v.text = strings.Join(parts, ",")
	default:
		v.text = string(b)
	}
	return nil
}

// truth reads true, 1 and "1".
func (v value) truth() bool { return v.text == "true" || v.text == "1" }

// number reads a whole number; ok is false where there is none.
func (v value) number() (n int, ok bool) {
	n, err := strconv.Atoi(v.text)
	return n, err == nil
}

// row is a record that may not be readable: one bad record must not take its page with it.
type row[T any] struct {
	it  T
	id  string
	bad error
}

func (r *row[T]) UnmarshalJSON(b []byte) error {
	r.bad = json.Unmarshal(b, &r.it)
	var key struct {
		ID value `json:"id"`
	}
	if json.Unmarshal(b, &key) == nil { // the id may be readable all the same
		r.id = key.ID.text
	}
	return nil
}

// list is one page of records. v2 names the next page at the end; v1 does so in the same place where it pages by cursor.
type list[T any] struct {
	Success    bool     `json:"success"`
	Data       []row[T] `json:"data"` // nil: the answer holds none
	Additional struct {
		Next string `json:"next_cursor"`
	} `json:"additional_data"`
}

// single is one record.
type single[T any] struct {
	Success bool `json:"success"`
	Data    *T   `json:"data"`
}

// deal is a deal of v2. Fields that were not asked for are not sent.
type deal struct {
	ID         value            `json:"id"`
	Title      value            `json:"title"`
	Owner      value            `json:"owner_id"`
	Value      value            `json:"value"`
	Currency   value            `json:"currency"`
	Org        value            `json:"org_id"`
	Stage      value            `json:"stage_id"`
	Pipeline   value            `json:"pipeline_id"`
	Status     string           `json:"status"`
	Added      value            `json:"add_time"`
	Updated    value            `json:"update_time"`
	Moved      value            `json:"stage_change_time"` // null until the first move
	LostReason value            `json:"lost_reason"`
	Closed     value            `json:"close_time"`
	Won        value            `json:"won_time"`
	Lost       value            `json:"lost_time"`
	Expected   value            `json:"expected_close_date"`
	Origin     value            `json:"origin"`
	Channel    value            `json:"channel"` // id of an option of the field of channels
	Person     value            `json:"person_id"`
	Deleted    bool             `json:"is_deleted"`
	Archived   bool             `json:"is_archived"`
	Custom     map[string]value `json:"custom_fields"`

	// What include_fields asks for.
	NextActivity value `json:"next_activity_id"`
	LastActivity value `json:"last_activity_id"`
	DoneCount    value `json:"done_activities_count"`
	UndoneCount  value `json:"undone_activities_count"`
	Mails        value `json:"email_messages_count"` // of both directions
	Participants value `json:"participants_count"`   // the contact person among them
	Products     value `json:"products_count"`
	MailIn       value `json:"last_incoming_mail_time"`
	MailOut      value `json:"last_outgoing_mail_time"`
}

type activity struct {
	ID      value `json:"id"`
	Subject value `json:"subject"`
	Type    value `json:"type"`
	Owner   value `json:"owner_id"`
	Deal    value `json:"deal_id"`
	Deleted bool  `json:"is_deleted"`
	Done    value `json:"done"`
	DueDate value `json:"due_date"`
	DueTime value `json:"due_time"` // in UTC; none: all day
	DoneAt  value `json:"marked_as_done_time"`
	Updated value `json:"update_time"`
	Note    value `json:"note"`
}

// product is one that is attached to a deal.
type product struct {
	Deal         value `json:"deal_id"`
	Sum          value `json:"sum"`
	Price        value `json:"item_price"`
	Quantity     value `json:"quantity"`
	Discount     value `json:"discount"`
	DiscountType value `json:"discount_type"` // percentage, amount
	Currency     value `json:"currency"`
	Enabled      value `json:"is_enabled"` // false: it does not count
	Billing      value `json:"billing_frequency"`
	Tax          value `json:"tax"` // percent
	Taxed        value `json:"tax_method"`
}

type activityType struct {
	Key    string `json:"key_string"`
	Icon   string `json:"icon_key"`
	Custom value  `json:"is_custom_flag"`
}

type pipeline struct {
	ID            value `json:"id"`
	Name          value `json:"name"`
	Order         value `json:"order_nr"`
	Deleted       bool  `json:"is_deleted"`
	Probabilities bool  `json:"is_deal_probability_enabled"`
	Added         value `json:"add_time"`
	Updated       value `json:"update_time"`
}

type stage struct {
	ID          value `json:"id"`
	Name        value `json:"name"`
	Order       value `json:"order_nr"`
	Deleted     bool  `json:"is_deleted"`
	Probability value `json:"deal_probability"`
	Pipeline    value `json:"pipeline_id"`
	Rots        bool  `json:"is_deal_rot_enabled"`
	RotDays     value `json:"days_to_rotten"`
	Added       value `json:"add_time"`
	Updated     value `json:"update_time"`
}

type dealField struct {
	Code    string   `json:"field_code"`
	Name    string   `json:"field_name"`
	Type    string   `json:"field_type"`
	Custom  bool     `json:"is_custom_field"`
	Options []option `json:"options"`
	// Required says where people must fill the field in; nil: the answer does not tell.
	Required *struct {
		Enabled  value            `json:"enabled"`
		Stages   []value          `json:"stage_ids"`
		Statuses map[string]value `json:"statuses"` // by pipeline: won, lost
	} `json:"required_fields"`
}

type option struct {
	ID    value `json:"id"`
	Label value `json:"label"`
}

type user struct {
	ID       value  `json:"id"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Active   value  `json:"active_flag"`
	Deleted  value  `json:"is_deleted"`
	Zone     string `json:"timezone_name"`
	Currency string `json:"default_currency"`
	Company  value  `json:"company_id"`
	Domain   string `json:"company_domain"`
	// Access says in which parts of the account the user is an administrator; a part that is not named is none.
	Access []struct {
		App   string `json:"app"`
		Admin bool   `json:"admin"`
	} `json:"access"`
}

// admin reports whether the user may change pipelines and stages.
func (u *user) admin() bool {
	for _, a := range u.Access {
		if a.Admin && (a.App == "global" || a.App == "account_settings") {
			return true
		}
	}
	return false
}

type summary struct {
	Total *int64 `json:"total_count"`
}

// change is one entry of a deal's changelog.
type change struct {
	Field  string `json:"field_key"`
	Old    value  `json:"old_value"`
	New    value  `json:"new_value"`
	Actor  value  `json:"actor_user_id"`
	Time   value  `json:"time"`
	Source string `json:"change_source"`
}

// v1Layout is how v1 writes a time, in UTC.
const v1Layout = "2006-01-02 15:04:05"

// instant reads a time as either dialect writes it; a date is its first instant in the zone. "" is none.
func instant(text string, zone *time.Location) (crm.Instant, error) {
	if text == "" {
		return 0, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return crm.At(t), nil
	}
	for _, layout := range []string{time.RFC3339Nano, v1Layout} {
		if t, err := time.Parse(layout, text); err == nil {
			return crm.At(t), nil
		}
	}
	return 0, fmt.Errorf("not a time")
}
