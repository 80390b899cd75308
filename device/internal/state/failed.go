package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"zapas/device/internal/index"
)

// Failed is what restores of a snapshot have not brought to this phone so far.
type Failed struct {
	Snapshot string            `json:"snapshot"`
	Items    int64             `json:"items"`
	Elements map[string]Missed `json:"elements,omitempty"` // an element that was never restored is not there
	TooMany  bool              `json:"tooMany,omitempty"`  // they lie in more than MaxSpans places, and nobody knows where
}

// Missed is what of an element has failed: numbers of records, by chunk; and whether restores have left anything out of what
// has not.
type Missed struct {
	Failed map[string]index.Spans `json:"failed,omitempty"`
	Left   bool                   `json:"left,omitempty"`
}

const (
	failedFile = "failed.json"

	// MaxSpans is in how many places, each of records that follow each other, failed items may lie and be known.
	MaxSpans = 1 << 16

	maxFailed = 8 << 20 // bytes of the file, of at most so many spans, each in a chunk of its own
)

var errForm = errors.New("it is not in the form that this app writes")

// DamagedFailed is what cannot be read of what has failed. Nothing on the phone is lost by it.
type DamagedFailed struct{ Err error }

func (e *DamagedFailed) Error() string {
	return fmt.Sprintf("what this phone knew of the items that restores have not brought is damaged (%v); restore the backup again, all of it: what is here is not written twice", e.Err)
}

func (e *DamagedFailed) Unwrap() error { return e.Err }

// checkedFailed is a Failed as it lies on the disk, with the check sum of its bytes.
type checkedFailed struct {
	Failed json.RawMessage `json:"failed"`
	SHA256 []byte          `json:"sha256"`
}

// Failed reads it; zero when nothing is known to have failed, *DamagedFailed when it cannot be read.
func (d *Dir) Failed() (Failed, error) {
	in, err := os.Open(d.Path(failedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Failed{}, nil
	}
	if err != nil {
		return Failed{}, &DamagedFailed{err}
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, maxFailed+1))
	if err != nil {
		return Failed{}, &DamagedFailed{err}
	}
	f, err := decodeFailed(b)
	if err != nil {
		return Failed{}, &DamagedFailed{err}
	}
	return f, nil
}

func decodeFailed(b []byte) (f Failed, err error) {
	if len(b) > maxFailed {
		return f, fmt.Errorf("it is larger than %d bytes", maxFailed)
	}
	var c checkedFailed
	if err := json.Unmarshal(b, &c); err != nil {
		return f, errForm
	}
	if sum := sha256.Sum256(c.Failed); !bytes.Equal(sum[:], c.SHA256) {
		return f, errors.New("its check sum is wrong")
	}
	if err := json.Unmarshal(c.Failed, &f); err != nil {
		return Failed{}, errForm
	}
	spans, items, lawful := f.count()
	if f.Snapshot == "" || !lawful || spans > MaxSpans || f.TooMany != (len(f.Elements) == 0) || !f.TooMany && items != f.Items || f.Items < 1 {
		return Failed{}, errors.New("it says what cannot be")
	}
	return f, nil
}

// count is in how many places failed items lie, and how many they are.
func (f *Failed) count() (spans int, items int64, lawful bool) {
	lawful = true
	for _, m := range f.Elements {
		for chunk, s := range m.Failed {
			_, err := index.Parse(chunk)
			spans, items = spans+len(s), items+s.Len()
			lawful = lawful && err == nil && len(s) > 0 && s.Lawful()
		}
	}
	return spans, items, lawful
}

// PutFailed stores it; nothing failed removes it.
func (d *Dir) PutFailed(f Failed) error {
	if !f.TooMany {
		var spans int
		if spans, f.Items, _ = f.count(); spans > MaxSpans {
			f.Elements, f.TooMany = nil, true
		}
	}
	if f.Items == 0 {
		return d.removeAll(failedFile)
	}
	b, err := json.Marshal(f)
	if err == nil {
		sum := sha256.Sum256(b)
		b, err = json.Marshal(checkedFailed{b, sum[:]})
	}
	if err != nil {
		return fmt.Errorf("encode what restores have not brought: %w", err)
	}
	return d.put(b, failedFile)
}
