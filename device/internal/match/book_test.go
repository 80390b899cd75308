package match

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapas/device/internal/item"
)

// hostile draws contacts that are alike more often than not, and never clearly.
func hostile() *rapid.Generator[*item.Contact] {
	return rapid.Custom(func(t *rapid.T) *item.Contact {
		c := &item.Contact{
			UID:       rapid.SampledFrom([]string{"", "", "", "1", "2", "urn:uuid:1", " "}).Draw(t, "uid"),
			Name:      item.Name{Full: rapid.SampledFrom([]string{"Ann Lee", "ann  lee", "Lee Ann", "Ann", "Bob", "", " "}).Draw(t, "name")},
			Nicknames: rapid.SliceOfN(rapid.SampledFrom([]string{"Ann", "bob", ""}), 0, 1).Draw(t, "nicknames"),
			Starred:   rapid.IntRange(0, 5).Draw(t, "starred") == 0,
		}
		if rapid.IntRange(0, 3).Draw(t, "components") == 0 {
			c.Name.Components = []item.Component{{Kind: 1, Text: rapid.SampledFrom([]string{"Lee", "Bob"}).Draw(t, "surname")}}
		}
		for _, n := range rapid.SliceOfN(rapid.SampledFrom([]string{"+48600100200", "600 100 200", "+48600100201", "112", "x", ""}), 0, 3).Draw(t, "numbers") {
			c.Phones = append(c.Phones, item.Phone{Address: item.ParseAddress(n, "PL"), Label: item.Label{Group: rapid.SampledFrom([]string{"", "item1"}).Draw(t, "group")}})
		}
		for _, e := range rapid.SliceOfN(rapid.SampledFrom([]string{"a@b.pl", "A@B.pl", ""}), 0, 1).Draw(t, "emails") {
			c.Emails = append(c.Emails, item.Value{Text: e})
		}
		for _, o := range rapid.SliceOfN(rapid.SampledFrom([]string{"Acme", "ACME"}), 0, 1).Draw(t, "organizations") {
			c.Organizations = append(c.Organizations, item.Organization{Name: o})
		}
		c.Notes = rapid.SliceOfN(rapid.SampledFrom([]string{"tea", "likes tea", " tea ", "", "a\n\ntea"}), 0, 2).Draw(t, "notes")
		c.Lines = rapid.SliceOfN(rapid.SampledFrom([]string{"REV:1", "rev:2", "item1.X-ABLABEL:a", "X-ABLABEL:a", "item1.REV:3"}), 0, 2).Draw(t, "lines")
		for _, n := range rapid.SliceOfN(rapid.ByteRange(0, 2), 0, 2).Draw(t, "photos") {
			c.Media = append(c.Media, item.Media{Kind: item.Photo, Blob: item.Ref{SHA256: [32]byte{n}, Size: int64(n)}})
		}
		return c
	})
}

// restored does with the matches what a restore does, and counts how the contacts matched.
func restored(target, snapshot []*item.Contact) (after []*item.Contact, how map[Likeness]int) {
	var b Book
	for _, c := range target {
		b.Add(c)
	}
	for _, c := range snapshot {
		b.Expect(c)
	}
	after, how = slices.Clone(target), map[Likeness]int{}
	for _, c := range snapshot {
		at, likeness := b.Match(c)
		how[likeness]++
		switch likeness {
		case Alike:
			after[at], _ = Merge(after[at], c)
		case Unlike:
			after = append(after, c)
		}
	}
	return after, how
}

func TestBook(t *testing.T) {
	t.Parallel()
	book := rapid.SliceOfN(hostile(), 0, 12)
	nothing := func(t *rapid.T, what string, how map[Likeness]int) {
		if how[Unlike]+how[Alike] > 0 {
			t.Fatalf("%s: %d inserted, %d merged", what, how[Unlike], how[Alike])
		}
	}
	t.Run("SecondRestoreWritesNothing", rapid.MakeCheck(func(t *rapid.T) {
		target, a, b := book.Draw(t, "target"), book.Draw(t, "a"), book.Draw(t, "b")
		b = append(b, a[:rapid.IntRange(0, len(a)).Draw(t, "n")]...)
		first, _ := restored(target, a)
		after, how := restored(first, rapid.Permutation(a).Draw(t, "mixed"))
		nothing(t, "a again", how)
		after, _ = restored(after, b)
		after, how = restored(after, a)
		nothing(t, "a after b", how)
		after, how = restored(after, b)
		nothing(t, "b after a", how)
		for i, c := range target {
			for _, now := range []*item.Contact{first[i], after[i]} {
				if more, lost := Merge(now, c); lost {
					t.Fatalf("a held contact has lost something: %s", cmp.Diff(now, more))
				}
			}
		}
	}))
	t.Run("OrderOfASnapshotDoesNotMatter", rapid.MakeCheck(func(t *rapid.T) {
		target, a := book.Draw(t, "target"), book.Draw(t, "a")
		one, how := restored(target, a)
		other, how2 := restored(target, rapid.Permutation(a).Draw(t, "mixed"))
		if diff := cmp.Diff(how, how2) + cmp.Diff(one[:len(target)], other[:len(target)]); diff != "" {
			t.Fatal(diff)
		}
	}))
	t.Run("OnToNothingAllIsInserted", rapid.MakeCheck(func(t *rapid.T) {
		a := book.Draw(t, "a")
		if _, how := restored(nil, a); how[Unlike] != len(a) {
			t.Fatalf("%v of %d", how, len(a))
		}
	}))
	t.Run("EachHeldContactIsOneAtMost", rapid.MakeCheck(func(t *rapid.T) {
		target, a := book.Draw(t, "target"), book.Draw(t, "a")
		after, _ := restored(target, a)
		if len(after) < max(len(target), len(a)) {
			t.Fatalf("%d of %d and %d", len(after), len(target), len(a))
		}
	}))
}

func TestBook_Match(t *testing.T) {
	t.Parallel()
	none := func(*item.Contact) {}
	noUID := func(c *item.Contact) { c.UID = "" }
	for name, c := range map[string]struct {
		held, other *item.Contact
		want        Likeness
		near        bool
	}{
		"Equal":     {person(none), person(none), Contained, true},
		"FormOfUID": {person(none), person(func(c *item.Contact) { c.UID = "ab-1"; c.Phones, c.Name.Full = nil, "Bob" }), Alike, true},
		"UIDAndName": {person(none), person(func(c *item.Contact) {
			c.Phones, c.Emails, c.Name.Full = nil, nil, "nowak anna"
			c.Notes = []string{"x"}
		}), Alike, true},
		"UIDAlone": {person(none), person(func(c *item.Contact) { c.Phones, c.Emails, c.Name.Full = nil, nil, "Bob" }), Unlike, true},
		"UIDAndNoNumber": {person(none), person(func(c *item.Contact) {
			c.Phones, c.Emails, c.Name.Full = []item.Phone{{Address: item.ParseAddress("")}}, nil, "Bob"
		}), Unlike, true},
		"OtherUID": {person(none), person(func(c *item.Contact) { c.UID = "cd-2" }), Contained, true},
		"NoUID":    {person(noUID), person(none), Alike, true},
		"Spelling": {person(noUID), person(func(c *item.Contact) {
			c.UID, c.Name.Full, c.Phones[0].Address = "", "ANNA  NOWAK", item.ParseAddress("+48 600-123-456")
		}), Contained, true},
		"NotesDoNotMatter": {person(noUID), person(func(c *item.Contact) { c.UID, c.Notes = "", []string{"x"} }), Alike, true},
		"OneNumberMore": {person(noUID), person(func(c *item.Contact) {
			c.UID = ""
			c.Phones = append(c.Phones, item.Phone{Address: item.ParseAddress("112", "PL")})
		}), Unlike, true},
		"OtherFirm":       {person(noUID), person(func(c *item.Contact) { c.UID, c.Organizations[0].Name = "", "Other" }), Unlike, true},
		"Less":            {person(noUID), person(func(c *item.Contact) { c.UID, c.Organizations, c.Emails = "", nil, nil }), Contained, true},
		"PartOfName":      {person(noUID), person(func(c *item.Contact) { c.UID, c.Name.Full = "", "Anna" }), Unlike, true},
		"OtherName":       {person(noUID), person(func(c *item.Contact) { c.UID, c.Name.Full = "", "Piotr Nowak" }), Unlike, false},
		"NameAlone":       {person(noUID), &item.Contact{Name: item.Name{Full: "Anna Nowak"}}, Unlike, false},
		"NameAndNote":     {&item.Contact{Name: item.Name{Full: "Mama"}}, &item.Contact{Name: item.Name{Full: "Mama"}, Notes: []string{"x"}}, Unlike, false},
		"NoteLess":        {&item.Contact{Name: item.Name{Full: "Mama"}, Notes: []string{"x"}}, &item.Contact{Name: item.Name{Full: "Mama"}}, Unlike, false},
		"NameAndNoMore":   {&item.Contact{Name: item.Name{Full: "Mama"}}, &item.Contact{Name: item.Name{Full: "Mama"}}, Contained, false},
		"NameAndFirm":     {&item.Contact{Name: item.Name{Full: "Mama"}, Organizations: []item.Organization{{Name: "Zapas"}}}, &item.Contact{Name: item.Name{Full: "Mama"}}, Unlike, false},
		"NameInOtherCase": {&item.Contact{Name: item.Name{Full: "Mama"}}, &item.Contact{Name: item.Name{Full: "mama"}}, Contained, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b Book
			b.Add(person(func(c *item.Contact) { *c = item.Contact{UID: "other", Name: item.Name{Full: "Somebody"}} }))
			b.Add(c.held)
			b.Expect(c.other)
			at, how := b.Match(c.other)
			if how != c.want || how != Unlike && at != 1 {
				t.Errorf("match %d at %d, want %d", how, at, c.want)
			}
			if near := b.Near(c.other); near != c.near {
				t.Errorf("near %v", near)
			}
		})
	}
	t.Run("EmptyBookHoldsNothing", func(t *testing.T) {
		t.Parallel()
		var b Book
		b.Expect(&item.Contact{})
		if _, how := b.Match(&item.Contact{}); how != Unlike || b.Near(person(none)) {
			t.Error("an empty book matched")
		}
	})
}

func TestBook_Pairs(t *testing.T) {
	t.Parallel()
	of := func(uid, name, number string, notes ...string) *item.Contact {
		return &item.Contact{UID: uid, Name: item.Name{Full: name}, Phones: []item.Phone{{Address: item.ParseAddress(number, "PL")}}, Notes: notes}
	}
	adam, barbara := of("x1", "Adam", "600100201", "a"), of("x1", "Barbara", "600100202", "b")
	for name, tt := range map[string]struct {
		held, items []*item.Contact
		want        []Likeness
	}{
		"TwoPeopleOfOneUID":     {[]*item.Contact{of("1", "Zofia", "600100999")}, []*item.Contact{of("1", "Adam", "600100201")}, []Likeness{Unlike}},
		"UIDTwiceInOneBook":     {[]*item.Contact{adam, barbara}, []*item.Contact{adam, barbara}, []Likeness{Contained, Contained}},
		"UIDTwiceInOneBook/One": {[]*item.Contact{adam}, []*item.Contact{barbara, adam}, []Likeness{Unlike, Contained}},
		"UIDTwiceInOneBook/Edited": {[]*item.Contact{of("x1", "Barbara", "600100202"), of("x1", "Adam", "600100201")},
			[]*item.Contact{adam, barbara}, []Likeness{Alike, Alike}},
		"TwoTrueTwinsStayTwo":   {[]*item.Contact{adam}, []*item.Contact{adam, adam}, []Likeness{Contained, Unlike}},
		"TwinsAreTwo":           {[]*item.Contact{adam, adam}, []*item.Contact{adam, adam}, []Likeness{Contained, Contained}},
		"TwinComesLast":         {[]*item.Contact{adam}, []*item.Contact{of("x1", "Adam", "600100201", "c"), adam}, []Likeness{Unlike, Contained}},
		"NameAndNumberGoFirst":  {[]*item.Contact{of("1", "Eva", "600100201"), of("1", "Adam", "600100201")}, []*item.Contact{of("1", "Adam", "600100201", "c")}, []Likeness{Alike}},
		"UIDGoesBeforeTheRest":  {[]*item.Contact{of("", "Adam", "600100201"), of("1", "Adam", "600100209")}, []*item.Contact{of("1", "Adam", "600100201", "c")}, []Likeness{Alike}},
		"TwinMovesForAnother":   {[]*item.Contact{of("", "Adam", "600100201"), of("", "Adam", "600100201", "a")}, []*item.Contact{of("", "Adam", "600100201", "a"), of("", "ADAM", "600100201")}, []Likeness{Contained, Contained}},
		"OneHeldIsTakenByOne":   {[]*item.Contact{of("1", "Adam", "600100201")}, []*item.Contact{of("1", "Adam", "600100201", "a"), of("1", "Adam", "600100201", "b")}, []Likeness{Alike, Unlike}},
		"NothingInCommonButUID": {[]*item.Contact{{UID: "1", Notes: []string{"a"}}}, []*item.Contact{{UID: "1", Notes: []string{"b"}}}, []Likeness{Unlike}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b Book
			for _, c := range tt.held {
				b.Add(c)
			}
			for _, c := range tt.items {
				b.Expect(c)
			}
			var got []Likeness
			for _, c := range tt.items {
				at, how := b.Match(c)
				if got = append(got, how); how != Unlike && item.Fold(tt.held[at].FullName()) != item.Fold(c.FullName()) {
					t.Errorf("%s is %s", c.FullName(), tt.held[at].FullName())
				}
			}
			slices.Sort(got)
			if slices.Sort(tt.want); !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// TestBook_Work counts the comparisons of two large books whose contacts are one another's in changed forms.
func TestBook_Work(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		n       int
		each    int // comparisons
		contact func(i int, note string) *item.Contact
	}{
		"OwnNumbers": {60_000, 1, func(i int, note string) *item.Contact {
			return &item.Contact{Name: item.Name{Full: "Mama"}, Phones: []item.Phone{{Address: item.Address{Kind: item.Subscriber, Value: fmt.Sprint("+48", i)}}}, Notes: []string{note}}
		}},
		"OneUID": {6_000, 1, func(i int, note string) *item.Contact {
			return &item.Contact{UID: "1", Name: item.Name{Full: fmt.Sprint("Person ", i)}, Notes: []string{note}}
		}},
		"NamesAlone": {6_000, 0, func(i int, note string) *item.Contact {
			return &item.Contact{Name: item.Name{Full: "Mama"}, Notes: []string{note + fmt.Sprint(i)}}
		}},
		"OneNumber": {2_000, maxCompared, func(i int, note string) *item.Contact {
			return &item.Contact{Name: item.Name{Full: "Mama"}, Phones: []item.Phone{{Address: item.Address{Kind: item.Subscriber, Value: "+48"}}}, Notes: []string{note + fmt.Sprint(i)}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b Book
			for i := range tt.n {
				b.Add(tt.contact(i, "held"))
			}
			for i := range tt.n {
				b.Expect(tt.contact(i, "new"))
			}
			b.Match(tt.contact(0, "new"))
			if most := tt.n * tt.each; b.compared > most {
				t.Errorf("%d comparisons, want at most %d", b.compared, most)
			}
		})
	}
}
