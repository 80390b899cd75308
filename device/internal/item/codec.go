package item

import (
	"bytes"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// record is an encoded item: [schema, kind, body].
type record[T any] struct {
	_      struct{} `cbor:",toarray"`
	Schema uint64
	Kind   Kind
	Body   T
}

// The modes are immutable; they stand here because building one costs more than an item.
var (
	encoding     = must(encodeOptions().EncMode())
	decoding     = must(decodeOptions(MaxValues).DecMode())
	decodingLong = must(decodeOptions(MaxAddresses).DecMode()) // for what has addresses
)

func must[T any](mode T, err error) T {
	if err != nil {
		panic(err)
	}
	return mode
}

// encodeOptions are RFC 8949, 4.2.1 (core deterministic encoding); no field is a float or a tag.
func encodeOptions() cbor.EncOptions {
	o := cbor.CoreDetEncOptions()
	o.TagsMd = cbor.TagsForbidden
	return o
}

// decodeOptions allow arrays of this length: before a list is checked, its hostile form costs a hundred times its bytes.
func decodeOptions(longest int) cbor.DecOptions {
	return cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		MaxNestedLevels:   8,
		MaxArrayElements:  longest,
		MaxMapPairs:       MaxExtras,
	}
}

// Encode gives the item's one encoding. It fails on an item that breaks a limit or a rule of
// FORMAT.md; errors of size wrap ErrTooLarge.
func Encode(it Item) ([]byte, error) {
	if err := it.validate(); err != nil {
		return nil, fmt.Errorf("item: this %s cannot be stored: %w", it.Kind(), err)
	}
	return encode(it)
}

func encode(it Item) ([]byte, error) {
	var b []byte
	var err error
	switch it := it.(type) {
	case *Contact:
		b, err = encoding.Marshal(record[*Contact]{Schema: Schema, Kind: KindContact, Body: it})
	case *SMS:
		b, err = encoding.Marshal(record[*SMS]{Schema: Schema, Kind: KindSMS, Body: it})
	case *MMS:
		b, err = encoding.Marshal(record[*MMS]{Schema: Schema, Kind: KindMMS, Body: it})
	case *Call:
		b, err = encoding.Marshal(record[*Call]{Schema: Schema, Kind: KindCall, Body: it})
	default:
		return nil, fmt.Errorf("item: a %s has no encoding", it.Kind())
	}
	if err != nil {
		return nil, fmt.Errorf("item: %w", err)
	}
	if len(b) > MaxEncoded {
		return nil, fmt.Errorf("item: this %s has %d bytes encoded, at most %d: %w", it.Kind(), len(b), MaxEncoded, ErrTooLarge)
	}
	return b, nil
}

// Decode reads what Encode wrote and nothing else: when it accepts b, encoding the item gives b
// again. An item of another schema version is refused with an error that wraps ErrSchema.
func Decode(b []byte) (Item, error) {
	if len(b) > MaxEncoded {
		return nil, fmt.Errorf("item: %d encoded bytes, at most %d: %w", len(b), MaxEncoded, ErrTooLarge)
	}
	if err := checkSchema(b); err != nil {
		return nil, err
	}
	var head record[cbor.RawMessage]
	if err := decodingLong.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("item: not a record: %w", err)
	}
	it, err := decodeBody(head.Kind, head.Body)
	if err != nil {
		return nil, err
	}
	if err := it.validate(); err != nil {
		return nil, fmt.Errorf("item: unlawful %s: %w", head.Kind, err)
	}
	again, err := encode(it)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("item: the encoding of this %s is not the canonical one", head.Kind)
	}
	return it, nil
}

// checkSchema comes before all else, since another version may have another shape: only that the
// version, an unsigned integer, is the first of an array is fixed for ever.
func checkSchema(b []byte) error {
	if len(b) == 0 || b[0]>>5 != 4 {
		return fmt.Errorf("item: not a record: it does not begin with an array")
	}
	head := 1 // of the array: a length over 23 follows in 1, 2, 4 or 8 bytes
	if long := b[0] & 31; long >= 24 && long < 28 {
		head += 1 << (long - 24)
	}
	first := b[min(head, len(b)):]
	if b[0]&31 == 0 || len(first) == 0 || first[0]>>5 != 0 {
		return fmt.Errorf("item: not a record: it does not begin with a schema version")
	}
	var version uint64
	if _, err := decoding.UnmarshalFirst(first, &version); err != nil {
		return fmt.Errorf("item: not a record: no schema version: %w", err)
	}
	if version != Schema {
		return fmt.Errorf("item: schema version %d, this program reads %d: use the version of the program that wrote it: %w", version, Schema, ErrSchema)
	}
	return nil
}

func decodeBody(kind Kind, body []byte) (Item, error) {
	var it Item
	mode := decoding
	switch kind {
	case KindContact:
		it = new(Contact)
	case KindSMS:
		it, mode = new(SMS), decodingLong
	case KindMMS:
		it, mode = new(MMS), decodingLong
	case KindCall:
		it = new(Call)
	default:
		return nil, fmt.Errorf("item: a %s has no encoding in schema version %d", kind, Schema)
	}
	if err := mode.Unmarshal(body, it); err != nil {
		return nil, fmt.Errorf("item: unlawful %s: %w", kind, err)
	}
	return it, nil
}
