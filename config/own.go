package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
)

// ownPolicies reads the files of own policies, and makes their policies known to the rest of the configuration.
func (d *decoder) ownPolicies(c *Config) {
	var files []File
	for i, name := range c.OwnPolicies {
		path := place{path: "own_policies"}.index(i).path
		text, err := readOwn(c.abs(name))
		if err != nil {
			d.wrong(path, "%s cannot be read: %v", name, err)
			continue
		}
		shown := name
		if !filepath.IsAbs(name) {
			shown = filepath.Join(filepath.Dir(c.File), name)
		}
		files = append(files, File{Path: shown, Text: text})
		c.OwnPolicies[i] = c.abs(name)
	}
	if len(files) == 0 {
		return
	}
	if d.known.Own == nil {
		d.wrong("own_policies", "there can be none here")
		return
	}
	own := d.known.Own(files)
	d.known.Policies = maps.Clone(d.known.Policies)
	maps.Copy(d.known.Policies, own.Policies)
	d.broken = map[string]bool{}
	for _, id := range own.Broken {
		d.broken[id] = true
	}
	for _, p := range own.Problems {
		d.problems[p] = true
	}
}

// readOwn reads a file; its errors do not name it again.
func readOwn(path string) ([]byte, error) {
	info, err := os.Stat(path)
	var at *fs.PathError
	switch {
	case errors.As(err, &at):
		return nil, at.Err
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a folder")
	case info.Size() > maxFile:
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	b, err := os.ReadFile(path)
	if errors.As(err, &at) {
		return nil, at.Err
	}
	return b, err
}
