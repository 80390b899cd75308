package expression

import (
	"testing"

	"github.com/go-json-experiment/json"
)

// FuzzExpression wants no text to make the parser or an evaluation panic, and what
// an update makes of an item to be an item that can be stored and read again.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		"a = :v AND NOT (b.c[0] <> #n OR size(a) BETWEEN :v AND :w)", "attribute_exists(l[1].x) or contains(s, :s) and x in (:v, :w)",
		"SET a = if_not_exists(b, :v) + :v, l[7] = :s REMOVE m.x, l[0] ADD n :v DELETE s :set", "SET l = list_append(l, :l)",
		"a, m.x, l[0], #n", "begins_with(a, :s)", "attribute_type(a, :t)", "((((", "NOT NOT", "a.b.c[", "#", ":", "\x00", "SET", "a[99999999999]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ph, err := NewPlaceholders(map[string]string{"#n": "n"}, map[string]Value{
			":v": {Kind: "N", Text: "1"}, ":w": {Kind: "N", Text: "-2.5"}, ":s": {Kind: "S", Text: "s"}, ":t": {Kind: "S", Text: "SS"},
			":l": {Kind: "L"}, ":set": {Kind: "SS", list: []Value{{Kind: "S", Text: "s"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		old := func() Item {
			return Item{
				"a": {Kind: "S", Text: "abc"}, "b": {Kind: "N", Text: "7"}, "n": {Kind: "N", Text: "-1"},
				"l": {Kind: "L", list: []Value{{Kind: "NULL"}, {Kind: "M", elements: Item{"x": {Kind: "B", Text: "\x00"}}}}},
				"m": {Kind: "M", elements: Item{"x": {Kind: "BOOL", flag: true}}}, "s": {Kind: "SS", list: []Value{{Kind: "S", Text: "s"}, {Kind: "S", Text: "t"}}},
			}
		}
		for _, member := range []string{"ConditionExpression", "FilterExpression", "KeyConditionExpression"} {
			if n, err := ParseCondition(member, text, ph); err == nil {
				n.Holds(old())
				n.Holds(nil)
				_, _ = n.KeyConditions()
			}
		}
		if paths, err := ParseProjection(text, ph); err == nil {
			paths.Pick(old())
		}
		if u, err := ParseUpdate(text, ph); err == nil {
			given := old()
			updated, err := u.Apply(given, nil)
			if !EqualItems(given, old()) {
				t.Fatalf("%q changed the item that it was given", text)
			}
			if err == nil {
				checkRoundTrip(t, text, updated)
			}
			_, _ = u.Apply(nil, Item{"k": {Kind: "S", Text: "k"}})
		}
	})
}

func checkRoundTrip(t *testing.T, text string, it Item) {
	data, err := json.Marshal(it)
	if err != nil {
		t.Fatalf("%q made an item that cannot be written: %v", text, err)
	}
	var again Item
	if err := json.Unmarshal(data, &again); err != nil || !EqualItems(it, again) {
		t.Fatalf("%q made an item that is not read as it was written: %v", text, err)
	}
}
