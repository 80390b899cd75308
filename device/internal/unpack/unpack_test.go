package unpack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"testing"

	"zapas/device/internal/index"
	"zapas/device/internal/item"
	"zapas/device/internal/seal"
	"zapas/shared/api"
)

// target takes messages and reads their attachments.
type target struct{ got []item.Item }

func (*target) Takes(item.Kind) bool                  { return true }
func (*target) Existing() iter.Seq2[item.Item, error] { return func(func(item.Item, error) bool) {} }
func (*target) Finish() error                         { return nil }
func (*target) Merge(int, *item.Contact, func(item.Blob) (io.ReadCloser, error)) (bool, error) {
	return false, errors.New("there are no contacts")
}
func (t *target) Insert(it item.Item, open func(item.Blob) (io.ReadCloser, error)) error {
	for _, b := range it.Blobs() {
		r, err := open(b)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			return errors.Join(err, r.Close())
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	t.got = append(t.got, it)
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func record(t *testing.T, it item.Item) []byte {
	t.Helper()
	b, err := item.Encode(it)
	must(t, err)
	return b
}

// chunk seals 3,000 SMS in several blocks, of which every tenth is dead, and one MMS with an attachment.
func chunk(t *testing.T) (*Chunks, []byte) {
	t.Helper()
	var out bytes.Buffer
	key := seal.SessionKey{1}
	w, err := seal.NewWriter(&out, key, 1, rand.NewChaCha8([32]byte{1}))
	must(t, err)
	c := index.Chunk{Session: index.ID{1}, Runs: []index.Run{{Kind: byte(item.KindSMS), Count: 3000}, {Kind: byte(item.KindMMS), Count: 1}}, Parts: []index.Run{{Kind: byte(item.KindMMS), Count: 1}}}
	for i := range 3000 {
		m := item.Message{Box: item.Inbox, Date: int64(i) * 1000, Unit: item.Millisecond}
		_, err := w.Record(byte(item.KindSMS), record(t, &item.SMS{Message: m, Body: fmt.Sprintf("message %d %x", i, sha256.Sum256([]byte{byte(i)}))}))
		must(t, err)
		if i%10 == 0 {
			c.Dead = append(c.Dead, uint32(i))
		}
	}
	photo := bytes.Repeat([]byte("photo"), 50_000)
	sum := sha256.Sum256(photo)
	_, err = w.Record(byte(item.KindMMS), record(t, &item.MMS{Message: item.Message{Box: item.Sent, Unit: item.Millisecond}, Type: item.SendRequest,
		Parts: []item.Part{{ContentType: "image/png", Blob: &item.Ref{SHA256: sum, Size: int64(len(photo))}}}}))
	must(t, err)
	b, err := seal.NewBlob(bytes.NewReader(photo), int64(len(photo)), sum)
	must(t, err)
	_, err = w.Blob(b)
	must(t, err)
	s, err := w.Close()
	must(t, err)
	c.ID, c.Size, c.RecordPart, c.Mark = index.OfChunk(s.SHA256), s.Size, s.RecordPart, s.Mark
	return &Chunks{Folder: t.TempDir(), Index: &index.Index{Snapshot: index.ID{1}, Chunks: []index.Chunk{c}},
		Keys: map[index.ID]seal.SessionKey{{1}: key}, Bad: map[int]Bad{}}, out.Bytes()
}

func restored(t *testing.T, g *Chunks, sealed []byte) (*target, Outcome) {
	t.Helper()
	must(t, os.WriteFile(g.Path(g.Index.Chunks[0].ID), sealed, 0o600))
	to, out := new(target), Outcome{Ledger: api.RestoreLedgers{}}
	must(t, Restore(t.Context(), g, []item.Kind{item.KindSMS, item.KindMMS}, to, &out))
	if l := out.Ledger["messages"]; l.Planned != 2701 || l.Inserted+l.Failed != 2701 || int(l.Inserted) != len(to.got) {
		t.Errorf("%+v, and %d came", l, len(to.got))
	}
	return to, out
}

// TestRestore_Damaged changes single bytes of a chunk, behind the back of whoever compared it with its id: every item is
// accounted for, and all but those of the damaged block come.
func TestRestore_Damaged(t *testing.T) {
	t.Parallel()
	g, sealed := chunk(t)
	if _, out := restored(t, g, sealed); out.Ledger["messages"].Failed != 0 {
		t.Fatalf("undamaged: %+v", out)
	}
	records := int(g.Index.Chunks[0].RecordPart)
	for _, tt := range []struct {
		name    string
		at      int
		reason  string
		failed  int64 // -1: some, but not all
		element string
	}{
		{"Header", 3, "chunk_damaged", 2701, "messages"},
		{"Salt", 20, "chunk_damaged", 2701, "messages"},
		{"FirstBlock", 400, "block_damaged", -1, "messages"},
		{"MMSBlock", records - 20, "block_damaged", 1, "messages"},
		{"Attachment", records + 100, "attachment_damaged", 1, "messages"},
		{"Trailer", len(sealed) - 40, "chunk_damaged", 2701, "messages"},
		{"Footer", len(sealed) - 1, "chunk_damaged", 2701, "messages"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, bad := chunk(t)
			bad[tt.at] ^= 0x40
			_, out := restored(t, g, bad)
			l := out.Ledger[tt.element]
			if l.Failed != tt.failed && (tt.failed != -1 || l.Failed < 1 || l.Failed > 2000) || l.Reasons[tt.reason] != l.Failed {
				t.Errorf("%+v", l)
			}
			for _, f := range out.Failures {
				if f.Snapshot != g.Index.Snapshot.String() || f.Element != tt.element || f.Items == 0 || f.Detail == "" {
					t.Errorf("not named: %+v", f)
				}
			}
		})
	}
}

// TestRestore_Harmed changes single bytes of a chunk that is known not to be what was stored: what its blocks prove comes, and
// where its table is damaged, too, all of its records.
func TestRestore_Harmed(t *testing.T) {
	t.Parallel()
	g, sealed := chunk(t)
	size, records := len(sealed), int(g.Index.Chunks[0].RecordPart)
	for _, tt := range []struct {
		name   string
		damage func(b []byte) []byte
		reason string
		failed int64 // -1: some, but not all
	}{
		{"Salt", flip(20), "chunk_damaged", 2701},
		{"LengthOfFirstBlock", flip(76), "block_damaged", -1},
		{"FirstBlock", flip(400), "block_damaged", -1},
		{"Attachment", flip(records + 100), "attachment_damaged", 1},
		{"Trailer", flip(size - 40), "attachment_missing", 1},
		{"Footer", flip(size - 1), "attachment_missing", 1},
		{"CutBehindRecords", func(b []byte) []byte { return b[:records+5] }, "attachment_missing", 1},
		{"CutInLastBlock", func(b []byte) []byte { return b[:records-5] }, "block_damaged", 1},
		{"TrailerAndFirstBlock", func(b []byte) []byte { return flip(400)(flip(size - 40)(b)) }, "", -1},
		{"TrailerAndFirstLength", func(b []byte) []byte { return flip(76)(flip(size - 40)(b)) }, "block_damaged", 2701},
		{"TrailerAndLastLength", func(b []byte) []byte { // of one of the MMS
			return flip(g.places(sealed)[len(g.places(sealed))-1] + 2)(flip(size - 40)(b))
		}, "block_damaged", 1},
		{"Longer", func(b []byte) []byte { return append(b, 1, 2, 3) }, "", 0},
		{"Swapped", func(b []byte) []byte { // blocks of one length
			at := g.places(sealed)
			n := at[1] - at[0]
			if at[2]-at[1] != n {
				n = min(n, at[2]-at[1])
			}
			c := bytes.Clone(b)
			copy(c[at[0]:], b[at[1]:at[1]+n])
			copy(c[at[1]:], b[at[0]:at[0]+n])
			return c
		}, "block_damaged", -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, b := chunk(t)
			g.Harmed = map[int]Bad{0: {Reason: "chunk_damaged", Detail: "it is another"}}
			to, out := restored(t, g, tt.damage(b))
			l := out.Ledger["messages"]
			if l.Failed != tt.failed && (tt.failed != -1 || l.Failed < 1 || l.Failed > 2600) || tt.reason != "" && l.Reasons[tt.reason] != l.Failed {
				t.Errorf("%+v", l)
			}
			if len(out.Failures) == 0 || out.Failures[0].Element != "messages" || out.Failures[0].Detail == "" {
				t.Errorf("not named: %+v", out.Failures)
			}
			for _, it := range to.got {
				if m, ok := it.(*item.SMS); ok && (m.Date/1000)%10 == 0 {
					t.Fatalf("message %d was deleted and is there again", m.Date/1000)
				}
			}
		})
	}
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte { b = bytes.Clone(b); b[at] ^= 0x40; return b }
}

// places are where the record blocks begin, their prefixes with them.
func (g *Chunks) places(sealed []byte) (at []int) {
	for p := seal.HeaderLen; p < int(g.Index.Chunks[0].RecordPart); p += 5 + int(binary.BigEndian.Uint32(sealed[p+1:])) {
		at = append(at, p)
	}
	return at
}

// TestRestore_Part: the records alone are enough for what has no attachment, wherever they are damaged as well.
func TestRestore_Part(t *testing.T) {
	t.Parallel()
	g, sealed := chunk(t)
	part, texts := int(g.Index.Chunks[0].RecordPart), g.places(sealed) // the last block has the one that is none
	for at := 0; at <= part; at += part / 60 {
		g, b := chunk(t)
		g.Part = map[int]bool{0: true}
		b = b[:part]
		if at > 0 {
			b[at-1] ^= 1
		}
		must(t, os.WriteFile(g.Path(g.Index.Chunks[0].ID), b, 0o600))
		to, out := new(target), Outcome{Ledger: api.RestoreLedgers{}}
		must(t, Restore(t.Context(), g, []item.Kind{item.KindSMS}, to, &out))
		if l := out.Ledger["messages"]; l.Planned != 2700 || (l.Failed > 0) != (at > 0 && at <= texts[len(texts)-1]) || int(l.Inserted) != len(to.got) {
			t.Errorf("byte %d: %+v", at-1, l)
		}
	}
	g.Index.Chunks[0].Mark[0] ^= 1 // another chunk of the session
	g.Part = map[int]bool{0: true}
	must(t, os.WriteFile(g.Path(g.Index.Chunks[0].ID), sealed[:part], 0o600))
	to, out := new(target), Outcome{Ledger: api.RestoreLedgers{}}
	must(t, Restore(t.Context(), g, []item.Kind{item.KindSMS}, to, &out))
	if l := out.Ledger["messages"]; l.Failed != 2700 || len(to.got) > 0 {
		t.Errorf("another chunk's records: %+v", l)
	}
}

func TestRestore_IndexAndChunkDisagree(t *testing.T) {
	t.Parallel()
	g, sealed := chunk(t)
	g.Index.Chunks[0].Runs[1].Count = 2
	g.Index.Chunks[0].Dead = append(g.Index.Chunks[0].Dead, 3001)
	if _, out := restored(t, g, sealed); out.Ledger["messages"].Reasons["chunk_damaged"] != 2701 {
		t.Errorf("%+v", out)
	}
}

// TestRestore_Pieces: what a proof takes for whole, a restore finds: pieces that join, whichever longer ones lie beside them.
func TestRestore_Pieces(t *testing.T) {
	t.Parallel()
	g := &Chunks{parts: map[[32]byte][]part{{1}: {{chunk: 0, length: 4, size: 10}, {chunk: 1, length: 6, size: 10}, {chunk: 2, offset: 4, length: 6, size: 10}}}}
	pieces, err := g.pieces([32]byte{1})
	must(t, err)
	if len(pieces) != 2 || pieces[0].chunk != 0 || pieces[1].chunk != 2 {
		t.Errorf("%+v", pieces)
	}
}
