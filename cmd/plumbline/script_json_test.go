package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

func jsonCheck(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, false, args, 3, "json FILE PATH WANT")
	got := part(ts, args[0], args[1])
	if (got == args[2]) == neg {
		ts.Fatalf("%s of %s is %s", args[1], args[0], got)
	}
}

func jsonSet(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 3, "jsonset NAME FILE PATH")
	ts.Setenv(args[0], part(ts, args[1], args[2]))
}

// part is a part of a JSON document as text. A file of several documents is one list of them.
func part(ts *testscript.TestScript, file, path string) string {
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(file)))
	d.UseNumber()
	var docs []any
	for {
		var doc any
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			ts.Fatalf("%s is no JSON: %v", file, err)
		}
		docs = append(docs, doc)
	}
	var at any = docs
	if len(docs) == 1 {
		at = docs[0]
	}
	for _, step := range strings.Split(path, "/") {
		var err error
		if at, err = descend(at, step); err != nil {
			ts.Fatalf("%s of %s: %v", path, file, err)
		}
	}
	if s, ok := at.(string); ok {
		return s
	}
	b, err := json.Marshal(at)
	ts.Check(err)
	return string(b)
}

func descend(at any, step string) (any, error) {
	if step == "." || step == "" {
		return at, nil
	}
	name, filter, filtered := strings.Cut(strings.TrimSuffix(step, "]"), "[")
	switch v := at.(type) {
	case map[string]any:
		switch step {
		case "len":
			return len(v), nil
		case "keys":
			var keys []string
			for k := range v {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			return strings.Join(keys, " "), nil
		}
		sub, ok := v[name]
		if name != "" && !ok {
			return nil, fmt.Errorf("there is no key %s", name)
		}
		at = sub
	case []any:
		if step == "len" {
			return len(v), nil
		}
		if i, err := strconv.Atoi(step); err == nil {
			if i >= len(v) {
				return nil, fmt.Errorf("it has %d items", len(v))
			}
			return v[i], nil
		}
		if !filtered {
			return nil, fmt.Errorf("%s in a list", step)
		}
	default:
		return nil, fmt.Errorf("%s in %v", step, at)
	}
	if !filtered {
		return at, nil
	}
	list, ok := at.([]any)
	if !ok {
		return nil, fmt.Errorf("%s is no list", name)
	}
	key, want, _ := strings.Cut(filter, "=")
	kept := []any{}
	for _, item := range list {
		got := item
		for _, k := range strings.Split(key, ".") {
			m, _ := got.(map[string]any)
			got = m[k]
		}
		if fmt.Sprint(got) == want {
			kept = append(kept, item)
		}
	}
	return kept, nil
}
