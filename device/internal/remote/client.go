// Package remote knows how a device speaks to the service and to the storage behind it: how a request is signed, what is
// repeated and when, and what went wrong in words. It does not know what is sent, nor what it is for.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	callTimeout = 40 * time.Second // API Gateway ends every request after 30 s
	maxAnswer   = 8 << 20          // bytes of an answer; a manifest page is the largest
)

// Client sends one device's requests. Every request is repeated when it was not answered: all are safe to repeat.
type Client struct {
	Server    string // such as https://backup.example.com, without /v1
	Device    string // the device's id; empty while it enrols
	Signer    Signer
	Transport http.RoundTripper
	Now       func() time.Time
	Random    io.Reader // a cryptographic source
	// Wait returns after a time, or with the context's error when that ends first.
	Wait func(ctx context.Context, d time.Duration) error
	// Limit returns when up to n more bytes of objects may go over the network, or with an error; nil: at once. It is called
	// by several transfers at the same time.
	Limit func(ctx context.Context, n int) error
	// May is asked before each attempt at an object of n bytes; its error is final. nil: always.
	May func(ctx context.Context, n int64) error

	mu     sync.Mutex
	offset time.Duration
	sent   Requests
}

// Requests counts what was sent, repetitions included.
type Requests struct {
	API       int   `json:"api"`
	Puts      int   `json:"puts"`
	Gets      int   `json:"gets"`
	BytesUp   int64 `json:"bytesUp"`   // of objects
	BytesDown int64 `json:"bytesDown"` // of objects
}

// Total is the number of all requests.
func (r Requests) Total() int { return r.API + r.Puts + r.Gets }

// Minus is what was sent since an earlier count.
func (r Requests) Minus(earlier Requests) Requests {
	return Requests{API: r.API - earlier.API, Puts: r.Puts - earlier.Puts, Gets: r.Gets - earlier.Gets,
		BytesUp: r.BytesUp - earlier.BytesUp, BytesDown: r.BytesDown - earlier.BytesDown}
}

// Sent is what was sent so far.
func (c *Client) Sent() Requests {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

func (c *Client) count(add func(r *Requests)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	add(&c.sent)
}

// Offset is by how much the service's clock is ahead of this device's, as far as the service has complained.
func (c *Client) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// Time is the service's time, as far as it is known.
func (c *Client) Time() time.Time { return c.Now().Add(c.Offset()) }

// SetOffset begins with an offset that was learnt before.
func (c *Client) SetOffset(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = d
}

// call sends one operation and decodes its answer into out. Members of the answer that are not known are passed over: a
// newer service may say more.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("%s %s: encode the request: %w", method, path, err)
		}
	}
	learnt := false
	return c.retry(ctx, func() error {
		err := c.once(ctx, method, path, body, out)
		if p := problem(err); p != nil && p.Code == "token_time" && p.ServerTime != nil && !learnt {
			learnt = true
			c.SetOffset(p.ServerTime.Sub(c.Now()))
			err = c.once(ctx, method, path, body, out)
		}
		return err
	})
}

func (c *Client) once(ctx context.Context, method, path string, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Server, "/")+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the server address %q is no URL: %w", c.Server, err)
	}
	token, err := c.token(method, req.URL.RequestURI(), body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Zapas-Device "+token)
	req.Header.Set("Accept", "application/json, application/problem+json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	c.count(func(r *Requests) { r.API++ })
	resp, err := c.http().Do(req)
	if err != nil {
		return unanswered(req, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return unanswered(req, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return problemOf(resp, answer, c.Time())
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: the answer cannot be read; is %s the service's address? %w", method, path, c.Server, err)
	}
	return nil
}

// draw reads from Random, one request at a time.
func (c *Client) draw(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := io.ReadFull(c.Random, b); err != nil {
		return fmt.Errorf("draw random bytes: %w", err)
	}
	return nil
}

// http does not follow redirects: a signed request is meant for the place that it names.
func (c *Client) http() *http.Client {
	return &http.Client{Transport: c.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
