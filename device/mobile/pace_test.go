package mobile_test

import (
	"os"
	"runtime/metrics"
	"strconv"
	"testing"
	"time"

	"zapas/device/mobile"
)

// TestLimit: a backup with a limit takes as long as its bytes need at that rate, and one without does not.
func TestLimit(t *testing.T) {
	t.Parallel()
	s := serving(t)
	a := demo()
	a.files["picture"] = noise(200_000)
	p := enrolledWith(t, s, a, nil)
	for _, bad := range []int64{-1, 1, mobile.SlowestLimit - 1} {
		if err := p.device.Limit(bad); err == nil || mobile.Code(err.Error()) != mobile.CodeUsage {
			t.Errorf("%d: %v", bad, err)
		}
	}
	if err := p.device.Limit(mobile.SlowestLimit); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	r := p.backUp(t, nil)
	if took, least := time.Since(began), time.Duration(r.BytesUp-4*16<<10)*time.Second/mobile.SlowestLimit; r.BytesUp < 200_000 || took < least {
		t.Errorf("%d bytes took %s, at %d a second", r.BytesUp, took, mobile.SlowestLimit)
	}
	if err := p.device.Limit(0); err != nil {
		t.Fatal(err)
	}
	if err := new(mobile.Device).Limit(0); err == nil || mobile.Code(err.Error()) != mobile.CodeUsage {
		t.Errorf("of no phone: %v", err)
	}
}

// noise is what cannot be compressed.
func noise(n int) []byte {
	b, x := make([]byte, n), uint64(88172645463325252)
	for i := range b { // xorshift: G. Marsaglia, Xorshift RNGs, 2003
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 32)
	}
	return b
}

// TestOpen_SparesMemory: an app that embeds the library has its memory bound without doing anything for it.
func TestOpen_SparesMemory(t *testing.T) {
	t.Parallel()
	enrolledWith(t, serving(t), demo(), nil)
	want := uint64(40)
	if said, err := strconv.ParseUint(os.Getenv("GOGC"), 10, 64); err == nil && said != 100 {
		want = said // whoever runs the tests has told another number
	}
	now := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(now)
	if got := now[0].Value.Uint64(); got != want {
		t.Errorf("GOGC is %d, want %d", got, want)
	}
}
