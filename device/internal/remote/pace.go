package remote

import (
	"context"
	"io"
)

// stride is the most bytes that are asked for at a time.
const stride = 16 << 10

// may asks whether an object of n bytes may be sent or taken now.
func (c *Client) may(ctx context.Context, n int64) error {
	if c.May == nil {
		return nil
	}
	return c.May(ctx, n)
}

// paced is a body as fast as Limit lets it be. Its errors are those of the network: a transfer that is broken off while it
// waits is not the fault of what is sent.
func (c *Client) paced(ctx context.Context, body io.ReadCloser) io.ReadCloser {
	if c.Limit == nil {
		return body
	}
	return &paced{ReadCloser: body, ask: func(n int) error { return c.Limit(ctx, n) }}
}

type paced struct {
	io.ReadCloser
	ask func(n int) error
}

func (p *paced) Read(b []byte) (int, error) {
	b = b[:min(len(b), stride)]
	if err := p.ask(len(b)); err != nil {
		return 0, err
	}
	return p.ReadCloser.Read(b)
}
