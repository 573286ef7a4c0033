package hubspot

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// call is one request that passed authentication and limits.
type call struct {
	r      *http.Request
	query  url.Values
	body   []byte
	kind   *kind // of the path; nil where the path has none
	grant  sandbox.Grant
	now    time.Time
	base   string // URL of the face
	status int    // of a good answer; 200 unless the handler sets it
	dated  bool   // a dated API version, whose writes tell more
}

func (c *call) path(name string) string { return c.r.PathValue(name) }

func (c *call) flag(name string) bool { return c.query.Get(name) == "true" }

// list is a query parameter that may be repeated, hold commas, or both.
func (c *call) list(name string) []string {
	var out []string
	for _, value := range c.query[name] {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

func (c *call) limit(byDefault, most int) (int, error) {
	text := c.query.Get("limit")
	if text == "" {
		return byDefault, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, invalid("Invalid input: limit must be a number between 1 and %d, but was %s", most, strconv.Quote(text))
	}
	return n, nil
}

// decode reads the body, in which unknown keys are ignored.
func (c *call) decode(into any) error {
	dec := json.NewDecoder(bytes.NewReader(c.body))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return invalid("Invalid input JSON on line 1, column 1: %s", err)
	}
	return nil
}

// cursor is the paging part of an answer.
type cursor struct {
	Next cursorNext `json:"next"`
}

type cursorNext struct {
	After string `json:"after"`
	Link  string `json:"link,omitempty"`
}

// next is the cursor of a page that is not the last.
func (c *call) next(after string) *cursor {
	query := url.Values{}
	for name, values := range c.query {
		query[name] = values
	}
	query.Set("after", after)
	return &cursor{Next: cursorNext{After: after, Link: c.base + c.r.URL.Path + "?" + query.Encode()}}
}

// page is one page of results.
type page struct {
	Results any     `json:"results"`
	Paging  *cursor `json:"paging,omitempty"`
}

func pageOf(list any, next *cursor) page { return page{Results: list, Paging: next} }

func results(list any) page { return page{Results: list} }

// batch is the answer to a batch request.
type batch struct {
	Status      string       `json:"status"`
	Results     any          `json:"results"`
	NumErrors   int          `json:"numErrors,omitempty"`
	Errors      []batchError `json:"errors,omitempty"`
	StartedAt   string       `json:"startedAt"`
	CompletedAt string       `json:"completedAt"`
}

// batchError is what went wrong with some of a batch's inputs.
type batchError struct {
	Status      string              `json:"status"`
	Category    string              `json:"category"`
	SubCategory string              `json:"subCategory,omitempty"`
	Message     string              `json:"message"`
	Context     map[string][]string `json:"context"`
}

// batched makes the answer to a batch; with errors its status is 207.
func (c *call) batched(list any, errs []batchError) batch {
	if len(errs) > 0 {
		c.status = http.StatusMultiStatus
	}
	return batch{Status: "COMPLETE", Results: list, NumErrors: len(errs), Errors: errs, StartedAt: stamp(c.now), CompletedAt: stamp(c.now)}
}

// notRead is the batch error for records that do not exist.
func notRead(k *kind, ids []string) []batchError {
	if len(ids) == 0 {
		return nil
	}
	return []batchError{{Status: "error", Category: "OBJECT_NOT_FOUND", Context: map[string][]string{"ids": ids},
		Message: "Could not get some " + strings.ToUpper(k.singular) + " objects, they may be deleted or not exist. Check that ids are valid."}}
}
