package remote

import "sync"

// Room bounds how many bytes are under way at the same time.
type Room struct {
	mu    sync.Mutex
	left  *sync.Cond
	most  int64
	taken int64
}

// NewRoom makes room for so many bytes.
func NewRoom(most int64) *Room {
	r := &Room{most: most}
	r.left = sync.NewCond(&r.mu)
	return r
}

// Enter waits until there is room for n bytes. What is larger than the room has it alone.
func (r *Room) Enter(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.taken > 0 && r.taken+n > r.most {
		r.left.Wait()
	}
	r.taken += n
}

// Leave gives the room back.
func (r *Room) Leave(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken -= n
	r.left.Broadcast()
}
