package remote

import (
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestRoom: whatever comes at the same time has no more than the room together, or is one alone; and all come in.
func TestRoom(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.Int64Range(1, 20).Draw(t, "most")
		sizes := rapid.SliceOfN(rapid.Int64Range(0, 30), 1, 20).Draw(t, "sizes")
		room := NewRoom(most)
		var mu sync.Mutex
		var under int64
		n, came := 0, 0
		Each(4, len(sizes), func(i int) {
			room.Enter(sizes[i])
			mu.Lock()
			n, came, under = n+1, came+1, under+sizes[i]
			if under > most && under != sizes[i] {
				t.Errorf("%d transfers have %d bytes in a room of %d", n, under, most)
			}
			mu.Unlock()
			mu.Lock()
			n, under = n-1, under-sizes[i]
			mu.Unlock()
			room.Leave(sizes[i])
		})
		if came != len(sizes) {
			t.Errorf("%d of %d came", came, len(sizes))
		}
	})
}
