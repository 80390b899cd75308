package pack

import (
	"encoding/base64"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"testing"

	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/seal"
	"zapas/device/internal/state"
)

// letters is a phone that shows so many messages, each of 2 KiB that can hardly be compressed.
type letters int

func (letters) Coverage(string) string                    { return ledger.Full }
func (letters) OpenBlob(item.Blob) (io.ReadCloser, error) { return nil, errors.New("there is none") }

func (x letters) Items() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		random := rand.NewChaCha8([32]byte{1})
		text := make([]byte, 2<<10)
		for n := range int64(x) {
			_, _ = random.Read(text)
			it := &item.SMS{Message: item.Message{Box: item.Inbox, Unit: item.Millisecond, Date: 1_700_000_000_000 + n}, Body: base64.StdEncoding.EncodeToString(text)}
			if !yield(it, nil) {
				return
			}
		}
	}
}

// TestSeal_GoesOn: of a chunk with more records than are noted at once, a run that was killed behind it seals none again.
func TestSeal_GoesOn(t *testing.T) {
	t.Parallel()
	const items, noted = letters(9_000), contentsNoted / 16
	d := open(t)
	killed := errors.New("killed")
	var first state.Spooled
	salt := byte(0)
	run := func(closed func(int, state.Spooled) error) (*Sealed, error) {
		s, err := Read(t.Context(), d, items, []string{"messages"}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		salt++ // no two runs draw the same
		return Seal(t.Context(), d, items, s, Session{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Key: seal.SessionKey{1}, KeyVersion: 1, Closed: closed}, rand.NewChaCha8([32]byte{salt}))
	}
	if _, err := run(func(_ int, c state.Spooled) error { first = c; return killed }); !errors.Is(err, killed) {
		t.Fatal(err)
	}
	out, err := run(nil)
	if err != nil {
		t.Fatal(err)
	}
	var records uint32
	for _, c := range out.Cache.Chunks {
		records += c.Records()
	}
	if at := out.Cache.Chunks[0].Records(); at <= noted {
		t.Fatalf("the first chunk has %d records, and %d are noted at once", at, noted)
	}
	if records != uint32(items) || out.Chunks[0] != first || out.Cache.Items.Len() != int(items) {
		t.Errorf("%d records for %d items; the first chunk is %v, and was %v", records, items, out.Chunks[0], first)
	}
}
