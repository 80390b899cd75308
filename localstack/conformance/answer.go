package conformance

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/aws/smithy-go"
)

// refused is nil if err is the refusal of what, with one of the codes.
func refused(err error, what string, codes ...string) error {
	if err == nil {
		return accepted{what}
	}
	want := strings.Join(codes, " or ")
	switch api, ok := errors.AsType[smithy.APIError](err); {
	case !ok:
		return fmt.Errorf("there is no answer to %s, want %s: %w", what, want, err)
	case slices.Contains(codes, api.ErrorCode()):
		return nil
	default:
		return fmt.Errorf("the answer to %s is %s (%s), want %s", what, api.ErrorCode(), api.ErrorMessage(), want)
	}
}

// differs says that got is not want.
func differs(what string, got, want any) error {
	return fmt.Errorf("%s: got %v, want %v", what, got, want)
}

// at names the place of a failure.
func at(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// all calls f so many times at once.
func all(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() { errs[i] = f(i) })
	}
	done.Wait()
	return errs
}

// oneWinner is nil if one of the writes took effect and the others were refused with one of the codes.
func oneWinner(errs []error, codes ...string) error {
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
		} else if err := refused(err, "a write that came too late", codes...); err != nil {
			return err
		}
	}
	if winners != 1 {
		return differs(fmt.Sprintf("winners of %d writes at once", len(errs)), winners, 1)
	}
	return nil
}

// request is one sent without the SDK, as a phone sends it.
type request struct {
	method, url string
	header      http.Header
	body        []byte
}

func (r request) clone() request {
	r.header, r.body = r.header.Clone(), bytes.Clone(r.body)
	return r
}

// answer is what came back.
type answer struct {
	status int
	code   string // of an error
	header http.Header
	body   []byte
}

func (t *Target) send(ctx context.Context, r request) (_ answer, err error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	req.Header = r.header.Clone()
	got, err := t.Config.HTTPClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { err = errors.Join(err, got.Body.Close()) }()
	body, err := io.ReadAll(got.Body)
	a := answer{status: got.StatusCode, header: got.Header, body: body}
	if a.status >= 400 {
		var refusal struct{ Code string }
		if err := xml.Unmarshal(body, &refusal); err != nil {
			return a, fmt.Errorf("the answer %d is no error of S3: %w", a.status, err)
		}
		a.code = refusal.Code
	}
	return a, err
}

// refused is nil if the answer is the refusal of what, with the status and one of the codes.
func (a answer) refused(what string, status int, codes ...string) error {
	switch {
	case a.status < 300:
		return accepted{what}
	case a.status != status || !slices.Contains(codes, a.code):
		return fmt.Errorf("the answer to %s is %d %s, want %d %s", what, a.status, a.code, status, strings.Join(codes, " or "))
	}
	return nil
}
