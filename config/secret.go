package config

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// Secret is a value that never prints: given as it is, by ${ENV}, or by the name of a file that holds it (the same key with
// _file behind it). The file is read on every use, so that it may be exchanged while the program runs.
type Secret struct{ value, file string }

// NewSecret returns a secret of a value at hand.
func NewSecret(value string) Secret { return Secret{value: value} }

// IsZero reports whether neither a value nor a file is given.
func (s Secret) IsZero() bool { return s == Secret{} }

// Reveal returns the value. It fails when the file cannot be read; the error names the file.
func (s Secret) Reveal() (string, error) {
	if s.file == "" {
		return s.value, nil
	}
	b, err := os.ReadFile(s.file)
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// hidden is what is shown of a secret.
const hidden = "[secret]"

// String, GoString, Format, MarshalText and LogValue show that there is a secret, never which.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return hidden
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// Format hides the value from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText hides the value from JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the value from logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
