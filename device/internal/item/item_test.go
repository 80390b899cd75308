package item

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapas/device/internal/alloctest"
)

// nasty draws the texts that formats trip over.
func nasty() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "ok", "\x00", "a\r\n\tb", "\ufffe\uffff\ufffd", "שלום \u202eعربي", "👩🏽‍🚀𠮷", "é", "e\u0301", "a|b,c%d"}),
		rapid.String(),
	)
}

func addresses() *rapid.Generator[Address] {
	return rapid.Custom(func(t *rapid.T) Address {
		raw := rapid.OneOf(
			rapid.SampledFrom([]string{"600 123 456", "+48600123456", "112", "Allegro", "a@b.example", "-1", "", "*100#"}),
			rapid.StringMatching(`\+?[0-9 ]{1,18}`), nasty(),
		).Draw(t, "raw")
		return ParseAddress(raw, "PL")
	})
}

func extras() *rapid.Generator[Extras] {
	inner := rapid.MapOfN(nasty(), nasty(), 1, 3)
	return rapid.Custom(func(t *rapid.T) Extras {
		return rapid.OneOf(rapid.Just[Extras](nil), rapid.Map(rapid.MapOfN(nasty(), inner, 1, 2), func(m map[string]map[string]string) Extras { return m })).Draw(t, "extras")
	})
}

func list[T any](of *rapid.Generator[T]) *rapid.Generator[[]T] {
	return rapid.Map(rapid.SliceOfN(of, 0, 4), func(s []T) []T { return append([]T(nil), s...) })
}

func messages(t *rapid.T) Message {
	return Message{
		Box: Box(rapid.IntRange(1, 6).Draw(t, "box")), Date: rapid.Int64().Draw(t, "date"), DateSent: rapid.Int64().Draw(t, "sent"),
		Unit: Unit(rapid.IntRange(1, 3).Draw(t, "unit")), Peers: list(addresses()).Draw(t, "peers"),
		Read: rapid.Bool().Draw(t, "read"), Seen: rapid.Bool().Draw(t, "seen"), Locked: rapid.Bool().Draw(t, "locked"),
		Subject: nasty().Draw(t, "subject"), Extras: extras().Draw(t, "x"),
	}
}

func items() *rapid.Generator[Item] {
	sms := rapid.Custom(func(t *rapid.T) Item {
		return &SMS{
			Message: messages(t), Body: nasty().Draw(t, "body"), Delivery: Delivery(rapid.IntRange(0, 3).Draw(t, "delivery")),
			ServiceCenter: nasty().Draw(t, "smsc"), Protocol: rapid.Int64().Draw(t, "protocol"), ErrorCode: rapid.Int64().Draw(t, "error"),
		}
	})
	part := rapid.Custom(func(t *rapid.T) Part {
		p := Part{Seq: rapid.Int64().Draw(t, "seq"), ContentType: nasty().Draw(t, "ct"), Name: nasty().Draw(t, "name"), Text: nasty().Draw(t, "text"), Extras: extras().Draw(t, "x")}
		if rapid.Bool().Draw(t, "blob") {
			p.Blob = &Ref{Size: rapid.Int64Min(0).Draw(t, "size")}
			copy(p.Blob.SHA256[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "sum"))
		}
		return p
	})
	party := rapid.Custom(func(t *rapid.T) Party {
		return Party{Role: Role(rapid.IntRange(0, 4).Draw(t, "role")), Address: addresses().Draw(t, "address"), Extras: extras().Draw(t, "x")}
	})
	mms := rapid.Custom(func(t *rapid.T) Item {
		return &MMS{
			Message: messages(t), Parties: list(party).Draw(t, "parties"), Parts: list(part).Draw(t, "parts"),
			MessageID: nasty().Draw(t, "m_id"), Type: rapid.Int64().Draw(t, "type"),
		}
	})
	call := rapid.Custom(func(t *rapid.T) Item {
		p := Presentation(rapid.IntRange(0, 5).Draw(t, "presentation"))
		return &Call{
			Type: CallType(rapid.IntRange(1, 7).Draw(t, "type")), Date: rapid.Int64().Draw(t, "date"), Unit: Unit(rapid.IntRange(1, 3).Draw(t, "unit")),
			Address: ParseCaller(nasty().Draw(t, "number"), p, "PL"), Duration: rapid.Int64Min(0).Draw(t, "duration"), Presentation: p,
			Read: rapid.Bool().Draw(t, "read"), Line: nasty().Draw(t, "line"), Extras: extras().Draw(t, "x"),
		}
	})
	return rapid.OneOf(sms, mms, call, rapid.Map(contacts(), func(c *Contact) Item { return c }))
}

func labels(t *rapid.T) Label {
	types := list(rapid.SampledFrom([]string{"cell", "home", "work"})).Draw(t, "types")
	slices.Sort(types)
	if types = slices.Compact(types); len(types) == 0 {
		types = nil
	}
	return Label{Types: types, Pref: int64(rapid.IntRange(0, 100).Draw(t, "pref")), Label: nasty().Draw(t, "label"), Params: list(nasty()).Draw(t, "params")}
}

func contacts() *rapid.Generator[*Contact] {
	parts := func(t *rapid.T) (out []Component) {
		for kind := range byte(MaxComponent) {
			if rapid.IntRange(0, 9).Draw(t, "there") == 0 {
				out = append(out, Component{Kind: kind + 1, Text: "x" + nasty().Draw(t, "component")})
			}
		}
		return out
	}
	value := rapid.Custom(func(t *rapid.T) Value { return Value{Label: labels(t), Text: nasty().Draw(t, "text")} })
	phone := rapid.Custom(func(t *rapid.T) Phone { return Phone{Label: labels(t), Address: addresses().Draw(t, "address")} })
	media := rapid.Custom(func(t *rapid.T) Media {
		m := Media{Label: labels(t), Kind: MediaKind(rapid.IntRange(1, 4).Draw(t, "kind")), Type: nasty().Draw(t, "type")}
		m.Blob.SHA256[0] = rapid.Byte().Draw(t, "sum")
		m.Blob.Size = int64(m.Blob.SHA256[0]) // equal bytes are as many
		return m
	})
	return rapid.Custom(func(t *rapid.T) *Contact {
		return &Contact{
			UID: nasty().Draw(t, "uid"), Name: Name{Full: nasty().Draw(t, "full"), Components: parts(t)}, Nicknames: list(nasty()).Draw(t, "nick"),
			Organizations: list(rapid.Custom(func(t *rapid.T) Organization {
				return Organization{Label: labels(t), Name: nasty().Draw(t, "org"), Units: list(nasty()).Draw(t, "units")}
			})).Draw(t, "orgs"),
			Titles: list(rapid.Custom(func(t *rapid.T) Title {
				return Title{Label: labels(t), Text: nasty().Draw(t, "title"), Role: rapid.Bool().Draw(t, "role")}
			})).Draw(t, "titles"),
			Phones: list(phone).Draw(t, "phones"), Emails: list(value).Draw(t, "emails"), Links: list(value).Draw(t, "links"),
			Addresses: list(rapid.Custom(func(t *rapid.T) Postal { return Postal{Label: labels(t), Components: parts(t)} })).Draw(t, "addresses"),
			Online: list(rapid.Custom(func(t *rapid.T) Online {
				return Online{Label: labels(t), Text: nasty().Draw(t, "account"), Service: nasty().Draw(t, "service")}
			})).Draw(t, "online"),
			Anniversaries: list(rapid.Custom(func(t *rapid.T) Anniversary {
				return Anniversary{Label: labels(t), Occasion: Occasion(rapid.IntRange(1, 4).Draw(t, "occasion")), Date: nasty().Draw(t, "date"), Text: rapid.Bool().Draw(t, "words")}
			})).Draw(t, "dates"),
			Relations: list(rapid.Custom(func(t *rapid.T) Relation {
				return Relation{Label: labels(t), Text: nasty().Draw(t, "who"), URI: rapid.Bool().Draw(t, "uri")}
			})).Draw(t, "relations"),
			Notes: list(nasty()).Draw(t, "notes"), Groups: list(nasty()).Draw(t, "groups"), Media: list(media).Draw(t, "media"), Starred: rapid.Bool().Draw(t, "starred"),
			Lines: list(rapid.SampledFrom([]string{"X-A:1", "item1.X-B;C=d:e", "REV:2", "X-A:3"})).Draw(t, "lines"),
		}
	})
}

func TestEncode(t *testing.T) {
	t.Parallel()
	t.Run("DecodeGivesTheSameItem", rapid.MakeCheck(func(t *rapid.T) {
		it := items().Draw(t, "item")
		b, err := Encode(it)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(it, back); diff != "" {
			t.Fatal(diff)
		}
		if !slices.Equal(it.IDs(), back.IDs()) {
			t.Fatal("the ids changed")
		}
	}))
	sms := func(body int) Item {
		return &SMS{Message: Message{Box: Inbox, Unit: Second}, Body: strings.Repeat("x", body)}
	}
	overhead := func() int {
		b, err := Encode(sms(1 << 17))
		if err != nil {
			t.Fatal(err)
		}
		return len(b) - 1<<17
	}()
	mms := func(change func(*MMS)) Item {
		m := &MMS{Message: Message{Box: Inbox, Unit: Second}}
		change(m)
		return m
	}
	many := make([]Address, MaxAddresses+1)
	for i := range many {
		many[i] = ParseAddress("Allegro")
	}
	attrs := map[string]string{}
	for i := range MaxExtras {
		attrs[strings.Repeat("x", i)] = ""
	}
	more := map[string]string{"-": ""}
	for k := range attrs {
		more[k] = ""
	}
	namespaces := func(n int) Extras {
		x := Extras{}
		for i := range n {
			x[strings.Repeat("x", i)] = map[string]string{"": ""}
		}
		return x
	}
	for name, c := range map[string]struct {
		good, bad Item
	}{
		"Bytes":      {sms(MaxEncoded - overhead), sms(MaxEncoded - overhead + 1)},
		"InlineText": {mms(func(m *MMS) { m.Parts = []Part{{Text: strings.Repeat("x", MaxInlineText)}} }), mms(func(m *MMS) { m.Parts = []Part{{Text: strings.Repeat("x", MaxInlineText+1)}} })},
		"Parts":      {mms(func(m *MMS) { m.Parts = make([]Part, MaxParts) }), mms(func(m *MMS) { m.Parts = make([]Part, MaxParts+1) })},
		"Peers":      {mms(func(m *MMS) { m.Peers = many[1:] }), mms(func(m *MMS) { m.Peers = many })},
		"Namespaces": {mms(func(m *MMS) { m.Extras = namespaces(MaxExtras) }), mms(func(m *MMS) { m.Extras = namespaces(MaxExtras + 1) })},
		"NameParams": {&Contact{Name: Name{Params: make([]string, MaxValues)}}, &Contact{Name: Name{Params: make([]string, MaxValues+1)}}},
		"FullParams": {&Contact{Name: Name{FullParams: make([]string, MaxValues)}}, &Contact{Name: Name{FullParams: make([]string, MaxValues+1)}}},
		"Extras":     {mms(func(m *MMS) { m.Extras = Extras{"x": attrs} }), mms(func(m *MMS) { m.Extras = Extras{"x": more} })},
	} {
		t.Run("LimitOf"+name, func(t *testing.T) {
			t.Parallel()
			b, err := Encode(c.good)
			if err != nil {
				t.Fatalf("at the limit: %v", err)
			}
			if _, err := Decode(b); err != nil {
				t.Errorf("what was encoded at the limit: %v", err)
			}
			if _, err := Encode(c.bad); !errors.Is(err, ErrTooLarge) {
				t.Errorf("over the limit: %v, want ErrTooLarge", err)
			}
		})
	}
	t.Run("RefusesBrokenText", func(t *testing.T) {
		t.Parallel()
		if b, err := Encode(&SMS{Message: Message{Box: Inbox, Unit: Second}, Body: "\xff"}); err == nil {
			t.Errorf("got %x", b)
		}
	})
}

func TestIDs(t *testing.T) {
	t.Parallel()
	t.Run("MissedBlockedAndRejectedAreOneClass", func(t *testing.T) {
		t.Parallel()
		ids := map[ID]bool{}
		for _, kind := range []CallType{Missed, Rejected, Blocked} {
			ids[(&Call{Type: kind, Address: ParseAddress("600123456", "PL")}).IDs()[0]] = true
		}
		if len(ids) != 1 {
			t.Errorf("%d ids", len(ids))
		}
	})
	t.Run("EssenceOfACallIsItsDurationAlone", func(t *testing.T) {
		t.Parallel()
		one, other := &Call{Duration: 10}, &Call{Duration: 10, Address: ParseAddress("112", "PL"), Date: 1, Type: Missed}
		longer := &Call{Duration: 11}
		if one.Essence() != other.Essence() || one.Essence() == longer.Essence() || one.Essence().Sum != makeID("call") {
			t.Errorf("%v, %v, %v", one.Essence(), other.Essence(), longer.Essence())
		}
	})
	t.Run("FieldsDoNotRunTogether", func(t *testing.T) {
		t.Parallel()
		from := func(peers ...Address) ID { return (&SMS{Message: Message{Box: Inbox, Peers: peers}}).IDs()[0] }
		if from(ParseAddress("a"), ParseAddress("b")) == from(ParseAddress("a,a:b")) {
			t.Error("two senders are one with a comma")
		}
	})
	t.Run("SecondsBefore1970", func(t *testing.T) {
		t.Parallel()
		if got := seconds(-1); got != "-1" {
			t.Errorf("-1 ms is in second %s", got)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, v := range readVectors(f, "valid.json") {
		f.Add(v.bytes(f))
	}
	for _, v := range readVectors(f, "invalid.json") {
		f.Add(v.bytes(f))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > MaxEncoded {
			return
		}
		var it Item
		var err error
		alloctest.Within(t, 64<<10+uint64(len(b))*400, func() { it, err = Decode(b) })
		if err != nil {
			return
		}
		again, err := Encode(it)
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("accepted %x, encoded %x, %v", b, again, err)
		}
		it.IDs()
		it.Blobs()
	})
}

// FuzzAddress: whatever a phone has for an address, it can be stored, and is read the same way again.
func FuzzAddress(f *testing.F) {
	for _, raw := range []string{"+48 600 123 456", "600123456;ext=7", "112", "Allegro", "a@b.example", "-1", "*100#", "sip:a@b", "\u0661\u0662\u0663", "\u202a+1 (202) 555-0100\u202c"} {
		f.Add(raw, "PL")
		f.Add(raw, "US")
	}
	ParseAddress("600123456", "PL") // what is loaded once is not counted
	f.Fuzz(func(t *testing.T, raw, region string) {
		if !utf8.ValidString(raw) {
			return
		}
		var a Address
		alloctest.Within(t, 256<<10+uint64(len(raw)+len(region))*400, func() { a = ParseAddress(raw, region) })
		if a.Raw != raw || a.Key() == "" {
			t.Errorf("%q became %+v with key %q", raw, a, a.Key())
		}
		if err := a.validate(); err != nil {
			t.Errorf("%q of %q: %v", raw, region, err)
		}
		if again := ParseAddress(raw, region); again != a {
			t.Errorf("%q is %+v and then %+v", raw, a, again)
		}
	})
}
