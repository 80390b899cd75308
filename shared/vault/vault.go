// Package vault knows the protocol by which a user's backups come to be, are read and stay whole: heads, sessions,
// snapshots, chunk lists and who may have which key (PROTOCOL.md). It does not know what is in a chunk, where rows and
// objects are kept, nor how it was asked.
package vault

import (
	"cmp"
	"slices"
	"time"

	"zapas/shared/caller"
)

// SessionID names one attempt to back up or restore; a committed backup's snapshot has the id of its session.
type SessionID string

// Kind is what a session is for. A device has at most one open session of each kind.
type Kind string

const (
	Backup  Kind = "backup"
	Restore Kind = "restore"
	Verify  Kind = "verify"  // proves that a snapshot of the device's own can be restored
	Rebuild Kind = "rebuild" // reads again what a device has lost of a snapshot of its own
)

// own reports whether sessions of the kind read a snapshot of the device's own, which needs nobody's consent.
func (k Kind) own() bool { return k == Verify || k == Rebuild }

// Limits of a vault.
const (
	MaxDevices     = 10                 // with a session or a counter in one vault
	MaxChunk       = 16 << 20           // bytes of one chunk
	MaxSigned      = 100                // chunks in one request for URLs
	MaxAdded       = 2000               // chunks in one commit, which must fit the API's 256 KiB
	MaxListed      = 10_000             // chunks of one snapshot
	MaxKeys        = 200                // keys in one release
	MaxCount       = 10_000_000         // items of one kind
	Lease          = 7 * 24 * time.Hour // an open session that is not heard of for so long is ended
	attempts       = 6                  // readings of HEAD in one request, under contention
	manifestPage   = 200                // chunks on one page
	shrinkOver     = 30                 // per cent, where nobody said: a drop by more puts a hold on the snapshot before it
	maxReasons     = 8                  // reasons in one ledger entry
	renewWhenUnder = Lease - 24*time.Hour
	maxOrigins     = 4 // devices on whose backups one's may rest
)

// HeadState is the state of a whole vault.
type HeadState string

const (
	Never  HeadState = "" // nothing was ever stored
	Active HeadState = "ACTIVE"
	Erased HeadState = "ERASED"
)

// Head is the one row of a vault on whose Rev every change is conditional, so that its history is serial.
type Head struct {
	State   HeadState
	Version int   // of the vault key; grows with each erasure
	Seq     int64 // of the newest snapshot
	Rev     int64
	Bytes   int64 // stored, as an upper bound: what was granted and ended counts in full until garbage is collected
	Quota   int64
	Open    []Entry
	Devices []Counter
	Counts  Counts // of the newest snapshot
}

// Entry is an open session.
type Entry struct {
	Device   caller.DeviceID
	Kind     Kind
	Session  SessionID
	Base     SessionID // the snapshot it builds on, restores, proves or reads again; "" for none
	BaseSeq  int64     // its Seq
	Counter  int64
	Granted  int64 // bytes for which URLs were signed
	Location string
	Lease    time.Time
}

// Counter is the last session that a device began: requests that arrive late cannot undo a later one.
type Counter struct {
	Device  caller.DeviceID
	Last    int64
	Session SessionID
	Kept    int64 // Seq of this device's newest snapshot; 0 for none
	// Restored is the Seq of the snapshot of which this device finished a restore after that, and Brought is what its restores
	// have brought of it in full: when that is Every, its next backup may build on it.
	Restored int64
	Brought  Elements
}

// Elements is a set of contacts, messages and calls, small enough for HEAD.
type Elements uint8

// Every is all of them, whether a snapshot counts an item of each or not: a chunk keeps what was deleted, and what the backups
// before it held.
const Every Elements = 1<<3 - 1

// ElementsOf is the set of those with these names.
func ElementsOf(names ...string) (e Elements) {
	for i, name := range []string{"contacts", "messages", "calls"} {
		if slices.Contains(names, name) {
			e |= 1 << i
		}
	}
	return e
}

// Origin is a device on whose backups, up to one, those of another rest: it began with a restore of that one.
type Origin struct {
	Device caller.DeviceID `json:"device"`
	Seq    int64           `json:"seq"`
}

// SessionState is the state of a session; all but Open are final.
type SessionState string

const (
	Open      SessionState = "OPEN"
	Committed SessionState = "COMMITTED" // a backup that became a snapshot
	Aborted   SessionState = "ABORTED"   // a backup that did not
	Closed    SessionState = "CLOSED"    // a restore or a proof that is over
)

// Session is the row of one session.
type Session struct {
	ID       SessionID
	State    SessionState
	Kind     Kind
	Device   caller.DeviceID
	Base     SessionID
	Restore  string // the consent that a restore follows
	Location string
	Version  int     // of the vault key
	Seq      int64   // of its snapshot, once COMMITTED
	Request  string  // SHA-256 of its commit request, hex, once COMMITTED
	Outcome  Outcome // of a proof, once CLOSED
	At       time.Time

	// ShrinkOver is how many per cent of an element's items may be gone in the backup; when more are, the snapshot before
	// it is held. 0: nobody said.
	ShrinkOver int

	Run *Run // of a backup, as who began it wants to know it again when it is committed; nil: nothing was said

	Origins []Origin // of its base, and the base's own device where that is another
	Adopted bool     // that is so
}

// Run says of a backup what the fleet needs to know when it is committed; to the vault it says nothing.
type Run struct {
	Profile  string
	At       time.Time // when it began
	Deadline time.Time // by when the next one must have ended; zero: never
}

// SnapshotState is the state of a snapshot.
type SnapshotState string

const (
	Kept    SnapshotState = "COMMITTED"
	Expired SnapshotState = "EXPIRED" // may not be chosen any more; kept while a session uses it
	Retired SnapshotState = "RETIRED" // its chunks may go
)

// Snapshot is a committed backup, complete by itself.
type Snapshot struct {
	Seq      int64
	ID       SessionID
	State    SnapshotState
	Device   caller.DeviceID
	Location string
	Version  int // of the vault key
	Counts   Counts
	Ledger   map[string]Ledger // by element
	At       time.Time
	ListSum  string // SHA-256 of its chunk list, hex
	ListSize int64
	Hold     bool // kept although a later backup held far fewer items
	Shrunk   bool // it held so many fewer items than the one before that that one is held
	Origins  []Origin
	Run      *Run // of its session; nil in the answer to a commit that came again
}

// Counts are numbers of items by kind: contacts, sms, mms, calls. A kind that could not be seen is absent.
type Counts map[string]int64

// Ledger accounts for the items of one element in a backup: Seen = Stored + Already + Excluded + Failed.
type Ledger struct {
	Seen, Stored, Already, Excluded, Failed int64
	Reasons                                 map[string]int64 // of Excluded and Failed, which they add up to
}

// Failed is the number of items that could not be read or stored.
func (n Snapshot) Failed() (sum int64) {
	for _, l := range n.Ledger {
		sum += l.Failed
	}
	return sum
}

// ChunkKey is the object that holds a chunk.
func ChunkKey(user caller.UserID, session SessionID, id string) string {
	return chunkPrefix(user, session) + id
}

func chunkPrefix(user caller.UserID, session SessionID) string {
	return "u/" + string(user) + "/s/" + string(session) + "/c/"
}

// ListKey is the object that holds the chunk list of a session's snapshot.
func ListKey(user caller.UserID, session SessionID) string {
	return "u/" + string(user) + "/l/" + string(session)
}

// ChunkID is a chunk's id: the first 16 bytes of the SHA-256 of its sealed bytes.
func ChunkID(sum [32]byte) string { return caller.Base32([16]byte(sum[:16])) }

// dead reports whether rows of a key version are of an erased vault.
func (h *Head) dead(version int) bool { return version < h.Version || h.State != Active }

func (h *Head) gone(n Snapshot) bool { return n.State == Retired || h.dead(n.Version) }

// entry is the open session of a device and kind.
func (h *Head) entry(device caller.DeviceID, kind Kind) (Entry, bool) {
	i := slices.IndexFunc(h.Open, func(e Entry) bool { return e.Device == device && e.Kind == kind })
	if i < 0 {
		return Entry{}, false
	}
	return h.Open[i], true
}

// byID is the open session with an id, if it is this device's.
func (h *Head) byID(device caller.DeviceID, id SessionID) (Entry, bool) {
	i := slices.IndexFunc(h.Open, func(e Entry) bool { return e.Device == device && e.Session == id })
	if i < 0 {
		return Entry{}, false
	}
	return h.Open[i], true
}

// put adds e, or puts it in the place of the same session's entry.
func (h *Head) put(e Entry) {
	h.Open = slices.DeleteFunc(slices.Clone(h.Open), func(o Entry) bool { return o.Session == e.Session })
	h.Open = append(h.Open, e)
	slices.SortFunc(h.Open, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Kind, b.Kind))
	})
}

// remove ends the open session of a device and kind: what it was granted counts as stored from now on.
func (h *Head) remove(device caller.DeviceID, kind Kind) {
	h.Open = slices.DeleteFunc(slices.Clone(h.Open), func(e Entry) bool {
		if e.Device != device || e.Kind != kind {
			return false
		}
		h.Bytes += e.Granted
		return true
	})
}

// granted is what all open sessions may still upload.
func (h *Head) granted() (sum int64) {
	for _, e := range h.Open {
		sum += e.Granted
	}
	return sum
}

// bring notes that a restore of a snapshot has brought some elements in full; what was brought of another one is forgotten.
func (c *Counter) bring(seq int64, e Elements) {
	if c.Restored != seq {
		c.Restored, c.Brought = seq, 0
	}
	c.Brought |= e
}

// counter is the last session that a device began.
func (h *Head) counter(device caller.DeviceID) Counter {
	for _, c := range h.Devices {
		if c.Device == device {
			return c
		}
	}
	return Counter{Device: device}
}

func (h *Head) setCounter(c Counter) {
	h.Devices = slices.DeleteFunc(slices.Clone(h.Devices), func(o Counter) bool { return o.Device == c.Device })
	h.Devices = append(h.Devices, c)
	slices.SortFunc(h.Devices, func(a, b Counter) int { return cmp.Compare(a.Device, b.Device) })
}

// over is the state in which a session ends that did not reach its aim.
func (k Kind) over() SessionState {
	if k == Backup {
		return Aborted
	}
	return Closed
}

// moment is the time as rows keep it, so that an answer says what its repetition says.
func moment(now func() time.Time) time.Time { return now().UTC().Truncate(time.Millisecond) }
