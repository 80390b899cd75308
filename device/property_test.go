package device

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"zapas/device/internal/item"
)

// nasty are texts on which formats break.
var nasty = []string{"", " ", "ok", "zażółć gęślą jaźń", "👩‍👩‍👧‍👦 \U0001F3F4\U000E0067", "\u202eright to left\u202c", "nul\x00nul", "a\u0301", "\u00e1",
	"<sms body=\"&#10;\"/>", "line\r\nline", strings.Repeat("long ", 5000), "\ufffd\uffff"}

var times = []int64{0, -1, 999, 1_709_251_200_000, 4_102_444_800_000, 1 << 41, 1<<31*1000 + 1}

func drawMemory(t *rapid.T) *memory {
	m := &memory{blobs: map[[32]byte][]byte{}}
	for range rapid.IntRange(0, 25).Draw(t, "items") {
		msg := item.Message{Box: rapid.SampledFrom([]item.Box{item.Inbox, item.Sent, item.Draft, item.Failed}).Draw(t, "box"), Unit: item.Millisecond,
			Date: rapid.SampledFrom(times).Draw(t, "date"), DateSent: rapid.SampledFrom(times).Draw(t, "sent"), Read: rapid.Bool().Draw(t, "read"),
			Subject: rapid.SampledFrom(nasty[:6]).Draw(t, "subject")}
		peer := item.ParseAddress(rapid.SampledFrom([]string{"+48600100200", "600100200", "Bank", "-1", "a@b.pl", ""}).Draw(t, "peer"), "PL")
		msg.Peers = slices.Repeat([]item.Address{peer}, rapid.SampledFrom([]int{0, 1, 1, 1, 3, item.MaxAddresses}).Draw(t, "peers"))
		if rapid.IntRange(0, 3).Draw(t, "kind") > 0 {
			m.items = append(m.items, &item.SMS{Message: msg, Body: rapid.SampledFrom(nasty).Draw(t, "body")})
			continue
		}
		mms := &item.MMS{Message: msg, Type: item.SendRequest}
		for range rapid.IntRange(0, 3).Draw(t, "parts") {
			if rapid.Bool().Draw(t, "inline") {
				mms.Parts = append(mms.Parts, item.Part{ContentType: "text/plain", Text: rapid.SampledFrom(nasty[:10]).Draw(t, "text")})
				continue
			}
			b := noise(rapid.Uint64Max(5).Draw(t, "seed"), rapid.SampledFrom([]int{0, 1, 1, 255, 255, 4000, 4000, 70_000, 70_000, 1<<20 + 1}).Draw(t, "size"))
			sum := sha256.Sum256(b)
			m.blobs[sum] = b
			mms.Parts = append(mms.Parts, item.Part{ContentType: "image/png", Blob: &item.Ref{SHA256: sum, Size: int64(len(b))}})
		}
		m.items = append(m.items, mms)
	}
	return m
}

// TestRoundTrip: whatever a phone holds, day after day, each snapshot restores to just that.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newService(t)
		p := enrolled(t, s, 1)
		defer p.Close()
		var days []*memory
		var snapshots []string
		for range rapid.IntRange(1, 3).Draw(rt, "days") {
			m := drawMemory(rt)
			if n := len(days); n > 0 { // some of what there was, in another order
				before := rapid.Permutation(days[n-1].items).Draw(rt, "kept")
				m.items = append(m.items, before[:rapid.IntRange(0, len(before)).Draw(rt, "keep")]...)
				for sum, b := range days[n-1].blobs {
					m.blobs[sum] = b
				}
			}
			r := p.backUp(t, m)
			if n := r.Counts["sms"] + r.Counts["mms"]; n != int64(len(m.items)) {
				rt.Fatalf("%d items are counted of %d", n, len(m.items))
			}
			if r.Objects > 1 {
				rt.Fatalf("%d objects", r.Objects)
			}
			days, snapshots = append(days, m), append(snapshots, r.Snapshot)
		}
		i := rapid.IntRange(0, len(days)-1).Draw(rt, "restored")
		got := new(memory)
		restored(t, s, snapshots[i], got)
		same(t, "restored", got, days[i])
		if t.Failed() {
			rt.FailNow()
		}
	})
}
