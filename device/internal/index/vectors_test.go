package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/valid.json and testdata/invalid.json anew")

// A vector is an encoded index and what is in it, or why it is none.
type vector struct {
	Name  string `json:"name"`
	CBOR  string `json:"cbor"`
	Want  *told  `json:"want,omitempty"`  // valid only
	Why   string `json:"why,omitempty"`   // invalid only
	Error string `json:"error,omitempty"` // invalid only: what the sentence contains
}

// told is an index as vectors tell of it: bytes in hexadecimal.
type told struct {
	Schema   uint64            `json:"schema"`
	Snapshot string            `json:"snapshot"`
	Previous string            `json:"previous"`
	Chunks   []toldChunk       `json:"chunks"`
	Counts   map[string]int64  `json:"counts"`
	Coverage map[string]string `json:"coverage"`
}

type toldChunk struct {
	Session string     `json:"session"`
	ID      string     `json:"id"`
	Size    int64      `json:"size"`
	Records int64      `json:"records"`
	Mark    string     `json:"mark"`
	Runs    [][]uint32 `json:"runs"`
	Parts   [][]uint32 `json:"parts"`
	Dead    []uint32   `json:"dead"`
}

func tell(x *Index) *told {
	out := &told{Schema: x.Schema, Snapshot: hex.EncodeToString(x.Snapshot[:]), Counts: x.Counts, Coverage: x.Coverage}
	if x.Previous != [32]byte{} {
		out.Previous = hex.EncodeToString(x.Previous[:])
	}
	for _, c := range x.Chunks {
		tc := toldChunk{Session: hex.EncodeToString(c.Session[:]), Size: c.Size, Records: c.RecordPart, Runs: [][]uint32{}, Parts: [][]uint32{}, Dead: []uint32{}}
		if c.ID != (ID{}) {
			tc.ID = hex.EncodeToString(c.listed())
		}
		if c.marked() {
			tc.Mark = hex.EncodeToString(c.Mark[:])
		}
		for _, r := range c.Runs {
			tc.Runs = append(tc.Runs, []uint32{uint32(r.Kind), r.Count})
		}
		for _, r := range c.Parts {
			tc.Parts = append(tc.Parts, []uint32{uint32(r.Kind), r.Count})
		}
		tc.Dead = append(tc.Dead, c.Dead...)
		out.Chunks = append(out.Chunks, tc)
	}
	return out
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t, "valid.json", validVectors(t))
		writeVectors(t, "invalid.json", invalidVectors(t))
	}
	valid, invalid := readVectors(t, "valid.json"), readVectors(t, "invalid.json")
	if len(valid) < 6 || len(invalid) < 40 {
		t.Errorf("only %d valid and %d invalid vectors", len(valid), len(invalid))
	}
	for _, v := range valid {
		b := unhex(t, v.CBOR)
		x, err := Decode(b)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if diff := cmp.Diff(v.Want, tell(x)); diff != "" {
			t.Errorf("%s: %s", v.Name, diff)
		}
		if again, err := x.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: encoded again: %x, %v", v.Name, again, err)
		}
	}
	for _, v := range invalid {
		if _, err := Decode(unhex(t, v.CBOR)); err == nil || v.Error == "" || v.Why == "" || !strings.Contains(err.Error(), v.Error) {
			t.Errorf("%s, though %s: got %v, want %q", v.Name, v.Why, err, v.Error)
		}
	}
	t.Logf("Go: %d valid and %d invalid vectors", len(valid), len(invalid))
}

func validVectors(t *testing.T) (all []vector) {
	id := func(s string) ID { return OfChunk(sha256.Sum256([]byte(s))) }
	full := map[string]string{"contacts": "denied", "messages": "full", "calls": "limited"}
	own := Chunk{Session: id("snapshot"), Runs: []Run{{Kind: 2, Count: 60}, {Kind: 3, Count: 3}}, Parts: []Run{{Kind: 3, Count: 3}}}
	base := Chunk{Session: id("base"), ID: id("one"), Size: 16 << 20, RecordPart: 1 << 20, Mark: Mark{1, 2, 3, 4, 5, 6, 7, 8}, Runs: []Run{{Kind: 2, Count: 1 << 20}}, Dead: []uint32{0, 1, 2, 130, 1<<20 - 1}}
	blobs := Chunk{Session: id("base"), ID: id("two"), Size: 12_345_678, RecordPart: 351, Parts: []Run{{Kind: 1, Count: 1<<32 - 1}, {Kind: 3, Count: 40}}}
	other := Chunk{Session: id("other"), ID: id("three"), Size: 1 << 20, RecordPart: 1 << 20, Runs: []Run{{Kind: 1, Count: 1}, {Kind: 2, Count: 1}, {Kind: 1, Count: 1}}}
	for name, x := range map[string]*Index{
		"nothing at all":           {Snapshot: id("snapshot"), Chunks: []Chunk{{Session: id("snapshot")}}},
		"the first backup":         {Snapshot: id("snapshot"), Chunks: []Chunk{own}, Counts: map[string]int64{"sms": 60, "mms": 3}, Coverage: full},
		"one built on another":     {Snapshot: id("snapshot"), Previous: sha256.Sum256([]byte("base")), Chunks: []Chunk{base, blobs, own}, Counts: map[string]int64{"sms": 1 << 20}, Coverage: full},
		"three sessions":           {Snapshot: id("snapshot"), Previous: sha256.Sum256([]byte("base")), Chunks: []Chunk{other, base, blobs, own}, Coverage: full},
		"own session before":       {Snapshot: id("snapshot"), Chunks: []Chunk{{Session: id("snapshot"), ID: id("four"), Size: 400, RecordPart: 351, Runs: []Run{{Kind: 4, Count: 2}}}, {Session: id("snapshot")}}},
		"a later record schema":    {Snapshot: id("snapshot"), Schema: 300, Chunks: []Chunk{own}},
		"largest numbers":          {Snapshot: id("snapshot"), Schema: MaxNumber, Chunks: []Chunk{{Session: id("base"), ID: id("one"), Size: MaxNumber, RecordPart: MaxNumber, Mark: Mark{1}, Runs: []Run{{Kind: 255, Count: 1 << 20}}, Parts: []Run{{Kind: 255, Count: 1<<32 - 1}}}, own}, Counts: map[string]int64{"sms": MaxNumber}},
		"all dead, and all counts": {Snapshot: id("snapshot"), Chunks: []Chunk{{Session: id("snapshot"), Runs: []Run{{Kind: 1, Count: 3}}, Dead: []uint32{0, 1, 2}}}, Counts: map[string]int64{"contacts": 0, "sms": 1, "mms": 1 << 40, "calls": 24}},
	} {
		b, err := x.Encode()
		if err != nil {
			t.Fatal(err)
		}
		x, err = Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, vector{Name: name, CBOR: hex.EncodeToString(b), Want: tell(x)})
	}
	slices.SortFunc(all, func(a, b vector) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// spoilt are faults of one member, put into an index that is else sound; what they say is in no form that Encode makes.
func spoilt() map[string]struct {
	change     func(e *encoded)
	why, error string
} {
	type rows = map[string]struct {
		change     func(e *encoded)
		why, error string
	}
	bare := func(c *encodedChunk) { // as a chunk without records is encoded
		c.Runs, c.Dead, c.Mark, c.ID, c.Size, c.RecordPart = nil, nil, nil, c.ID[:8:8], 0, 0
	}
	first := func(change func(c *encodedChunk)) func(e *encoded) { return func(e *encoded) { change(&e.Chunks[0]) } }
	return rows{
		"later format":       {func(e *encoded) { e.Format = 1 }, "it has format 1", "update the app"},
		"snapshot too short": {func(e *encoded) { e.Snapshot = e.Snapshot[1:] }, "an id has 16 bytes", "an id has 15 bytes"},
		"previous too short": {func(e *encoded) { e.Previous = make([]byte, 31) }, "a SHA-256 has 32 bytes", "the one before has 31 bytes"},
		"previous of zeros":  {func(e *encoded) { e.Previous = make([]byte, 32) }, "none is written as no bytes", "canonical"},
		"no chunks":          {func(e *encoded) { e.Chunks = nil }, "there is one chunk at least", "0 chunks"},
		"no sessions":        {func(e *encoded) { e.Sessions = nil }, "chunks are of sessions", "not listed"},
		"session too long":   {func(e *encoded) { e.Sessions[0] = make([]byte, 17) }, "an id has 16 bytes", "an id has 17 bytes"},
		"session twice":      {func(e *encoded) { e.Sessions[1] = e.Sessions[0] }, "a session is listed once", "its own chunk is of session"},
		"session unused":     {func(e *encoded) { e.Sessions = append(e.Sessions, make([]byte, 16)) }, "a session is listed for a chunk", "canonical"},
		"sessions in other order": {func(e *encoded) {
			e.Sessions[0], e.Sessions[1], e.Chunks[0].Session, e.Chunks[1].Session = e.Sessions[1], e.Sessions[0], 1, 0
		}, "sessions are in the order of their chunks", "canonical"},
		"session not listed":    {func(e *encoded) { e.Chunks[0].Session = 2 }, "there are two sessions", "not listed"},
		"session huge":          {func(e *encoded) { e.Chunks[0].Session = 1<<64 - 1 }, "there are two sessions", "not listed"},
		"own chunk foreign":     {func(e *encoded) { e.Chunks[1].Session = 0 }, "the last chunk is the snapshot's", "its own chunk is of session"},
		"own chunk named":       {func(e *encoded) { e.Chunks[1].ID = make([]byte, 15) }, "an id has 16 bytes", "an id has 15 bytes"},
		"own chunk named zeros": {func(e *encoded) { e.Chunks[1].ID = make([]byte, 16) }, "the last chunk has no id", "canonical"},
		"own chunk sized":       {func(e *encoded) { e.Chunks[1].Size = 1 }, "the size of the last chunk is not known", "all chunks but the last"},
		"chunk without id":      {first(func(c *encodedChunk) { c.ID = nil }), "all chunks but the last have an id", "all chunks but the last"},
		"chunk of no size":      {first(func(c *encodedChunk) { c.ID, c.Size, c.RecordPart = nil, 0, 0 }), "all chunks but the last have an id", "all chunks but the last"},
		"chunk twice":           {func(e *encoded) { e.Chunks = append(e.Chunks[:1:1], e.Chunks...) }, "a chunk is listed once", "twice"},
		"size negative":         {first(func(c *encodedChunk) { c.Size = -1 }), "a size is not negative", "not possible"},
		"records negative":      {first(func(c *encodedChunk) { c.RecordPart = -1 }), "a length is not negative", "not possible"},
		"records over size":     {first(func(c *encodedChunk) { c.RecordPart = 101 }), "the record part is of the chunk", "101 of 100 bytes"},
		"mark too short":        {first(func(c *encodedChunk) { c.Mark = c.Mark[1:] }), "a mark has 8 bytes", "has 7 bytes"},
		"mark too long":         {first(func(c *encodedChunk) { c.Mark = make([]byte, 9) }), "a mark has 8 bytes", "has 9 bytes"},
		"chunk without mark":    {first(func(c *encodedChunk) { c.Mark = nil }), "a chunk with records has a mark", "canonical"},
		"id too short":          {first(func(c *encodedChunk) { c.ID = c.ID[:8] }), "the id of a chunk with records has 16 bytes", "canonical"},
		"id too long":           {first(func(c *encodedChunk) { bare(c); c.ID = append(c.ID, make([]byte, 8)...) }), "the id of a chunk without records has 8 bytes", "canonical"},
		"id of seven bytes":     {first(func(c *encodedChunk) { bare(c); c.ID = c.ID[:7] }), "the id of a chunk without records has 8 bytes", "an id has 7 bytes"},
		"id of eight zeros":     {first(func(c *encodedChunk) { bare(c); c.ID = make([]byte, 8) }), "all chunks but the last have an id", "all chunks but the last"},
		"size without records":  {first(func(c *encodedChunk) { bare(c); c.Size = 100 }), "the size of a chunk without records is not in an index", "canonical"},
		"part without records":  {first(func(c *encodedChunk) { bare(c); c.Size, c.RecordPart = 100, 100 }), "the record part of a chunk without records is not in an index", "canonical"},
		"short ids alike":       {func(e *encoded) { bare(&e.Chunks[0]); e.Chunks = append(e.Chunks[:1:1], e.Chunks...) }, "ids differ", "twice"},
		"mark without records":  {first(func(c *encodedChunk) { mark := c.Mark; bare(c); c.Mark = mark }), "a chunk without records has no mark", "canonical"},
		"own chunk marked":      {func(e *encoded) { e.Chunks[1].Mark = []byte{1, 2, 3, 4, 5, 6, 7, 8} }, "the mark of the last chunk stands before its index", "all chunks but the last"},
		"own marked with zeros": {func(e *encoded) { e.Chunks[1].Mark = make([]byte, 8) }, "the mark of the last chunk stands before its index", "canonical"},
		"run empty":             {first(func(c *encodedChunk) { c.Runs[0].Count = 0 }), "a run has a record", "run 0 is empty"},
		"run goes on":           {first(func(c *encodedChunk) { c.Runs[1].Kind = 2 }), "neighbours differ in kind", "run 1 is empty or goes on"},
		"blobs none":            {first(func(c *encodedChunk) { c.Parts[0].Count = 0 }), "a kind that names no blob is absent", "none, or not in order"},
		"blobs of a kind twice": {first(func(c *encodedChunk) { c.Parts[1].Kind = 1 }), "a kind stands there once", "none, or not in order"},
		"blobs out of order":    {first(func(c *encodedChunk) { c.Parts[0].Kind = 4 }), "kinds ascend", "none, or not in order"},
		"too many records":      {first(func(c *encodedChunk) { c.Runs[0].Count = 1 << 20 }), "a chunk has at most 1,048,576 records", "1048578 records"},
		"huge counts":           {first(func(c *encodedChunk) { c.Runs[0].Count, c.Runs[1].Count = 1<<32-1, 1<<32-1 }), "a chunk has at most 1,048,576 records", "8589934590 records"},
		"dead beyond":           {first(func(c *encodedChunk) { c.Dead = []byte{0, 4} }), "there are records 0 to 4", "dead record 5"},
		"dead huge":             {first(func(c *encodedChunk) { c.Dead = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1} }), "there are records 0 to 4", "cannot be read"},
		"dead over 64 bits":     {first(func(c *encodedChunk) { c.Dead = bytes.Repeat([]byte{0xff}, 11) }), "a varint has at most 64 bits", "cannot be read"},
		"dead cut off":          {first(func(c *encodedChunk) { c.Dead = []byte{0, 0x80} }), "a varint ends", "cannot be read"},
		"dead in long form":     {first(func(c *encodedChunk) { c.Dead = []byte{0x80, 0} }), "varints are in their shortest form", "canonical"},
		"count negative":        {func(e *encoded) { e.Counts = map[string]int64{"sms": -1} }, "a count is not negative", "cannot be"},
		"count over 2^53":       {func(e *encoded) { e.Counts = map[string]int64{"sms": 1 << 53} }, "numbers are below 2^53", "cannot be"},
		"count over 2^63":       {func(e *encoded) { e.Counts = map[string]int64{"sms": 1<<63 - 1} }, "numbers are below 2^53", "cannot be"},
		"size over 2^53":        {first(func(c *encodedChunk) { c.Size = 1 << 53 }), "numbers are below 2^53", "not possible"},
		"records over 2^53":     {first(func(c *encodedChunk) { c.Size, c.RecordPart = 1<<53, 1<<53 }), "numbers are below 2^53", "not possible"},
		"schema over 2^53":      {func(e *encoded) { e.Schema = 1 << 53 }, "numbers are below 2^53", "larger than"},
		"schema over 2^64":      {func(e *encoded) { e.Schema = 1<<64 - 1 }, "numbers are below 2^53", "larger than"},
		"many coverages": {func(e *encoded) {
			e.Coverage = map[string]string{}
			for k := range many() {
				e.Coverage[k] = "full"
			}
		}, "there are at most 16 elements", "cannot be read"},
		"many counts": {func(e *encoded) { e.Counts = many() }, "there are at most 16 counts", "cannot be read"},
	}
}

func many() map[string]int64 {
	out := map[string]int64{}
	for i := range 17 {
		out[strings.Repeat("x", i)] = 1
	}
	return out
}

func encodedValid(t *testing.T) *encoded {
	b, err := valid().Encode()
	if err != nil {
		t.Fatal(err)
	}
	e := new(encoded)
	if err := cbor.Unmarshal(b, e); err != nil {
		t.Fatal(err)
	}
	return e
}

func invalidVectors(t *testing.T) (all []vector) {
	mode, err := encodeOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range spoilt() {
		e := encodedValid(t)
		row.change(e)
		b, err := mode.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, vector{Name: name, CBOR: hex.EncodeToString(b), Why: row.why, Error: row.error})
	}
	x := valid()
	x.Counts = map[string]int64{"sms": 5}
	good, err := x.Encode()
	if err != nil {
		t.Fatal(err)
	}
	text := hex.EncodeToString(good)
	replaced := func(from, to string) string {
		if strings.Count(text, from) != 1 {
			t.Fatalf("%s is %d times in %s", from, strings.Count(text, from), text)
		}
		return strings.Replace(text, from, to, 1)
	}
	counts, head := "a163736d7305", text[:4]
	all = append(all, []vector{
		{"empty", "", nil, "there is nothing", "no array"},
		{"no array", "a0", nil, "an index is an array", "no array"},
		{"array without members", "80", nil, "the format is missing", "states no format"},
		{"format as text", "8861" + "30" + text[4:], nil, "a format is an unsigned integer", "states no format"},
		{"format in long form", "881800" + text[4:], nil, "numbers are in their shortest form", "canonical"},
		{"later format of another shape", "8101", nil, "it has format 1", "update the app"},
		{"later format in long forms", "98" + "01" + "1a00000001", nil, "it has format 1", "it has format 1 "},
		{"later format of an indefinite array", "9f01ff", nil, "it has format 1", "it has format 1 "},
		{"format as simple value", "88e1" + text[4:], nil, "a format is an unsigned integer", "states no format"},
		{"format behind an empty array", "8001", nil, "the format is missing", "states no format"},
		{"later format, many members", "9818" + "01" + strings.Repeat("00", 23), nil, "it has format 1", "it has format 1 "},
		{"cut off", text[:len(text)-2], nil, "the last byte is missing", "cannot be read"},
		{"trailing byte", text + "00", nil, "a byte follows it", "cannot be read"},
		{"seven members", "87" + text[2:len(text)-2], nil, "an index has eight members", "cannot be read"},
		{"nine members", "89" + text[2:] + "00", nil, "an index has eight members", "cannot be read"},
		{"indefinite", "9f" + text[2:] + "ff", nil, "arrays have a definite length", "cannot be read"},
		{"array in long form", "9808" + text[2:], nil, "lengths are in their shortest form", "canonical"},
		{"tag", "c1" + text, nil, "there are no tags", "no array"},
		{"schema negative", head + "20" + text[6:], nil, "a schema version is not negative", "cannot be read"},
		{"schema as float", head + "f90000" + text[6:], nil, "there are no floats", "cannot be read"},
		{"null for counts", replaced(counts, "f6"), nil, "a map is not null", "canonical"},
		{"count twice", replaced(counts, "a263736d730563736d7305"), nil, "a key is there once", "cannot be read"},
		{"counts out of order", replaced(counts, "a263736d73056161"+"01"), nil, "keys are in order", "canonical"},
		{"counts as array", replaced(counts, "8163736d73"), nil, "counts are a map", "cannot be read"},
		{"count of a broken name", replaced(counts, "a163ff6d7305"), nil, "texts are UTF-8", "cannot be read"},
		{"count by number", replaced(counts, "a10205"), nil, "kinds are texts", "cannot be read"},
		{"chunks of a huge count", head + "00" + "50" + strings.Repeat("00", 16) + "40" + "80" + "9affffffff", nil, "there are not so many", "cannot be read"},
		{"id of a huge length", head + "00" + "5bffffffffffffffff", nil, "there are not so many bytes", "cannot be read"},
		{"deep", head + strings.Repeat("81", 10000) + "00", nil, "nothing in it is nested so deep", "cannot be read"},
	}...)
	slices.SortFunc(all, func(a, b vector) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readVectors(t testing.TB, name string) (all []vector) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func writeVectors(t *testing.T, name string, all []vector) {
	var b bytes.Buffer
	sep := "[\n  "
	for _, v := range all {
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(sep + string(line))
		sep = ",\n  "
	}
	b.WriteString("\n]\n")
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", name), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
