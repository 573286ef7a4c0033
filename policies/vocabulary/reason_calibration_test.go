package vocabulary

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write reason_calibration.tsv anew")

// folds is into how many parts the phrases are cut for cross-validation.
const folds = 5

// outcome is one held-out phrase: the belief in the likeliest option, and whether it was right.
type outcome struct {
	class  int
	belief float64
	right  bool
}

// heldOut reads every phrase by a model that never saw it.
func heldOut() []outcome {
	list := examples()
	var out []outcome
	belief := make([]float64, len(Options()))
	for k := range folds {
		var rest []example
		for i, e := range list {
			if i%folds != k {
				rest = append(rest, e)
			}
		}
		m := newModel(rest)
		for i, e := range list {
			if i%folds == k {
				m.believe(wordsOf(e.form), belief)
				b := likeliest(belief)
				out = append(out, outcome{b, belief[b], b == e.class})
			}
		}
	}
	return out
}

// fit finds the logistic that says how often a belief is right, by Newton's method, pulled towards a prior.
func fit(list []outcome, prior calibration, pull float64) calibration {
	c := prior
	for range 40 {
		da, db := pull*(prior.a-c.a), pull*(prior.b-c.b)
		haa, hab, hbb := pull+1e-6, 0.0, pull+1e-6
		for _, o := range list {
			p := min(max(o.belief, 1e-6), 1-1e-6)
			x, sure, y := math.Log(p/(1-p)), c.confidence(o.belief), 0.0
			if o.right {
				y = 1
			}
			v := sure * (1 - sure)
			da, db = da+y-sure, db+(y-sure)*x
			haa, hab, hbb = haa+v, hab+v*x, hbb+v*x*x
		}
		det := haa*hbb - hab*hab
		c.a += (hbb*da - hab*db) / det
		c.b += (haa*db - hab*da) / det
	}
	return c
}

func TestCalibration(t *testing.T) {
	all := heldOut()
	common := fit(all, calibration{0, 1}, 1)
	var lines []string
	var fitted []calibration
	for i, o := range Options() {
		if o.Value == ClosedByPolicy {
			continue
		}
		own := slices.DeleteFunc(slices.Clone(all), func(x outcome) bool { return x.class != i })
		c := fit(own, common, 20)
		fitted = append(fitted, c)
		lines = append(lines, fmt.Sprintf("%s\t%.2f\t%.2f", o.Value, c.a, c.b))
		answered, right := 0, 0
		for _, x := range own {
			if c.confidence(x.belief) >= AnswerAt {
				answered++
				if x.right {
					right++
				}
			}
		}
		t.Logf("%-15s n %4d: answered %.2f, right %.3f", o.Value, len(own), float64(answered)/float64(len(own)), float64(right)/float64(answered))
	}
	head, _, _ := strings.Cut(reasonCalibrationTSV, "\nbudget")
	want := strings.TrimSpace(head) + "\n" + strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile("reason_calibration.tsv", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for i, l := range cells(want, 3) {
		have := reasonModel().worth[slices.IndexFunc(Options(), func(o Option) bool { return o.Value == l[0] })]
		if math.Abs(fitted[i].a-have.a) > 0.1 || math.Abs(fitted[i].b-have.b) > 0.1 {
			t.Errorf("%s is calibrated by %v, and by cross-validation %v: run go test ./policies/vocabulary -run Calibration -update", l[0], have, fitted[i])
		}
	}
}
