package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/valid and testdata/invalid anew")

// A vector is one file of testdata. FORMAT.md explains it.
type vector struct {
	About string  `json:"about"`
	What  string  `json:"what"` // chunk, record part, index, session key
	Key   hexText `json:"key"`  // session key; for a session key, what the device drew
	Input []byte  `json:"input"`

	Names *names `json:"names,omitempty"` // for a session key
	Want  *want  `json:"want,omitempty"`  // valid only
	Error string `json:"error,omitempty"` // invalid only: what the sentence contains
}

type names struct {
	Tenant, User, Session, Device string
}

// want is what a chunk holds, with the steps on the way to it.
type want struct {
	SessionKey  hexText      `json:"sessionKey,omitempty"`
	Public      hexText      `json:"public,omitempty"`
	KeyVersion  uint32       `json:"keyVersion,omitempty"`
	ChunkKey    hexText      `json:"chunkKey,omitempty"`
	Commitment  hexText      `json:"commitment,omitempty"`
	RecordPart  int64        `json:"recordPart,omitempty"`
	Blocks      []wantBlock  `json:"blocks,omitempty"`
	Records     []wantRecord `json:"records,omitempty"`
	Blobs       []wantBlob   `json:"blobs,omitempty"`
	Index       *wantBytes   `json:"index,omitempty"`
	IndexOffset int64        `json:"indexOffset,omitempty"`
	IndexLength int64        `json:"indexLength,omitempty"`
}

// wantBlock is one sealed block and its frame: the plain text before it is expanded. The last is the trailer.
type wantBlock struct {
	Kind    byte      `json:"kind"`
	Counter uint32    `json:"counter"`
	Offset  int64     `json:"offset"` // of the sealed bytes
	Sealed  int       `json:"sealed"`
	Frame   wantBytes `json:"frame"`
}

type wantRecord struct {
	Number uint32    `json:"number"`
	Kind   byte      `json:"kind"`
	Bytes  wantBytes `json:"bytes"`
}

type wantBlob struct {
	Sum    hexText   `json:"sum"`
	Size   int64     `json:"size"`
	Offset int64     `json:"offset"`
	Bytes  wantBytes `json:"bytes"` // of the part
}

// wantBytes are bytes, themselves only where they are few.
type wantBytes struct {
	Length int     `json:"length"`
	SHA256 hexText `json:"sha256"`
	Hex    hexText `json:"hex,omitempty"`
}

func brief(b []byte) wantBytes {
	sum := sha256.Sum256(b)
	w := wantBytes{Length: len(b), SHA256: sum[:]}
	if 0 < len(b) && len(b) <= 64 {
		w.Hex = bytes.Clone(b)
	}
	return w
}

type hexText []byte

func (h hexText) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }
func (h *hexText) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// wanted opens a chunk and says what is in it, step by step.
func wanted(t testing.TB, chunk []byte, key SessionKey) (*want, error) {
	c, err := read(chunk, key)
	if err != nil {
		return nil, err
	}
	r := must[*Reader](t)(Open(bytes.NewReader(chunk), int64(len(chunk)), key))
	chunkKey, commitment, err := derive(key, r.cipher.header.salt())
	if err != nil {
		return nil, err
	}
	w := &want{KeyVersion: r.KeyVersion(), ChunkKey: chunkKey, Commitment: commitment, RecordPart: r.RecordPart()}
	add := func(p place, kind blockKind) {
		sealed := bytes.Clone(chunk[p.offset : p.offset+int64(p.sealed)])
		w.Blocks = append(w.Blocks, wantBlock{Kind: byte(kind), Counter: p.counter, Offset: p.offset, Sealed: p.sealed,
			Frame: brief(must[[]byte](t)(r.cipher.open(sealed, p.counter, kind)))})
	}
	for _, p := range r.layout.records {
		add(p.place, blockKind(chunk[p.offset-prefixLen]))
	}
	for _, rec := range c.Records {
		w.Records = append(w.Records, wantRecord{rec.Number, rec.Kind, brief(rec.Bytes)})
	}
	for i, p := range r.Parts() {
		for _, at := range r.layout.blobs[i] {
			add(at, kindBlob)
		}
		w.Blobs = append(w.Blobs, wantBlob{p.Sum[:], p.Size, p.Offset, brief(c.Blobs[i])})
	}
	if p := r.layout.index; p != nil {
		add(*p, kindIndex)
		index := brief(c.Index)
		w.Index, w.IndexOffset, w.IndexLength = &index, p.offset-indexHeadLen, int64(p.sealed+indexHeadLen)
	}
	end := r.layout.end
	end.sealed = len(chunk) - footerLen - int(end.offset)
	add(end, kindTrailer)
	return w, nil
}

// open does with the input what its kind asks for.
func (v vector) open(t testing.TB) (*want, error) {
	switch v.What {
	case "chunk":
		w, err := wanted(t, v.Input, SessionKey(v.Key))
		if err != nil {
			return nil, err
		}
		part, err := readPart(v.Input[:w.RecordPart], SessionKey(v.Key))
		if err != nil || len(part) != len(w.Records) {
			t.Errorf("the record part gives %d records: %v", len(part), err)
		}
		if w.Index != nil {
			index, err := OpenIndex(v.Input[w.IndexOffset:w.IndexOffset+w.IndexLength], SessionKey(v.Key))
			if diff := cmp.Diff(*w.Index, brief(index)); err != nil || diff != "" {
				t.Errorf("the index by itself: %v\n%s", err, diff)
			}
		}
		return w, nil
	case "record part":
		_, err := readPart(v.Input, SessionKey(v.Key))
		return nil, err
	case "index":
		_, err := OpenIndex(v.Input, SessionKey(v.Key))
		return nil, err
	case "session key":
		k := must[*KeyRequest](t)(NewKeyRequest(bytes.NewReader(v.Key)))
		key, err := k.Open(v.Input, v.Names.Tenant, v.Names.User, v.Names.Session, v.Names.Device)
		return &want{SessionKey: key[:], Public: k.Public()}, err
	}
	t.Fatalf("unknown vector of a %q", v.What)
	return nil, nil
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t, "valid", validVectors(t))
		writeVectors(t, "invalid", invalidVectors(t))
	}
	valid, invalid := readVectors(t, "valid"), readVectors(t, "invalid")
	if len(valid) < 8 || len(invalid) < 40 {
		t.Errorf("only %d valid and %d invalid vectors", len(valid), len(invalid))
	}
	for name, v := range valid {
		t.Run("valid/"+name, func(t *testing.T) {
			got, err := v.open(t)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(v.Want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, v := range invalid {
		t.Run("invalid/"+name, func(t *testing.T) {
			if _, err := v.open(t); err == nil || v.Error == "" || !strings.Contains(err.Error(), v.Error) {
				t.Errorf("%s: got %v, want %q", v.About, err, v.Error)
			}
		})
	}
	t.Logf("%d valid and %d invalid vectors", len(valid), len(invalid))
}

func readVectors(t *testing.T, dir string) map[string]vector {
	files := must[[]string](t)(filepath.Glob(filepath.Join("testdata", dir, "*.json")))
	all := map[string]vector{}
	for _, file := range files {
		var v vector
		d := json.NewDecoder(bytes.NewReader(must[[]byte](t)(os.ReadFile(file))))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = v
	}
	return all
}

func writeVectors(t *testing.T, dir string, all map[string]vector) {
	path := filepath.Join("testdata", dir)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, v := range all {
		b := append(must[[]byte](t)(json.MarshalIndent(v, "", " ")), '\n')
		if err := os.WriteFile(filepath.Join(path, name+".json"), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func validVectors(t *testing.T) map[string]vector {
	text := []byte(strings.Repeat("the same again, ", 10))
	all := map[string]vector{}
	add := func(name, about string, chunk []byte) {
		w := must[*want](t)(wanted(t, chunk, testKey))
		all[name] = vector{About: about, What: "chunk", Key: testKey[:], Input: chunk, Want: w}
	}
	for i, row := range []struct {
		name, about string
		content
	}{
		{"empty", "nothing but the last record block, which is empty", content{}},
		{"one-record", "a record too short to be compressed", content{Records: records(0, 1, []byte("hello"))}},
		{"kinds", "a block for each run of an item kind; an empty record", content{Records: append(records(0, 1, text, nil), append(records(2, 255, text), records(3, 1, []byte("x"))...)...)}},
		{"two-blocks", "records of one kind that do not fit in one block", content{Records: records(0, 2, make([]byte, 40000), make([]byte, 25534), []byte("one too many"))}},
		{"full-block", "records that just fit in one block", content{Records: records(0, 2, make([]byte, 40000), make([]byte, 25530))}},
		{"large-record", "the largest record has a block to itself", content{Records: records(0, 3, text, make([]byte, MaxRecord), text)}},
		{"blobs", "a stored blob, an empty one, a compressed one, one of two blocks", content{Blobs: [][]byte{noise(1, 300), {}, bytes.Repeat(text, 10), make([]byte, blobRoom+1)}}},
		{"index-only", "an index by itself", content{Index: text}},
		{"everything", "records, blobs and an index", content{Records: records(0, 1, text, noise(2, 30)), Blobs: [][]byte{text, noise(3, 50)}, Index: noise(4, 60)}},
	} {
		add(row.name, row.about, row.seal(t, byte(10+i)).bytes)
	}
	zeros := make([]byte, 2*blobRoom+5)
	p := takeApart(t, content{Blobs: [][]byte{zeros}}.seal(t, 30).bytes)
	p.table.Parts[0].Offset = blobRoom
	p.table.Parts[0].Sealed = p.table.Parts[0].Sealed[1:]
	p.blocks = append(p.blocks[:1], p.blocks[2:]...)
	add("blob-end", "the second and last part of a blob; the first, of 1 MiB, is in another chunk", p.join(t))

	v := keyVector(t)
	all["session-key"] = v
	return all
}

func keyVector(t *testing.T) vector {
	v := vector{About: "a session key sealed to the device by HPKE", What: "session key", Key: noise(40, 32),
		Names: &names{tenant, user, session, device}}
	k := must[*KeyRequest](t)(NewKeyRequest(bytes.NewReader(v.Key)))
	v.Input = sealByThePage(t, k.Public(), noise(41, 32), info(tenant, user, session, device), testKey[:])
	v.Want = &want{SessionKey: testKey[:], Public: k.Public()}
	return v
}

// The invalid vectors are made from one sound chunk: by changing its sealed bytes, or by sealing what must not be.
func invalidVectors(t *testing.T) map[string]vector {
	all := map[string]vector{}
	add := func(name, what, about string, input []byte, err string) {
		if _, twice := all[name]; twice {
			t.Fatalf("two vectors named %s", name)
		}
		all[name] = vector{About: about, What: what, Key: testKey[:], Input: input, Error: err}
	}
	s := content{Records: append(records(0, 1, []byte("a"), []byte("b")), records(2, 2, []byte("c"))...),
		Blobs: [][]byte{[]byte("d"), []byte("e")}, Index: []byte("f")}.seal(t, 1)
	addTampered(t, s, add)
	addForged(t, s, add)

	other := all["bit-tag"]
	other.About, other.Input, other.Key = "opened with the key of another session", s.bytes, noise(9, 32)
	other.Error = ErrWrongKey.Error()
	all["other-session"] = other

	for name, change := range map[string]func(*vector){
		"key-other-tenant":  func(v *vector) { v.Names.Tenant = "other" },
		"key-other-user":    func(v *vector) { v.Names.User = device },
		"key-other-session": func(v *vector) { v.Names.Session = user },
		"key-other-device":  func(v *vector) { v.Names.Device = user },
		"key-other-request": func(v *vector) { v.Key = noise(42, 32) },
		"key-cut":           func(v *vector) { v.Input = v.Input[:len(v.Input)-1] },
		"key-tag":           func(v *vector) { v.Input[len(v.Input)-1] ^= 1 },
	} {
		v := keyVector(t)
		change(&v)
		v.About, v.Want, v.Error = "a session key that was sealed otherwise", nil, "it was not sealed for this request"
		all[name] = v
	}
	return all
}
