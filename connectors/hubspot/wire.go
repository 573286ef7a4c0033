package hubspot

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/crm"
)

// texts are properties by name: nil where HubSpot has the property but no value. A property that the portal does not
// have is not in the map.
type texts map[string]*string

// get returns the value of a property, and whether the portal has the property.
func (t texts) get(name string) (value string, known bool) {
	v, ok := t[name]
	if v == nil {
		return "", ok
	}
	return *v, ok
}

type paging struct {
	Next struct {
		After string `json:"after"`
	} `json:"next"`
}

// object is a record of any type.
type object struct {
	ID         string             `json:"id"`
	Properties texts              `json:"properties"`
	History    map[string][]entry `json:"propertiesWithHistory"`
	CreatedAt  string             `json:"createdAt"`
	UpdatedAt  string             `json:"updatedAt"`
	Archived   bool               `json:"archived"`
	TraceID    string             `json:"objectWriteTraceId"`
}

// entry is one value that a property had, newest first in its list.
type entry struct {
	Value      string `json:"value"`
	Timestamp  string `json:"timestamp"`
	SourceType string `json:"sourceType"`
	// User is who wrote it; none where it was a program without a user.
	User json.RawMessage `json:"updatedByUserId"`
}

// plain is an id that may be written as a number, as a text or not at all.
func plain(id json.RawMessage) string {
	if string(id) == "null" {
		return ""
	}
	return strings.Trim(string(id), `"`)
}

// row is an object that may not be readable: one bad record must not take its page with it.
type row struct {
	object
	bad error
}

func (r *row) UnmarshalJSON(b []byte) error {
	if r.bad = json.Unmarshal(b, &r.object); r.bad != nil {
		var id struct{ ID json.RawMessage }
		_ = json.Unmarshal(b, &id) // the id may be readable all the same
		r.ID = strings.Trim(string(id.ID), `"`)
	}
	return nil
}

// list is one page of objects.
type list struct {
	Results []row  `json:"results"`
	Paging  paging `json:"paging"`
	Total   *int64 `json:"total"` // of a search
}

// batch is the answer to a batch of reads or writes, whether all of it worked or not.
type batch struct {
	Results []row     `json:"results"`
	Errors  []problem `json:"errors"`
}

// problem is what HubSpot says of a failure. Every field may be missing.
type problem struct {
	Message       string    `json:"message"`
	CorrelationID string    `json:"correlationId"`
	Category      string    `json:"category"`
	SubCategory   any       `json:"subCategory"`
	Code          string    `json:"code"`
	PolicyName    string    `json:"policyName"`
	Context       about     `json:"context"`
	Errors        []problem `json:"errors"`
}

// about names what a problem is about; the values are lists of texts, or now and then a single one.
type about map[string]json.RawMessage

func (c about) list(key string) []string {
	var many []string
	if json.Unmarshal(c[key], &many) == nil {
		return many
	}
	var one string
	if json.Unmarshal(c[key], &one) == nil && one != "" {
		return []string{one}
	}
	return nil
}

type pipelineList struct {
	Results []pipeline `json:"results"`
}

type pipeline struct {
	ID           string  `json:"id"`
	Label        string  `json:"label"`
	DisplayOrder int     `json:"displayOrder"`
	CreatedAt    string  `json:"createdAt"`
	UpdatedAt    string  `json:"updatedAt"`
	Archived     bool    `json:"archived"`
	Stages       []stage `json:"stages"`
}

type stage struct {
	ID           string            `json:"id"`
	Label        string            `json:"label"`
	DisplayOrder int               `json:"displayOrder"`
	Metadata     map[string]string `json:"metadata"`
	CreatedAt    string            `json:"createdAt"`
	UpdatedAt    string            `json:"updatedAt"`
	Archived     bool              `json:"archived"`
}

// rules are what a pipeline forbids.
type rules struct {
	Validation struct {
		NoBack rule `json:"noBackwardsMovementRule"`
		NoSkip rule `json:"noSkippingStagesRule"`
	} `json:"governanceValidationRules"`
}

// rule holds for every stage of a pipeline, or for some.
type rule struct {
	All    bool     `json:"enabledForAllStages"`
	Stages []string `json:"pipelineStageIds"`
}

type propertyList struct {
	Results []property `json:"results"`
}

type property struct {
	Name         string   `json:"name"`
	Label        string   `json:"label"`
	Type         string   `json:"type"`
	FieldType    string   `json:"fieldType"`
	GroupName    string   `json:"groupName,omitempty"`
	Description  string   `json:"description,omitempty"`
	Options      []option `json:"options,omitempty"`
	Hidden       bool     `json:"hidden,omitempty"`
	Calculated   bool     `json:"calculated,omitempty"`
	Archived     bool     `json:"archived,omitempty"`
	External     bool     `json:"externalOptions,omitempty"`
	Modification *struct {
		ReadOnlyValue bool `json:"readOnlyValue"`
	} `json:"modificationMetadata,omitempty"`
}

func (p *property) writable() bool {
	return !p.Calculated && (p.Modification == nil || !p.Modification.ReadOnlyValue)
}

type option struct {
	Label        string `json:"label"`
	Value        string `json:"value"`
	DisplayOrder int    `json:"displayOrder"`
	Hidden       bool   `json:"hidden"`
}

type ownerList struct {
	Results []owner `json:"results"`
	Paging  paging  `json:"paging"`
}

type owner struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Type  string `json:"type"`
	// UserID names the person where HubSpot says who did something; the id of one who is active no more is only in EverUserID.
	UserID     json.RawMessage `json:"userId"`
	EverUserID json.RawMessage `json:"userIdIncludingInactive"`
	FirstName  string          `json:"firstName"`
	LastName   string          `json:"lastName"`
	Archived   bool            `json:"archived"`
}

type account struct {
	PortalID json.Number `json:"portalId"`
	TimeZone string      `json:"timeZone"`
	Currency string      `json:"companyCurrency"`
	UIDomain string      `json:"uiDomain"`
}

type searchRequest struct {
	FilterGroups []filterGroup `json:"filterGroups"`
	Sorts        []sort        `json:"sorts,omitempty"`
	Properties   []string      `json:"properties"`
	Limit        int           `json:"limit"`
	After        string        `json:"after,omitempty"`
}

type filterGroup struct {
	Filters []filter `json:"filters"`
}

type filter struct {
	Property string `json:"propertyName"`
	Operator string `json:"operator"`
	Value    string `json:"value,omitempty"`
}

type sort struct {
	Property  string `json:"propertyName"`
	Direction string `json:"direction"`
}

type input struct {
	ID           string            `json:"id,omitempty"`
	Properties   map[string]string `json:"properties,omitempty"`
	Associations []association     `json:"associations,omitempty"`
	TraceID      string            `json:"objectWriteTraceId,omitempty"`
}

type association struct {
	To    map[string]string `json:"to"`
	Types []associationType `json:"types"`
}

type associationType struct {
	Category string `json:"associationCategory"`
	TypeID   int    `json:"associationTypeId"`
}

type batchInput struct {
	Inputs      []input  `json:"inputs"`
	Properties  []string `json:"properties,omitempty"`
	WithHistory []string `json:"propertiesWithHistory,omitempty"`
}

type associationInput struct {
	Inputs []associationFrom `json:"inputs"`
}

type associationFrom struct {
	ID    string `json:"id"`
	After string `json:"after,omitempty"`
}

type associationList struct {
	Results []struct {
		From struct {
			ID string `json:"id"`
		} `json:"from"`
		To []struct {
			ID json.RawMessage `json:"toObjectId"` // a number on the wire, a text in the description
		} `json:"to"`
		Paging paging `json:"paging"`
	} `json:"results"`
}

// instant reads a time as HubSpot writes it: ISO 8601, or milliseconds since 1970. A date is its first instant in the zone.
// "" and the first instant of 1970 are none.
func instant(text string, zone *time.Location) (crm.Instant, error) {
	switch {
	case text == "":
		return 0, nil
	case len(text) == len(time.DateOnly) && text[4] == '-':
		t, err := time.ParseInLocation(time.DateOnly, text, zone)
		if err != nil {
			return 0, fmt.Errorf("not a date")
		}
		return crm.At(t), nil
	case strings.IndexFunc(text, func(r rune) bool { return r != '-' && (r < '0' || r > '9') }) < 0:
		var ms int64
		if _, err := fmt.Sscan(text, &ms); err != nil || ms > 1e14 || ms < -1e14 {
			return 0, fmt.Errorf("not a time")
		}
		return crm.Instant(ms * 1000), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, fmt.Errorf("not a time")
	}
	return crm.At(t), nil
}
