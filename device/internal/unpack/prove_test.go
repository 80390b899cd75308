package unpack

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/internal/seal"
	"zapas/shared/api"
)

var texts = []item.Kind{item.KindSMS, item.KindMMS}

// proven is what a proof finds in chunks that are on the disk.
func proven(t *testing.T, g *Chunks, counts map[string]int64) (out Outcome, named, good int64) {
	t.Helper()
	out = Outcome{Ledger: api.RestoreLedgers{}}
	p := NewProof(g, texts, &out)
	for i := range g.Index.Chunks {
		must(t, p.Chunk(t.Context(), i))
	}
	named, good = p.End(true, counts)
	return out, named, good
}

// TestProof_LosesWhatARestoreLoses changes bytes all over a chunk: of each item, a proof says what becomes of it.
func TestProof_LosesWhatARestoreLoses(t *testing.T) {
	t.Parallel()
	counts := map[string]int64{"sms": 2700, "mms": 1}
	g, sealed := chunk(t)
	g.Index.Counts = counts
	must(t, os.WriteFile(g.Path(g.Index.Chunks[0].ID), sealed, 0o600))
	if out, named, good := proven(t, g, counts); out.Ledger["messages"].Inserted != 2701 || len(out.Failures) != 0 || named != 1 || good != 1 {
		t.Fatalf("undamaged: %+v, %d of %d", out, good, named)
	}
	places := []int{int(g.Index.Chunks[0].RecordPart) + 100} // the attachment
	for at := 0; at < len(sealed); at += len(sealed)/40 + 1 {
		places = append(places, at)
	}
	for _, at := range places {
		bad := bytes.Clone(sealed)
		bad[at] ^= 0x40
		g.Bad = map[int]Bad{}
		_, want := restored(t, g, bad)
		g.Bad = map[int]Bad{}
		got, _, _ := proven(t, g, counts)
		if d := cmp.Diff(want.Ledger, got.Ledger); d != "" || want.Ledger["messages"].Failed == 0 {
			t.Errorf("byte %d: a restore (-) and a proof (+) find:\n%s", at, d)
		}
		if d := cmp.Diff(want.Failures, got.Failures); d != "" {
			t.Errorf("byte %d is named otherwise:\n%s", at, d)
		}
	}
}

// apart is a snapshot of one MMS whose attachment, of 3 MiB, is in a chunk of its own. The item gives it a size.
func apart(t *testing.T, size int64) *Chunks {
	t.Helper()
	photo := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(photo)
	sum := sha256.Sum256(photo)
	g := &Chunks{Folder: t.TempDir(), Keys: map[index.ID]seal.SessionKey{{1}: {1}}, Bad: map[int]Bad{}, Index: &index.Index{Snapshot: index.ID{1}}}
	add := func(fill func(w *seal.Writer), c index.Chunk) {
		var out bytes.Buffer
		w, err := seal.NewWriter(&out, seal.SessionKey{1}, 1, rand.NewChaCha8([32]byte{byte(len(g.Index.Chunks))}))
		must(t, err)
		fill(w)
		s, err := w.Close()
		must(t, err)
		c.Session, c.ID, c.Size, c.RecordPart, c.Mark = index.ID{1}, index.OfChunk(s.SHA256), s.Size, s.RecordPart, s.Mark
		must(t, os.WriteFile(g.Path(c.ID), out.Bytes(), 0o600))
		g.Index.Chunks = append(g.Index.Chunks, c)
	}
	add(func(w *seal.Writer) {
		_, err := w.Record(byte(item.KindMMS), record(t, &item.MMS{Message: item.Message{Box: item.Sent, Unit: item.Millisecond}, Type: item.SendRequest,
			Parts: []item.Part{{ContentType: "image/png", Blob: &item.Ref{SHA256: sum, Size: size}}}}))
		must(t, err)
	}, index.Chunk{Runs: []index.Run{{Kind: byte(item.KindMMS), Count: 1}}})
	add(func(w *seal.Writer) {
		b, err := seal.NewBlob(bytes.NewReader(photo), int64(len(photo)), sum)
		must(t, err)
		_, err = w.Blob(b)
		must(t, err)
	}, index.Chunk{Parts: []index.Run{{Kind: byte(item.KindMMS), Count: 1}}})
	return g
}

// TestProof_Size: an attachment that is stored whole, and has not the size that its item says, is not what was backed up.
func TestProof_Size(t *testing.T) {
	t.Parallel()
	one := map[string]int64{"mms": 1}
	for size, want := range map[int64]api.RestoreLedger{
		3 << 20:   {Planned: 1, Inserted: 1},
		3<<20 - 1: {Planned: 1, Failed: 1, Reasons: map[string]int64{"attachment_damaged": 1}},
	} {
		g := apart(t, size)
		g.Index.Counts = one
		out, _, _ := proven(t, g, one)
		if d := cmp.Diff(want, out.Ledger["messages"]); d != "" {
			t.Errorf("%d bytes: %s", size, d)
		}
	}
}

// TestProof_Counts: what one counts and another does not is lost.
func TestProof_Counts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		index, served map[string]int64
		lost          int64
	}{
		{"Same", map[string]int64{"sms": 2700, "mms": 1}, map[string]int64{"sms": 2700, "mms": 1}, 0},
		{"NoneIsZero", map[string]int64{"sms": 2700, "mms": 1, "calls": 0}, map[string]int64{"sms": 2700, "mms": 1}, 0},
		{"IndexCountsMore", map[string]int64{"sms": 2701, "mms": 1}, map[string]int64{"sms": 2700, "mms": 1}, 1},
		{"ServiceCountsLess", map[string]int64{"sms": 2700, "mms": 1}, map[string]int64{"sms": 2698, "mms": 1}, 2},
		{"NotCounted", map[string]int64{"sms": 2700, "mms": 1}, map[string]int64{"sms": 2700}, 1},
		{"OneKindForAnother", map[string]int64{"sms": 2699, "mms": 2}, map[string]int64{"sms": 2699, "mms": 2}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, sealed := chunk(t)
			g.Index.Counts = tt.index
			must(t, os.WriteFile(g.Path(g.Index.Chunks[0].ID), sealed, 0o600))
			out, _, _ := proven(t, g, tt.served)
			if l := out.Ledger["messages"]; l.Failed != tt.lost || l.Reasons["count_differs"] != tt.lost || l.Inserted != 2701 {
				t.Errorf("%+v", l)
			}
		})
	}
}

// TestProof_Runs: the index and a chunk that hold as many records, of other kinds, differ.
func TestProof_Runs(t *testing.T) {
	t.Parallel()
	g, sealed := chunk(t)
	g.Index.Chunks[0].Runs = []index.Run{{Kind: byte(item.KindCall), Count: 3001}}
	g.Index.Counts = map[string]int64{"calls": 2701}
	must(t, os.WriteFile(g.Path(g.Index.Chunks[0].ID), sealed, 0o600))
	out := Outcome{Ledger: api.RestoreLedgers{}}
	p := NewProof(g, append(ledger.Kinds("messages"), item.KindCall), &out)
	must(t, p.Chunk(t.Context(), 0))
	p.End(true, g.Index.Counts)
	if l := out.Ledger["calls"]; l.Failed != 2701 || l.Reasons["count_differs"] != 2701 {
		t.Errorf("%+v", out)
	}
}

// TestBlob: an attachment in pieces is proven by its pieces in their order, wherever others of it lie between.
func TestBlob(t *testing.T) {
	t.Parallel()
	content := []byte("0123456789")
	for _, tt := range []struct {
		name   string
		pieces [][2]int // from, to
		proven bool
	}{
		{"InOrder", [][2]int{{0, 4}, {4, 8}, {8, 10}}, true},
		{"BrokenOffAndRepeated", [][2]int{{0, 4}, {0, 6}, {6, 10}}, true},
		{"RepeatedAfterABreak", [][2]int{{0, 4}, {4, 6}, {0, 5}, {5, 10}}, true},
		{"GoneOnFromTheFirst", [][2]int{{0, 4}, {0, 6}, {4, 10}}, true},
		{"OneMissing", [][2]int{{0, 4}, {8, 10}}, false},
		{"EndMissing", [][2]int{{0, 4}, {4, 8}}, false},
		{"BeginningMissing", [][2]int{{4, 8}, {8, 10}}, false},
	} {
		for _, right := range []bool{true, false} {
			b, want := blob{size: 10}, sha256.Sum256(content)
			if !right {
				want[0] ^= 1
			}
			var failed error
			for _, piece := range tt.pieces {
				sum, err := b.upTo(int64(piece[0]))
				must(t, err)
				sum.Write(content[piece[0]:piece[1]])
				failed = errors.Join(failed, b.have(int64(piece[1]), want, sum))
			}
			if b.proven != (tt.proven && right) || (failed != nil) != (tt.proven && !right) {
				t.Errorf("%s, of the right content %v: proven %v, %v", tt.name, right, b.proven, failed)
			}
		}
	}
}
