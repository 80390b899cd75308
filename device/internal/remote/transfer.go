package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"sync"
	"time"
)

// slowest is the rate below which a transfer counts as broken off.
const slowest = 16 << 10 // bytes a second

// Upload is one object to be put where a presigned URL says.
type Upload struct {
	URL     string
	Headers map[string]string // all that were signed
	Size    int64
	Open    func() (io.ReadCloser, error) // from its beginning, for each attempt
}

// Put uploads an object. That it is there already is success: its key is bound to its content. *Refused that is Expired
// asks for another URL, *Unreadable means that this device's own copy cannot be read. The storage is asked by the head of
// the request whether it wants the object at all (RFC 9110, section 10.1.1): where it says at once that it has it, that the
// URL has expired or that it is busy, no byte of it is sent.
func (c *Client) Put(ctx context.Context, u Upload) error {
	expect := true
	return c.retry(ctx, func() error {
		err := c.put(ctx, u, expect)
		if r, ok := errors.AsType[*Refused](err); ok && r.Status == http.StatusExpectationFailed && expect {
			expect = false // something between here and there does not know how to ask
			err = c.put(ctx, u, expect)
		}
		return err
	})
}

func (c *Client) put(ctx context.Context, u Upload, expect bool) error {
	ctx, cancel := context.WithTimeout(ctx, patienceFor(u.Size))
	defer cancel()
	body, err := u.Open()
	if err != nil {
		return err
	}
	defer body.Close()
	if err := c.may(ctx, u.Size); err != nil {
		return err
	}
	sending := &local{body: body, left: u.Size, sent: func(n int) { c.count(func(r *Requests) { r.BytesUp += int64(n) }) }}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, u.URL, c.paced(ctx, sending))
	if err != nil {
		return fmt.Errorf("the service gave an upload URL that cannot be read: %w", err)
	}
	req.ContentLength = u.Size
	for name, value := range u.Headers {
		req.Header.Set(name, value)
	}
	if expect {
		req.Header.Set("Expect", "100-continue")
	}
	c.count(func(r *Requests) { r.Puts++ })
	resp, err := c.http().Do(req)
	if err != nil {
		if failed := sending.failed(); failed != nil {
			return &Unreadable{failed}
		}
		return unanswered(req, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	switch {
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusPreconditionFailed:
		return nil
	case err != nil:
		return unanswered(req, err)
	}
	return refusedBy(resp, answer, c.Time())
}

// Unreadable is what was to be sent and cannot be read to its end: no network mends it.
type Unreadable struct{ Err error }

func (u *Unreadable) Error() string {
	return fmt.Sprintf("what was to be sent cannot be read: %v", u.Err)
}

func (u *Unreadable) Unwrap() error { return u.Err }

// local tells the errors of the body that is sent from those of the network, which answers both in one way. The transport
// may read on while its error is looked at.
type local struct {
	body io.ReadCloser
	sent func(n int)

	mu   sync.Mutex
	left int64
	err  error
}

func (l *local) Read(p []byte) (int, error) {
	n, err := l.body.Read(p)
	l.sent(n)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left -= int64(n)
	switch {
	case l.left < 0:
		l.err = errors.New("it is longer than it was")
	case err == io.EOF && l.left > 0:
		l.err = fmt.Errorf("%d bytes of it are missing", l.left)
	case err != nil && err != io.EOF && !errors.Is(err, fs.ErrClosed): // closed by the transport, which has had enough
		l.err = err
	}
	return n, err
}

func (l *local) Close() error { return l.body.Close() }

func (l *local) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Get downloads an object of a known size to what create answers, which begins anew for each attempt. An object of
// another size is an error, and so is *Refused: Status 403 means that the URL has expired, 404 that there is no object.
func (c *Client) Get(ctx context.Context, url string, size int64, create func() (io.WriteCloser, error)) error {
	return c.retry(ctx, func() error { return c.get(ctx, url, "", size, create) })
}

// get downloads an object, or a part of it, of a size.
func (c *Client) get(ctx context.Context, url, part string, size int64, create func() (io.WriteCloser, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patienceFor(size))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("the service gave a download URL that cannot be read: %w", err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	want := http.StatusOK
	if part != "" {
		req.Header.Set("Range", part)
		want = http.StatusPartialContent
	}
	if err := c.may(ctx, size); err != nil {
		return err
	}
	c.count(func(r *Requests) { r.Gets++ })
	resp, err := c.http().Do(req)
	if err != nil {
		return unanswered(req, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if err != nil {
			return unanswered(req, err)
		}
		return refusedBy(resp, answer, c.Time())
	}
	return c.save(req, resp.Body, size, create)
}

// save writes the body of an answer, which should have a size.
func (c *Client) save(req *http.Request, body io.ReadCloser, size int64, create func() (io.WriteCloser, error)) error {
	to, err := create()
	if err != nil {
		return err
	}
	in := &reading{r: io.LimitReader(c.paced(req.Context(), body), size+1)}
	n, err := io.Copy(to, in)
	c.count(func(r *Requests) { r.BytesDown += n })
	if cerr := to.Close(); err == nil {
		err = cerr
	}
	switch {
	case in.err != nil:
		return unanswered(req, in.err)
	case err != nil:
		return err
	case n != size:
		return &WrongSize{Got: n, Want: size}
	}
	return nil
}

// WrongSize is an object that has not the size that it was stored with.
type WrongSize struct{ Got, Want int64 }

func (w *WrongSize) Error() string {
	if w.Got > w.Want {
		return fmt.Sprintf("it has more than its %d bytes", w.Want)
	}
	return fmt.Sprintf("it has %d of its %d bytes", w.Got, w.Want)
}

// reading tells the network's errors from those of the file that is written.
type reading struct {
	r   io.Reader
	err error
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

func patienceFor(size int64) time.Duration {
	return time.Minute + time.Duration(size/slowest)*time.Second
}
