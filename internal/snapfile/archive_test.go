package snapfile

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/plumbline/plumbline/internal/crm"
)

func archive(t rapid.TB, s *crm.Snapshot) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := WriteArchive(&out, s, "plumbline test"); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func open(b []byte) (*crm.Snapshot, error) { return ReadArchive(bytes.NewReader(b), int64(len(b))) }

// parts are the entries of an archive, unpacked.
func parts(t testing.TB, b []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// pack makes a zip of entries.
func pack(t testing.TB, entries map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(entries[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// seal makes the manifest's sums those of the tables, as somebody does who changes them on purpose.
func seal(t testing.TB, entries map[string][]byte) {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(entries[manifestName], &m); err != nil {
		t.Fatal(err)
	}
	for name, e := range m["tables"].(map[string]any) {
		sum := sha256.Sum256(entries[name])
		e.(map[string]any)["bytes"], e.(map[string]any)["sha256"] = len(entries[name]), hex.EncodeToString(sum[:])
	}
	var err error
	if entries[manifestName], err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
}

func TestArchiveRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawSnapshot(t)
		b := archive(t, want)
		if !bytes.Equal(b, archive(t, want)) {
			t.Error("the same snapshot gives different bytes")
		}
		got, err := open(b)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, got, want)
	})
}

// TestArchiveOfManyBatches crosses the border of a batch.
func TestArchiveOfManyBatches(t *testing.T) {
	want := bulk(t, ChunkDeals+3)
	got, err := open(archive(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Columns().Moves) != len(want.Columns().Moves) {
		t.Errorf("%d moves, want %d", len(got.Columns().Moves), len(want.Columns().Moves))
	}
	for i := int32(ChunkDeals - 3); i < ChunkDeals+3; i++ {
		if diff := cmp.Diff(want.Export(i), got.Export(i)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestArchiveOfFormat1 reads an archive that was written when there was this format alone: every later version must.
func TestArchiveOfFormat1(t *testing.T) {
	file := filepath.Join("testdata", "archive1.zip")
	got, err := OpenArchive(file)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, bulk(t, 12))
}

func TestArchiveRefuses(t *testing.T) {
	good := archive(t, bulk(t, 40))
	with := func(change func(e map[string][]byte)) []byte {
		e := parts(t, good)
		change(e)
		return pack(t, e)
	}
	replaced := func(old, by string) []byte {
		return with(func(e map[string][]byte) {
			if !bytes.Contains(e[manifestName], []byte(old)) {
				t.Fatalf("the manifest has no %s", old)
			}
			e[manifestName] = bytes.Replace(e[manifestName], []byte(old), []byte(by), 1)
		})
	}
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"nothing":          {nil, "not a file that plumbline snapshot export wrote"},
		"no zip":           {[]byte("id,name\n1,Acme\n"), "not a file that plumbline snapshot export wrote"},
		"cut":              {good[:len(good)/2], "not a file that plumbline snapshot export wrote, or it is damaged"},
		"another zip":      {pack(t, map[string][]byte{"word/document.xml": []byte("<w/>")}), "it has no manifest.json"},
		"another manifest": {pack(t, map[string][]byte{manifestName: []byte(`{"name":"an app","format":1}`)}), "entry manifest.json: it is not a file that plumbline"},
		"no JSON":          {pack(t, map[string][]byte{manifestName: []byte(`{"kind"`)}), "entry manifest.json: unexpected end"},
		"newer":            {replaced(`"format": 1`, `"format": 9`), `entry manifest.json: its format is 9, this version of Plumbline reads up to 1; it was written by "plumbline test"`},
		"older":            {replaced(`"format": 1`, `"format": 0`), "entry manifest.json: it is not a file"},
		"table lost":       {with(func(e map[string][]byte) { delete(e, "moves.arrow") }), "entry moves.arrow: it is not there"},
		"table changed":    {with(func(e map[string][]byte) { e["deals.arrow"][400] ^= 1 }), "entry deals.arrow: it is damaged or was changed"},
		"table exchanged":  {with(func(e map[string][]byte) { e["deals.arrow"] = e["moves.arrow"]; seal(t, e) }), "entry deals.arrow: "},
		"columns":          {replaced(`"pipeline_id",`, `"pipeline",`), "entry deals.arrow: its columns are not those"},
		"no Arrow":         {with(func(e map[string][]byte) { e["deals.arrow"] = []byte("id,name"); seal(t, e) }), "entry deals.arrow: it is not an Arrow file"},
		"one too many":     {with(func(e map[string][]byte) { e["../../etc/passwd"] = []byte("x") }), `entry "../../etc/passwd" does not belong there`},
		"rows":             {replaced(`"rows": 40`, `"rows": 41`), "entry deals.arrow: it has 40 rows instead of 41"},
		"no portal":        {replaced(`"portal": "acme"`, `"portal": ""`), "entry manifest.json: it does not say of which portal"},
		"pipeline twice":   {replaced(`"id": "renewals"`, `"id": "sales"`), `entry manifest.json: pipeline "sales" is there twice`},
		"stage twice":      {replaced(`"id": "won"`, `"id": "new"`), `entry manifest.json: stage "new" of pipeline "sales" is there twice`},
		"stage of no kind": {replaced(`"kind": 2`, `"kind": 3`), "is neither open nor won nor lost"},
		"stage lost":       {replaced(`"id": "won"`, `"id": "wonder"`), `stage "won" of pipeline "sales" is not in the portal's set-up`},
		"script for a URL": {replaced(`https://crm.example/`, `javascript:x`), "deal_url"},
		"moves of others": {with(func(e map[string][]byte) {
			e["moves.arrow"] = parts(t, archive(t, bulk(t, 41)))["moves.arrow"]
			seal(t, e)
		}), "entry moves.arrow: "},
		"deals shuffled": {with(func(e map[string][]byte) {
			e["deals.arrow"] = bytes.Replace(e["deals.arrow"], []byte("10000000013"), []byte("90000000013"), 1)
			seal(t, e)
		}), "is there twice or out of order"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(c.file)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			file := filepath.Join(t.TempDir(), "some.zip")
			if err := os.WriteFile(file, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenArchive(file); err == nil || !strings.Contains(err.Error(), file) {
				t.Errorf("%v does not name the file", err)
			}
		})
	}
}

// TestArchiveTwice gives an entry twice, of which a reader might take either.
func TestArchiveTwice(t *testing.T) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for range 2 {
		if _, err := z.Create(manifestName); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := open(out.Bytes()); err == nil || !strings.Contains(err.Error(), "there twice") {
		t.Error(err)
	}
}

// TestArchiveBomb gives entries that are small in the zip and large unpacked, or say that they are.
func TestArchiveBomb(t *testing.T) {
	claims := func(name string, n uint64) []byte {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		for k, v := range parts(t, archive(t, bulk(t, 3))) {
			var w io.Writer
			var err error
			if k == name {
				v = v[:8]
				w, err = z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, CompressedSize64: 8, UncompressedSize64: n})
			} else {
				w, err = z.Create(k)
			}
			if err == nil {
				_, err = w.Write(v)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"manifest":    {claims(manifestName, manifestBytes+1<<20), "entry manifest.json: it is larger than"},
		"table":       {claims("moves.arrow", 128<<20), "entry moves.arrow: so much room for so little"},
		"large table": {claims("moves.arrow", tableBytes+1<<20), "entry moves.arrow: it is larger than"},
	} {
		if _, err := open(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A header that tells less than there is does not help either: the reader stops at what it tells.
	b := archive(t, bulk(t, 3))
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		f.UncompressedSize64 = 10
		if got, err := unpack(f, tableBytes); err == nil || len(got) > 11 {
			t.Errorf("%s: %d bytes, %v", f.Name, len(got), err)
		}
	}
}

// TestArchiveTexts refuses what other tools could not read.
func TestArchiveTexts(t *testing.T) {
	s := bulk(t, 3)
	s.Columns().Texts[2] = "\xff"
	if err := WriteArchive(io.Discard, s, "plumbline test"); err == nil || !strings.Contains(err.Error(), "entry deals.arrow: row 0: name") {
		t.Error(err)
	}
}

// FuzzArchive changes tables and manifest and makes the sums right: whatever is taken must be safe to read.
func FuzzArchive(f *testing.F) {
	good := parts(f, archive(f, bulk(f, 8)))
	for k := range uint(4) {
		f.Add(k, uint(9), byte(0xff), []byte(nil))
		f.Add(k, uint(700), byte(0x80), []byte{0, 0, 0, 0})
	}
	names := slices.Sorted(maps.Keys(good))
	f.Fuzz(func(t *testing.T, which, at uint, x byte, more []byte) {
		e := map[string][]byte{}
		for k, v := range good {
			e[k] = bytes.Clone(v)
		}
		name := names[which%uint(len(names))]
		b := e[name]
		at %= uint(len(b))
		b[at] ^= x
		copy(b[at+1:], more)
		if name != manifestName {
			seal(t, e)
		}
		s, err := open(pack(t, e))
		if err != nil {
			return
		}
		for i := range int32(s.Len()) {
			s.Export(i)
		}
		archive(t, s)
	})
}

// FuzzArchiveFile reads whatever a file may hold.
func FuzzArchiveFile(f *testing.F) {
	f.Add(archive(f, bulk(f, 2)))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := open(b); err == nil {
			for i := range int32(s.Len()) {
				s.Export(i)
			}
		}
	})
}
