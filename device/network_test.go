package device

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"

	"zapas/shared/api"
)

// TestMayUse: a profile that wants no metered network is heeded before anything is sent, and in the midst of it; the next run
// goes on, and an order asks once.
func TestMayUse(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	no := errors.New("not now")
	var asked []Use
	var allow error
	are := Conditions{Charging: true, Battery: 100}
	profile := profileOf("eu")
	profile.Conditions.Unmetered = new(true)
	p.config.Conditions = func() Conditions { return are }
	refused := func(want error, asks int) {
		t.Helper()
		asked = nil
		_, err := p.Backup(t.Context(), demo(), profile)
		if !errors.Is(err, ErrMetered) || want != nil && !errors.Is(err, want) || !p.Pending() || len(s.chunksStored()) != 0 || len(asked) != asks || len(s.given) > 0 {
			t.Fatalf("%v; asked %+v; %d objects were sent, %d sessions given up", err, asked, len(s.chunksStored()), len(s.given))
		}
	}
	refused(nil, 0)
	p.config.MayUse = func(_ context.Context, u Use) error { asked = append(asked, u); return allow }
	allow = no
	refused(no, 1)
	if puts := slices.Index(s.requests, http.MethodPut); puts >= 0 || asked[0].Order {
		t.Errorf("%v; asked %+v", s.requests, asked)
	}
	s.order = "0ARDER00000000000000000000"
	if _, err := p.CheckIn(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	asked, allow = nil, nil
	r, err := p.Backup(t.Context(), demo(), profile)
	if err != nil || !r.Resumed || len(asked) != 1 || !asked[0].Order || asked[0].Bytes != r.BytesUp {
		t.Errorf("%v; asked %+v: %+v", err, asked, r)
	}

	// Unmetered, nothing is asked; and a restore that its user carries out keeps to no conditions of backups.
	asked, allow = nil, no
	if _, err := p.Restore(t.Context(), s.consent(t, r.Snapshot, p.id.Device, "messages"), new(memory), nil); err != nil {
		t.Error(err)
	}
	are.Unmetered = true
	if r, err := p.Backup(t.Context(), day(demo()), profile); err != nil || r.Objects != 1 || len(asked) != 0 {
		t.Errorf("%v; asked %+v", err, asked)
	}
	must(t, p.remember(api.CheckInAnswer{Profile: &profile}))
	are.Unmetered = false
	if _, err := p.Verify(t.Context(), VerifyOptions{}); !errors.Is(err, ErrMetered) || len(asked) != 1 {
		t.Errorf("a proof: %v; asked %+v", err, asked)
	}
}

// TestLimit: no byte of an object goes up or down that was not asked for, and what breaks off while it waits costs nothing
// that is sealed.
func TestLimit(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	var mu sync.Mutex
	var granted int64
	ctx, stop := context.WithCancel(t.Context())
	p.config.Limit = func(context.Context, int) error { stop(); return context.Canceled }
	p.use(p.id)
	m := demo()
	if _, err := p.Backup(ctx, m, profileOf("eu")); !errors.Is(err, context.Canceled) || len(s.given) > 0 {
		t.Fatalf("%v; %d sessions were given up", err, len(s.given))
	}
	p.config.Limit = func(_ context.Context, n int) error {
		mu.Lock()
		defer mu.Unlock()
		if granted += int64(n); n > 16<<10 {
			t.Errorf("%d bytes at once", n)
		}
		return nil
	}
	p.use(p.id)
	r := p.backUp(t, m)
	if !r.Resumed || granted < r.BytesUp {
		t.Errorf("%d bytes were granted: %+v", granted, r)
	}
	granted = 0
	v := p.verified(t, VerifyOptions{})
	if granted < v.Bytes || v.Outcome != Proven {
		t.Errorf("%d bytes were granted: %+v", granted, v)
	}
}
