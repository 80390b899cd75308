package mobile

import (
	"context"
	"fmt"
	"sync"
	"time"

	"zapas/device/internal/remote"
)

// SlowestLimit is the lowest rate that Limit takes, bytes a second: what is slower may count as a transfer that broke off.
const SlowestLimit = 128 << 10

// pace lets bytes go at a rate.
type pace struct {
	mu   sync.Mutex
	rate int64     // bytes a second; 0: as fast as they come
	next time.Time // when the bytes after those that have gone may go
}

// take returns when n more bytes may go.
func (p *pace) take(ctx context.Context, n int) error {
	if wait := p.reserve(time.Now(), n); wait > 0 {
		return remote.Sleep(ctx, wait)
	}
	return nil
}

// reserve says how long n more bytes have to wait. What was not used before now is gone.
func (p *pace) reserve(now time.Time, n int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rate == 0 {
		return 0
	}
	if p.next.Before(now) {
		p.next = now
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(int64(n) * int64(time.Second) / p.rate))
	return wait
}

// Limit lets objects go over the network, both ways together, no faster than so many bytes a second; 0: as fast as they can.
// It may be called at any time, from any thread, and holds from then on until the device is closed.
func (d *Device) Limit(bytesPerSecond int64) error {
	if d.d == nil {
		return told(errNotOpen)
	}
	if bytesPerSecond < 0 || bytesPerSecond > 0 && bytesPerSecond < SlowestLimit {
		return told(&coded{CodeUsage, fmt.Errorf("a limit of %d bytes a second cannot be: it is 0, for none, or at least %d", bytesPerSecond, SlowestLimit)})
	}
	d.pace.mu.Lock()
	defer d.pace.mu.Unlock()
	d.pace.rate, d.pace.next = bytesPerSecond, time.Time{}
	return nil
}
