package oauth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Keys seal tokens. A sealed token opens only for the portal that it was sealed for.
type Keys struct{ aead tink.AEAD }

// OpenKeys takes the key from text (the value of PLUMBLINE_KEY: 32 random bytes in base64, or what a key file holds), or
// where text is "" from a file, which it makes on first use so that only its owner can read it.
func OpenKeys(text, file string) (*Keys, error) {
	if text != "" {
		return parseKeys([]byte(text), "PLUMBLINE_KEY")
	}
	if file == "" {
		return nil, errors.New("there is no key to seal tokens with: set PLUMBLINE_KEY to 32 random bytes in base64")
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = makeKeys(file)
	}
	if err != nil {
		return nil, fmt.Errorf("open the key file: %w", err)
	}
	return parseKeys(b, file)
}

// KeyFile is where the key of a store at a URL is kept: beside a SQLite file; "" for a database, whose key is PLUMBLINE_KEY.
func KeyFile(storeURL string) string {
	if file, ok := strings.CutPrefix(storeURL, "sqlite:"); ok {
		return file + ".key"
	}
	return ""
}

func parseKeys(b []byte, from string) (*Keys, error) {
	text := bytes.TrimSpace(b)
	if raw, err := base64.StdEncoding.DecodeString(string(text)); err == nil {
		if len(raw) == 32 {
			a, err := subtle.NewAESGCM(raw)
			if err != nil {
				return nil, fmt.Errorf("the key of %s: %w", from, err)
			}
			return &Keys{aead: a}, nil
		}
		text = raw
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil { // its error may quote the key
		return nil, fmt.Errorf("%s holds neither 32 bytes in base64 nor a key set", from)
	}
	a, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("the key set of %s is not one to seal with", from)
	}
	return &Keys{aead: a}, nil
}

// makeKeys writes a new key set to a file that does not exist. Of several processes that try at once all get the first's.
func makeKeys(file string) ([]byte, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&b)); err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".key-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(b.Bytes())
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(tmp.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(file)
}

// sealed is a token as it is kept, before it is sealed.
type sealed struct {
	Access  string        `json:"a"`
	Refresh string        `json:"r,omitempty"`
	Expires time.Time     `json:"e,omitzero"`
	Life    time.Duration `json:"l,omitempty"`
}

// seal makes of a portal's token what may be stored.
func (k *Keys) seal(portal string, t Token) ([]byte, error) {
	plain, err := json.Marshal(sealed{t.access, t.refresh, t.expires, t.life})
	if err != nil {
		return nil, errors.New("seal the token: it cannot be written")
	}
	out, err := k.aead.Encrypt(plain, []byte(portal))
	if err != nil {
		return nil, errors.New("seal the token: the key does not work")
	}
	return out, nil
}

func (k *Keys) open(portal string, b []byte) (Token, error) {
	plain, err := k.aead.Decrypt(b, []byte(portal))
	var s sealed
	if err == nil {
		err = json.Unmarshal(plain, &s)
	}
	if err != nil { // its error may quote the token
		return Token{}, fmt.Errorf("the token of portal %s cannot be opened with this key: put the key back that it was sealed with, or connect again", portal)
	}
	return Token{s.Access, s.Refresh, s.Expires, s.Life}, nil
}
