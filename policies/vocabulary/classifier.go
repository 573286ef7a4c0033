package vocabulary

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Junk is the outcome for a text that says nothing: keys struck at random, a dash, "n/a", "test", a date, a name, a number. It
// is none of the options.
const Junk = "junk"

// classifierCode is counted up whenever the classifier's code reads a text differently. The data's part of the version counts
// itself.
const classifierCode = "1"

// Reading is what a classifier makes of one text.
type Reading struct {
	// Class is the option that the text means, or Junk; "" when the classifier abstains.
	Class string
	// Confidence is how likely Class is right, 0 to 1; of an abstention, how likely Guess is.
	Confidence float64
	// Guess is the likeliest option, also where the classifier is not sure enough to answer; "" for junk.
	Guess string
	// Second is another reason that the text gives beside Class, "" where it gives one.
	Second string
	// SecondConfidence is how likely Second is right, 0 to 1.
	SecondConfidence float64
}

// Classifier reads loss reasons as people type them. It is safe for many goroutines, and the same text reads the same for
// one Version.
type Classifier struct {
	own     map[string]string // the portal's own phrases, folded
	version string
}

// NewClassifier makes a classifier; phrases are a portal's own words per option's value, which overrule what the program
// knows. It fails on a value that is no option, on a phrase without letters, and on a phrase given to two options.
func NewClassifier(phrases map[string][]string) (*Classifier, error) {
	c := &Classifier{own: map[string]string{}}
	var errs []error
	for _, value := range slices.Sorted(maps.Keys(phrases)) {
		if !slices.ContainsFunc(Options(), func(o Option) bool { return o.Value == value }) {
			errs = append(errs, fmt.Errorf("vocabulary: %q is none of the loss reasons %s", value, values()))
			continue
		}
		for _, p := range phrases[value] {
			switch form := reasonForm(p); {
			case form == "":
				errs = append(errs, fmt.Errorf("vocabulary: the phrase %q of %s has no letters", p, value))
			case c.own[form] != "" && c.own[form] != value:
				errs = append(errs, fmt.Errorf("vocabulary: the phrase %q means both %s and %s", p, c.own[form], value))
			default:
				c.own[form] = value
			}
		}
	}
	c.version = shippedVersion()
	if len(c.own) > 0 {
		h := sha256.New()
		for _, form := range slices.Sorted(maps.Keys(c.own)) {
			fmt.Fprintf(h, "%s\x00%s\x00", form, c.own[form])
		}
		c.version += "+" + hex.EncodeToString(h.Sum(nil)[:4])
	}
	return c, errors.Join(errs...)
}

func values() string {
	var list []string
	for _, o := range Options() {
		list = append(list, o.Value)
	}
	return strings.Join(list, ", ")
}

// shippedVersion names the code and the data that every classifier shares.
var shippedVersion = sync.OnceValue(func() string {
	h := sha256.New()
	for _, table := range []string{reasonsTSV, reasonPhrasesTSV, reasonWordsTSV, reasonJunkTSV, reasonHan, reasonCalibrationTSV} {
		fmt.Fprintf(h, "%d\x00%s", len(table), table)
	}
	return classifierCode + "-" + hex.EncodeToString(h.Sum(nil)[:4])
})

// Version changes whenever the code, the data or the portal's own phrases do: what was read by another version is read again.
func (c *Classifier) Version() string { return c.version }

// Confidences of what is not left to the model.
const (
	sureOwn      = 1
	sureOwnPart  = 0.97
	surePhrase   = 0.99
	sureSpelling = 0.95
	sureJunk     = 0.99
)

// AnswerAt is the confidence from which a classifier answers; below it abstains.
const AnswerAt = 0.8

// secondAt is the confidence from which a second reason is told.
const secondAt = 0.3

// Read classifies a text.
func (c *Classifier) Read(text string) Reading {
	form := reasonForm(text)
	if value, sure := c.ours(form); value != "" {
		return Reading{Class: value, Confidence: sure, Guess: value}
	}
	if bareOthers()[form] {
		return Reading{Class: Other, Confidence: surePhrase, Guess: Other}
	}
	if reasonJunk().is(text, form) {
		return Reading{Class: Junk, Confidence: sureJunk}
	}
	whole, exact := readForm(form)
	if exact {
		return whole
	}
	return parts(text, whole)
}

// ours looks a text up among the portal's own phrases: the whole of it, else the longest one within it.
func (c *Classifier) ours(form string) (value string, sure float64) {
	if len(c.own) == 0 {
		return "", 0
	}
	if v, ok := c.own[form]; ok {
		return v, sureOwn
	}
	longest := ""
	for p, v := range c.own {
		inside := strings.Contains(" "+form+" ", " "+p+" ") || spaceless(p) && strings.Contains(form, p)
		if inside && (len(p) > len(longest) || len(p) == len(longest) && p < longest) {
			longest, value, sure = p, v, sureOwnPart
		}
	}
	return value, sure
}

// asPhrase looks a folded text up among the phrases whose meaning is known.
func asPhrase(form string) (value string, ok bool) {
	value, ok = knownPhrases()[form]
	return value, ok
}

var knownPhrases = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, e := range examples() {
		m[e.form] = Options()[e.class].Value
	}
	for _, o := range Options() {
		m[reasonForm(o.Label)], m[reasonForm(o.Value)] = o.Value, o.Value
	}
	return m
})

// readForm reads a folded text that is not junk as one reason; exact tells that it is a known phrase, if misspelt.
func readForm(form string) (r Reading, exact bool) {
	if v, ok := asPhrase(form); ok {
		return Reading{Class: v, Confidence: surePhrase, Guess: v}, true
	}
	words := wordsOf(form)
	if reasonSpeller().right(words) {
		if v, ok := asPhrase(strings.Join(words, " ")); ok {
			return Reading{Class: v, Confidence: sureSpelling, Guess: v}, true
		}
	}
	return reasonModel().read(words), false
}

// separators stand between two reasons in one text.
var separators = regexp.MustCompile(`[,;+&/|，、；。．\n]|\.\s| [-–—] |(?i:\b(?:and|und|et|y|ve|plus|also|auch|aussi|tambien|también|hem|en|e|but|mais|aber|pero|ama|then|puis|dann|luego|sonra)\b)|以及|而且|加上|并且|並且|同时|同時|还有|還有|和|且|又`)

// parts reads what stands between separators, and gives the first two reasons found. Where the parts say less than the whole
// does, the whole is what counts.
func parts(text string, whole Reading) Reading {
	pieces := separators.Split(text, 8)
	var found []Reading
	for _, piece := range pieces {
		form := reasonForm(piece)
		if len(pieces) < 2 || form == "" || reasonJunk().is(piece, form) {
			continue
		}
		r, _ := readForm(form)
		if r.Class != "" && r.Class != Other && !slices.ContainsFunc(found, func(f Reading) bool { return f.Class == r.Class }) {
			found = append(found, r)
		}
	}
	switch {
	case len(found) >= 2:
		r := found[0]
		r.Second, r.SecondConfidence = found[1].Class, found[1].Confidence
		return r
	case len(found) == 1 && whole.Class == "":
		r := found[0]
		r.Confidence *= 0.95
		if r.Confidence < AnswerAt {
			r.Class = ""
		}
		return r
	default:
		return whole
	}
}

// model is the naive Bayes with what its belief is worth.
type model struct {
	bayes   *bayes
	weights weights
	worth   []calibration
}

// calibration turns a class's belief into a confidence: the logistic of a + b times the belief's logarithm of odds.
type calibration struct{ a, b float64 }

var reasonModel = sync.OnceValue(func() *model {
	m := newModel(examples())
	m.worth = make([]calibration, len(Options()))
	for _, l := range cells(reasonCalibrationTSV, 3) {
		a, errA := strconv.ParseFloat(l[1], 64)
		b, errB := strconv.ParseFloat(l[2], 64)
		if errA != nil || errB != nil {
			panic("vocabulary: a calibration is no number: " + strings.Join(l, " "))
		}
		m.worth[slices.IndexFunc(Options(), func(o Option) bool { return o.Value == l[0] })] = calibration{a, b}
	}
	return m
})

// bareOthers are texts that say "other" and nothing more.
var bareOthers = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, l := range cells(reasonJunkTSV, 2) {
		if l[0] == "other" {
			for p := range strings.SplitSeq(l[1], "|") {
				m[reasonForm(p)] = true
			}
		}
	}
	return m
})

// BareOther reports whether a text says that the reason is another one, and not which.
func BareOther(text string) bool { return bareOthers()[reasonForm(text)] }

// SaysNothing reports whether a text cannot serve as the detail of a reason: it is blank, junk, or a bare "other".
func SaysNothing(text string) bool {
	form := reasonForm(text)
	return BareOther(text) || reasonJunk().is(text, form)
}

// Label is what people read for an option's value; the value itself where it is none.
func Label(value string) string {
	for _, o := range Options() {
		if o.Value == value {
			return o.Label
		}
	}
	return value
}
