package profile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"zapas/localstack/deployment"
	"zapas/localstack/standin/standintest"
	"zapas/shared/audit"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

var ada = caller.Caller{Tenant: "acme", User: "0ADA0000000000000000000000", Roles: []caller.Role{caller.Admin}}

const nowhere = profile.ID("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")

// world is one deployment's profiles, and what its audit log has accepted.
type world struct {
	*profile.Service
	stack *standintest.Stack
	ids   atomic.Int64

	mu      sync.Mutex
	records []string
}

// noting is the real log, with a note of what it has accepted.
type noting struct {
	table.Audit
	world *world
}

func (n noting) Append(ctx context.Context, r audit.Record) error {
	err := n.Audit.Append(ctx, r)
	if err == nil {
		n.world.mu.Lock()
		defer n.world.mu.Unlock()
		n.world.records = append(n.world.records, strings.Join(append([]string{string(r.Action), r.Target}, r.Also...), " "))
	}
	return err
}

func (w *world) newID() string { return fmt.Sprintf("01%024d", w.ids.Add(1)) }

// open makes a world; patient has each call tried three times, as in a function.
func open(t *testing.T, patient bool) *world {
	t.Helper()
	s := standintest.New(t)
	if err := deployment.Tables(s.AWS); err != nil {
		t.Fatal(err)
	}
	cfg := s.Config()
	if patient {
		cfg.Retryer = func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		}
	}
	w := &world{stack: s}
	db := table.Open(cfg)
	log := noting{table.Audit{DB: db, Name: deployment.Audit}, w}
	w.Service = &profile.Service{Store: table.Profiles{DB: db, Name: deployment.Table}, Censuses: table.Walks{DB: db, Name: deployment.Table}, Locations: []profile.Location{{ID: "eu"}},
		Audit: audit.Recorder{Log: log, Now: s.Clock.Now, NewID: w.newID}, Now: s.Clock.Now, NewID: w.newID}
	return w
}

// List reads all profiles, oldest first.
func (w *world) List(ctx context.Context) ([]profile.Profile, error) {
	all, _, err := w.Find(ctx, profile.Query{Limit: 200})
	return all, err
}

func nightly() profile.Profile {
	return profile.Profile{Name: "Every night", Enabled: true, Elements: []string{"contacts"}, Location: "eu", DeviceGroups: []string{},
		Schedule:  profile.Schedule{Kind: profile.Daily, At: "02:00", Zone: "Europe/Warsaw"},
		Retention: profile.DefaultRetention(), Alerts: profile.DefaultAlerts()}
}

func (w *world) created(t *testing.T) profile.Profile {
	t.Helper()
	p, err := w.Create(t.Context(), ada, nightly())
	if err != nil {
		t.Fatal(err)
	}
	w.stack.Clock.Advance(time.Minute)
	return p
}

// changed is p as an editor sends it.
func changed(p profile.Profile, name string) profile.Profile {
	wish := nightly()
	wish.ID, wish.Name = p.ID, name
	return wish
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("the answer is %v, and should be of kind %d", err, kind)
	}
}

func wantField(t *testing.T, err error, pointer string) {
	t.Helper()
	var names []string
	if e, ok := errors.AsType[*fault.Error](err); ok {
		for _, f := range e.Fields {
			names = append(names, f.Pointer)
		}
	}
	if !slices.Contains(names, pointer) {
		t.Errorf("%s is not named: %v", pointer, err)
	}
}

func (w *world) wantStored(t *testing.T, want ...profile.Profile) {
	t.Helper()
	all, err := w.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, all, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("what is stored (+) is not what should be (-):\n%s", d)
	}
}

func (w *world) names(t *testing.T) (names []string) {
	t.Helper()
	all, err := w.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		names = append(names, p.Name)
	}
	return names
}

func (w *world) wantRecords(t *testing.T, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, w.records); d != "" {
		t.Errorf("what is recorded (+) is not what should be (-):\n%s", d)
	}
}

func TestEdit(t *testing.T) {
	t.Parallel()

	t.Run("StandsInThePlaceOfWhatWasRead", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		p := w.created(t)
		got, err := w.Edit(t.Context(), ada, changed(p, "Every night, later"), p.Version)
		want := p
		want.Name, want.Version, want.UpdatedAt = "Every night, later", 2, p.UpdatedAt.Add(time.Minute)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Error(err, d)
		}
		w.wantStored(t, want)
		w.wantRecords(t, "profile.created "+string(p.ID), "profile.changed "+string(p.ID))
	})

	t.Run("OfAnOlderVersionIsRefused", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		p := w.created(t)
		q, err := w.Edit(t.Context(), ada, changed(p, "first"), 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range []int64{1, 0, -1, 3} {
			_, err := w.Edit(t.Context(), ada, changed(p, "second"), version)
			wantKind(t, err, fault.Stale)
		}
		w.wantStored(t, q)
		w.wantRecords(t, "profile.created "+string(p.ID), "profile.changed "+string(p.ID))
	})

	t.Run("ThatIsThereAlreadyIsAnsweredAsIfItWereNew", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		p := w.created(t)
		q, err := w.Edit(t.Context(), ada, changed(p, "first"), 1)
		if err != nil {
			t.Fatal(err)
		}
		w.stack.Clock.Advance(time.Minute)
		again, err := w.Edit(t.Context(), ada, changed(p, "first"), 1)
		if d := cmp.Diff(q, again); d != "" || err != nil {
			t.Error(err, d)
		}
		_, err = w.Edit(t.Context(), ada, changed(p, "first"), 0) // of the same content, but nobody has read that version
		wantKind(t, err, fault.Stale)
	})

	t.Run("OfNothingIsNotFound", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		p := w.created(t)
		if err := w.Delete(t.Context(), ada, p.ID, 1); err != nil {
			t.Fatal(err)
		}
		for _, id := range []profile.ID{p.ID, nowhere, "", "../x"} {
			_, err := w.Edit(t.Context(), ada, changed(profile.Profile{ID: id}, "x"), 1)
			wantKind(t, err, fault.NotFound)
		}
		w.wantStored(t)
	})

	t.Run("NamesWhatIsNotLawful", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		p := w.created(t)
		wish := changed(p, strings.Repeat("ż", profile.MaxName+1))
		wish.Location = "us"
		_, err := w.Edit(t.Context(), ada, wish, 1)
		wantField(t, err, "/name")
		wantField(t, err, "/location")
		w.wantStored(t, p)
		w.wantRecords(t, "profile.created "+string(p.ID))
	})
}

func TestDelete(t *testing.T) {
	t.Parallel()
	w := open(t, true)
	p, kept := w.created(t), w.created(t)
	wantKind(t, w.Delete(t.Context(), ada, p.ID, 2), fault.Stale)
	w.wantStored(t, p, kept)
	if err := w.Delete(t.Context(), ada, p.ID, 1); err != nil {
		t.Error(err)
	}
	w.wantStored(t, kept)
	wantKind(t, w.Delete(t.Context(), ada, p.ID, 1), fault.NotFound)
	wantKind(t, w.Delete(t.Context(), ada, nowhere, 1), fault.NotFound)
	_, err := w.Get(t.Context(), p.ID)
	wantKind(t, err, fault.NotFound)
	_, err = w.ForRun(t.Context(), p.ID)
	wantKind(t, err, fault.Conflict)
	all, err := w.List(t.Context())
	if governs, why, ok := profile.NewSet(all).Governing(p.ID, ""); err != nil || !ok || governs.ID != kept.ID || why != profile.ByAge {
		t.Errorf("%v governs (%s) %v", governs, why, err)
	}
	w.wantRecords(t, "profile.created "+string(p.ID), "profile.created "+string(kept.ID), "profile.deleted "+string(p.ID))
}

func TestCopy(t *testing.T) {
	t.Parallel()
	w := open(t, true)
	p := w.created(t)
	for _, name := range []string{"", "  ", "Every night", " Every night\t", "a\x00b", strings.Repeat("x", profile.MaxName+1)} {
		_, err := w.Copy(t.Context(), ada, p.ID, "", name)
		wantField(t, err, "/name")
	}
	for _, id := range []profile.ID{nowhere, "", "x"} {
		_, err := w.Copy(t.Context(), ada, id, "", "Copy")
		wantKind(t, err, fault.NotFound)
	}
	w.wantStored(t, p)

	edited, err := w.Edit(t.Context(), ada, changed(p, "Original"), 1)
	if err != nil {
		t.Fatal(err)
	}
	w.stack.Clock.Advance(time.Minute)
	got, err := w.Copy(t.Context(), ada, p.ID, "", " Every night ")
	want := edited
	want.ID, want.Name, want.Version, want.CreatedAt, want.UpdatedAt, want.Since = got.ID, "Every night", 1, w.stack.Clock.Now(), w.stack.Clock.Now(), w.stack.Clock.Now()
	if d := cmp.Diff(want, got); d != "" || err != nil || got.ID == p.ID {
		t.Error(err, d)
	}
	w.wantStored(t, edited, want)
	w.wantRecords(t, "profile.created "+string(p.ID), "profile.changed "+string(p.ID), "profile.copied "+string(got.ID)+" "+string(p.ID))
}

// TestCheck: a form that is not saved is checked as one that is, and nothing comes of it.
func TestCheck(t *testing.T) {
	t.Parallel()
	w := open(t, true)
	if p, err := w.Check(nightly()); err != nil || p.Region != "PL" {
		t.Error(p, err)
	}
	wrong := nightly()
	wrong.Schedule.At = "25:00"
	_, err := w.Check(wrong)
	wantField(t, err, "/schedule/at")
	_, created := w.Create(t.Context(), ada, wrong)
	if d := cmp.Diff(created.Error(), err.Error()); d != "" {
		t.Errorf("a form is refused otherwise than a creation (-):\n%s", d)
	}
	w.wantStored(t)
	w.wantRecords(t)
}
