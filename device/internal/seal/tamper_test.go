package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// small is a chunk of about 2 KiB with everything in it.
func small(t testing.TB, seed byte) sealedChunk {
	return content{
		Records: append(records(0, 1, noise(seed, 200), []byte("second")), records(2, 2, []byte("third"))...),
		Blobs:   [][]byte{noise(seed+1, 300), []byte(strings.Repeat("picture ", 30))},
		Index:   noise(seed+2, 100),
	}.seal(t, seed)
}

func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	s := small(t, 1)
	if len(s.bytes) < 1500 || len(s.bytes) > 3000 {
		t.Fatalf("the chunk has %d bytes", len(s.bytes))
	}
	for at := range s.bytes {
		for _, flip := range []byte{1, 0x80} {
			changed := sealedChunk{bytes: bytes.Clone(s.bytes), sum: s.sum}
			changed.bytes[at] ^= flip
			if _, err := read(changed.bytes, testKey); err == nil {
				t.Fatalf("byte %d changed by %#x: accepted", at, flip)
			}
			if _, err := readPart(changed.recordPart(), testKey); (err == nil) != (int64(at) >= s.sum.RecordPart) {
				t.Fatalf("byte %d changed by %#x: the record part gives %v", at, flip, err)
			}
			inIndex := int64(at) >= s.sum.IndexOffset && int64(at) < s.sum.IndexOffset+s.sum.IndexLength
			if _, err := OpenIndex(changed.index(), testKey); (err == nil) == inIndex {
				t.Fatalf("byte %d changed by %#x: the index gives %v", at, flip, err)
			}
		}
	}
}

func TestEveryLengthCounts(t *testing.T) {
	t.Parallel()
	s := small(t, 1)
	for n := range s.bytes {
		if _, err := read(s.bytes[:n], testKey); err == nil {
			t.Fatalf("the chunk cut at %d: accepted", n)
		}
	}
	for n := range s.recordPart() {
		if _, err := readPart(s.bytes[:n], testKey); err == nil {
			t.Fatalf("the record part cut at %d: accepted", n)
		}
	}
	for n := range s.index() {
		if _, err := OpenIndex(s.index()[:n], testKey); err == nil {
			t.Fatalf("the index cut at %d: accepted", n)
		}
	}
	for _, more := range []int{1, 4, footerLen, padTo, padTo + tagLen, len(s.bytes)} {
		tail := s.bytes[len(s.bytes)-more:]
		if _, err := read(append(bytes.Clone(s.bytes), tail...), testKey); err == nil {
			t.Fatalf("the chunk and its last %d bytes again: accepted", more)
		}
		if _, err := readPart(append(bytes.Clone(s.recordPart()), tail...), testKey); err == nil {
			t.Fatalf("the record part and %d bytes: accepted", more)
		}
		if _, err := OpenIndex(append(bytes.Clone(s.index()), tail...), testKey); err == nil {
			t.Fatalf("the index and %d bytes: accepted", more)
		}
	}
}

// No block can stand in for another, of its own chunk or of another chunk of the session with the same content.
func TestBlocksStayInPlace(t *testing.T) {
	t.Parallel()
	c := content{Records: append(records(0, 1, []byte("a")), append(records(1, 2, []byte("b")), records(2, 3, []byte("c"))...)...),
		Blobs: [][]byte{[]byte("d"), []byte("e")}, Index: []byte("f")}
	one, two := c.seal(t, 1), c.seal(t, 2)
	const n = padTo + tagLen
	r := must[*Reader](t)(Open(bytes.NewReader(one.bytes), one.sum.Size, testKey))
	var at []int64
	for _, p := range r.layout.records {
		at = append(at, p.offset)
	}
	for _, blocks := range r.layout.blobs {
		at = append(at, blocks[0].offset)
	}
	at = append(at, r.layout.index.offset, r.layout.end.offset)
	for i, a := range at {
		for j, b := range at {
			for name, from := range map[string][]byte{"the same": one.bytes, "another": two.bytes} {
				changed := bytes.Clone(one.bytes)
				copy(changed[a:a+n], from[b:b+n])
				if _, err := read(changed, testKey); (err == nil) != (i == j && name == "the same") {
					t.Errorf("block %d of %s chunk in place of block %d: %v", j, name, i, err)
				}
			}
		}
	}
}

func TestOtherSession(t *testing.T) {
	t.Parallel()
	s := small(t, 1)
	other := testKey
	other[31] ^= 1
	_, chunk := read(s.bytes, other)
	_, part := readPart(s.recordPart(), other)
	_, index := OpenIndex(s.index(), other)
	for what, err := range map[string]error{"chunk": chunk, "record part": part, "index": index} {
		if !errors.Is(err, ErrWrongKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestUnknownVersion(t *testing.T) {
	t.Parallel()
	for at, want := range map[int]string{4: "unknown format version 9", 5: "unknown cipher suite 9"} {
		s := small(t, 1)
		s.bytes[at] = 9
		_, err := read(s.bytes, testKey)
		if !errors.Is(err, ErrTooNew) || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "this app is too old; update it") {
			t.Errorf("byte %d: %v", at, err)
		}
	}
}

// A damaged block names its records, and costs only them.
func TestDamageIsContained(t *testing.T) {
	t.Parallel()
	var c content
	for i := range uint32(300) {
		c.Records = append(c.Records, records(i, byte(1+i/100), noise(byte(i), 1000))...)
	}
	s := c.seal(t, 1)
	sound := must[*Reader](t)(Open(bytes.NewReader(s.bytes), s.sum.Size, testKey))
	for i, p := range sound.layout.records {
		changed := bytes.Clone(s.bytes)
		changed[p.offset+100] ^= 1
		r := must[*Reader](t)(Open(bytes.NewReader(changed), s.sum.Size, testKey))
		got, lost := uint32(0), uint32(0)
		for rec, err := range r.Records() {
			var block *BlockError
			if err == nil {
				got++
			} else if !errors.As(err, &block) || rec.Kind != p.Kind || block.Kind != p.Kind || block.First != p.first {
				t.Fatalf("block %d: %v", i, err)
			} else if lost += block.Count; err.Error() != fmt.Sprintf(
				"record block (block %d at offset %d): it is damaged or not what was sealed here", i, p.offset) {
				t.Fatalf("block %d: unclear: %v", i, err)
			}
		}
		if lost != p.Count || got+lost != 300 {
			t.Errorf("block %d of %d records: %d read, %d lost", i, p.Count, got, lost)
		}
	}
}

// The reader asks for no more than it was told there is, whatever the plain text before a block says.
func TestHostilePrefix(t *testing.T) {
	t.Parallel()
	s := small(t, 1)
	for _, length := range []uint32{0, 1, padTo, padTo + tagLen + 1, uint32(sealedLen(maxRecordBlock)) + padTo, 1<<32 - 1 - padTo + 1 + tagLen} {
		changed := bytes.Clone(s.recordPart())
		binary.BigEndian.PutUint32(changed[headerLen+1:], length)
		if _, err := readPart(changed, testKey); err == nil || !strings.Contains(err.Error(), "is not possible") {
			t.Errorf("%d: %v", length, err)
		}
	}
}
