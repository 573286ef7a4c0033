package snapfile

import (
	"archive/zip"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"
	"slices"

	"github.com/plumbline/plumbline/internal/crm"
)

// An archive is a snapshot in one file: a zip of manifest.json and Arrow IPC files that other tools open as they are. Unlike
// the store's chunks it holds every value as a person knows it (names beside ids, decimals, moments in UTC), because it is
// made to be looked at, and no compression but the zip's, because not every reader of Arrow has one.

const (
	// archiveKind tells what the manifest is one of.
	archiveKind = "plumbline snapshot"
	// archiveFormat is the number of the archive's layout. A reader refuses newer ones.
	archiveFormat = 1
	manifestName  = "manifest.json"

	// The most that the entries may take unpacked. An entry of more than looseBytes must not shrink to less than a part of
	// ratioMost in the zip, for nothing that was really exported does.
	manifestBytes = 64 << 20
	looseBytes    = 64 << 20
	ratioMost     = 300
)

// manifest is what an archive has beside its tables.
type manifest struct {
	Kind         string           `json:"kind"`
	Format       int              `json:"format"`
	Program      string           `json:"program"` // that wrote it, with its version
	Portal       string           `json:"portal"`
	CRM          string           `json:"crm"`
	Taken        crm.Instant      `json:"taken"`
	Asked        crm.Fact         `json:"asked"`
	Facts        []string         `json:"facts"` // the names of the bits of asked and of the column known, from the lowest
	Completeness crm.Completeness `json:"completeness"`
	Schema       crm.Schema       `json:"schema"`
	Tables       map[string]entry `json:"tables"`
}

// entry tells of one table what it must be.
type entry struct {
	Rows    int64    `json:"rows"`
	Bytes   int64    `json:"bytes"`
	SHA256  string   `json:"sha256"`
	Columns []string `json:"columns"`
}

// factNames are the names of the facts, by bit.
func factNames() []string {
	return []string{
		"name", "created", "closed", "owner", "amount", "close_date", "stage_entry", "history", "touch", "buyer", "planned", "loss_reason", "loss_detail",
		"company", "origin", "modified", "updated", "type", "source", "contacts", "touches", "first_touch", "first_meeting", "first_mail", "next_due",
		"quotes", "line_items", "editor", "dates", "closer", "rules", "outreach",
	}
}

// WriteArchive writes a snapshot as an archive; program is the name and version of this one. The same snapshot gives the same
// bytes. There is no token in it.
func WriteArchive(w io.Writer, s *crm.Snapshot, program string) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) })
	m := manifest{
		Kind: archiveKind, Format: archiveFormat, Program: program, Portal: s.Portal, CRM: s.CRM, Taken: s.Taken, Asked: s.Asked,
		Facts: factNames(), Completeness: s.Completeness, Schema: s.Schema, Tables: map[string]entry{},
	}
	for _, t := range archiveTables() {
		out, err := create(z, t.file, s.Taken)
		if err != nil {
			return fmt.Errorf("write the snapshot: entry %s: %w", t.file, err)
		}
		tally := &tally{to: out, sum: sha256.New()}
		rows, err := t.write(tally, s)
		if err == nil && tally.bytes > tableBytes {
			err = errors.New("the portal is too large for one file")
		}
		if err != nil {
			return fmt.Errorf("write the snapshot: entry %s: %w", t.file, err)
		}
		m.Tables[t.file] = entry{rows, tally.bytes, hex.EncodeToString(tally.sum.Sum(nil)), t.columns}
	}
	out, err := create(z, manifestName, s.Taken)
	if err == nil {
		enc := json.NewEncoder(out)
		enc.SetIndent("", " ")
		err = enc.Encode(m)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	return nil
}

func create(z *zip.Writer, name string, at crm.Instant) (io.Writer, error) {
	return z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at.Time()})
}

// tally counts and sums what is written through it.
type tally struct {
	to    io.Writer
	sum   hash.Hash
	bytes int64
}

func (t *tally) Write(p []byte) (int, error) {
	t.sum.Write(p)
	t.bytes += int64(len(p))
	return t.to.Write(p)
}

// OpenArchive reads the archive in a file. Its errors name the file.
func OpenArchive(name string) (*crm.Snapshot, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the snapshot: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the snapshot: %w", err)
	}
	s, err := ReadArchive(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("read the snapshot %s: %w", name, err)
	}
	return s, nil
}

// ReadArchive reads an archive of a size in bytes, and gives the snapshot that was written or an error, which names the entry.
// It trusts nothing in it: entries are found by the names that there are, sums and lengths must be right, sizes are bounded.
func ReadArchive(r io.ReaderAt, size int64) (*crm.Snapshot, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("it is not a file that plumbline snapshot export wrote, or it is damaged: %w", err)
	}
	files := map[string]*zip.File{}
	for _, f := range z.File {
		if files[f.Name] != nil {
			return nil, fmt.Errorf("entry %q is there twice", f.Name)
		}
		files[f.Name] = f
	}
	m, err := readManifest(files[manifestName])
	if err != nil {
		return nil, err
	}
	delete(files, manifestName)
	var deals []crm.Deal
	for _, t := range archiveTables() {
		b, err := readEntry(files[t.file], m.Tables[t.file])
		if err == nil && !slices.Equal(m.Tables[t.file].Columns, t.columns) {
			err = errors.New("its columns are not those of its format")
		}
		if err == nil {
			deals, err = t.read(b, m.Tables[t.file].Rows, deals)
		}
		if err != nil {
			return nil, fmt.Errorf("entry %s: %w", t.file, err)
		}
		delete(files, t.file)
	}
	for name := range files {
		return nil, fmt.Errorf("entry %q does not belong there", name)
	}
	b := crm.NewBuilder(m.Portal, m.CRM, m.Schema)
	for i := range deals {
		if err := b.Add(deals[i]); err != nil {
			return nil, fmt.Errorf("entry deals.arrow: %w", err)
		}
	}
	return b.Build(m.Taken, m.Asked, m.Completeness), nil
}

// readManifest reads what an archive says of itself.
func readManifest(f *zip.File) (m manifest, err error) {
	if f == nil {
		return m, fmt.Errorf("it is not a file that plumbline snapshot export wrote: it has no %s", manifestName)
	}
	b, err := unpack(f, manifestBytes)
	if err != nil {
		return m, fmt.Errorf("entry %s: %w", manifestName, err)
	}
	var head struct { // of any format, before the rest is looked at
		Kind    string `json:"kind"`
		Format  int    `json:"format"`
		Program string `json:"program"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return m, fmt.Errorf("entry %s: %w", manifestName, err)
	}
	if head.Kind != archiveKind || head.Format < 1 {
		return m, fmt.Errorf("entry %s: it is not a file that plumbline snapshot export wrote", manifestName)
	}
	if head.Format > archiveFormat {
		return m, fmt.Errorf("entry %s: its format is %d, this version of Plumbline reads up to %d; it was written by %q", manifestName, head.Format, archiveFormat, head.Program)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("entry %s: %w", manifestName, err)
	}
	if err := sound(m); err != nil {
		return m, fmt.Errorf("entry %s: %w", manifestName, err)
	}
	return m, nil
}

// sound refuses a manifest that no portal can have.
func sound(m manifest) error {
	if m.Portal == "" || m.CRM == "" || m.Taken.IsZero() {
		return errors.New("it does not say of which portal, CRM or moment it is")
	}
	if !slices.Equal(m.Facts, factNames()) {
		return errors.New("its facts are not those of its format")
	}
	if u, err := url.Parse(m.Schema.DealURL); err != nil || u.Scheme != "" && u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("its deal_url is not that of a page")
	}
	pipelines := map[string]bool{}
	for i, p := range m.Schema.Pipelines {
		if pipelines[p.ID] || p.Order != i {
			return fmt.Errorf("pipeline %q is there twice or out of order", p.ID)
		}
		pipelines[p.ID] = true
		stages := map[string]bool{}
		for j, s := range p.Stages {
			if stages[s.ID] || s.Order != j {
				return fmt.Errorf("stage %q of pipeline %q is there twice or out of order", s.ID, p.ID)
			}
			if s.Kind > crm.Lost {
				return fmt.Errorf("stage %q of pipeline %q is neither open nor won nor lost", s.ID, p.ID)
			}
			stages[s.ID] = true
		}
	}
	return nil
}

// readEntry reads a table of which the manifest tells what it must be.
func readEntry(f *zip.File, want entry) ([]byte, error) {
	if f == nil {
		return nil, errors.New("it is not there")
	}
	b, err := unpack(f, tableBytes)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(b); int64(len(b)) != want.Bytes || hex.EncodeToString(sum[:]) != want.SHA256 {
		return nil, errors.New("it is damaged or was changed: its SHA-256 is not the manifest's")
	}
	return b, nil
}

// unpack reads an entry of at most so many bytes, whatever its header says.
func unpack(f *zip.File, most int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(most) {
		return nil, fmt.Errorf("it is larger than %d bytes", most)
	}
	if f.UncompressedSize64 > looseBytes && f.UncompressedSize64/ratioMost > f.CompressedSize64 {
		return nil, errors.New("so much room for so little is not what an export takes")
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("it cannot be unpacked: %w", err)
	}
	// The reader ends with an error where there is more or less than the header says, or where its checksum is wrong.
	b, err := io.ReadAll(io.LimitReader(r, int64(f.UncompressedSize64)+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("it cannot be unpacked: %w", err)
	}
	return b, nil
}
