package remote

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"zapas/shared/api"
)

// Enrol trades a code for a device id.
func (c *Client) Enrol(ctx context.Context, in api.EnrolInput) (out api.Enrolled, err error) {
	in.PublicKey = base64url(c.Signer.PublicKey())
	return out, c.call(ctx, http.MethodPost, "/v1/device/enrol", in, &out)
}

// CheckIn asks what the device should do now.
func (c *Client) CheckIn(ctx context.Context, in api.CheckIn) (out api.CheckInAnswer, err error) {
	return out, c.call(ctx, http.MethodPost, "/v1/device/checkin", in, &out)
}

// Begin begins a session, or says that nothing changed.
func (c *Client) Begin(ctx context.Context, in api.SessionInput) (out api.Session, err error) {
	return out, c.call(ctx, http.MethodPost, "/v1/device/sessions", in, &out)
}

// End gives a session up.
func (c *Client) End(ctx context.Context, session string) error {
	return c.call(ctx, http.MethodDelete, "/v1/device/sessions/"+url.PathEscape(session), nil, nil)
}

// Sign asks for upload URLs.
func (c *Client) Sign(ctx context.Context, session string, in api.ChunksInput) (out api.SignedChunks, err error) {
	return out, c.call(ctx, http.MethodPost, ofSession(session, "chunks"), in, &out)
}

// Commit makes what was uploaded a snapshot. The request is sent as it is, so that a repeated one is the same.
func (c *Client) Commit(ctx context.Context, session string, request json.RawMessage) (out api.Committed, err error) {
	return out, c.call(ctx, http.MethodPost, ofSession(session, "commit"), request, &out)
}

// Prove ends a verify session with what was found.
func (c *Client) Prove(ctx context.Context, session, outcome string) error {
	path := "/v1/device/sessions/" + url.PathEscape(session) + "?outcome=" + url.QueryEscape(outcome)
	return c.call(ctx, http.MethodDelete, path, nil, nil)
}

// Manifest reads one page of what an open restore reads; an empty cursor begins.
func (c *Client) Manifest(ctx context.Context, session, cursor string) (api.Manifest, error) {
	return c.page(ctx, ofSession(session, "manifest"), cursor)
}

// Base reads one page of what an open verify session reads; an empty cursor begins.
func (c *Client) Base(ctx context.Context, session, cursor string) (api.Manifest, error) {
	return c.page(ctx, ofSession(session, "base"), cursor)
}

func (c *Client) page(ctx context.Context, path, cursor string) (out api.Manifest, err error) {
	if cursor != "" {
		path += "?cursor=" + url.QueryEscape(cursor)
	}
	return out, c.call(ctx, http.MethodGet, path, nil, &out)
}

// Keys asks for the keys of sessions that an open restore or verify session reads.
func (c *Client) Keys(ctx context.Context, session string, in api.KeysInput) (out api.Keys, err error) {
	return out, c.call(ctx, http.MethodPost, ofSession(session, "keys"), in, &out)
}

// Result reports what became of a restore.
func (c *Client) Result(ctx context.Context, restore string, in api.ResultInput) (out api.Restore, err error) {
	return out, c.call(ctx, http.MethodPost, "/v1/device/restores/"+url.PathEscape(restore)+"/result", in, &out)
}

func ofSession(id, what string) string {
	return "/v1/device/sessions/" + url.PathEscape(id) + "/" + what
}
