package seal

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// four is a chunk with four record blocks, of 2, 1, 3 and 1 records, and where each of them lies in its bytes.
func four(t testing.TB, seed byte) (s sealedChunk, recs []Record, blocks []recordPlace) {
	t.Helper()
	recs = append(recs, records(0, 1, noise(seed, 200), []byte("b"))...)
	recs = append(recs, records(2, 2, []byte("c"))...)
	recs = append(recs, records(3, 3, []byte("d"), []byte("e"), noise(seed, 300))...)
	recs = append(recs, records(6, 1, []byte("g"))...)
	s = content{Records: recs, Blobs: [][]byte{noise(seed+1, 700)}, Index: []byte("i")}.seal(t, seed)
	blocks = must[*Reader](t)(Open(bytes.NewReader(s.bytes), int64(len(s.bytes)), testKey)).layout.records
	if len(blocks) != 4 || blocks[2].first != 3 || blocks[3].first != 6 {
		t.Fatalf("%+v", blocks)
	}
	return s, recs, blocks
}

// salvage reads what OpenRecords gives: the records, and the one gap in them.
func salvage(t testing.TB, r *Reader) (recs []Record, gap *BlockError) {
	t.Helper()
	next := uint32(0)
	for rec, err := range r.Records() {
		block, isBlock := errors.AsType[*BlockError](err)
		switch {
		case err == nil && rec.Number == next:
			recs, next = append(recs, rec), next+1
		case isBlock && gap == nil && block.First == next && errors.Is(r.Damage(), block):
			gap, next = block, next+block.Count
		default:
			t.Fatalf("record %d of %d, after %v: %v", rec.Number, next, gap, err)
		}
	}
	if next != r.RecordCount() || (gap == nil) != (r.Damage() == nil) {
		t.Fatalf("%d of %d records; %v, %v", next, r.RecordCount(), gap, r.Damage())
	}
	return recs, gap
}

func TestOpenRecords(t *testing.T) {
	t.Parallel()
	s, recs, at := four(t, 1)
	other, _, _ := four(t, 2)
	flip := func(offsets ...int64) func(b []byte) []byte {
		return func(b []byte) []byte {
			for _, offset := range offsets {
				b[offset] ^= 1
			}
			return b
		}
	}
	for _, tt := range []struct {
		name        string
		change      func(b []byte) []byte
		first, lost uint32 // of the gap
	}{
		{"Whole", flip(), 0, 0},
		{"First", flip(at[0].offset), 0, 2},
		{"Middle", flip(at[2].offset + 9), 3, 3},
		{"Last", flip(at[3].offset), 6, 1},
		{"TwoApart", flip(at[0].offset, at[2].offset), 0, 6},
		{"All", flip(at[0].offset, at[1].offset, at[2].offset, at[3].offset), 0, 7},
		{"Kind", flip(at[1].offset - prefixLen), 2, 1},
		{"LengthAndAllBehind", flip(at[1].offset - 1), 2, 5},
		{"LengthOverAnotherBlock", func(b []byte) []byte {
			n := at[2].offset + int64(at[2].sealed) - at[1].offset
			b[at[1].offset-2], b[at[1].offset-1] = byte(n>>8), byte(n)
			return b
		}, 2, 5},
		{"Cut", func(b []byte) []byte { return b[:at[2].offset+5] }, 3, 4},
		{"CutBetweenBlocks", func(b []byte) []byte { return b[:at[2].offset-prefixLen] }, 3, 4},
		{"HeaderAlone", func(b []byte) []byte { return b[:headerLen] }, 0, 7},
		{"OfAnotherChunk", func(b []byte) []byte {
			copy(b[at[1].offset:], other.bytes[at[1].offset:at[2].offset])
			return b
		}, 2, 1},
		{"Repeated", func(b []byte) []byte { // of one size, in another's place
			copy(b[at[3].offset-prefixLen:at[3].offset+int64(at[3].sealed)], b[at[1].offset-prefixLen:at[1].offset+int64(at[1].sealed)])
			return b
		}, 6, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := tt.change(bytes.Clone(s.bytes))
			r := must[*Reader](t)(OpenRecords(bytes.NewReader(b), s.sum.RecordPart, 7, testKey))
			got, gap := salvage(t, r)
			want := append(append([]Record(nil), recs[:tt.first]...), recs[tt.first+tt.lost:]...)
			if !cmp.Equal(got, want) || (gap == nil) != (tt.lost == 0) || gap != nil && (gap.First != tt.first || gap.Count != tt.lost) {
				t.Errorf("%d records, and %+v", len(got), gap)
			}
			if r.Mark() != s.sum.Mark || r.Mark() == other.sum.Mark {
				t.Errorf("the mark is %x", r.Mark())
			}
		})
	}
}

// TestOpenRecords_Refused: what is said beside the chunk is held against it, and never believed where it cannot be.
func TestOpenRecords_Refused(t *testing.T) {
	t.Parallel()
	s, _, at := four(t, 1)
	broken := bytes.Clone(s.bytes)
	broken[at[1].offset] ^= 1
	for _, tt := range []struct {
		name    string
		bytes   []byte
		part    int64
		records uint32
		key     SessionKey
	}{
		{"OneMore", s.bytes, s.sum.RecordPart, 8, testKey},
		{"OneLess", s.bytes, s.sum.RecordPart, 6, testKey},
		{"FewerThanAreWhole", broken, s.sum.RecordPart, 5, testKey},
		{"AnotherKey", s.bytes, s.sum.RecordPart, 7, SessionKey{1}},
		{"NoHeader", s.bytes[:headerLen-1], s.sum.RecordPart, 7, testKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if r, err := OpenRecords(bytes.NewReader(tt.bytes), tt.part, tt.records, tt.key); err == nil {
				t.Errorf("%d records, %v", r.RecordCount(), r.Damage())
			}
		})
	}
}

// TestOpenRecords_AnotherEnd: a record part that is said to end elsewhere gives no record under another's number.
func TestOpenRecords_AnotherEnd(t *testing.T) {
	t.Parallel()
	s, recs, _ := four(t, 1)
	for part := int64(-1); part <= int64(len(s.bytes))+1; part++ {
		r, err := OpenRecords(bytes.NewReader(s.bytes), part, 7, testKey)
		if err != nil {
			t.Fatalf("a part of %d bytes: %v", part, err)
		}
		got, _ := salvage(t, r)
		if len(got) == 7 != (part == s.sum.RecordPart) {
			t.Fatalf("a part of %d bytes gives %d records", part, len(got))
		}
		for _, rec := range got {
			if !cmp.Equal(rec, recs[rec.Number]) {
				t.Fatalf("a part of %d bytes gives %+v", part, rec)
			}
		}
	}
}
