package vault

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/go-json-experiment/json"

	"zapas/shared/caller"
	"zapas/shared/fault"
)

// List says which chunks a snapshot consists of, as the service may know it. It is an object of its own, a pure function
// of the commit request and the base's list, and never changes. It names everything that a rebuild of the rows needs.
type List struct {
	Format   int             `json:"format"` // 0: without a promise
	Session  SessionID       `json:"session"`
	Device   caller.DeviceID `json:"device"`
	Version  int             `json:"keyVersion"`
	Base     SessionID       `json:"base,omitempty"`
	Location string          `json:"location"`
	Request  string          `json:"request"` // SHA-256 of the commit request, hex
	Counts   Counts          `json:"counts"`
	Index    Index           `json:"index"`
	Origins  []Origin        `json:"origins,omitempty"`
	Chunks   []Chunk         `json:"chunks"` // in the order of their making
}

// Chunk is one object of a snapshot.
type Chunk struct {
	Session SessionID `json:"s"` // that uploaded it
	ID      string    `json:"i"`
	Size    int64     `json:"n"`
	Records int64     `json:"r"` // length of the part that holds records, from its beginning
}

// Index is where the sealed index stands in the last chunk.
type Index struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

// encode writes the list; equal lists are equal bytes.
func (l List) encode() ([]byte, error) {
	return json.Marshal(l, json.Deterministic(true))
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// decodeList reads the list of a snapshot and holds it against what the snapshot's row says of it.
func decodeList(b []byte, n Snapshot) (List, error) {
	var l List
	if got := digest(b); got != n.ListSum {
		return List{}, fault.New(fault.Lost, "list_damaged",
			"The chunk list of snapshot %s is not the one that was committed, and its chunks cannot be found by it; an administrator can bring back the version of it that was.", n.ID)
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return List{}, fault.Wrap(err, fault.Lost, "list_damaged", "The chunk list of snapshot %s cannot be read.", n.ID)
	}
	if l.Format != 0 {
		return List{}, fault.New(fault.Internal, "list_format", "The chunk list of snapshot %s has format %d, which this service does not know.", n.ID, l.Format)
	}
	return l, nil
}
