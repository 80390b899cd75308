package device

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/pack"
)

// TestBackup_Chunks: a chunk with records is filled to 16 MiB, and one of attachments alone to 9.5, unless it were not half full
// then, or one attachment is larger; only what no chunk can hold is cut.
func TestBackup_Chunks(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, tt := range []struct {
		name        string
		attachments []int
		want        []int64 // sizes, in MiB, rounded
	}{
		{"OneObject", []int{5 * mib, 5 * mib, 5 * mib}, []int64{15}},
		{"SmallOnes", repeated(24, mib), []int64{15, 9}},
		{"Whole", []int{14 * mib, 6 * mib, 3 * mib, 9 * mib}, []int64{14, 9, 9}},
		{"HalfFull", []int{14 * mib, 4 * mib, 6 * mib, 5 * mib}, []int64{14, 15}},
		{"MoreThanHalfFull", []int{14 * mib, 5 * mib, 6 * mib}, []int64{14, 5, 6}},
		{"LargerThanFull", []int{14 * mib, 12 * mib, 9 * mib}, []int64{14, 12, 9}},
		{"Cut", []int{30 * mib}, []int64{15, 9, 6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := enrolled(t, newService(t), 1)
			m := &memory{}
			for i, n := range tt.attachments {
				m.mms(i, noise(uint64(i), n))
			}
			r := p.backUp(t, m)
			c, err := p.Device.dir.Cache()
			must(t, err)
			var got []int64
			for i, k := range c.Chunks {
				got = append(got, (k.Size+mib/2)/mib)
				if alone := len(k.Parts) == 1 && k.Parts[0].Count == 1; i > 0 && k.Size > pack.FullChunk && !alone && tt.name != "HalfFull" {
					t.Errorf("chunk %d has %d bytes", i, k.Size)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" || r.Objects != len(tt.want) {
				t.Errorf("%d objects: %s", r.Objects, d)
			}
		})
	}
}

func repeated(times, n int) []int {
	out := make([]int, times)
	for i := range out {
		out[i] = n
	}
	return out
}
