package seal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

const damaged = "it is damaged or not what was sealed here"

type addVector func(name, what, about string, input []byte, err string)

// addTampered changes sealed bytes, as anybody who holds them can. The chunk has blocks of the smallest size: records
// of kind 1, records of kind 2, two blobs, an index, the trailer.
func addTampered(t *testing.T, s sealedChunk, add addVector) {
	const block = padTo + tagLen
	first := headerLen + prefixLen
	second := first + block + prefixLen
	blob, index := int(s.sum.RecordPart), int(s.sum.IndexOffset)
	trailer := index + int(s.sum.IndexLength)
	footer := trailer + block
	edit := func(change func(b []byte)) []byte {
		b := bytes.Clone(s.bytes)
		change(b)
		return b
	}
	set := func(at int, v ...byte) []byte { return edit(func(b []byte) { copy(b[at:], v) }) }
	flip := func(at int) []byte { return edit(func(b []byte) { b[at] ^= 1 }) }

	for _, row := range []struct {
		name, about string
		input       []byte
		err         string
	}{
		{"magic", "another magic", set(0, 'Z', 'P', 'C', '2'), "this is not a chunk"},
		{"version", "a later format version", set(4, 1), "unknown format version 1: this app is too old; update it"},
		{"suite", "a later cipher suite", set(5, 2), "unknown cipher suite 2"},
		{"key-version", "another vault key version in the header", flip(9), damaged},
		{"salt", "another salt", flip(10), ErrWrongKey.Error()},
		{"commitment", "another commitment", flip(10 + saltLen), ErrWrongKey.Error()},
		{"bit-prefix-kind", "the kind before a record block", set(headerLen, byte(kindLastRecords)), "the kind or length before it is not its own"},
		{"bit-prefix-length", "the length before a record block", flip(headerLen + 4), "the kind or length before it is not its own"},
		{"bit-records", "a bit of a record block", flip(first), damaged},
		{"bit-tag", "a bit of a tag", flip(second - prefixLen - 1), damaged},
		{"bit-blob", "a bit of a blob block", flip(blob), damaged},
		{"bit-index-header", "a bit of the index's copy of the header", flip(index + 20), "it does not belong to this chunk"},
		{"bit-index-counter", "the counter before the index", flip(index + headerLen + 3), "it does not belong to this chunk"},
		{"bit-index", "a bit of the index", flip(index + indexHeadLen), damaged},
		{"bit-trailer", "a bit of the trailer", flip(trailer), damaged},
		{"bit-footer-counter", "another count of blocks in the footer", flip(footer + 3), damaged},
		{"footer-length-huge", "a trailer longer than the chunk", set(footer+4, 0, 1, 0, tagLen), "longer than the chunk"},
		{"footer-length-over-limit", "a trailer longer than any", set(footer+4, 0xff, 0xff, 0xff, 0x10), "is not possible"},
		{"footer-length-zero", "a trailer of no bytes", set(footer+4, 0, 0, 0, 0), "is not possible"},
		{"footer-length-other", "a trailer that begins one block earlier", set(footer+4, 0, 0, 2, tagLen), damaged},
		{"magic-end", "another magic at the end", flip(footer + 11), "the chunk does not end here"},
		{"trailing-byte", "a byte after the end", append(bytes.Clone(s.bytes), 0), "the chunk does not end here"},
		{"trailing-footer", "the footer twice", append(bytes.Clone(s.bytes), s.bytes[footer:]...), damaged},
		{"swapped-records", "two record blocks in each other's place", edit(func(b []byte) {
			copy(b[first:], s.bytes[second:second+block])
			copy(b[second:], s.bytes[first:first+block])
		}), damaged},
		{"swapped-blobs", "two blob blocks in each other's place", edit(func(b []byte) {
			copy(b[blob:], s.bytes[blob+block:blob+2*block])
			copy(b[blob+block:], s.bytes[blob:blob+block])
		}), damaged},
		{"swapped-kinds", "a blob block in the place of a record block", edit(func(b []byte) {
			copy(b[first:], s.bytes[blob:blob+block])
		}), damaged},
		{"swapped-chunks", "a record block of another chunk of the session", edit(func(b []byte) {
			copy(b[first:], small(t, 2).bytes[first:first+block])
		}), damaged},
		{"swapped-header", "the header of another chunk of the session", edit(func(b []byte) {
			copy(b, small(t, 2).bytes[:headerLen])
		}), damaged},
		{"cut-empty", "no bytes", nil, "is not possible"},
		{"cut-header", "cut after the header", s.bytes[:headerLen], "is not possible"},
		{"cut-records", "cut after the first record block", s.bytes[:second-prefixLen], "the chunk does not end here"},
		{"cut-record-part", "cut after the record part", s.bytes[:blob], "the chunk does not end here"},
		{"cut-blobs", "cut before the index", s.bytes[:index], "the chunk does not end here"},
		{"cut-prefix", "cut after the kind and length before the first record block", s.bytes[:first], "is not possible"},
		{"cut-between-blobs", "cut between the two blobs", s.bytes[:blob+block], "the chunk does not end here"},
		{"cut-index-header", "cut within the index's copy of the header", s.bytes[:index+headerLen/2], "the chunk does not end here"},
		{"cut-index-counter", "cut between the index's copy of the header and its counter", s.bytes[:index+headerLen], "the chunk does not end here"},
		{"cut-index-head", "cut before the sealed index", s.bytes[:index+indexHeadLen], "the chunk does not end here"},
		{"cut-index", "cut before the trailer", s.bytes[:trailer], "the chunk does not end here"},
		{"cut-trailer", "cut before the footer", s.bytes[:footer], "the chunk does not end here"},
		{"cut-byte", "cut by one byte", s.bytes[:len(s.bytes)-1], "the chunk does not end here"},
	} {
		add(row.name, "chunk", row.about, row.input, row.err)
	}

	addTamperedAlone(s, set, flip, add)
}

// addTamperedAlone does the same to what is read by itself: the record part and the index section.
func addTamperedAlone(s sealedChunk, set func(at int, v ...byte) []byte, flip func(at int) []byte, add addVector) {
	const first, second = headerLen + prefixLen, headerLen + prefixLen + padTo + tagLen + prefixLen
	part, index := int(s.sum.RecordPart), int(s.sum.IndexOffset)
	trailer := index + int(s.sum.IndexLength)
	for _, row := range []struct {
		name, about string
		at          int
		to          byte
		err         string
	}{
		{"magic", "another magic", 3, '2', "this is not a chunk"},
		{"version", "a later format version", 4, 1, "unknown format version 1: this app is too old; update it"},
		{"suite", "a later cipher suite", 5, 2, "unknown cipher suite 2"},
		{"key-version", "another vault key version", 9, 9, damaged},
		{"salt", "another salt", 10, s.bytes[10] ^ 1, ErrWrongKey.Error()},
		{"commitment", "another commitment", 10 + saltLen, s.bytes[10+saltLen] ^ 1, ErrWrongKey.Error()},
	} {
		add("part-"+row.name, "record part", row.about, set(row.at, row.to)[:part], row.err)
		add("index-"+row.name, "index", row.about, set(index+row.at, row.to)[index:trailer], row.err)
	}
	for _, row := range []struct {
		name, about string
		input       []byte
		err         string
	}{
		{"empty", "no bytes", nil, "unexpected EOF"},
		{"cut-header", "cut within the header", s.bytes[:headerLen/2], "unexpected EOF"},
		{"header-only", "no record block", s.bytes[:headerLen], "unexpected EOF"},
		{"cut-kind", "cut between the kind and the length before a block", s.bytes[:headerLen+1], "unexpected EOF"},
		{"cut-prefix", "cut after the 5 clear bytes of a block", s.bytes[:first], "unexpected EOF"},
		{"cut-between-blocks", "the last record block is missing", s.bytes[:second-prefixLen], "unexpected EOF"},
		{"cut-last-prefix", "cut after the 5 clear bytes of the last block", s.bytes[:second], "unexpected EOF"},
		{"cut", "cut within a block", s.bytes[:part-1], "unexpected EOF"},
		{"trailing-byte", "a byte after the last block", s.bytes[:part+1], "it does not end here"},
		{"kind", "a block of another kind", set(headerLen, byte(kindBlob))[:part], "does not belong here"},
		{"kind-zero", "a block of no kind", set(headerLen, 0)[:part], "does not belong here"},
		{"length-zero", "a block of no bytes", set(headerLen+1, 0, 0, 0, 0)[:part], "is not possible"},
		{"length-huge", "a block of 4 GiB", set(headerLen+1, 0xff, 0xff, 0xff, 0x10)[:part], "is not possible"},
		{"length-other", "a block said to be longer by 256 bytes", set(headerLen+1, 0, 0, 2, tagLen)[:part], damaged},
		{"bit", "a bit of a block", flip(first)[:part], damaged},
		{"bit-tag", "a bit of the last tag", flip(part - 1)[:part], damaged},
		{"last-too-early", "the first block marked as the last", set(headerLen, byte(kindLastRecords))[:part], damaged},
	} {
		add("part-"+row.name, "record part", row.about, row.input, row.err)
	}
	section := s.index()
	for _, row := range []struct {
		name, about string
		input       []byte
		err         string
	}{
		{"empty", "no bytes", nil, "is not possible"},
		{"cut-header", "cut within its header", section[:headerLen/2], "is not possible"},
		{"header-only", "cut between header and counter", section[:headerLen], "is not possible"},
		{"cut-counter", "cut within the counter", section[:headerLen+2], "is not possible"},
		{"head-only", "cut before the sealed bytes", section[:indexHeadLen], damaged},
		{"cut", "cut by one byte", section[:len(section)-1], damaged},
		{"trailing-byte", "a byte after it", append(bytes.Clone(section), 0), damaged},
		{"counter", "another counter", flip(index + headerLen + 3)[index:trailer], damaged},
		{"bit", "a bit of it", flip(index + indexHeadLen)[index:trailer], damaged},
		{"bit-tag", "a bit of its tag", flip(trailer - 1)[index:trailer], damaged},
	} {
		add("index-"+row.name, "index", row.about, row.input, row.err)
	}
}

// addForged seals, under the right key, what no writer may.
func addForged(t *testing.T, s sealedChunk, add addVector) {
	forge := func(change func(p *pieces)) []byte {
		p := takeApart(t, s.bytes)
		change(p)
		return p.join(t)
	}
	// Of the second record block, the last.
	block := func(f []byte) []byte {
		return forge(func(p *pieces) {
			p.blocks[1].frame = f
			if n := binary.BigEndian.Uint32(f[1:]); n >= 2 && n <= 1+BlockRoom {
				p.table.Records[1].Plain = n // so that the table is not what is wrong
			}
		})
	}
	// The good frame's table, and another frame.
	unsaid := func(f []byte) []byte { return forge(func(p *pieces) { p.blocks[1].frame = f }) }
	table := func(change func(*pieces, *[]recordEntry, *[]partEntry)) []byte {
		return forge(func(p *pieces) { change(p, &p.table.Records, &p.table.Parts) })
	}
	zeros := make([]byte, 60000)
	good := stored([]byte("\x02\x01c"))

	for _, row := range []struct {
		name, about string
		input       []byte
		err         string
	}{
		{"frame-encoding", "an unknown encoding", block(frame(2, 3, []byte("\x02\x01c"))), "encoding 2"},
		{"frame-plain-length", "a stored frame with another plain length", block(frame(0, 4, []byte("\x02\x01c"))), "is not possible"},
		{"frame-body-length", "a body longer than its frame", block(slices.Replace(bytes.Clone(good), 5, 9, 0, 0, 1, 0)), "the length inside does not fit"},
		{"frame-body-length-huge", "a body of 4 GiB", block(slices.Replace(bytes.Clone(good), 5, 9, 0xff, 0xff, 0xff, 0xff)), "the length inside does not fit"},
		{"frame-padding", "padding that is not zero", block(slices.Replace(bytes.Clone(good), 255, 256, 1)), "the padding is not zero"},
		{"zstd-bomb", "60,000 bytes that state to be 1,000", block(frame(1, 1000, compressed(t, zeros))), "the stated size is missing or wrong"},
		{"zstd-bomb-unstated", "60,000 bytes that state nothing", block(frame(1, 1000, streamed(t, zeros))), "the stated size is missing or wrong"},
		{"zstd-bomb-huge", "a frame that states 1 GiB, and is believed", block(frame(1, 1<<30, compressed(t, zeros))), "more than the"},
		{"zstd-two-frames", "a second frame after the first", block(frame(1, 60000, append(compressed(t, zeros), compressed(t, zeros)...))), "decompress"},
		{"zstd-skippable", "a skippable frame", block(frame(1, 60000, append([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, compressed(t, zeros)...))), "the stated size is missing or wrong"},
		{"zstd-cut", "a frame cut short", block(frame(1, 60000, compressed(t, zeros)[:12])), "decompress"},
		{"zstd-garbage", "no frame at all", block(frame(1, 60000, []byte("garbage garbage"))), "decompress"},
		{"zstd-bomb-blocks", "a frame that states 1,000 bytes, with blocks of 4 MiB", block(frame(1, 1000, zstdFrame(20, 1000, slices.Repeat([]uint32{128 << 10}, 32)...))), "decompress"},
		{"zstd-window-over", "a window of 16 MiB", block(frame(1, 60000, zstdFrame(24, 60000, 60000))), "decompress"},
		{"zstd-dictionary", "a frame that needs a dictionary", block(frame(1, 60000, slices.Concat(zstdFrame(17, 60000)[:4], []byte{0x81, 7 << 3, 9}, zstdFrame(17, 60000, 60000)[6:]))), "decompress"},
		{"zstd-dictionary-none", "the id of a dictionary is there, and is 0: none", block(frame(1, 60000, slices.Concat(zstdFrame(17, 60000)[:4], []byte{0x81, 7 << 3, 0}, zstdFrame(17, 60000, 60000)[6:]))), "the id of a dictionary"},
		{"zstd-reserved-bit", "the reserved bit of the frame's descriptor", block(frame(1, 60000, slices.Replace(zstdFrame(17, 60000, 60000), 4, 5, 0x88))), "reserved bit"},
		{"zstd-block-type", "a block of type 3, which is none", block(frame(1, 60000, slices.Replace(zstdFrame(17, 60000, 60000), 10, 11, byte(60000<<3&0xff)|3<<1|1))), "decompress"},
		{"zstd-window-over-least", "a window of 9 MiB, the next after 8", block(frame(1, 60000, slices.Replace(zstdFrame(23, 60000, 60000), 5, 6, 13<<3|1))), "decompress"},
		{"zstd-block-large", "a block of more than 128 KiB", block(frame(1, 131073, zstdFrame(23, 131073, 131073))), "decompress"},
		{"zstd-block-over-window", "a block larger than the window", block(frame(1, 60000, zstdFrame(15, 60000, 60000))), "decompress"},
		{"zstd-block-head-cut", "the head of a block cut short", block(frame(1, 60000, zstdFrame(17, 60000, 60000)[:12])), "cut short"},
		{"zstd-no-last", "no block is the last", block(frame(1, 60000, slices.Replace(zstdFrame(17, 60000, 60000), 10, 11, byte(60000<<3&0xff)|1<<1))), "cut short"},
		{"zstd-less", "59,999 bytes that state to be 60,000", block(frame(1, 60000, zstdFrame(17, 60000, 59999))), "decompress"},
		{"zstd-skippable-after", "a skippable frame after the frame", block(frame(1, 60000, append(compressed(t, zeros), 0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0))), "more or less than one frame"},
		{"zstd-empty-after", "an empty frame after the frame", block(frame(1, 60000, append(compressed(t, zeros), compressed(t, nil, zstd.WithZeroFrames(true))...))), "more or less than one frame"},
		{"zstd-no-gain", "a compressed form as long as the plain text", block(frame(1, 9, compressed(t, []byte("no gains."), zstd.WithSingleSegment(true))[:9])), "is not possible"},

		{"records-kind", "another item kind than the table says", block(stored([]byte("\x03\x01c"))), "not what the table of blocks says"},
		{"records-length", "another plain length than the table says", unsaid(stored([]byte("\x02\x02cc"))), "not what the table of blocks says"},
		{"records-count", "more records than the table says", block(stored([]byte("\x02\x00\x00"))), "not what the table of blocks says"},
		{"records-none", "not even an item kind", block(stored(nil)), "its item kind is missing"},
		{"records-length-over", "a record longer than its block", block(stored([]byte("\x02\x02c"))), "longer than the block"},
		{"records-length-huge", "a record of 2^63 bytes", block(stored([]byte("\x02\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))), "longer than the block"},
		{"records-length-long-form", "a length that is not in its shortest form", block(stored([]byte("\x02\x81\x00c"))), "malformed"},
		{"records-length-cut", "a length cut short", block(stored([]byte("\x02\x80"))), "malformed"},
		{"blob-length", "a blob block of another length than follows from the size", forge(func(p *pieces) { p.blocks[2].frame = stored([]byte("dd")) }), "2 bytes instead of 1"},
		{"blob-sum", "a blob with another sum", table(func(_ *pieces, _ *[]recordEntry, p *[]partEntry) { (*p)[0].Sum[0] ^= 1 }), "not what was backed up"},

		{"table-no-records", "no record block", table(func(_ *pieces, r *[]recordEntry, _ *[]partEntry) { *r = nil }), "lacks the last record block"},
		{"table-block-missing", "a block that the table does not name", table(func(_ *pieces, _ *[]recordEntry, p *[]partEntry) { *p = (*p)[:1] }), "blocks up to offset"},
		{"table-block-invented", "a block that is not there", table(func(_ *pieces, _ *[]recordEntry, p *[]partEntry) {
			*p = append(*p, partEntry{Size: 1, Sealed: []uint32{padTo + tagLen}})
		}), "blocks up to offset"},
		{"table-empty-block", "a block without records among others", table(func(_ *pieces, r *[]recordEntry, _ *[]partEntry) { (*r)[0].Count = 0 }), "it holds no record"},
		{"table-too-many-for-bytes", "more records than bytes", table(func(_ *pieces, r *[]recordEntry, _ *[]partEntry) { (*r)[0].Count = 9 }), "do not fit"},
		{"table-block-over-limit", "two records in more than 128 KiB", table(func(_ *pieces, r *[]recordEntry, _ *[]partEntry) {
			(*r)[0].Plain = BlockRoom + 2
		}), "more than allowed"},
		{"table-record-over-limit", "a record of more than 1 MiB", table(func(_ *pieces, r *[]recordEntry, _ *[]partEntry) {
			(*r)[1].Plain = maxRecordBlock + 1
		}), "more than allowed"},
		{"table-blob-over-limit", "a blob of more than 2 GiB", table(func(_ *pieces, _ *[]recordEntry, p *[]partEntry) { (*p)[0].Size = MaxBlob + 1 }), "are more than"},
		{"table-blob-offset", "a part that begins within a block", table(func(_ *pieces, _ *[]recordEntry, p *[]partEntry) { (*p)[0].Size, (*p)[0].Offset = 9, 8 }), "no part of 9 bytes begins at 8"},
		{"table-blob-offset-at-end", "a part that begins at the end", table(func(_ *pieces, _ *[]recordEntry, p *[]partEntry) {
			(*p)[0].Size, (*p)[0].Offset = blobRoom, blobRoom
		}), "begins at"},
		{"table-blob-no-block", "a blob without blocks", table(func(_ *pieces, _ *[]recordEntry, p *[]partEntry) { (*p)[0].Sealed = nil }), "it has no block"},
		{"table-blob-too-many-blocks", "an empty blob with a block", table(func(_ *pieces, _ *[]recordEntry, p *[]partEntry) { (*p)[0].Size = 0 }), "too many blocks"},
		{"table-index-over-limit", "an index of more than 4 MiB", forge(func(p *pieces) { p.table.Index.Plain = MaxIndex + 1 }), "is larger than"},
		{"table-empty-kind", "an empty chunk's only block of an item kind", emptyOfKind(t), "an item kind other than 0"},
		{"index-length", "an index of another length than the table says", forge(func(p *pieces) { p.table.Index.Plain++ }), "not what the table of blocks says"},
		{"table-index-missing", "an index that the table does not name", forge(func(p *pieces) { p.table.Index = nil }), "blocks up to offset"},
	} {
		add(row.name, "chunk", row.about, row.input, row.err)
	}
	addForgedTables(t, s, add)
	add("kind-last-first", "chunk", "the first record block sealed as the last", forge(func(p *pieces) { p.blocks[0].kind = kindLastRecords }), "the kind or length before it is not its own")
	add("kind-none-last", "chunk", "the last record block sealed as one of more", forge(func(p *pieces) { p.blocks[1].kind = kindRecords }), "the kind or length before it is not its own")
	add("kind-blob", "chunk", "a record block sealed as a blob's, behind its own kind", resealed(t, s, headerLen+prefixLen, 0, kindRecords, kindBlob), damaged)
	index, trailer := s.sum.IndexOffset, s.sum.IndexOffset+s.sum.IndexLength
	add("kind-index", "chunk", "the index sealed as a blob's block", resealed(t, s, int(index)+indexHeadLen, 4, kindIndex, kindBlob), damaged)
	add("index-kind", "index", "sealed as a trailer", resealed(t, s, int(index)+indexHeadLen, 4, kindIndex, kindTrailer)[index:trailer], damaged)
	add("kind-index-trailer", "chunk", "the index sealed as a trailer", resealed(t, s, int(index)+indexHeadLen, 4, kindIndex, kindTrailer), damaged)
	add("kind-trailer", "chunk", "the trailer sealed as an index", resealed(t, s, int(trailer), 5, kindTrailer, kindIndex), damaged)
	add("kind-trailer-blob", "chunk", "the trailer sealed as a blob's block", resealed(t, s, int(trailer), 5, kindTrailer, kindBlob), damaged)
	add("part-empty-kind", "record part", "an empty chunk's only block of an item kind", emptyOfKind(t)[:headerLen+prefixLen+padTo+tagLen], "an item kind other than 0")
	add("counters", "chunk", "counters that begin with 1", forge(func(p *pieces) { p.from = 1 }), "blocks up to offset")
	add("part-none-last", "record part", "the last record block sealed as one of more", forge(func(p *pieces) { p.blocks[1].kind = kindRecords })[:s.sum.RecordPart], "unexpected EOF")
	add("part-counters", "record part", "counters that begin with 1", forge(func(p *pieces) { p.from = 1 })[:s.sum.RecordPart], damaged)
	add("part-padded-twice", "record part", "more padding than needed",
		block(append(bytes.Clone(good), make([]byte, padTo)...))[:s.sum.RecordPart+padTo], "the length inside does not fit")
	add("part-empty-block", "record part", "a block without records before the last", forge(func(p *pieces) {
		p.blocks[0].frame = stored([]byte{0})
	})[:s.sum.RecordPart], "it holds no record")
}

// resealed seals the block of the smallest size that lies at an offset as one of another kind, and leaves all else.
func resealed(t *testing.T, s sealedChunk, at int, counter uint32, kind, as blockKind) []byte {
	p, out := takeApart(t, s.bytes), bytes.Clone(s.bytes)
	frame := must[[]byte](t)(p.cipher.open(bytes.Clone(out[at:at+padTo+tagLen]), counter, kind))
	copy(out[at:], p.cipher.seal(append(make([]byte, 0, len(frame)+tagLen), frame...), counter, as))
	return out
}

// emptyOfKind is a chunk without records whose record block says of which item kind it has none.
func emptyOfKind(t *testing.T) []byte {
	p := takeApart(t, content{}.seal(t, 33).bytes)
	p.blocks[0].frame, p.table.Records[0].Kind = stored([]byte{2}), 2
	return p.join(t)
}

// addUnseen adds faults within what is compressed: who does not expand it cannot see them.
func addUnseen(t *testing.T, s sealedChunk, add addVector) {
	text := bytes.Repeat([]byte("the same again, and yet another "), 40)
	sound := append([]byte{2, 0x80, 0x0a}, text...) // one record of 1,280 bytes
	block := func(plain int, body []byte) []byte {
		p := takeApart(t, s.bytes)
		p.blocks[1].frame, p.table.Records[1].Plain = frame(encodingZstd, plain, body), uint32(plain)
		return p.join(t)
	}
	// The content size stands behind magic and descriptor, in two bytes that count from 256.
	lying := compressed(t, sound, zstd.WithSingleSegment(true))
	binary.LittleEndian.PutUint16(lying[5:], 1000-256)
	broken := compressed(t, sound, zstd.WithSingleSegment(true), zstd.WithEncoderCRC(true))
	broken[len(broken)-1] ^= 1
	add("zstd-bomb-lying", "chunk", "1,283 bytes that state to be 1,000", block(1000, lying), "decompress")
	add("zstd-checksum-wrong", "chunk", "a frame whose check sum is wrong", block(len(sound), broken), "decompress")
	add("zstd-records-count", "chunk", "another number of records than the table says, compressed",
		block(1003, compressed(t, append([]byte{2, 0xe7, 7}, make([]byte, 1000)...), zstd.WithSingleSegment(true))), "not what the table of blocks says")
	add("zstd-records-length", "chunk", "a record longer than its block, compressed",
		block(1003, compressed(t, append([]byte{2, 0xe9, 7}, make([]byte, 1000)...), zstd.WithSingleSegment(true))), "longer than the block")
}

// addForgedTables encodes tables in forms that mean the same, or nothing.
func addForgedTables(t *testing.T, s sealedChunk, add addVector) {
	p := takeApart(t, s.bytes)
	p.join(t)
	good := must[[]byte](t)(p.table.encode())
	raw := func(b []byte) []byte {
		p := takeApart(t, s.bytes)
		p.raw = b
		return p.join(t)
	}
	text := func(s string) []byte { return must[[]byte](t)(hex.DecodeString(s)) }
	first := bytes.IndexByte(good, 0x82) // key 1's list of two
	deep := append(bytes.Repeat([]byte{0x81}, 10000), 0)
	huge := binary.BigEndian.AppendUint32(text("a1019a"), 0xffffffff)
	for _, row := range []struct {
		name, about string
		cbor        []byte
		err         string
	}{
		{"cbor-none", "no bytes", []byte{}, "the table of blocks"},
		{"cbor-cut", "cut by one byte", good[:len(good)-1], "the table of blocks"},
		{"cbor-trailing-byte", "a byte after it", append(bytes.Clone(good), 0), "the table of blocks"},
		{"cbor-null", "null", text("f6"), "its only form"},
		{"cbor-array", "an array", text("83010203"), "the table of blocks"},
		{"cbor-duplicate-key", "a key twice", append(append(text("a4"), good[1:]...), text("0280")...), "the table of blocks"},
		{"cbor-unknown-key", "a key that has no meaning", append(append(text("a4"), good[1:]...), text("0400")...), "the table of blocks"},
		{"cbor-unsorted", "keys in another order", text("a202800180"), "its only form"},
		{"cbor-missing-key", "a key that must be there is not", text("a10180"), "its only form"},
		{"cbor-null-list", "null for a list", text("a201f60280"), "its only form"},
		{"cbor-indefinite", "a list without a length", text("a2019fff0280"), "the table of blocks"},
		{"cbor-long-form", "a number that is not in its shortest form", slices.Replace(bytes.Clone(good), first, first+1, 0x98, 2), "its only form"},
		{"cbor-float", "a floating-point count", slices.Replace(bytes.Clone(good), first+3, first+4, 0xf9, 0x40, 0), "the table of blocks"},
		{"cbor-negative", "a negative count", slices.Replace(bytes.Clone(good), first+3, first+4, 0x20), "the table of blocks"},
		{"cbor-tag", "a tag", append([]byte{0xc1}, good...), "the table of blocks"},
		{"cbor-deep", "lists in lists, 10,000 deep", deep, "the table of blocks"},
		{"cbor-huge-count", "a list that says to have 4 billion entries", huge, "the table of blocks"},
		{"cbor-short-entry", "an entry with a number too few", text("a201818301190100190110") /* three of four */, "the table of blocks"},
	} {
		add(row.name, "chunk", "table of blocks: "+row.about, raw(row.cbor), row.err)
	}
}
