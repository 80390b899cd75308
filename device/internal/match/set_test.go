package match

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"zapas/device/internal/item"
)

// small draws messages that are alike more often than not.
func small() *rapid.Generator[item.Item] {
	return rapid.Custom(func(t *rapid.T) item.Item {
		m := item.Message{Box: item.Inbox, Unit: item.Millisecond, Read: rapid.Bool().Draw(t, "read"), Subject: rapid.SampledFrom([]string{"", "", "a"}).Draw(t, "subject")}
		if rapid.Bool().Draw(t, "mms") {
			m.Date = 1000 * rapid.Int64Range(1, 2).Draw(t, "date")
			mms := &item.MMS{Message: m, Type: rapid.SampledFrom([]int64{item.Notification, item.Retrieved}).Draw(t, "type"), MessageID: rapid.SampledFrom([]string{"", "x"}).Draw(t, "id")}
			if mms.Type == item.Retrieved {
				mms.Parts = []item.Part{{ContentType: "text/plain", Text: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "text")}}
			}
			return mms
		}
		m.Date = 1000 * rapid.Int64Range(1, 3).Draw(t, "date")
		m.DateSent = 1000 * rapid.Int64Range(0, 3).Draw(t, "sent")
		return &item.SMS{Message: m}
	})
}

// matched are the answers of Match, for all items in their order.
func matched(held, items []item.Item) []bool {
	var s Set
	for _, h := range held {
		s.Add(h)
	}
	for _, it := range items {
		s.Expect(it)
	}
	answers := make([]bool, len(items))
	for i, it := range items {
		answers[i] = s.Match(it)
	}
	return answers
}

// without takes the pairs of equal items out of both lists, each item at most once.
func without(items, held []item.Item) (restItems, restHeld []item.Item) {
	restHeld = slices.Clone(held)
	for _, it := range items {
		at := slices.IndexFunc(restHeld, func(h item.Item) bool { return reflect.DeepEqual(h, it) })
		if at < 0 {
			restItems = append(restItems, it)
			continue
		}
		restHeld = slices.Delete(restHeld, at, at+1)
	}
	return restItems, restHeld
}

// alike is the rule of Match, pair by pair, said plainly: may b stand in place of a?
func alike(a, b item.Item) bool {
	if whole := b.Essence(); a.Essence() != whole && (!a.Essence().Announced || whole.Announced) {
		return false
	}
	if a.IDs()[0] == b.IDs()[0] {
		return true
	}
	if a.Certain() && b.Certain() {
		return false
	}
	for _, x := range a.IDs() {
		for _, y := range b.IDs() {
			if x == y {
				return true
			}
		}
	}
	return false
}

// most is the size of the largest pairing, by trying all.
func most(items, held []item.Item, taken int) int {
	if len(items) == 0 {
		return 0
	}
	best := most(items[1:], held, taken)
	for i, h := range held {
		if taken>>i&1 == 0 && alike(items[0], h) {
			best = max(best, 1+most(items[1:], held, taken|1<<i))
		}
	}
	return best
}

func TestMatch(t *testing.T) {
	t.Parallel()
	t.Run("PairsEqualOnesAndElseAsManyAsCanBe", rapid.MakeCheck(func(t *rapid.T) {
		held := rapid.SliceOfN(small(), 0, 5).Draw(t, "held")
		items := rapid.SliceOfN(small(), 0, 6).Draw(t, "items")
		duplicates := 0
		for _, d := range matched(held, items) {
			if d {
				duplicates++
			}
		}
		restItems, restHeld := without(items, held)
		if want := len(items) - len(restItems) + most(restItems, restHeld, 0); duplicates != want {
			t.Fatalf("%d duplicates, want %d", duplicates, want)
		}
	}))
	sms := func(read bool) item.Item {
		return &item.SMS{Message: item.Message{Box: item.Inbox, Unit: item.Millisecond, Read: read}, Body: "ok"}
	}
	mms := func(kind int64, read bool, texts ...string) item.Item {
		m := &item.MMS{Message: item.Message{Box: item.Inbox, Unit: item.Second, Read: read}, Type: kind, MessageID: "x"}
		for _, text := range texts {
			m.Parts = append(m.Parts, item.Part{ContentType: "text/plain", Text: text})
		}
		return m
	}
	whole, read, announced := mms(item.Retrieved, false, "a"), mms(item.Retrieved, true, "a"), mms(item.Notification, false)
	for name, tt := range map[string]struct {
		held, items []item.Item
		want        []bool
	}{
		"ThreeOnTheTwoThatAreThereLeavesOne": {[]item.Item{sms(true), sms(true)}, []item.Item{sms(true), sms(true), sms(true)}, []bool{true, true, false}},
		"EqualOneIsPairedThoughItComesLast":  {[]item.Item{sms(true)}, []item.Item{sms(false), sms(true)}, []bool{false, true}},
		"OneInAnotherStateIsPaired":          {[]item.Item{sms(true)}, []item.Item{sms(false)}, []bool{true}},
		"MessageIsNotItsAnnouncement":        {[]item.Item{announced}, []item.Item{whole}, []bool{false}},
		"AnnouncementIsPartOfItsMessage":     {[]item.Item{whole}, []item.Item{announced}, []bool{true}},
		"AnnouncementComesAfterItsMessage":   {[]item.Item{whole}, []item.Item{announced, read}, []bool{false, true}},
		"MessageIDGivenTwice":                {[]item.Item{whole}, []item.Item{mms(item.Retrieved, false, "b")}, []bool{false}},
		"MessageIDGivenTwice/Both":           {[]item.Item{whole}, []item.Item{mms(item.Retrieved, false, "b"), read}, []bool{false, true}},
		"TypeOfAnnouncementButDownloaded":    {[]item.Item{whole}, []item.Item{mms(item.Notification, false, "b")}, []bool{false}},
		"EmptySetHoldsNothing":               {nil, []item.Item{whole, sms(true)}, []bool{false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := matched(tt.held, tt.items); !slices.Equal(got, tt.want) {
				t.Errorf("duplicates: %v, want %v", got, tt.want)
			}
		})
	}
	t.Run("WhatIsTooLargeHasNoTwin", func(t *testing.T) {
		t.Parallel()
		a := &item.SMS{Message: item.Message{Box: item.Inbox, Unit: item.Millisecond}, Body: strings.Repeat("a", item.MaxEncoded)}
		b := &item.SMS{Message: item.Message{Box: item.Inbox, Unit: item.Millisecond}, Body: strings.Repeat("b", item.MaxEncoded)}
		if got := matched([]item.Item{a}, []item.Item{b}); got[0] {
			t.Error("two that cannot be encoded are one")
		}
	})
}

// TestSet_ManyEqual: thousands of equal messages are paired in as many steps, were they equal or equal but for their state.
func TestSet_ManyEqual(t *testing.T) {
	t.Parallel()
	const n = 20_000
	same := &item.SMS{Message: item.Message{Box: item.Inbox, Unit: item.Millisecond, Date: 1_700_000_000_000}}
	read := &item.SMS{Message: item.Message{Box: item.Inbox, Unit: item.Millisecond, Date: 1_700_000_000_000, Read: true}}
	for name, held := range map[string]item.Item{"Equal": same, "ReadMeanwhile": read} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s Set
			for range n {
				s.Add(held)
			}
			for range 2 * n {
				s.Expect(same)
			}
			matched := 0
			for range 2 * n {
				if s.Match(same) {
					matched++
				}
			}
			if matched != n || s.looked > 20*n {
				t.Errorf("of %d, %d are there; %d links were looked at", 2*n, matched, s.looked)
			}
		})
	}
}
