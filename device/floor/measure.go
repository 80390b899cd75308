package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"zapas/device/internal/item"
)

// newMeasure compresses at the default level, with the memory of one stream.
func newMeasure() (*measure, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("make the compressor: %w", err)
	}
	seal, err := newSealer()
	return &measure{encoder: encoder, seal: seal, records: map[item.Kind][]byte{}, known: map[[32]byte]bool{}}, err
}

// measure collects what is to be stored: records by kind in memory, attachments one at a time.
type measure struct {
	encoder *zstd.Encoder
	seal    *sealer
	records map[item.Kind][]byte
	known   map[[32]byte]bool // records and attachments that cost nothing any more, by their SHA-256
	buffer  []byte
	packed  []byte

	attachments int64
	attached    int64 // bytes in them
	reading     time.Duration
	compressing time.Duration
	sealing     time.Duration
}

// know takes an item for stored.
func (m *measure) know(it item.Item, _ export) error {
	record, err := item.Encode(it)
	if err != nil {
		return err
	}
	m.known[sha256.Sum256(record)] = true
	for _, b := range it.Blobs() {
		m.known[b.SHA256] = true
	}
	return nil
}

// add takes an item that is to be stored, if it is not. Two equal items are two.
func (m *measure) add(it item.Item, e export) error {
	record, err := item.Encode(it)
	if err != nil {
		return err
	}
	if !m.known[sha256.Sum256(record)] {
		m.records[it.Kind()] = append(m.records[it.Kind()], record...)
	}
	for _, b := range it.Blobs() {
		if m.known[b.SHA256] {
			continue
		}
		m.known[b.SHA256] = true
		if err := m.attachment(b, e); err != nil {
			return err
		}
	}
	return nil
}

func (m *measure) attachment(b item.Blob, e export) error {
	r, err := e.OpenBlob(b)
	if err != nil {
		return err
	}
	defer r.Close()
	if int64(cap(m.buffer)) < b.Size {
		m.buffer = make([]byte, b.Size)
	}
	m.buffer = m.buffer[:b.Size]
	if _, err := io.ReadFull(r, m.buffer); err != nil {
		return fmt.Errorf("read an attachment of %d bytes: %w", b.Size, err)
	}
	m.attachments++
	m.attached += b.Size
	if err := m.compress(m.buffer); err != nil {
		return err
	}
	return cost(&m.sealing, func() error { m.seal.seal(m.buffer); return nil }) // as it is: it does not get shorter
}

// compress is one zstd stream.
func (m *measure) compress(b []byte) error {
	return cost(&m.compressing, func() error { m.packed = m.encoder.EncodeAll(b, m.packed[:0]); return nil })
}

// Floor is the least that it takes.
type Floor struct {
	Records     map[string]Stream `json:"records"` // by kind
	Attachments int64             `json:"attachments"`
	Attached    int64             `json:"attached"` // bytes in them
	Bytes       int64             `json:"bytes"`    // compressed records and attachments
	Compressing float64           `json:"compressing"`
	Sealing     float64           `json:"sealing"`
	Reading     float64           `json:"reading"` // CPU seconds, all three: of the exports, each item and attachment once
}

// Stream is the records of one kind.
type Stream struct {
	Plain  int64 `json:"plain"` // bytes
	Packed int64 `json:"packed"`
}

func (m *measure) floor() (Floor, error) {
	f := Floor{Records: map[string]Stream{}, Attachments: m.attachments, Attached: m.attached, Bytes: m.attached}
	for kind, plain := range m.records {
		if err := m.compress(plain); err != nil {
			return f, err
		}
		f.Records[kind.String()] = Stream{int64(len(plain)), int64(len(m.packed))}
		f.Bytes += int64(len(m.packed))
		if err := cost(&m.sealing, func() error { m.seal.seal(m.packed); return nil }); err != nil {
			return f, err
		}
	}
	f.Compressing, f.Sealing, f.Reading = m.compressing.Seconds(), m.sealing.Seconds(), m.reading.Seconds()
	return f, nil
}
