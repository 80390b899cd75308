package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// A frame is the plain text of a block: encoding, plain length, body length, body, zeros up to a multiple of padTo.
const (
	padTo        = 256
	frameHeadLen = 1 + 4 + 4

	encodingStored = 0
	encodingZstd   = 1
)

// maxWindow is the largest zstd window that a reader has to support (RFC 8878, section 3.1.1.1.2).
const maxWindow = 8 << 20

// frameLen is the length of a frame around a body.
func frameLen(body int) int { return (frameHeadLen + body + padTo - 1) / padTo * padTo }

// sealedLen is the length of a block whose plain text is stored as it is, and so the most that it can be.
func sealedLen(plain int) int { return frameLen(plain) + tagLen }

// checkSealedLen refuses a length that no block with at most this much plain text can have.
func checkSealedLen(sealed uint32, plain int) error {
	if sealed < padTo+tagLen || sealed%padTo != tagLen || int64(sealed) > int64(sealedLen(plain)) {
		return fmt.Errorf("a sealed length of %d is not possible", sealed)
	}
	return nil
}

// A codec compresses and expands. It allocates its working memory once.
type codec struct {
	// compress appends to dst the compressed form of src, as one zstd frame that states its content size.
	compress func(src, dst []byte) []byte
	decoder  *zstd.Decoder
	proof    []byte
}

func newEncoder() (*codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
		zstd.WithSingleSegment(true), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(blobRoom))
	if err != nil {
		return nil, fmt.Errorf("make the compressor: %w", err)
	}
	c, err := newDecoder()
	if err != nil {
		return nil, err
	}
	c.compress = enc.EncodeAll
	return c, nil
}

func newDecoder() (*codec, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("make the decompressor: %w", err)
	}
	return &codec{decoder: dec}, nil
}

// pack appends to dst the frame of plain. The compressed form is taken only when the frame gets shorter by it and when
// it was expanded again and found equal: a fault of the compressor must never cost a backup.
func (c *codec) pack(dst, plain []byte) []byte {
	start := len(dst)
	var head [frameHeadLen]byte
	dst = append(dst, head[:]...)
	body := start + frameHeadLen
	dst = c.compress(plain, dst)
	encoding := byte(encodingZstd)
	if frameLen(len(dst)-body) >= frameLen(len(plain)) || !c.proves(dst[body:], plain) {
		encoding = encodingStored
		dst = append(dst[:body], plain...)
	}
	dst[start] = encoding
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(plain)))
	binary.BigEndian.PutUint32(dst[start+5:], uint32(len(dst)-body))
	var zeros [padTo]byte
	return append(dst, zeros[:frameLen(len(dst)-body)-(len(dst)-start)]...)
}

func (c *codec) proves(compressed, plain []byte) bool {
	got, err := c.expand(compressed, len(plain), c.proof)
	if err != nil {
		return false
	}
	c.proof = got
	return bytes.Equal(got, plain)
}

// unpack returns the plain text of a frame, which is at most limit bytes. It uses the array of scratch if that is large
// enough, or points into frame.
func (c *codec) unpack(frame []byte, limit int, scratch []byte) ([]byte, error) {
	if len(frame) < padTo {
		return nil, errors.New("its plain text is cut short")
	}
	plain, length := binary.BigEndian.Uint32(frame[1:]), binary.BigEndian.Uint32(frame[5:])
	if int64(plain) > int64(limit) {
		return nil, fmt.Errorf("it holds %d bytes, more than the %d allowed", plain, limit)
	}
	if int64(length) > int64(len(frame)-frameHeadLen) || frameLen(int(length)) != len(frame) {
		return nil, errors.New("the length inside does not fit its size")
	}
	body, padding := frame[frameHeadLen:frameHeadLen+length], frame[frameHeadLen+length:]
	if len(bytes.TrimLeft(padding, "\x00")) != 0 {
		return nil, errors.New("the padding is not zero")
	}
	switch {
	case frame[0] == encodingStored && length == plain:
		return body, nil
	case frame[0] == encodingZstd && length < plain:
		return c.expand(body, int(plain), scratch)
	default:
		return nil, fmt.Errorf("encoding %d with %d bytes for %d is not possible", frame[0], length, plain)
	}
}

// expand decompresses one zstd frame that states and has exactly this content size; it never writes more.
func (c *codec) expand(body []byte, plain int, scratch []byte) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(body); err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if h.Skippable || !h.HasFCS || h.FrameContentSize != uint64(plain) {
		return nil, errors.New("decompress: the stated size is missing or wrong")
	}
	if body[4]&3 != 0 { // Dictionary_ID_flag (RFC 8878, section 3.1.1.1.1.6); an id of 0 would say that there is none
		return nil, errors.New("decompress: it has the id of a dictionary")
	}
	if err := oneFrame(body, h); err != nil {
		return nil, err
	}
	if cap(scratch) < plain {
		scratch = make([]byte, plain)
	}
	out, err := c.decoder.DecodeAll(body, scratch[:0:plain])
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if len(out) != plain {
		return nil, errors.New("decompress: the stated size is wrong")
	}
	return out, nil
}

// oneFrame refuses a body that goes on behind its frame, by the lengths of its blocks: a decoder would go on with it (RFC
// 8878, sections 3.1 and 3.1.1.2).
func oneFrame(body []byte, h zstd.Header) error {
	at := h.HeaderSize
	for last := false; !last; {
		if len(body)-at < 3 {
			return errors.New("decompress: it is cut short")
		}
		head := uint32(body[at]) | uint32(body[at+1])<<8 | uint32(body[at+2])<<16
		size := int(head >> 3)
		if head>>1&3 == 1 { // a block that repeats one byte
			size = 1
		}
		last = head&1 == 1
		at += 3 + size
	}
	if h.HasCheckSum {
		at += 4
	}
	if at != len(body) {
		return errors.New("decompress: it is more or less than one frame")
	}
	return nil
}
