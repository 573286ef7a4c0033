package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// controlMux is the API by which tests and people steer the sandbox.
func (s *Server) controlMux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /control", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, struct {
			Now time.Time `json:"now"`
			Counters
		}{s.Now(), s.Counters()})
	})
	mux.HandleFunc("PUT /control/faults", s.put(s.SetFaults))
	mux.HandleFunc("PUT /control/clock", s.put(func(text string) error {
		if text == "" {
			s.SetClock(time.Time{})
			return nil
		}
		t, err := time.Parse(time.RFC3339, text)
		if err == nil {
			s.SetClock(t)
		}
		return err
	}))
	mux.HandleFunc("POST /control/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PUT /control/settings/{crm}", s.tune)
	mux.HandleFunc("GET /control/records/{crm}/{kind}/{id...}", s.record)
	mux.HandleFunc("GET /control/truth", s.truth)
	return mux
}

// Truth lists the problems that were planted in the portals of the CRMs that are named, or in all of them, each once. A record has the id
// that its CRM gives it, the first of them that has the problem: few ids differ, such as that of HubSpot's pipeline "default". Not every
// CRM can have every problem: without a name the list may hold some that only one of the portals has.
func (s *Server) Truth(crms ...string) []Planted {
	truth, listed := []Planted{}, map[Planted]bool{}
	for _, face := range s.order {
		planter, ok := face.(Planter)
		if !ok || len(crms) > 0 && !slices.Contains(crms, face.Name()) {
			continue
		}
		told := planter.Truth()
		origins := told
		if other, ok := face.(Renumberer); ok {
			origins = other.Origins()
		}
		for i, planted := range told {
			if !listed[origins[i]] {
				truth, listed[origins[i]] = append(truth, planted), true
			}
		}
	}
	return truth
}

// truth answers with what was planted, ?crm=NAME with what one portal has of it.
func (s *Server) truth(w http.ResponseWriter, r *http.Request) {
	crms := r.URL.Query()["crm"]
	for _, name := range crms {
		if s.faces[name] == nil {
			http.Error(w, "there is no such CRM", http.StatusNotFound)
			return
		}
	}
	writeJSON(w, http.StatusOK, s.Truth(crms...))
}

// put reads a text, plain or as a JSON string, and hands it over.
func (s *Server) put(set func(string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := readText(r)
		if err == nil {
			err = set(text)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func readText(r *http.Request) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("read body: %w", err)
	}
	text := strings.TrimSpace(string(b))
	if strings.HasPrefix(text, `"`) {
		err = json.Unmarshal([]byte(text), &text)
	}
	return text, err
}

// tune changes settings of a face, given as a JSON object of texts.
func (s *Server) tune(w http.ResponseWriter, r *http.Request) {
	tuner, ok := s.faces[r.PathValue("crm")].(Tuner)
	if !ok {
		http.Error(w, "there are no settings of that name", http.StatusNotFound)
		return
	}
	var settings map[string]string
	if err := json.NewDecoder(r.Body).Decode(&settings); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for name, value := range settings {
		if err := tuner.Tune(name, value); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) record(w http.ResponseWriter, r *http.Request) {
	face := s.faces[r.PathValue("crm")]
	if face == nil {
		http.Error(w, "there is no such CRM", http.StatusNotFound)
		return
	}
	record, ok := face.Record(r.PathValue("kind"), r.PathValue("id"))
	if !ok {
		http.Error(w, "there is no such record", http.StatusNotFound)
		return
	}
	writeJSON(w, http.StatusOK, record)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client may have gone
}
