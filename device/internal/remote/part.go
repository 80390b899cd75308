package remote

import (
	"context"
	"fmt"
	"io"
)

// GetPart downloads length bytes of an object from an offset on (RFC 9110, section 14.2), to what create answers, which begins
// anew for each attempt. Errors are as those of Get; an object that ends before is *Refused with Status 416, or *WrongSize.
func (c *Client) GetPart(ctx context.Context, url string, offset, length int64, create func() (io.WriteCloser, error)) error {
	part := fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
	return c.retry(ctx, func() error { return c.get(ctx, url, part, length, create) })
}
