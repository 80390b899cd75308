package match

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapas/device/internal/item"
)

func person(change func(*item.Contact)) *item.Contact {
	c := &item.Contact{
		UID: "urn:uuid:AB-1", Name: item.Name{Full: "Anna Nowak"}, Phones: []item.Phone{{Address: item.ParseAddress("600123456", "PL")}},
		Emails: []item.Value{{Text: "Anna@Mail.example"}}, Organizations: []item.Organization{{Name: "Zapas"}},
	}
	change(c)
	return c
}

// contacts draws cards with something in each of their lists, alike more often than not.
func contacts() *rapid.Generator[*item.Contact] {
	text := rapid.SampledFrom([]string{"x", "X", " x", "", "e\u0301", "\u00e9", "a|b,c%d", "a\r\n\x00", "\u202eעָ"})
	label := func(t *rapid.T) item.Label {
		return item.Label{Label: text.Draw(t, "label"), Group: rapid.SampledFrom([]string{"", "item1"}).Draw(t, "group")}
	}
	component := rapid.Map(text, func(s string) item.Component { return item.Component{Kind: 1, Text: s + "x"} })
	medium := rapid.Custom(func(t *rapid.T) item.Media {
		n := rapid.Byte().Draw(t, "sum") // equal bytes are as many
		return item.Media{Label: label(t), Kind: item.MediaKind(rapid.IntRange(1, 4).Draw(t, "kind")), Blob: item.Ref{SHA256: [32]byte{n}, Size: int64(n)}}
	})
	return rapid.Custom(func(t *rapid.T) *item.Contact {
		c := hostile().Draw(t, "contact")
		c.Name.Components = list(component).Draw(t, "components")
		c.Titles = list(rapid.Custom(func(t *rapid.T) item.Title { return item.Title{Label: label(t), Text: text.Draw(t, "title")} })).Draw(t, "titles")
		c.Links = list(rapid.Custom(func(t *rapid.T) item.Value { return item.Value{Label: label(t), Text: text.Draw(t, "link")} })).Draw(t, "links")
		c.Organizations = list(rapid.Custom(func(t *rapid.T) item.Organization {
			return item.Organization{Label: label(t), Name: text.Draw(t, "organization"), Units: list(text).Draw(t, "units")}
		})).Draw(t, "organizations")
		c.Addresses = list(rapid.Custom(func(t *rapid.T) item.Postal {
			return item.Postal{Label: label(t), Components: list(component).Draw(t, "lines")}
		})).Draw(t, "addresses")
		c.Online = list(rapid.Custom(func(t *rapid.T) item.Online {
			return item.Online{Label: label(t), Text: text.Draw(t, "account"), Service: text.Draw(t, "service")}
		})).Draw(t, "online")
		c.Anniversaries = list(rapid.Custom(func(t *rapid.T) item.Anniversary {
			return item.Anniversary{Label: label(t), Occasion: item.Occasion(rapid.IntRange(1, 4).Draw(t, "occasion")), Date: text.Draw(t, "date")}
		})).Draw(t, "anniversaries")
		c.Relations = list(rapid.Custom(func(t *rapid.T) item.Relation { return item.Relation{Label: label(t), Text: text.Draw(t, "who")} })).Draw(t, "relations")
		c.Groups, c.Media = list(text).Draw(t, "groups"), list(medium).Draw(t, "media")
		c.Lines = list(rapid.SampledFrom([]string{"X-A:1", "item1.X-B;C=d:e", "REV:2", "X-A:3"})).Draw(t, "lines")
		return c
	})
}

func list[T any](of *rapid.Generator[T]) *rapid.Generator[[]T] {
	return rapid.Map(rapid.SliceOfN(of, 0, 3), func(s []T) []T { return append([]T(nil), s...) })
}

func TestMerge(t *testing.T) {
	t.Parallel()
	t.Run("AgainChangesNothing", rapid.MakeCheck(func(t *rapid.T) {
		a, b := contacts().Draw(t, "a"), contacts().Draw(t, "b")
		before, err := item.Encode(a)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := Merge(a, b)
		if after, err := item.Encode(a); err != nil || string(after) != string(before) {
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
	photo := func(n byte, size int64) item.Media {
		return item.Media{Kind: item.Photo, Blob: item.Ref{SHA256: [32]byte{n}, Size: size}}
	}
	for name, c := range map[string]struct{ held, more, want *item.Contact }{
		"Union": {
			person(func(c *item.Contact) { c.Groups = []string{"a"} }),
			person(func(c *item.Contact) {
				c.Phones = append(c.Phones, item.Phone{Label: item.Label{Group: "g"}, Address: item.ParseAddress("112", "PL")})
				c.Emails[0].Text, c.Groups, c.Starred = "ANNA@mail.example", []string{"b"}, true
			}),
			person(func(c *item.Contact) {
				c.Phones = append(c.Phones, item.Phone{Address: item.ParseAddress("112", "PL")})
				c.Groups, c.Starred = []string{"a", "b"}, true
			}),
		},
		"OtherNameIsANickname": {person(func(*item.Contact) {}), person(func(c *item.Contact) { c.Name.Full = "Ania" }), person(func(c *item.Contact) { c.Nicknames = []string{"Ania"} })},
		"NotesFollow": {
			person(func(c *item.Contact) { c.Notes = []string{"a"} }), person(func(c *item.Contact) { c.Notes = []string{" a ", "b"} }),
			person(func(c *item.Contact) { c.Notes = []string{"a\n\nb"} }),
		},
		"LargerPhoto":  {person(func(c *item.Contact) { c.Media = []item.Media{photo(1, 5)} }), person(func(c *item.Contact) { c.Media = []item.Media{photo(2, 6)} }), person(func(c *item.Contact) { c.Media = []item.Media{photo(2, 6)} })},
		"SmallerPhoto": {person(func(c *item.Contact) { c.Media = []item.Media{photo(1, 5)} }), person(func(c *item.Contact) { c.Media = []item.Media{photo(2, 4)} }), person(func(c *item.Contact) { c.Media = []item.Media{photo(1, 5)} })},
		"PhotoThatIsTheLogo": { // the same bytes for another purpose are not there yet
			person(func(c *item.Contact) { c.Media = []item.Media{{Kind: 2, Blob: photo(1, 5).Blob}} }), person(func(c *item.Contact) { c.Media = []item.Media{photo(1, 5)} }),
			person(func(c *item.Contact) { c.Media = []item.Media{{Kind: 2, Blob: photo(1, 5).Blob}, photo(1, 5)} }),
		},
		"NamelessStaysSo": {
			&item.Contact{Name: item.Name{Params: []string{"LANGUAGE=pl"}}}, &item.Contact{Name: item.Name{Full: " "}}, &item.Contact{Name: item.Name{Params: []string{"LANGUAGE=pl"}}},
		},
		"EmptyNote": {person(func(*item.Contact) {}), person(func(c *item.Contact) { c.Notes = []string{" "} }), person(func(*item.Contact) {})},
		"Lines": {
			person(func(c *item.Contact) { c.Lines = []string{"REV:1", "X-A:1"} }), person(func(c *item.Contact) { c.Lines = []string{"REV:2", "X-A:1", "X-A:2", "g.X-B:3", "N:Lee;;;;"} }),
			person(func(c *item.Contact) { c.Lines = []string{"REV:1", "X-A:1", "X-A:2", "X-B:3"} }),
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
