package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	attempts  = 6
	firstWait = 300 * time.Millisecond
	mostWait  = 20 * time.Second
	patience  = 2 * time.Minute // the longest Retry-After that is waited for
)

// retry runs try until it succeeds, fails for a reason that time does not mend, or attempts are used up. Between them it
// waits with full jitter, and no shorter than it was asked to.
func (c *Client) retry(ctx context.Context, try func() error) error {
	for n := 0; ; n++ {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		after, again := passing(err)
		if !again || n+1 == attempts || after > patience {
			return err
		}
		jitter, rerr := c.jitter(min(mostWait, firstWait<<n))
		if rerr != nil {
			return rerr
		}
		if werr := c.Wait(ctx, max(after, jitter)); werr != nil {
			return fmt.Errorf("%w: %w", werr, err)
		}
	}
}

// passing reports whether a failure may pass, and how long the other side wants to be left alone.
func passing(err error) (after time.Duration, again bool) {
	if p := problem(err); p != nil {
		return p.After, passingStatus(p.Status)
	}
	if r, ok := errors.AsType[*Refused](err); ok {
		// S3 answers 409 while another request for the same key is under way, 400 when the body came too slowly.
		return r.After, passingStatus(r.Status) || r.Status == http.StatusConflict || r.Code == "RequestTimeout"
	}
	_, again = errors.AsType[*Unanswered](err)
	return 0, again
}

func passingStatus(status int) bool {
	return status >= 500 && status != http.StatusNotImplemented ||
		status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

// jitter is evenly spread below most.
func (c *Client) jitter(most time.Duration) (time.Duration, error) {
	var b [8]byte
	if err := c.draw(b[:]); err != nil {
		return 0, err
	}
	return time.Duration(binary.BigEndian.Uint64(b[:]) % uint64(most)), nil
}

// Sleep is a Client's Wait by the real clock.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
