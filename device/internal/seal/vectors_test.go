package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

var update = flag.Bool("update", false, "write testdata/valid and testdata/invalid anew")

// A vector is one file of testdata. FORMAT.md explains it.
type vector struct {
	About string  `json:"about"`
	What  string  `json:"what"` // chunk, record part, index, session key, vault key
	Key   hexText `json:"key"`  // session key; for a session key, what the device drew; for a vault key, that
	Input []byte  `json:"input"`

	Names *names `json:"names,omitempty"` // for a session key
	Want  *want  `json:"want,omitempty"`  // valid only
	Error string `json:"error,omitempty"` // invalid only: what the sentence contains
	Reach string `json:"reach,omitempty"` // invalid only: block, where the fault is seen; or expanded, only behind it
}

type names struct {
	Tenant  string `json:"tenant"`
	User    string `json:"user"`
	Session string `json:"session"`
	Device  string `json:"device,omitempty"`
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
	Kind     byte      `json:"kind"`
	Counter  uint32    `json:"counter"`
	Offset   int64     `json:"offset"` // of the sealed bytes
	Sealed   int       `json:"sealed"`
	Encoding byte      `json:"encoding"`
	Frame    wantBytes `json:"frame"`
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
		frame := must[[]byte](t)(r.cipher.open(sealed, p.counter, kind))
		w.Blocks = append(w.Blocks, wantBlock{byte(kind), p.counter, p.offset, p.sealed, frame[0], brief(frame)})
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
	case "vault key":
		return &want{SessionKey: ofVault(t, v.Key, v.Names.Tenant, v.Names.User, v.Names.Session)}, nil
	}
	t.Fatalf("unknown vector of a %q", v.What)
	return nil, nil
}

// ofVault derives a session's key as the service does; a device cannot.
func ofVault(t testing.TB, vaultKey []byte, tenant, user, session string) []byte {
	t.Helper()
	return must[[]byte](t)(hkdf.Key(sha256.New, vaultKey, nil, "zapas session v1\x00"+tenant+"\x00"+user+"\x00"+session, 32))
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t, "valid", validVectors(t))
		writeVectors(t, "invalid", invalidVectors(t))
	}
	valid, invalid := readVectors(t, "valid"), readVectors(t, "invalid")
	if len(valid) < 20 || len(invalid) < 150 {
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
	t.Logf("Go: %d valid and %d invalid vectors", len(valid), len(invalid))
}

func unmarshal[T any](b []byte) (v T, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return v, d.Decode(&v)
}

func readVectors(t *testing.T, dir string) map[string]vector {
	all := map[string]vector{}
	for _, file := range vectorFiles(t, dir) {
		v, err := unmarshal[vector](must[[]byte](t)(os.ReadFile(file)))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = v
	}
	return all
}

func vectorFiles(t *testing.T, dir string) []string {
	return must[[]string](t)(filepath.Glob(filepath.Join("testdata", dir, "*.json")))
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
		{"two-blocks", "records of one kind that do not fit in one block", content{Records: records(0, 2, make([]byte, 80000), make([]byte, 51070), []byte("one too many"))}},
		{"full-block", "records that just fit in one block", content{Records: records(0, 2, make([]byte, 80000), make([]byte, 51066))}},
		{"large-record", "the largest record has a block to itself", content{Records: records(0, 3, text, make([]byte, MaxRecord), text)}},
		{"blobs", "a stored blob, an empty one, a compressed one, one of two blocks", content{Blobs: [][]byte{noise(1, 300), {}, bytes.Repeat(text, 10), make([]byte, blobRoom+1)}}},
		{"index-only", "an index by itself", content{Index: text}},
		{"empty-index", "an index of no bytes", content{Index: []byte{}}},
		{"compressed-index", "a compressed index and nothing else", content{Index: bytes.Repeat(text, 30)}},
		{"compressed", "records, a blob and an index, each compressed", content{Records: records(0, 1, bytes.Repeat(text, 20)), Blobs: [][]byte{bytes.Repeat(text, 20)}, Index: bytes.Repeat(text, 20)}},
		{"many-blocks", "over 256 blocks: counters of more than a byte, and a compressed trailer", manyBlocks()},
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

	p = takeApart(t, content{Records: records(0, 1, zeros[:60000-4])}.seal(t, 31).bytes)
	p.blocks[0].frame = frame(encodingZstd, 60000, compressed(t, append([]byte{1, 0xdc, 0xd4, 3}, zeros[:60000-4]...), zstd.WithEncoderCRC(true)))
	add("zstd-checksum", "another compressor's frame: with a check sum and a window", p.join(t))
	p.blocks[0].frame = frame(encodingZstd, 60000, slices.Concat(zstdFrame(23, 60000)[:10], []byte{4 << 3, 0, 0, 1, 0xdc, 0xd4, 3}, zstdFrame(23, 0, 60000-4)[10:]))
	add("zstd-window", "the largest window, a raw block and one that repeats a byte", p.join(t))

	p.blocks[0].frame[frameHeadLen+4] |= 1 << 4
	add("zstd-unused-bit", "the unused bit of the frame's descriptor, which says nothing", p.join(t))

	p = takeApart(t, content{Blobs: [][]byte{zeros}}.seal(t, 32).bytes)
	p.table.Parts[0].Sealed = p.table.Parts[0].Sealed[:1]
	p.blocks = p.blocks[:2]
	add("blob-begun", "the first part of a blob, without its rest", p.join(t))

	all["session-key"] = keyVector(t)
	v := vector{About: "a session key from the vault key", What: "vault key", Key: noise(50, 32), Names: &names{Tenant: tenant, User: user, Session: session}}
	v.Want = &want{SessionKey: ofVault(t, v.Key, tenant, user, session)}
	all["vault-key"] = v
	return all
}

// manyBlocks are 260 record blocks, since neighbours differ in kind, three blobs and an index.
func manyBlocks() (c content) {
	for i := range uint32(260) {
		c.Records = append(c.Records, records(i, byte(1+i%2), []byte{byte(i)})...)
	}
	c.Blobs, c.Index = [][]byte{[]byte("d"), {}, []byte("e")}, []byte("f")
	return c
}

// The invalid vectors are made from one sound chunk: by changing its sealed bytes, or by sealing what must not be.
func invalidVectors(t *testing.T) map[string]vector {
	all := map[string]vector{}
	reach := "block"
	add := func(name, what, about string, input []byte, err string) {
		if _, twice := all[name]; twice {
			t.Fatalf("two vectors named %s", name)
		}
		all[name] = vector{About: about, What: what, Key: testKey[:], Input: input, Error: err, Reach: reach}
	}
	s := content{Records: append(records(0, 1, []byte("a"), []byte("b")), records(2, 2, []byte("c"))...),
		Blobs: [][]byte{[]byte("d"), []byte("e")}, Index: []byte("f")}.seal(t, 1)
	addTampered(t, s, add)
	addForged(t, s, add)
	reach = "expanded"
	addUnseen(t, s, add)

	own := noise(50, 32)
	var chunk bytes.Buffer
	w := must[*Writer](t)(NewWriter(&chunk, SessionKey(ofVault(t, own, tenant, user, session)), 1, source(60)))
	must[uint32](t)(w.Record(1, []byte("a")))
	must[Summary](t)(w.Close())
	for name, key := range map[string]hexText{
		"other-session":   ofVault(t, own, tenant, user, device),
		"other-user":      ofVault(t, own, tenant, device, session),
		"other-tenant":    ofVault(t, own, "other", user, session),
		"other-vault-key": ofVault(t, noise(51, 32), tenant, user, session), // of another user, or another version
	} {
		all[name] = vector{About: "opened with the key that is derived for an" + strings.ReplaceAll(name, "-", " "),
			What: "chunk", Key: key, Input: chunk.Bytes(), Error: ErrWrongKey.Error(), Reach: "block"}
	}
	addKeys(t, all)
	return all
}
