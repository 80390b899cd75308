package device

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
)

// TestMayUse: an app that wants no metered network breaks a backup off before anything is sent, and the next run goes on; an
// order can be told from a schedule.
func TestMayUse(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	metered := errors.New("this network costs by volume")
	var asked []Use
	var allow bool
	p.config.MayUse = func(_ context.Context, u Use) error {
		if asked = append(asked, u); allow {
			return nil
		}
		return metered
	}
	_, err := p.Backup(t.Context(), demo(), profileOf("eu"))
	if !errors.Is(err, metered) || !p.Pending() || len(s.chunksStored()) != 0 || len(asked) != 1 || asked[0].Order {
		t.Fatalf("%v; asked %+v; %d objects were sent", err, asked, len(s.chunksStored()))
	}
	if puts := slices.Index(s.requests, http.MethodPut); puts >= 0 || len(s.given) > 0 {
		t.Errorf("%v; %d sessions were given up", s.requests, len(s.given))
	}
	s.order = "0ARDER00000000000000000000"
	if _, err := p.CheckIn(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	asked, allow = nil, true
	r := p.backUp(t, demo())
	if !r.Resumed || len(asked) != r.Requests.Puts || !asked[0].Order || asked[0].Bytes != r.BytesUp {
		t.Errorf("asked %+v: %+v", asked, r)
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
