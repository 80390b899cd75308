package seal

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"zapas/device/internal/readertest"
)

// secondRead is what the second reader says of a sound vector.
type secondRead struct {
	want
	Unexpanded int `json:"unexpanded"` // blocks of which it does not know the plain text
}

// TestVectors_SecondReader: an implementation that shares no code with this one reads the same in the valid vectors, down to
// the compressed block, and refuses the invalid ones whose fault is not behind it, for the reason that is written down.
func TestVectors_SecondReader(t *testing.T) {
	t.Parallel()
	valid, invalid := readVectors(t, "valid"), readVectors(t, "invalid")
	told := readertest.Read(t, "chunks", append(vectorFiles(t, "valid"), vectorFiles(t, "invalid")...)...)
	if len(told) != len(valid)+len(invalid) {
		t.Errorf("%d answers to %d valid and %d invalid vectors", len(told), len(valid), len(invalid))
	}
	for name, v := range valid {
		if told[name].Refused != "" {
			t.Errorf("%s: refused: %s", name, told[name].Refused)
			continue
		}
		got := must[secondRead](t)(unmarshal[secondRead](told[name].Got))
		if diff := cmp.Diff(v.Want.seenBy(got), got.want, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	unseen := 0
	reasons := map[string]string{}
	for name, v := range invalid {
		reasons[name] = told[name].Refused
		switch v.Reach {
		case "block":
			if told[name].Refused == "" {
				t.Errorf("%s: accepted, though it is %s", name, v.About)
			}
		case "expanded":
			if unseen++; told[name].Refused != "" {
				t.Errorf("%s: refused before it was expanded: %s", name, told[name].Refused)
			}
		default:
			t.Errorf("%s: of what reach is it?", name)
		}
	}
	readertest.Reasons(t, filepath.Join("testdata", "second.json"), reasons, *update)
	t.Logf("Node: %d valid and %d invalid vectors; %d more invalid ones only to be seen by expanding", len(valid), len(invalid)-unseen, unseen)
}

// seenBy is what is left of it for who cannot expand all blocks, and has not expanded so many. Blobs cannot be found where the
// trailer is compressed; all else is opened.
func (w *want) seenBy(got secondRead) want {
	out := *w
	if got.Unexpanded == 0 {
		return out
	}
	compressed := map[blockKind]int{}
	for _, b := range w.Blocks {
		if b.Encoding != encodingStored {
			compressed[blockKind(b.Kind)]++
		}
	}
	if compressed[kindTrailer] > 0 {
		out.Blocks = slices.DeleteFunc(slices.Clone(w.Blocks), func(b wantBlock) bool { return b.Kind == byte(kindBlob) })
		out.Blobs = nil
	}
	if compressed[kindRecords]+compressed[kindLastRecords] > 0 {
		out.Records = slices.DeleteFunc(slices.Clone(w.Records), func(r wantRecord) bool {
			return !slices.ContainsFunc(got.Records, func(g wantRecord) bool { return g.Number == r.Number })
		})
	}
	if compressed[kindBlob] > 0 {
		out.Blobs = slices.DeleteFunc(slices.Clone(out.Blobs), func(b wantBlob) bool {
			return !slices.ContainsFunc(got.Blobs, func(g wantBlob) bool { return bytes.Equal(g.Sum, b.Sum) })
		})
	}
	if compressed[kindIndex] > 0 {
		out.Index = got.Index
	}
	return out
}
