package index

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func drawn(t *rapid.T) *Index {
	sum := func(label string, i int) ID { s := sha256.Sum256([]byte{byte(i), label[0]}); return OfChunk(s) }
	x := &Index{Snapshot: sum("s", 0), Schema: rapid.Uint64Max(3).Draw(t, "schema"),
		Counts: map[string]int64{"sms": rapid.Int64Range(0, 1<<40).Draw(t, "sms")}, Coverage: map[string]string{"messages": "full"}}
	if rapid.Bool().Draw(t, "previous") {
		x.Previous = sha256.Sum256([]byte("before"))
	}
	n := rapid.IntRange(1, 20).Draw(t, "chunks")
	for i := range n {
		c := Chunk{Session: sum("s", rapid.IntRange(0, 3).Draw(t, "session")), ID: sum("c", i), Size: 1 << 20, RecordPart: rapid.Int64Range(0, 1<<20).Draw(t, "records"),
			Parts: []Run{}, Runs: []Run{}}
		for k := range rapid.IntRange(0, 2).Draw(t, "parts") {
			c.Parts = append(c.Parts, Run{Kind: byte(2*k + 1), Count: rapid.Uint32Min(1).Draw(t, "of a kind")})
		}
		var total uint32
		for k := range rapid.IntRange(0, 3).Draw(t, "runs") {
			r := Run{Kind: byte(k + 1), Count: rapid.Uint32Range(1, 300).Draw(t, "count")}
			total += r.Count
			c.Runs = append(c.Runs, r)
		}
		for number := range total {
			if rapid.IntRange(0, 9).Draw(t, "dead") == 0 {
				c.Dead = append(c.Dead, number)
			}
		}
		if i == n-1 {
			c.Session, c.ID, c.Size, c.RecordPart = x.Snapshot, ID{}, 0, 0
		}
		x.Chunks = append(x.Chunks, c)
	}
	return x
}

func TestEncode_RoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := drawn(t)
		b, err := x.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		var list []Listed
		for i := range x.Chunks {
			c, is := &x.Chunks[i], got.Chunks[i]
			list = append(list, Listed{c.ID, c.Size, c.RecordPart})
			if len(c.Runs) == 0 && (is.ID != c.ID.Short() || is.Size != 0 || is.RecordPart != 0) {
				t.Errorf("chunk %s is without records, and in the index it is %+v", c.ID, is)
			}
		}
		got.Find(list)
		if d := cmp.Diff(x, got, cmp.AllowUnexported(Run{})); d != "" {
			t.Fatal(d)
		}
	})
}

// TestDecode_OneEncoding changes one byte: what is still accepted encodes to just those bytes.
func TestDecode_OneEncoding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, err := drawn(t).Encode()
		if err != nil {
			t.Fatal(err)
		}
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		x, err := Decode(b)
		if err != nil {
			return
		}
		if again, err := x.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("accepted, and encodes differently: %v", err)
		}
	})
}

func valid() *Index {
	one := OfChunk(sha256.Sum256([]byte("one")))
	return &Index{Snapshot: ID{1}, Chunks: []Chunk{
		{Session: ID{2}, ID: one, Size: 100, RecordPart: 50, Runs: []Run{{Kind: 2, Count: 3}, {Kind: 3, Count: 2}}, Parts: []Run{{Kind: 1, Count: 2}, {Kind: 3, Count: 1}}, Dead: []uint32{0, 4}},
		{Session: ID{1}},
	}}
}

func TestEncode_Refuses(t *testing.T) {
	t.Parallel()
	if _, err := valid().Encode(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(x *Index){
		"NoChunks":         func(x *Index) { x.Chunks = nil },
		"TooMany":          func(x *Index) { x.Chunks = make([]Chunk, MaxChunks+1) },
		"ChunkTwice":       func(x *Index) { x.Chunks = append(x.Chunks[:1:1], x.Chunks[0], x.Chunks[1]) },
		"ForeignOwnChunk":  func(x *Index) { x.Chunks[1].Session = ID{2} },
		"OwnChunkNamed":    func(x *Index) { x.Chunks[1].ID = ID{9} },
		"OtherNotNamed":    func(x *Index) { x.Chunks[0].ID, x.Chunks[0].Size, x.Chunks[0].RecordPart = ID{}, 0, 0 },
		"RecordsTooLong":   func(x *Index) { x.Chunks[0].RecordPart = 101 },
		"EmptyRun":         func(x *Index) { x.Chunks[0].Runs[0].Count = 0 },
		"RunGoesOn":        func(x *Index) { x.Chunks[0].Runs[1].Kind = 2 },
		"NoPart":           func(x *Index) { x.Chunks[0].Parts[0].Count = 0 },
		"PartKindTwice":    func(x *Index) { x.Chunks[0].Parts[1].Kind = 1 },
		"DeadBeyond":       func(x *Index) { x.Chunks[0].Dead[1] = 5 },
		"DeadNotAscending": func(x *Index) { x.Chunks[0].Dead[1] = 0 },
		"TooManyRecords":   func(x *Index) { x.Chunks[0].Runs[0].Count = 1 << 20 },
		"NegativeCount":    func(x *Index) { x.Counts = map[string]int64{"sms": -1} },
	} {
		x := valid()
		spoil(x)
		if _, err := x.Encode(); err == nil {
			t.Errorf("%s: it was encoded", name)
		}
	}
}

func TestDecode_Refuses(t *testing.T) {
	t.Parallel()
	good, err := valid().Encode()
	if err != nil {
		t.Fatal(err)
	}
	later := bytes.Clone(good)
	later[1] = 1
	for name, tt := range map[string]struct {
		b    []byte
		want string
	}{
		"Empty":       {nil, "no array"},
		"NoArray":     {[]byte{0xa0}, "no array"},
		"LaterFormat": {later, "update the app"},
		"Cut":         {good[:len(good)-1], "cannot be read"},
		"Trailing":    {append(bytes.Clone(good), 0), "cannot be read"},
		"LongVarint":  {bytes.Replace(good, []byte{0x42, 0, 3}, []byte{0x43, 0x80, 0, 3}, 1), "canonical"},
	} {
		if _, err := Decode(tt.b); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestLive(t *testing.T) {
	t.Parallel()
	c := valid().Chunks[0]
	if d := cmp.Diff(map[byte]int64{2: 2, 3: 1}, c.Live()); d != "" || !c.IsDead(4) || c.IsDead(1) {
		t.Error(d)
	}
}

func TestID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		if got, err := Parse(id.String()); err != nil || got != id {
			t.Fatalf("%s: %v, %v", id, got, err)
		}
	})
	for s, want := range map[string]string{
		"00000000000000000000000000": "00000000000000000000000000000000",
		"7ZZZZZZZZZZZZZZZZZZZZZZZZZ": "ffffffffffffffffffffffffffffffff",
		"01ARZ3NDEKTSV4RRFFQ69G5FAV": "01563e3ab5d3d6764c61efb99302bd5b", // the example of the ULID specification
	} {
		if id, err := Parse(s); err != nil || cmp.Diff(want, fmt.Sprintf("%x", id[:])) != "" || id.String() != s {
			t.Errorf("%s: %x, %v", s, id, err)
		}
	}
	for _, s := range []string{"", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01ARZ3NDEKTSV4RRFFQ69G5FA", "01ARZ3NDEKTSV4RRFFQ69G5FAI", "01arz3ndektsv4rrffq69g5fav"} {
		if _, err := Parse(s); err == nil {
			t.Errorf("%q was taken for an id", s)
		}
	}
}

// TestFind: a chunk without records is the one of a list that begins as it, of two the first; any other is as the index says.
func TestFind(t *testing.T) {
	t.Parallel()
	is := func(short, rest byte) ID { return ID{short, 7: 1, 8: rest} }
	x := &Index{Chunks: []Chunk{
		{ID: is(1, 1), Size: 8, RecordPart: 4, Runs: []Run{{Kind: 2, Count: 1}}},
		{ID: is(2, 0)},
		{ID: is(3, 0)},
		{ID: is(4, 0), Size: 9, Runs: []Run{{Kind: 2, Count: 1}}},
	}}
	x.Find([]Listed{{is(1, 9), 100, 50}, {is(2, 7), 200, 60}, {is(2, 8), 300, 70}, {is(4, 5), 400, 80}})
	var got []Listed
	for _, c := range x.Chunks {
		got = append(got, Listed{c.ID, c.Size, c.RecordPart})
	}
	if d := cmp.Diff([]Listed{{is(1, 1), 8, 4}, {is(2, 7), 200, 60}, {is(3, 0), 0, 0}, {is(4, 0), 9, 0}}, got); d != "" {
		t.Error(d)
	}
}
