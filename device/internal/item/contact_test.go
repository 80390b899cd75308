package item

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func person(change func(*Contact)) *Contact {
	c := &Contact{
		UID: "urn:uuid:AB-1", Name: Name{Full: "Anna Nowak"}, Phones: []Phone{{Address: ParseAddress("600123456", "PL")}},
		Emails: []Value{{Text: "Anna@Mail.example"}}, Organizations: []Organization{{Name: "Zapas"}},
	}
	change(c)
	return c
}

func TestMerge(t *testing.T) {
	t.Parallel()
	t.Run("AgainChangesNothing", rapid.MakeCheck(func(t *rapid.T) {
		a, b := contacts().Draw(t, "a"), contacts().Draw(t, "b")
		before, err := Encode(a)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := Merge(a, b)
		if after, err := Encode(a); err != nil || string(after) != string(before) {
			t.Fatal("merging has changed what was held")
		}
		again, changed := Merge(m, b)
		if changed {
			t.Fatal(cmp.Diff(m, again))
		}
	}))
	t.Run("AgainAfterAnotherChangesNothing", rapid.MakeCheck(func(t *rapid.T) {
		a, b, c := rapid.OneOf(contacts(), hostile()).Draw(t, "a"), rapid.OneOf(contacts(), hostile()).Draw(t, "b"), rapid.OneOf(contacts(), hostile()).Draw(t, "c")
		m, _ := Merge(a, b)
		m, _ = Merge(m, c)
		if again, changed := Merge(m, b); changed {
			t.Fatal(cmp.Diff(m, again))
		}
	}))
	t.Run("WithItselfChangesNothing", rapid.MakeCheck(func(t *rapid.T) {
		a := contacts().Draw(t, "a")
		if m, changed := Merge(a, a); changed {
			t.Fatal(cmp.Diff(a, m))
		}
	}))
	photo := func(n byte, size int64) Media { return Media{Kind: Photo, Blob: Ref{SHA256: [32]byte{n}, Size: size}} }
	for name, c := range map[string]struct{ held, more, want *Contact }{
		"Union": {
			person(func(c *Contact) { c.Groups = []string{"a"} }),
			person(func(c *Contact) {
				c.Phones = append(c.Phones, Phone{Label: Label{Group: "g"}, Address: ParseAddress("112", "PL")})
				c.Emails[0].Text, c.Groups, c.Starred = "ANNA@mail.example", []string{"b"}, true
			}),
			person(func(c *Contact) {
				c.Phones = append(c.Phones, Phone{Address: ParseAddress("112", "PL")})
				c.Groups, c.Starred = []string{"a", "b"}, true
			}),
		},
		"OtherNameIsANickname": {person(func(*Contact) {}), person(func(c *Contact) { c.Name.Full = "Ania" }), person(func(c *Contact) { c.Nicknames = []string{"Ania"} })},
		"NotesFollow": {
			person(func(c *Contact) { c.Notes = []string{"a"} }), person(func(c *Contact) { c.Notes = []string{" a ", "b"} }),
			person(func(c *Contact) { c.Notes = []string{"a\n\nb"} }),
		},
		"LargerPhoto":  {person(func(c *Contact) { c.Media = []Media{photo(1, 5)} }), person(func(c *Contact) { c.Media = []Media{photo(2, 6)} }), person(func(c *Contact) { c.Media = []Media{photo(2, 6)} })},
		"SmallerPhoto": {person(func(c *Contact) { c.Media = []Media{photo(1, 5)} }), person(func(c *Contact) { c.Media = []Media{photo(2, 4)} }), person(func(c *Contact) { c.Media = []Media{photo(1, 5)} })},
		"PhotoThatIsTheLogo": { // the same bytes for another purpose are not there yet
			person(func(c *Contact) { c.Media = []Media{{Kind: 2, Blob: photo(1, 5).Blob}} }), person(func(c *Contact) { c.Media = []Media{photo(1, 5)} }),
			person(func(c *Contact) { c.Media = []Media{{Kind: 2, Blob: photo(1, 5).Blob}, photo(1, 5)} }),
		},
		"NamelessStaysSo": {
			&Contact{Name: Name{Params: []string{"LANGUAGE=pl"}}}, &Contact{Name: Name{Full: " "}}, &Contact{Name: Name{Params: []string{"LANGUAGE=pl"}}},
		},
		"EmptyNote": {person(func(*Contact) {}), person(func(c *Contact) { c.Notes = []string{" "} }), person(func(*Contact) {})},
		"Lines": {
			person(func(c *Contact) { c.Lines = []string{"REV:1", "X-A:1"} }), person(func(c *Contact) { c.Lines = []string{"REV:2", "X-A:1", "X-A:2", "g.X-B:3", "N:Lee;;;;"} }),
			person(func(c *Contact) { c.Lines = []string{"REV:1", "X-A:1", "X-A:2", "X-B:3"} }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, changed := Merge(c.held, c.more)
			if diff := cmp.Diff(c.want, got); diff != "" || changed == cmp.Equal(c.held, c.want) {
				t.Errorf("changed %v %s", changed, diff)
			}
		})
	}
}

func TestContact_Limits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ good, bad *Contact }{
		"Values": {&Contact{Notes: make([]string, MaxValues)}, &Contact{Notes: make([]string, MaxValues+1)}},
		"Types":  {person(func(c *Contact) { c.Phones[0].Params = make([]string, MaxValues) }), person(func(c *Contact) { c.Phones[0].Params = make([]string, MaxValues+1) })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := Encode(c.good)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Decode(b); err != nil {
				t.Error(err)
			}
			if _, err := Encode(c.bad); !errors.Is(err, ErrTooLarge) {
				t.Errorf("over the limit: %v", err)
			}
		})
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	at := int64(1_700_000_000_000)
	call := func(change func(*Call)) *Call {
		c := &Call{Type: Incoming, Date: at, Unit: Millisecond, Address: ParseAddress("600123456", "PL"), Duration: 10}
		change(c)
		return c
	}
	const hour = 60 * 60 * 1000
	for name, c := range map[string]struct {
		other      *Call
		same, near bool
	}{
		"Equal":              {call(func(*Call) {}), true, true},
		"LostMilliseconds":   {call(func(c *Call) { c.Date += 999 }), true, true},
		"AnsweredElsewhere":  {call(func(c *Call) { c.Type = AnsweredElsewhere }), true, true},
		"TwoSecondsLonger":   {call(func(c *Call) { c.Duration = 12 }), true, true},
		"ThreeLonger":        {call(func(c *Call) { c.Duration = 13 }), false, true},
		"NextSecond":         {call(func(c *Call) { c.Date += 1000 }), false, true},
		"ThreeSecondsLater":  {call(func(c *Call) { c.Date += 3000 }), false, false},
		"OtherZone":          {call(func(c *Call) { c.Date -= 5*hour + hour/2 }), false, true},
		"OtherZoneAndLonger": {call(func(c *Call) { c.Date, c.Duration = c.Date+hour, 20 }), false, false},
		"AnotherDay":         {call(func(c *Call) { c.Date += 24 * hour }), false, false},
		"LostCountry":        {call(func(c *Call) { c.Address = ParseAddress("0600123456") }), false, false},
		"OtherCountry":       {call(func(c *Call) { c.Address = ParseAddress("+420600123456") }), false, true},
		"Outgoing":           {call(func(c *Call) { c.Type = Outgoing }), false, false},
		"Hidden":             {call(func(c *Call) { c.Address = ParseCaller("", Restricted) }), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls Calls
			calls.Add(call(func(*Call) {}))
			if same := matched([]Item{call(func(*Call) {})}, []Item{c.other})[0]; same != c.same {
				t.Errorf("same: %v", same)
			}
			if near := calls.Near(c.other); near != c.near {
				t.Errorf("near: %v", near)
			}
		})
	}
	t.Run("TwoInOneSecondAreTwo", func(t *testing.T) {
		t.Parallel()
		lasting := func(d int64) Item { return call(func(c *Call) { c.Duration = d }) }
		held := []Item{call(func(*Call) {}), lasting(99)}
		items := []Item{lasting(98), call(func(*Call) {}), call(func(*Call) {})}
		if got := matched(held, items); !slices.Equal(got, []bool{true, true, false}) {
			t.Error("two calls are not two")
		}
	})
	t.Run("MissedBlockedAndRejectedAreOneClass", func(t *testing.T) {
		t.Parallel()
		ids := map[ID]bool{}
		for _, kind := range []CallType{Missed, Rejected, Blocked} {
			ids[call(func(c *Call) { c.Type = kind }).IDs()[0]] = true
		}
		if len(ids) != 1 {
			t.Errorf("%d ids", len(ids))
		}
	})
}
