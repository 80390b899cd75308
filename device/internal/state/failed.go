package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
)

// Failed is what restores of a snapshot have not brought to this phone so far: the numbers of records, by element and chunk. An
// element of which nothing has failed is there, and empty; one that was never restored is not.
type Failed struct {
	Snapshot string                       `json:"snapshot"`
	Elements map[string]map[string][]Span `json:"elements"`
}

// Span is some numbers that follow each other.
type Span struct {
	First uint32 `json:"first"`
	Count uint32 `json:"count"`
}

const failedFile = "failed.json"

// Failed reads it; one that is missing or damaged is empty: then all is restored again, and nothing written twice.
func (d *Dir) Failed() (f Failed, err error) {
	b, err := os.ReadFile(d.Path(failedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Failed{}, nil
	}
	if err != nil {
		return Failed{}, fmt.Errorf("read what restores have not brought: %w", err)
	}
	if json.Unmarshal(b, &f) != nil {
		f = Failed{}
	}
	return f, nil
}

// PutFailed stores it; nothing failed removes it.
func (d *Dir) PutFailed(f Failed) error {
	if !slices.ContainsFunc(slices.Collect(maps.Values(f.Elements)), func(chunks map[string][]Span) bool { return len(chunks) > 0 }) {
		return d.removeAll(failedFile)
	}
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode what restores have not brought: %w", err)
	}
	return d.put(b, failedFile)
}
