// Package progress knows how far a run has come: with which work on which element, and how much of how much. It does not
// know how that work is done, nor who looks on.
package progress

import "sync"

// Work is one kind of what a run does.
type Work string

// The works, in the order in which a run comes to them.
const (
	Reading     Work = "reading"     // what the phone holds; how much that is, is known at its end
	Sealing     Work = "sealing"     // backup: what is new
	Uploading   Work = "uploading"   // backup: bytes of objects, which hold all elements together
	Downloading Work = "downloading" // plan, restore, proof: bytes of the objects that hold something of the element
	Matching    Work = "matching"    // plan, restore: what is to come, held against what is there
	Planning    Work = "planning"    // plan: what is to come, decided on
	Writing     Work = "writing"     // restore: what is to come
)

// State is whether work goes on.
type State string

// The states.
const (
	Running State = "running"
	Ended   State = "ended"      // all of it is done
	Broken  State = "broken_off" // it came to no end
)

// Step is how far one work on one element has come. Its first step has Done 0, its last one a State other than Running;
// what is Ended has Done = Total. Between them Done does not fall. A run that has to begin again, because its session or
// its base has gone, and a proof whose sample was damaged, begins with a first step again.
type Step struct {
	Element string `json:"element"`
	Work    Work   `json:"work"`
	State   State  `json:"state"`
	Done    int64  `json:"done"`   // items; bytes of what is uploaded or downloaded
	Total   int64  `json:"total"`  // 0 while it is not known
	Failed  int64  `json:"failed"` // how much of Done was in vain
}

// unheard is how much of a work of unknown size is done between two steps; of a known one it is a hundredth.
const unheard = 100

// Tracker counts a run's work and tells of it. A nil Tracker counts nothing. Its methods may be called at the same time;
// tell is called by one of them after the other.
type Tracker struct {
	tell func(Step)

	mu    sync.Mutex
	works []*work // in the order of their beginning
}

type work struct {
	Step
	told int64 // Done of the last step
}

// New makes a tracker; nil when there is nobody to tell.
func New(tell func(Step)) *Tracker {
	if tell == nil {
		return nil
	}
	return &Tracker{tell: tell}
}

// Begin begins a work on an element, of a size or of 0 when that is not known. A work that was begun before begins anew.
func (t *Tracker) Begin(w Work, element string, total int64) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.find(w, element)
	if at == nil {
		at = new(work)
		t.works = append(t.works, at)
	}
	at.Step = Step{Element: element, Work: w, State: Running, Total: total}
	t.say(at)
}

// Add counts what went well. Of a work that is not under way it counts nothing.
func (t *Tracker) Add(w Work, element string, n int64) { t.count(w, element, n, 0) }

// Fail counts what was in vain.
func (t *Tracker) Fail(w Work, element string, n int64) { t.count(w, element, n, n) }

func (t *Tracker) count(w Work, element string, done, failed int64) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.find(w, element)
	if at == nil || at.State != Running {
		return
	}
	at.Done += done
	at.Failed += failed
	step := int64(unheard)
	if at.Total > 0 {
		at.Done = min(at.Done, at.Total)
		step = max(1, at.Total/100)
	}
	if at.Done-at.told >= step {
		t.say(at)
	}
}

// End ends a work on all elements.
func (t *Tracker) End(w Work) {
	t.finish(w, func(at *work) {
		at.Total = max(at.Total, at.Done)
		at.Done, at.State = at.Total, Ended
	})
}

// Break ends whatever is under way as broken off.
func (t *Tracker) Break() {
	t.finish("", func(at *work) { at.State = Broken })
}

// finish ends the works of one kind that are under way, or all of them.
func (t *Tracker) finish(w Work, end func(*work)) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, at := range t.works {
		if at.State == Running && (w == "" || at.Work == w) {
			end(at)
			t.say(at)
		}
	}
}

func (t *Tracker) find(w Work, element string) *work {
	for _, at := range t.works {
		if at.Work == w && at.Element == element {
			return at
		}
	}
	return nil
}

func (t *Tracker) say(at *work) {
	at.told = at.Done
	t.tell(at.Step)
}
