package mobile_test

import (
	"sync/atomic"
	"testing"

	"zapas/device/mobile"
)

// stands is how a phone on a metered network stands, and whether its user lets it be used.
type stands struct {
	leave atomic.Bool
	asked atomic.Int64
}

func (*stands) Unmetered() bool { return false }
func (*stands) Charging() bool  { return true }
func (*stands) Battery() int    { return 80 }

func (s *stands) MayUse(bytes int64, order bool) bool {
	if bytes > 0 && !order {
		s.asked.Add(1)
	}
	return s.leave.Load()
}

// TestConditions: a profile that wants no metered network is heeded, until the app's user gives leave.
func TestConditions(t *testing.T) {
	t.Parallel()
	s := serving(t)
	c := new(stands)
	p := enrolledWith(t, s, demo(), c)
	_, err := p.device.BackUp(mobile.NewRun(nil), p.checkIn(t), p)
	if err == nil || mobile.Code(err.Error()) != mobile.CodeMetered || c.asked.Load() != 1 {
		t.Fatalf("%v; asked %d times", err, c.asked.Load())
	}
	c.leave.Store(true)
	if r := p.backUp(t, nil); r.Element(mobile.Contacts).Stored == 0 || c.asked.Load() != 2 {
		t.Errorf("asked %d times: %+v", c.asked.Load(), r)
	}
}
