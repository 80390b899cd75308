package seal

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// What Inspect sees without a key is what a reader finds with it.
func TestInspect(t *testing.T) {
	t.Parallel()
	chunks := map[string]sealedChunk{
		"Everything": small(t, 1),
		"Empty":      content{}.seal(t, 2),
		"IndexOnly":  content{Index: noise(3, 5000)}.seal(t, 3),
		"BlobsOnly":  content{Blobs: [][]byte{noise(4, blobRoom+1), {}, []byte("x")}}.seal(t, 4),
		"Blocks":     content{Records: records(0, 1, noise(5, 70000), noise(6, 70000), noise(7, MaxRecord))}.seal(t, 5),
	}
	for name, s := range chunks {
		a, err := Inspect(bytes.NewReader(s.bytes), s.sum.Size)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := must[*Reader](t)(Open(bytes.NewReader(s.bytes), s.sum.Size, testKey))
		blobs := 0
		for _, b := range r.layout.blobs {
			blobs += len(b)
		}
		if a.Size != s.sum.Size || a.KeyVersion != 3 || a.RecordPart != s.sum.RecordPart || len(a.Records) != len(r.layout.records) || int(a.BlobBlocks) != blobs ||
			a.Trailer.Offset != r.layout.end.offset || a.Trailer.Counter != r.layout.end.counter || (a.Index == nil) != (s.sum.IndexLength == 0) {
			t.Errorf("%s: %+v", name, a)
		}
		if a.Index != nil && (a.Index.Offset != r.layout.index.offset || a.Index.Length != int64(r.layout.index.sealed)) {
			t.Errorf("%s: the index is at %+v", name, a.Index)
		}
		for i, p := range r.layout.records {
			if got := a.Records[i]; got.Offset != p.offset || got.Length != int64(p.sealed) || got.Counter != p.counter {
				t.Errorf("%s: record block %d is at %+v", name, i, got)
			}
		}
	}
}

func TestInspect_Refuses(t *testing.T) {
	t.Parallel()
	s := content{Records: records(0, 1, []byte("a")), Blobs: [][]byte{[]byte("b")}, Index: []byte("c")}.seal(t, 1)
	const block = padTo + tagLen
	blob, index, footer := int(s.sum.RecordPart), int(s.sum.IndexOffset), len(s.bytes)-footerLen
	edit := func(at int, v ...byte) []byte {
		b := bytes.Clone(s.bytes)
		copy(b[at:], v)
		return b
	}
	for name, tt := range map[string]struct {
		b    []byte
		want string
	}{
		"Empty":           {nil, "a chunk of 0 bytes is not possible"},
		"TooLarge":        {make([]byte, MaxChunk+1), "a chunk of 16777217 bytes is not possible"},
		"Foreign":         {bytes.Repeat([]byte("<smses/>"), 40), "header at offset 0: this is not a chunk"},
		"LaterVersion":    {edit(4, 1), "header at offset 4: unknown format version 1"},
		"LaterSuite":      {edit(5, 9), "header at offset 5: unknown cipher suite 9"},
		"Cut":             {s.bytes[:len(s.bytes)-1], "the chunk does not end here"},
		"Longer":          {append(bytes.Clone(s.bytes), 0), "the chunk does not end here"},
		"RecordPartAlone": {s.recordPart(), "the chunk does not end here"},
		"TrailerTooLong":  {edit(footer+4, 0, 1, 0, tagLen), "a trailer of 65552 bytes is longer than the chunk"},
		"TrailerOdd":      {edit(footer+7, 17), "a sealed length of 273 is not possible"},
		"BlockOfOther":    {edit(headerLen, 3), "record block (block 0 at offset 74): a block of kind 3 does not belong here"},
		"BlockOdd":        {edit(headerLen+4, 17), "record block (block 0 at offset 74): a sealed length of 273 is not possible"},
		"BlockTooLong":    {edit(headerLen+2, 1, 0), "record block (block 0 at offset 74): it would reach into the trailer"},
		"NoLastBlock":     {edit(headerLen, 1), "record block (block 1 at offset 351): a block of kind"},
		"BlocksEndLate":   {slices.Concat(edit(headerLen, 1)[:blob], s.bytes[blob+2*block+indexHeadLen:]), "the record part does not end"},
		"IndexCounter":    {edit(index+headerLen, 0, 0, 0, 1), "it is block 1 and the trailer block 3"},
		"IndexHeader":     {edit(index, 'X'), "blob blocks at offset 351: 2 of them cannot have 622 bytes"},
		"TrailerCounter":  {slices.Concat(s.bytes[:index], s.bytes[index+indexHeadLen+block:]), "blob blocks at offset 351: 2 of them cannot have 272 bytes"},
	} {
		a, err := Inspect(bytes.NewReader(tt.b), int64(len(tt.b)))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %+v, %v, want %q", name, a, err, tt.want)
		}
	}
	if _, err := Inspect(bytes.NewReader(edit(4, 1)), s.sum.Size); !errors.Is(err, ErrTooNew) {
		t.Errorf("a later version: %v", err)
	}
}
