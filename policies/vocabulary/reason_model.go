package vocabulary

import (
	_ "embed"
	"math"
	"slices"
	"strings"
	"sync"
)

//go:embed reason_phrases.tsv
var reasonPhrasesTSV string

// example is a labelled phrase.
type example struct {
	class int // index into Options
	lang  string
	form  string
}

// examples are the labelled phrases of both tables, each once.
var examples = sync.OnceValue(func() []example {
	class := map[string]int{}
	for i, o := range Options() {
		class[o.Value] = i
	}
	var list []example
	seen := map[string]bool{}
	add := func(option, lang, phrases string) {
		for p := range strings.SplitSeq(phrases, "|") {
			if form := reasonForm(p); !seen[form] {
				seen[form] = true
				list = append(list, example{class[option], lang, form})
			}
		}
	}
	for _, l := range cells(reasonPhrasesTSV, 3) {
		add(l[0], l[1], l[2])
	}
	for _, l := range cells(reasonsTSV, 4) {
		add(l[0], l[1], l[3])
	}
	return list
})

// smooth is added to every count, so that what was never seen is unlikely and not impossible.
const smooth = 0.08

// weights are how much the groups of features count: letters overlap most, and say the least each.
type weights [numGroups]float64

// bayes is a naive Bayes over hashed features: the logarithm of how likely a class shows a feature, against how likely the
// average class does.
type bayes struct {
	classes int
	logs    []float32 // slot x class; a slot without examples is all 0
	taught  []bool    // by class: whether there are examples of it; one without is never believed in
}

// train counts the features of examples. Classes have the same weight, however many examples they have.
func train(list []example, classes int) *bayes {
	slots := int(firstSlot[numGroups])
	b := &bayes{classes: classes, logs: make([]float32, slots*classes), taught: make([]bool, classes)}
	var total [numGroups][]float64
	for g := range total {
		total[g] = make([]float64, classes)
	}
	for _, e := range list {
		b.taught[e.class] = true
		for _, f := range features(wordsOf(e.form)) {
			b.row(f)[e.class]++
			total[f.group][e.class]++
		}
	}
	for g := range uint8(numGroups) {
		for s := firstSlot[g]; s < firstSlot[g+1]; s++ {
			weigh(b.row(feature{g, s}), total[g], b.taught)
		}
	}
	return b
}

func (b *bayes) row(f feature) []float32 {
	return b.logs[int(f.slot)*b.classes : (int(f.slot)+1)*b.classes]
}

// weigh turns the counts of one feature into logarithms of its likelihood per class, centred.
func weigh(counts []float32, total []float64, taught []bool) {
	if !slices.ContainsFunc(counts, func(c float32) bool { return c > 0 }) {
		return
	}
	mean, n := 0.0, 0.0
	for c := range counts {
		counts[c] = float32(math.Log((float64(counts[c]) + smooth) / (total[c] + 1)))
		if taught[c] {
			mean += float64(counts[c])
			n++
		}
	}
	for c := range counts {
		counts[c] -= float32(mean / n)
	}
}

// score gives every class's share of the belief in a text.
func (b *bayes) score(fs []feature, w weights, out []float64) {
	clear(out)
	for _, f := range fs {
		for c, l := range b.row(f) {
			out[c] += w[f.group] * float64(l)
		}
	}
	for c, ok := range b.taught {
		if !ok {
			out[c] = math.Inf(-1)
		}
	}
	softmax(out)
}

func softmax(v []float64) {
	top, sum := slices.Max(v), 0.0
	for i := range v {
		v[i] = math.Exp(v[i] - top)
		sum += v[i]
	}
	for i := range v {
		v[i] /= sum
	}
}

//go:embed reason_calibration.tsv
var reasonCalibrationTSV string

func newModel(list []example) *model {
	// "Closed by policy" says who closed a deal, in words that people use for other things too: only known phrases mean it.
	policy := slices.IndexFunc(Options(), func(o Option) bool { return o.Value == ClosedByPolicy })
	learn := slices.DeleteFunc(slices.Clone(list), func(e example) bool { return e.class == policy })
	m := &model{bayes: train(learn, len(Options())), weights: weights{wordGroup: 0.25, pairGroup: 0.2, charGroup: 0.05, ideaGroup: 0.5}}
	return m
}

// believe gives every option's share of the belief in a text, as far as the model knows it at all.
func (m *model) believe(words []string, out []float64) {
	m.bayes.score(features(words), m.weights, out)
}

// read answers when the belief in an option is worth enough.
func (m *model) read(words []string) Reading {
	belief := make([]float64, len(Options()))
	m.believe(words, belief)
	first := likeliest(belief)
	r := Reading{Guess: Options()[first].Value, Confidence: m.worth[first].confidence(belief[first])}
	if r.Confidence < AnswerAt {
		return r
	}
	r.Class = r.Guess
	belief[first] = 0
	second := likeliest(belief)
	if sure := m.worth[second].confidence(belief[second]); sure >= secondAt {
		r.Second, r.SecondConfidence = Options()[second].Value, sure
	}
	return r
}

func likeliest(v []float64) int {
	best := 0
	for i := range v {
		if v[i] > v[best] {
			best = i
		}
	}
	return best
}

func (c calibration) confidence(belief float64) float64 {
	p := min(max(belief, 1e-6), 1-1e-6)
	return 1 / (1 + math.Exp(-(c.a + c.b*math.Log(p/(1-p)))))
}
