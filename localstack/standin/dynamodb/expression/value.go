package expression

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep lists and maps may nest: page "Quotas in Amazon DynamoDB".
const maxDepth = 32

// Value is one attribute value.
type Value struct {
	Kind     string           // the wire's name of the type: "S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"
	Text     string           // of S; of N, canonical; of B, the raw bytes
	flag     bool             // of BOOL
	list     []Value          // of L; of a set, as S, N or B values
	elements map[string]Value // of M
}

// Item is an item, a key, or a part of either.
type Item = map[string]Value

func numberValue(n number) Value { return Value{Kind: "N", Text: n.String()} }

func (v Value) isSet() bool { return v.Kind == "SS" || v.Kind == "NS" || v.Kind == "BS" }

// UnmarshalJSONFrom reads {"S":"text"} and its like: exactly one member, of a known type.
func (v *Value) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	open, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if open.Kind() != '{' {
		return malformed("Start of structure or map expected where an attribute value should be")
	}
	if dec.PeekKind() == '}' {
		return unlawful("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	}
	name, err := dec.ReadToken()
	if err != nil {
		return err
	}
	kind := name.String()
	if dec.PeekKind() == 'n' {
		return unlawful("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	}
	if err := v.read(kind, dec); err != nil {
		return err
	}
	if dec.PeekKind() == '"' {
		return unlawful("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	}
	_, err = dec.ReadToken()
	return err
}

// read reads what stands under the name of a type.
func (v *Value) read(kind string, dec *jsontext.Decoder) error {
	v.Kind = kind
	switch kind {
	case "S":
		return json.UnmarshalDecode(dec, &v.Text)
	case "N", "B":
		return v.readScalar(dec)
	case "BOOL":
		return json.UnmarshalDecode(dec, &v.flag)
	case "NULL":
		var null bool
		if err := json.UnmarshalDecode(dec, &null); err != nil {
			return err
		}
		if !null {
			return unlawful("One or more parameter values were invalid: Null attribute value types must have the value of true")
		}
		return nil
	case "L":
		return json.UnmarshalDecode(dec, &v.list)
	case "M":
		return json.UnmarshalDecode(dec, &v.elements)
	case "SS", "NS", "BS":
		return v.readSet(dec)
	}
	return malformed("Unrecognized attribute value type: %s", kind)
}

func (v *Value) readScalar(dec *jsontext.Decoder) error {
	if v.Kind == "B" {
		var raw []byte
		err := json.UnmarshalDecode(dec, &raw)
		v.Text = string(raw)
		return err
	}
	var text string
	if err := json.UnmarshalDecode(dec, &text); err != nil {
		return err
	}
	n, err := parseNumber(text)
	v.Text = n.String()
	return err
}

func (v *Value) readSet(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '[' {
		return malformed("Expected list or null where a set should be")
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for dec.PeekKind() != ']' {
		if dec.PeekKind() == 'n' {
			return malformed("A set cannot hold null")
		}
		element := Value{Kind: v.Kind[:1]}
		if err := element.read(element.Kind, dec); err != nil {
			return err
		}
		if seen[element.Text] {
			return unlawful("One or more parameter values were invalid: Input collection contains duplicates.")
		}
		seen[element.Text] = true
		v.list = append(v.list, element)
	}
	if len(v.list) == 0 {
		return unlawful("One or more parameter values were invalid: An set may not be empty: %s", v.Kind)
	}
	_, err := dec.ReadToken()
	return err
}

// MarshalJSONTo writes {"S":"text"} and its like.
func (v Value) MarshalJSONTo(enc *jsontext.Encoder) error {
	var content any
	switch v.Kind {
	case "S", "N":
		content = v.Text
	case "B":
		content = []byte(v.Text)
	case "BOOL":
		content = v.flag
	case "NULL":
		content = true
	case "L":
		content = v.list
	case "M":
		content = v.elements
	case "SS", "NS":
		texts := make([]string, len(v.list))
		for i, e := range v.list {
			texts[i] = e.Text
		}
		content = texts
	case "BS":
		raws := make([][]byte, len(v.list))
		for i, e := range v.list {
			raws[i] = []byte(e.Text)
		}
		content = raws
	}
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	if err := enc.WriteToken(jsontext.String(v.Kind)); err != nil {
		return err
	}
	if err := json.MarshalEncode(enc, content); err != nil {
		return err
	}
	return enc.WriteToken(jsontext.EndObject)
}

// size counts as page "DynamoDB item sizes and formats" does.
func (v Value) size() int {
	total := 0
	switch v.Kind {
	case "S", "B":
		return len(v.Text)
	case "N":
		return mustNumber(v.Text).size()
	case "BOOL", "NULL":
		return 1
	case "L":
		total = 3 + len(v.list)
	case "M":
		total = 3 + len(v.elements)
	}
	for _, e := range v.list {
		total += e.size()
	}
	return total + SizeOf(v.elements)
}

// SizeOf is how many bytes an item counts: its names and its values.
func SizeOf(it Item) int {
	total := 0
	for name, v := range it {
		total += len(name) + v.size()
	}
	return total
}

func (v Value) depth() int {
	if v.Kind != "L" && v.Kind != "M" {
		return 0
	}
	deepest := 0
	for _, e := range v.list {
		deepest = max(deepest, e.depth())
	}
	for _, e := range v.elements {
		deepest = max(deepest, e.depth())
	}
	return deepest + 1
}

// CheckDepth refuses values nested too deep, and names that no attribute can have.
func CheckDepth(it Item) error {
	for name, v := range it {
		if name == "" || len(name) > 65535 {
			return unlawful("One or more parameter values were invalid: attribute names must be 1 to 65535 bytes long")
		}
		if v.depth() > maxDepth {
			return unlawful("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")
		}
	}
	return nil
}

func (v Value) clone() Value {
	v.list = slices.Clone(v.list)
	for i := range v.list {
		v.list[i] = v.list[i].clone()
	}
	if v.elements != nil {
		v.elements = cloneItem(v.elements)
	}
	return v
}

func cloneItem(it Item) Item {
	copied := make(Item, len(it))
	for name, v := range it {
		copied[name] = v.clone()
	}
	return copied
}

// equal compares as "=" does: sets in any order, numbers by value.
func equal(a, b Value) bool {
	if a.Kind != b.Kind || a.Text != b.Text || a.flag != b.flag || len(a.list) != len(b.list) {
		return false
	}
	if a.isSet() {
		return !slices.ContainsFunc(a.list, func(e Value) bool { return !b.holds(e) })
	}
	return slices.EqualFunc(a.list, b.list, equal) && EqualItems(a.elements, b.elements)
}

// EqualItems reports whether two items have the same attributes with the same values.
func EqualItems(a, b Item) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		if other, ok := b[name]; !ok || !equal(v, other) {
			return false
		}
	}
	return true
}

// holds says whether a list or set contains an element.
func (v Value) holds(element Value) bool {
	return slices.ContainsFunc(v.list, func(e Value) bool { return equal(e, element) })
}

// NumberKey is bytes that order numbers as their values do; no number's are the beginning of another's.
func (v Value) NumberKey() []byte { return mustNumber(v.Text).key() }

// compare orders two values of one ordered type; ok is false for all others.
func compare(a, b Value) (order int, ok bool) {
	if a.Kind != b.Kind {
		return 0, false
	}
	switch a.Kind {
	case "S", "B":
		return strings.Compare(a.Text, b.Text), true
	case "N":
		return bytes.Compare(mustNumber(a.Text).key(), mustNumber(b.Text).key()), true
	}
	return 0, false
}
