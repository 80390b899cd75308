package remote

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// GetPart downloads length bytes of an object from an offset on (RFC 9110, section 14.2), to what create answers, which begins
// anew for each attempt. Errors are as those of Get; an object that ends before is *Refused with Status 416, or *WrongSize.
func (c *Client) GetPart(ctx context.Context, url string, offset, length int64, create func() (io.WriteCloser, error)) error {
	return c.retry(ctx, func() error { return c.getPart(ctx, url, offset, length, create) })
}

func (c *Client) getPart(ctx context.Context, url string, offset, length int64, create func() (io.WriteCloser, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patienceFor(length))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("the service gave a download URL that cannot be read: %w", err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	if err := c.may(ctx, length); err != nil {
		return err
	}
	c.count(func(r *Requests) { r.Gets++ })
	resp, err := c.http().Do(req)
	if err != nil {
		return unanswered(req, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent {
		answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if err != nil {
			return unanswered(req, err)
		}
		return refusedBy(resp, answer, c.Time())
	}
	return c.save(req, resp.Body, length, create)
}
