package item

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"zapas/device/internal/alloctest"
)

// greedy are records of the largest size that say to hold as much as they can.
func greedy() map[string][]byte {
	array := func(n int, element string) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{0x9a}, uint32(n)), bytes.Repeat([]byte(element), n)...)
	}
	fill := func(head string, most int, element string) []byte {
		return append([]byte(head), array(min(most, (MaxEncoded-20)/len(element)), element)...)
	}
	// An attribute without name and value, in a namespace of its own.
	spaces := func(n int) string {
		b := binary.BigEndian.AppendUint16([]byte{0xb9}, uint16(n))
		for i := range n {
			b = append(fmt.Appendf(append(b, 0x63), "%03x", i), 0xa1, 0x60, 0x60)
		}
		return string(b)
	}
	return map[string][]byte{
		"Peers":            fill("\x83\x00\x02\xa3\x01\x01\x04\x01\x05", MaxAddresses, "\xa1\x01\x06"),
		"PeersOfNoKind":    fill("\x83\x00\x02\xa3\x01\x01\x04\x01\x05", MaxAddresses, "\xa0"),
		"Parties":          fill("\x83\x00\x03\xa3\x01\x01\x04\x01\x14", MaxAddresses, "\xa1\x02\xa1\x01\x06"),
		"ExtrasOfParties":  fill("\x83\x00\x03\xa3\x01\x01\x04\x01\x14", MaxAddresses, "\xa2\x02\xa1\x01\x06\x04\xa1\x61a\xa1\x60\x60"),
		"ManyExtras":       fill("\x83\x00\x03\xa3\x01\x01\x04\x01\x15", MaxParts, "\xa1\x0a"+spaces(290)),
		"Parts":            fill("\x83\x00\x03\xa3\x01\x01\x04\x01\x15", MaxAddresses, "\xa0"),
		"Units":            fill("\x83\x00\x01\xa2\x02\xa0\x04", MaxValues, "\xa1\x02\x99\x02\x00"+string(bytes.Repeat([]byte{0x60}, 512))),
		"Components":       fill("\x83\x00\x01\xa2\x02\xa0\x08", MaxValues, "\xa1\x01\x99\x01\x90"+string(bytes.Repeat([]byte("\xa2\x01\x01\x02\x60"), 400))),
		"LabelsOfContacts": fill("\x83\x00\x01\xa2\x02\xa0\x06", MaxValues, "\xa0"),
	}
}

// TestDecode_Memory: whatever a record says, reading it costs no more than its size allows. Not parallel: it counts what
// the whole process allocates.
func TestDecode_Memory(t *testing.T) {
	for name, b := range greedy() {
		if len(b) > MaxEncoded {
			t.Fatalf("%s: %d bytes", name, len(b))
		}
		alloctest.Within(t, 80<<20, func() {
			_, err := Decode(b)
			t.Logf("%s: %d bytes: %v", name, len(b), err)
		})
	}
}
