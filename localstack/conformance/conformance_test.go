package conformance_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"zapas/localstack/conformance"
	"zapas/localstack/standin/standintest"
)

// TestStandIn: what stands in for AWS behaves as AWS, in every case.
func TestStandIn(t *testing.T) {
	t.Parallel()
	made := target(t, nil)
	enforced := conformance.Probe(t.Context(), made)
	for _, c := range conformance.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if r := c.Check(t.Context(), made, enforced); r.Verdict != conformance.Passed {
				t.Errorf("%s: %s (%s)", r.Verdict, r.Why, c.Source)
			}
		})
	}
}

// TestOverTCP: all of it again over a socket, as against any other target, and nothing is left behind.
func TestOverTCP(t *testing.T) {
	t.Parallel()
	stack := standintest.New(t)
	server := httptest.NewServer(stack.AWS)
	t.Cleanup(server.Close)
	enforce(t, stack.AWS)
	w := newWire(stack.AWS, server.Client().Transport)
	cfg := stack.As(tester)
	cfg.BaseEndpoint, cfg.HTTPClient = aws.String(server.URL), &http.Client{Transport: w}
	// The SDK gives up a request's body as soon as the answer begins. Where that comes before net/http has seen the body's
	// end, as it can on loopback, the connection is closed under a long answer, and the SDK has to try again.
	cfg.Retryer = nil
	var out strings.Builder
	err := conformance.Play(t.Context(), conformance.Settings{Config: cfg, Now: time.Now}, "conformance-tcp", &out)
	if err != nil || strings.Count(out.String(), "\npassed") != len(conformance.Cases())-1 || !strings.HasSuffix(out.String(), " passed, 0 failed, 0 not proven\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if len(w.made) > 0 {
		t.Errorf("left behind: %v", w.made)
	}
	left, err := scheduler.NewFromConfig(cfg).ListSchedules(t.Context(), &scheduler.ListSchedulesInput{})
	if err != nil || len(left.Schedules) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestDataOnly: whoever has no schedules and events is not asked for them.
func TestDataOnly(t *testing.T) {
	t.Parallel()
	stack := standintest.New(t)
	enforce(t, stack.AWS)
	refuse := refuser{next: stack.Client().Transport}
	cfg := stack.As(tester)
	cfg.HTTPClient = &http.Client{Transport: newWire(stack.AWS, &refuse)}
	var out strings.Builder
	err := conformance.Play(t.Context(), conformance.Settings{Config: cfg, Now: time.Now, DataOnly: true}, "conformance-data", &out)
	if err != nil || refuse.asked.Load() || strings.Contains(out.String(), "Schedule/") || !strings.Contains(out.String(), "\npassed      Caller/KMS\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// refuser has neither Scheduler nor EventBridge.
type refuser struct {
	next  http.RoundTripper
	asked atomic.Bool
}

func (f *refuser) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, service := range []string{"/scheduler/", "/events/"} {
		if strings.Contains(r.Header.Get("Authorization"), service) {
			f.asked.Store(true)
			return nil, errors.New("there is no such service")
		}
	}
	return f.next.RoundTrip(r)
}

func TestCasesAreNamed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range conformance.Cases() {
		if seen[c.Name] || strings.Count(c.Name, "/") != 1 {
			t.Errorf("the name %s is used twice, or has not the form Group/Claim", c.Name)
		}
		seen[c.Name] = true
		if document, page, ok := strings.Cut(c.Source, ", "); !ok || page == "" || !strings.Contains(document, "Guide") && !strings.Contains(document, "Reference") {
			t.Errorf("%s: %q names no page of a guide or a reference", c.Name, c.Source)
		}
	}
}

// TestUnprobedRuleIsNoProof: a case is not believed whose rule nobody asked for.
func TestUnprobedRuleIsNoProof(t *testing.T) {
	t.Parallel()
	made := target(t, nil)
	for _, c := range conformance.Cases() {
		if c.Rule == conformance.Signatures {
			if r := c.Check(t.Context(), made, nil); r.Verdict != conformance.Failed {
				t.Errorf("%s: %s", c.Name, r.Verdict)
			}
		}
	}
}

// TestSettle: an index that shows a write late is waited for, as long as the target may take and no longer.
func TestSettle(t *testing.T) {
	t.Parallel()
	for settle, want := range map[time.Duration]conformance.Verdict{0: conformance.Failed, 5 * time.Second: conformance.Passed} {
		late := mutant{answer: func(b *broken, op string, in, out fields) {
			if b.answers++; in["IndexName"] != nil && b.answers < 5 {
				out["Items"], out["Count"] = []any{}, 0
			}
		}}
		made := target(t, late.of)
		made.Settle = settle
		if r := check(t, made, nil, []string{"Index/Sparse"})[0]; r.Verdict != want {
			t.Errorf("waiting %v: %s %s", settle, r.Verdict, r.Why)
		}
	}
}
