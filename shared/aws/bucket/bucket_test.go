package bucket_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"zapas/localstack/deployment"
	"zapas/localstack/standin"
	"zapas/shared/aws/bucket"
	"zapas/shared/fault"
	"zapas/shared/vault"
)

// wire carries calls to S3. The next strikes fall on calls one after the other.
type wire struct {
	aws     http.RoundTripper
	late    atomic.Int64 // how much later it is there than here
	mu      sync.Mutex
	strikes []strike
}

// strike is what happens to one call instead of an answer.
type strike struct {
	effect bool // the call takes effect and its answer is lost
	status int  // 0: no answer
	code   string
	body   io.Reader // of an answer without a code
	sum    string    // that it claims, SHA-256
}

var (
	lostBefore = strike{}
	lostAfter  = strike{effect: true}
)

func (w *wire) strike(s ...strike) { w.strikes = s }

func (w *wire) next() *strike {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.strikes) == 0 {
		return nil
	}
	s := w.strikes[0]
	w.strikes = w.strikes[1:]
	return &s
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	s := w.next()
	if s == nil {
		return w.aws.RoundTrip(r)
	}
	if s.effect {
		answer, err := w.aws.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		if err := answer.Body.Close(); err != nil {
			return nil, err
		}
	}
	body := s.body
	switch {
	case s.status == 0:
		return nil, errors.New("the answer is lost")
	case body == nil:
		body = strings.NewReader("<Error><Code>" + s.code + "</Code><Message>no</Message></Error>")
	}
	header := http.Header{}
	if s.sum != "" {
		header.Set("x-amz-checksum-sha256", s.sum)
	}
	return &http.Response{StatusCode: s.status, Header: header, Body: io.NopCloser(body)}, nil
}

// open makes the deployment's buckets, and Objects that use them.
func open(t *testing.T) (bucket.Objects, *wire) {
	t.Helper()
	w := &wire{}
	stack, err := standin.Open(standin.Config{Dir: t.TempDir(), Account: "000000000000", Region: "eu-central-1", Log: slog.New(slog.DiscardHandler),
		Now:    func() time.Time { return time.Now().Add(time.Duration(w.late.Load())) },
		Secret: func(id string) (string, bool) { return "secret", id == "id" }})
	must(t, err)
	t.Cleanup(func() { must(t, stack.Close()) })
	_, err = deployment.On(stack)
	must(t, err)
	buckets := map[string]string{location: deployment.Bucket}
	w.aws = stack.Transport(nil)
	return bucket.New(aws.Config{Region: "eu-central-1", HTTPClient: w, BaseEndpoint: new("http://s3.test"),
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		Retryer: func() aws.Retryer { // as in a function, without the waiting
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		}}, buckets), w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("got (+), want (-):\n%s", d)
	}
}

const ok fault.Kind = -1

func wantKind(t *testing.T, err error, want fault.Kind) {
	t.Helper()
	if want == ok && err != nil {
		t.Errorf("it fails: %v", err)
	} else if want != ok && !fault.Is(err, want) {
		t.Errorf("the failure is %v, want one of kind %d", err, want)
	}
}

const key = "u/USER/s/SESSION/c/CHUNK"

const location = "eu"

// send executes a signed URL as a phone would.
func send(t *testing.T, w *wire, method, at string, headers map[string]string, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(body))
	must(t, err)
	for name, v := range headers {
		if name == "Content-Length" { // which a client sends by itself
			continue
		}
		r.Header.Set(name, v)
	}
	answer, err := w.Do(r)
	must(t, err)
	b, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(b)
}

func chunk(body string) vault.ChunkSum {
	return vault.ChunkSum{SHA256: sha256.Sum256([]byte(body)), Size: int64(len(body))}
}

// TestSignPut: a URL stores exactly the one object that was signed, once.
func TestSignPut(t *testing.T) {
	t.Parallel()
	const body = "sealed bytes"
	for _, test := range []struct {
		name  string
		twist func(w *wire, at *url.URL, headers map[string]string, body *string)
		want  int
	}{
		{"AsSigned", func(*wire, *url.URL, map[string]string, *string) {}, 200},
		{"AtTheLastMoment", func(w *wire, _ *url.URL, _ map[string]string, _ *string) {
			w.late.Store(int64(vault.SignedFor - 5*time.Second))
		}, 200},
		{"Expired", func(w *wire, _ *url.URL, _ map[string]string, _ *string) {
			w.late.Store(int64(vault.SignedFor + 5*time.Second))
		}, 403},
		{"OtherBody", func(_ *wire, _ *url.URL, _ map[string]string, b *string) { *b = "SEALED BYTES" }, 400},
		{"LongerBody", func(_ *wire, _ *url.URL, _ map[string]string, b *string) { *b += "!" }, 403},
		{"ShorterBody", func(_ *wire, _ *url.URL, _ map[string]string, b *string) { *b = "sealed" }, 403},
		{"OtherChecksum", func(_ *wire, _ *url.URL, h map[string]string, _ *string) {
			h["X-Amz-Checksum-Sha256"] = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
		}, 403},
		{"NoChecksum", func(_ *wire, _ *url.URL, h map[string]string, _ *string) { delete(h, "X-Amz-Checksum-Sha256") }, 403},
		{"MayOverwrite", func(_ *wire, _ *url.URL, h map[string]string, _ *string) { delete(h, "If-None-Match") }, 403},
		{"OtherObject", func(_ *wire, at *url.URL, _ map[string]string, _ *string) { at.Path += "X" }, 403},
		{"LongerLife", func(_ *wire, at *url.URL, _ map[string]string, _ *string) {
			at.RawQuery = strings.Replace(at.RawQuery, "X-Amz-Expires=600", "X-Amz-Expires=6000", 1)
		}, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o, w := open(t)
			at, headers, err := o.SignPut(t.Context(), location, key, chunk(body))
			must(t, err)
			u, err := url.Parse(at)
			must(t, err)
			sent := body
			test.twist(w, u, headers, &sent)
			status, answer := send(t, w, http.MethodPut, u.String(), headers, sent)
			if status != test.want {
				t.Errorf("it answers %d, want %d: %s", status, test.want, answer)
			}
			w.late.Store(0)
			sizes, err := o.Sizes(t.Context(), location, "")
			must(t, err)
			stored := map[string]int64{}
			if test.want == 200 {
				stored[key] = int64(len(body))
			}
			same(t, sizes, stored)
		})
	}

	t.Run("NeverOverwrites", func(t *testing.T) {
		t.Parallel()
		o, w := open(t)
		for _, want := range []int{200, 412} {
			at, headers, err := o.SignPut(t.Context(), location, key, chunk(body))
			must(t, err)
			status, answer := send(t, w, http.MethodPut, at, headers, body)
			if status != want {
				t.Errorf("it answers %d, want %d: %s", status, want, answer)
			}
		}
	})

	t.Run("SaysAllItNeeds", func(t *testing.T) {
		t.Parallel()
		o, _ := open(t)
		at, headers, err := o.SignPut(t.Context(), location, key, chunk(body))
		must(t, err)
		same(t, headers, map[string]string{"Content-Length": "12", "If-None-Match": "*", "X-Amz-Checksum-Sha256": "81z1s2Gw6vewwC51gI4mDj83nEdFq+RVUrp2joVod0k="})
		u, err := url.Parse(at)
		must(t, err)
		same(t, u.Query().Get("X-Amz-SignedHeaders"), "content-length;host;if-none-match;x-amz-checksum-sha256")
		same(t, u.Query().Get("X-Amz-Expires"), "600")
		same(t, u.Host+u.Path, "s3.test/"+deployment.Bucket+"/"+key)
	})

	t.Run("UnknownLocation", func(t *testing.T) {
		t.Parallel()
		o, _ := open(t)
		_, _, err := o.SignPut(t.Context(), "mars", key, chunk(body))
		wantUnknown(t, err)
	})
}

func wantUnknown(t *testing.T, err error) {
	t.Helper()
	if wantKind(t, err, fault.Internal); err == nil || !strings.Contains(err.Error(), `"mars"`) {
		t.Errorf("the failure %v does not name the location", err)
	}
}

// TestSignGet: a URL reads exactly the one object that was signed.
func TestSignGet(t *testing.T) {
	t.Parallel()
	o, w := open(t)
	must(t, o.PutList(t.Context(), location, key, []byte("0123456789")))
	at, err := o.SignGet(t.Context(), location, key)
	must(t, err)
	u, err := url.Parse(at)
	must(t, err)
	var asked []string
	for name := range u.Query() {
		asked = append(asked, name)
	}
	slices.Sort(asked)
	same(t, asked, []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature", "X-Amz-SignedHeaders", "x-id"})
	same(t, u.Query().Get("X-Amz-SignedHeaders"), "host")
	same(t, u.Query().Get("X-Amz-Expires"), "300")

	get := func(at string, headers map[string]string) [2]string {
		status, body := send(t, w, http.MethodGet, at, headers, "")
		if status >= 400 {
			body = ""
		}
		return [2]string{fmt.Sprint(status), body}
	}
	same(t, get(at, nil), [2]string{"200", "0123456789"})
	same(t, get(at, map[string]string{"Range": "bytes=2-4"}), [2]string{"206", "234"})
	same(t, get(strings.Replace(at, "CHUNK", "OTHER", 1), nil), [2]string{"403", ""})
	status, _ := send(t, w, http.MethodPut, at, nil, "other")
	same(t, status, 403)
	w.late.Store(int64(vault.ReadFor + 5*time.Second))
	same(t, get(at, nil), [2]string{"403", ""})

	_, err = o.SignGet(t.Context(), "mars", key)
	wantUnknown(t, err)
}

// TestSizes lists more than one page of an answer holds (1,000), and nothing beside the prefix.
func TestSizes(t *testing.T) {
	t.Parallel()
	o, w := open(t)
	want := map[string]int64{}
	for n := range 1001 {
		k := fmt.Sprintf("u/A/s/S/c/%04d", n)
		must(t, o.PutList(t.Context(), location, k, make([]byte, n%7)))
		want[k] = int64(n % 7)
	}
	must(t, o.PutList(t.Context(), location, "u/A/s/S2/c/X", nil))
	sizes, err := o.Sizes(t.Context(), location, "u/A/s/S/")
	must(t, err)
	same(t, sizes, want)
	_, err = o.Sizes(t.Context(), "mars", "")
	wantUnknown(t, err)
	w.strike(lostBefore, lostBefore, lostBefore)
	_, err = o.Sizes(t.Context(), location, "u/A/")
	wantKind(t, err, fault.Unavailable)
}

// TestPutList: a list is stored once, and a fault never leaves another one or half of one.
func TestPutList(t *testing.T) {
	t.Parallel()
	meets := strike{status: 409, code: "ConditionalRequestConflict"}
	slow := strike{status: 503, code: "SlowDown"}
	for _, test := range []struct {
		name    string
		stored  string // before
		strikes []strike
		want    fault.Kind
		after   string
	}{
		{"First", "", nil, ok, "list"},
		{"StoredAlready", "old", nil, fault.Conflict, "old"},
		{"MeetsAnotherWrite", "", []strike{meets}, ok, "list"},
		{"MeetsAnotherWriteThatWins", "old", []strike{meets}, fault.Conflict, "old"},
		{"MeetsOthersAllTheTime", "", []strike{meets, meets, meets}, fault.Unavailable, ""},
		{"FailedOnce", "", []strike{lostBefore}, ok, "list"},
		{"AnswerLostOnce", "", []strike{lostAfter}, fault.Conflict, "list"},
		{"AnswersLost", "", []strike{lostBefore, lostBefore, lostAfter}, fault.Unavailable, "list"},
		{"Throttled", "", []strike{slow, slow, slow}, fault.Unavailable, ""},
		{"Refused", "", []strike{{status: 403, code: "AccessDenied"}}, fault.Internal, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o, w := open(t)
			if test.stored != "" {
				must(t, o.PutList(t.Context(), location, key, []byte(test.stored)))
			}
			w.strike(test.strikes...)
			wantKind(t, o.PutList(t.Context(), location, key, []byte("list")), test.want)
			same(t, len(w.strikes), 0)
			got, err := o.List(t.Context(), location, key)
			same(t, fault.Is(err, fault.NotFound), test.after == "")
			same(t, string(got), test.after)
		})
	}

	t.Run("UnknownLocation", func(t *testing.T) {
		t.Parallel()
		o, _ := open(t)
		wantUnknown(t, o.PutList(t.Context(), "mars", key, nil))
	})
}

func TestList(t *testing.T) {
	t.Parallel()

	t.Run("ReadBackAsWritten", func(t *testing.T) {
		t.Parallel()
		o, w := open(t)
		body := bytes.Repeat([]byte("0123456789"), 120_000) // as long as the longest list there is
		must(t, o.PutList(t.Context(), location, key, body))
		w.strike(lostBefore)
		got, err := o.List(t.Context(), location, key)
		must(t, err)
		same(t, bytes.Equal(got, body), true)
	})

	t.Run("NoneThere", func(t *testing.T) {
		t.Parallel()
		o, w := open(t)
		_, err := o.List(t.Context(), location, key)
		wantKind(t, err, fault.NotFound)
		w.strike(lostBefore, lostBefore, lostBefore)
		_, err = o.List(t.Context(), location, key)
		wantKind(t, err, fault.Unavailable)
		_, err = o.List(t.Context(), "mars", key)
		wantUnknown(t, err)
	})

	t.Run("AnswerBreaksOff", func(t *testing.T) {
		t.Parallel()
		o, w := open(t)
		w.strike(strike{status: 200, body: io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF))})
		_, err := o.List(t.Context(), location, key)
		wantKind(t, err, fault.Unavailable)
	})

	t.Run("DamagedIsNotBusy", func(t *testing.T) { // who asks knows its digest
		t.Parallel()
		o, w := open(t)
		must(t, o.PutList(t.Context(), location, key, []byte("as it was committed")))
		w.strike(strike{status: 200, sum: "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=", body: strings.NewReader("damaged")})
		got, err := o.List(t.Context(), location, key)
		must(t, err)
		same(t, string(got), "damaged")
	})

	t.Run("NotGivenOut", func(t *testing.T) {
		t.Parallel()
		failure := func() strike {
			return strike{status: 500, code: "InternalError"}
		}
		code := func(err error) string {
			e, _ := errors.AsType[*fault.Error](err)
			return e.Code
		}
		o, w := open(t)
		must(t, o.PutList(t.Context(), location, key, []byte("list")))
		w.strike(failure(), failure(), failure())
		_, err := o.List(t.Context(), location, key)
		wantKind(t, err, fault.Unavailable)
		same(t, code(err), "list_unreadable")
		w.strike(failure(), failure(), failure(), failure(), failure(), failure()) // nor is anything else
		_, err = o.List(t.Context(), location, key)
		wantKind(t, err, fault.Unavailable)
		same(t, code(err), "unavailable")
	})

	t.Run("AtMost64MiB", func(t *testing.T) {
		t.Parallel()
		o, w := open(t)
		for more, want := range []fault.Kind{ok, fault.Internal} {
			w.strike(strike{status: 200, body: io.LimitReader(zeros{}, 64<<20+int64(more))})
			_, err := o.List(t.Context(), location, key)
			wantKind(t, err, want)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
