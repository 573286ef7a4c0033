package pipedrive

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/plumbline/plumbline/internal/sandbox"
)

// callbackWait is how long an app may take to answer.
const callbackWait = 10 * time.Second

// uninstall removes the app from the account, as its administrator can: all tokens end, and each callback address gets a DELETE.
// What an app answers is ignored.
func (f *Face) uninstall() error {
	p := f.current()
	client := &http.Client{Timeout: callbackWait, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, grant := range f.gate.Grants.Installs() {
		f.gate.Grants.Uninstall(grant.Refresh)
		body, err := json.Marshal(map[string]any{"client_id": sandbox.ClientID, "company_id": p.company, "user_id": p.me.id, "timestamp": f.gate.Now().UTC().Format(time.RFC3339)})
		if err != nil {
			return fmt.Errorf("encode callback: %w", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), callbackWait)
		req, err := http.NewRequestWithContext(ctx, http.MethodDelete, grant.Redirect, bytes.NewReader(body))
		if err != nil {
			cancel()
			return fmt.Errorf("callback: %w", err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.SetBasicAuth(sandbox.ClientID, sandbox.ClientSecret)
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close() // the answer does not matter
		}
		cancel()
	}
	return nil
}
