package audittest

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/plumbline/plumbline/audit"
	"github.com/plumbline/plumbline/internal/crm"
)

// update has to be known before the test binary reads its flags, so it is a variable of the package.
var update = flag.Bool("update", false, "write the want files of audittest anew")

// Run tests a policy by every archive that the glob names (a folder names all of its archives), each case as a subtest.
// The other policies run beside it, for policies that ask about their findings. Run also holds the policy to its word: with
// only the facts known that Meta.Facts names it must say the same, and Meta.Message must fit every finding.
func Run(t *testing.T, policy *audit.Policy, glob string, others ...*audit.Policy) {
	t.Helper()
	if info, err := os.Stat(glob); err == nil && info.IsDir() {
		glob = filepath.Join(glob, "*.txtar")
	}
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("no case matches %s (%v)", glob, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { archive(t, policy, file, others) })
	}
}

// archive tests the cases of one file.
func archive(t *testing.T, policy *audit.Policy, file string, others []*audit.Policy) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := false
	for _, name := range caseNames(ar) {
		test := func(t *testing.T) {
			files := caseFiles(ar, name)
			got := words(t, policy, files, others)
			want := string(files["want"])
			switch {
			case got == want:
			case *update:
				setFile(ar, filepath.Join(name, "want"), got)
				changed = true
			default:
				t.Errorf("%s: -want +got\n%s", file, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
			}
		}
		if name == "" {
			test(t)
		} else {
			t.Run(name, test)
		}
	}
	if changed {
		if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// caseNames lists the folders of an archive; "" when there is none.
func caseNames(ar *txtar.Archive) []string {
	var out []string
	for _, f := range ar.Files {
		if dir, _, ok := strings.Cut(f.Name, "/"); ok && !slices.Contains(out, dir) {
			out = append(out, dir)
		}
	}
	if out == nil {
		return []string{""}
	}
	return out
}

// caseFiles gathers the files of a case by name; its own portal.yaml goes behind the shared one, as "portal.yaml+".
func caseFiles(ar *txtar.Archive, name string) map[string][]byte {
	out := map[string][]byte{}
	for _, f := range ar.Files {
		dir, base, ok := strings.Cut(f.Name, "/")
		switch {
		case !ok:
			out[f.Name] = f.Data
		case dir == name && base == "portal.yaml":
			out["portal.yaml+"] = f.Data
		case dir == name:
			out[base] = f.Data
		}
	}
	return out
}

func setFile(ar *txtar.Archive, name, text string) {
	for i := range ar.Files {
		if ar.Files[i].Name == name {
			ar.Files[i].Data = []byte(text)
			return
		}
	}
	dir := filepath.Dir(name) + "/"
	at := len(ar.Files)
	for i, f := range ar.Files {
		if strings.HasPrefix(f.Name, dir) {
			at = i + 1
		}
	}
	ar.Files = slices.Insert(ar.Files, at, txtar.File{Name: name, Data: []byte(text)})
}

// words runs a case and writes down what the policy says.
func words(t testing.TB, policy *audit.Policy, files map[string][]byte, others []*audit.Policy) string {
	t.Helper()
	set, err := readPortal(files)
	if err != nil {
		t.Fatal(err)
	}
	checks, err := set.allChecks(policy, others)
	if err != nil {
		t.Fatal(err)
	}
	facts := policy.Facts
	for _, o := range others {
		facts |= o.Facts
	}
	full := judge(t, set, files, crm.AllFacts, checks)
	out := say(policy, full, set.snapshotAmounts(t, files))
	if declared := say(policy, judge(t, set, files, facts, checks), set.snapshotAmounts(t, files)); declared != out {
		t.Errorf("Meta.Facts lacks a fact that the policy looks at: with those facts alone it says -all +declared\n%s",
			cmp.Diff(strings.Split(out, "\n"), strings.Split(declared, "\n")))
	}
	for _, f := range full.Findings {
		if f.Policy == policy.ID {
			fitMessage(t, policy, f)
		}
	}
	return out
}

func judge(t testing.TB, set *setup, files map[string][]byte, facts crm.Fact, checks []audit.Check) *audit.Result {
	t.Helper()
	snap, err := set.snapshot(files, facts)
	if err != nil {
		t.Fatal(err)
	}
	result, err := audit.Run(t.Context(), audit.Input{Snapshot: snap, Checks: checks, Now: set.now})
	if err != nil {
		t.Fatal(err)
	}
	return result
}
