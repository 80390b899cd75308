package device

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"zapas/device/internal/item"
)

// broken lets a backup break off when so many of its chunks have arrived, and before it is sealed to its end.
func (s *service) broken(t *testing.T, p *phone, m *memory, arrived int) {
	t.Helper()
	before := len(s.chunksStored())
	ctx, kill := context.WithCancelCause(t.Context())
	defer kill(nil)
	s.fault = func(req *http.Request, after bool) error {
		if req.Method == http.MethodPut && !after && len(s.chunksStored())-before >= arrived {
			kill(errKilled)
		}
		return context.Cause(ctx)
	}
	if _, err := p.Backup(ctx, m, profileOf(s.location)); err == nil {
		t.Fatal("no error")
	}
	s.fault = nil
	p.restart(t, s)
	if n := len(s.chunksStored()) - before; n != arrived {
		t.Fatalf("%d chunks have arrived", n)
	}
}

// TestBackup_BetweenTwoRuns: whatever a phone does between two runs of a backup that was killed, the second one sends what is
// missing and nothing else.
func TestBackup_BetweenTwoRuns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		first bool // there is no backup before
		do    func(t *testing.T, s *service, p *phone, own, others string)
	}{
		{"Nothing", false, func(*testing.T, *service, *phone, string, string) {}},
		{"Verify", false, func(t *testing.T, _ *service, p *phone, _, _ string) { p.verified(t, VerifyOptions{}) }},
		{"VerifyBrokenOff", false, func(t *testing.T, s *service, p *phone, _, _ string) {
			s.fault = func(req *http.Request, _ bool) error {
				if strings.HasSuffix(req.URL.Path, "/keys") {
					return errKilled
				}
				return nil
			}
			if _, err := p.Verify(t.Context(), VerifyOptions{}); err == nil {
				t.Error("no error")
			}
			s.fault = nil
		}},
		{"Plan", false, func(t *testing.T, s *service, p *phone, own, _ string) {
			_, err := p.Plan(t.Context(), s.consent(t, own, p.id.Device, "messages"), new(memory), nil)
			must(t, err)
		}},
		{"Restore", false, func(t *testing.T, s *service, p *phone, own, _ string) {
			_, err := p.Restore(t.Context(), s.consent(t, own, p.id.Device, "messages"), new(memory), nil)
			must(t, err)
		}},
		{"CacheLost", false, func(t *testing.T, _ *service, p *phone, _, _ string) { must(t, p.Device.dir.DropCache()) }},
		{"CacheDamaged", false, func(t *testing.T, _ *service, p *phone, _, _ string) { p.putCache(t, []byte("x")) }},
		{"All", false, func(t *testing.T, s *service, p *phone, own, _ string) {
			must(t, p.Device.dir.DropCache())
			p.verified(t, VerifyOptions{})
			_, err := p.Restore(t.Context(), s.consent(t, own, p.id.Device, "messages"), new(memory), nil)
			must(t, err)
			p.verified(t, VerifyOptions{})
		}},
		{"RestoreOfLessInTheFirst", true, func(t *testing.T, s *service, p *phone, _, others string) {
			_, err := p.Restore(t.Context(), s.consent(t, others, p.id.Device, "messages"), new(memory), nil)
			must(t, err)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p, q := enrolled(t, s, 1), enrolled(t, s, 2)
			others := q.backUp(t, &memory{items: []item.Item{sms(9000, "of another phone")}}).Snapshot
			m, own := demo(), ""
			if !tt.first {
				own = p.backUp(t, m).Snapshot
			}
			m = m.clone()
			for i := range 5 {
				m.mms(7000+i, noise(uint64(7000+i), 9<<20))
			}
			s.broken(t, p, m, 2)
			tt.do(t, s, p, own, others)
			p.restart(t, s)
			r := p.backUp(t, m)
			if r.Base != own || r.Objects != 3 || r.BytesUp > 3*17<<20 {
				t.Errorf("%+v", r)
			}
			got := new(memory)
			restored(t, s, r.Snapshot, got)
			same(t, "restored", got, m)
			if v := p.verified(t, VerifyOptions{}); v.Outcome != Proven {
				t.Errorf("%+v", v)
			}
		})
	}
}
