package console

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"zapas/functions/internal/gateway"
	"zapas/shared/caller"
)

// Introduce adds the name and the e-mail address of a caller whose token says neither, as an access token of Amazon
// Cognito does not: the provider's userinfo endpoint knows them (OpenID Connect Core 1.0, 5.3). A provider without one, or
// one that does not tell by this token, leaves him without. fault.Unavailable when it cannot be asked now.
func (v *Verifier) Introduce(ctx context.Context, r gateway.Request, who caller.Caller) (caller.Caller, error) {
	if who.Name != "" || who.Email != "" {
		return who, nil
	}
	if _, err := v.provider(ctx); err != nil {
		return who, unreachable(err)
	}
	v.mu.Lock()
	address := v.userinfo
	v.mu.Unlock()
	if address == "" {
		return who, nil
	}
	said, err := v.ask(ctx, address, r.Authorization)
	if err != nil {
		return who, unreachable(err)
	}
	if text(said["sub"]) == who.Subject { // 5.3.2: of anybody else it must not be used
		who.Name, who.Email = short(text(said[v.NameClaim])), short(text(said[v.EmailClaim]))
	}
	return who, nil
}

// ask reads what the provider says of the bearer of a token; nothing when it refuses.
func (v *Verifier) ask(ctx context.Context, address, authorization string) (said map[string]jsontext.Value, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", authorization)
	q.Header.Set("Accept", "application/json")
	resp, err := v.Transport.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostRead))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode >= 400 && resp.StatusCode < 500:
		return nil, nil
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the provider's userinfo endpoint answered %d", resp.StatusCode)
	}
	return said, json.Unmarshal(body, &said)
}
