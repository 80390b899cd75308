package item

import (
	"testing"

	"pgregory.net/rapid"
)

// small draws messages that are alike more often than not.
func small() *rapid.Generator[Item] {
	return rapid.Custom(func(t *rapid.T) Item {
		return &SMS{Message: Message{
			Box: Inbox, Unit: Millisecond,
			Date:     1000 * rapid.Int64Range(1, 3).Draw(t, "date"),
			DateSent: 1000 * rapid.Int64Range(0, 3).Draw(t, "sent"),
		}}
	})
}

// alike is the rule of Match, pair by pair, said plainly.
func alike(a, b Item) bool {
	if a.IDs()[0] == b.IDs()[0] {
		return true
	}
	if a.certain() && b.certain() {
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
func most(items, held []Item, taken int) int {
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
	t.Run("PairsAsManyAsCanBe", rapid.MakeCheck(func(t *rapid.T) {
		held := rapid.SliceOfN(small(), 0, 5).Draw(t, "held")
		items := rapid.SliceOfN(small(), 0, 6).Draw(t, "items")
		var s Set
		for _, h := range held {
			s.Add(h)
		}
		duplicates := 0
		for _, it := range items {
			if s.Match(it) {
				duplicates++
			}
		}
		if want := most(items, held, 0); duplicates != want {
			t.Fatalf("%d duplicates, want %d", duplicates, want)
		}
	}))
	t.Run("ThreeOnTheTwoThatAreThereLeavesOne", func(t *testing.T) {
		t.Parallel()
		it := &SMS{Message: Message{Box: Sent, Unit: Millisecond}, Body: "ok"}
		var s Set
		s.Add(it)
		s.Add(it)
		if !s.Match(it) || !s.Match(it) || s.Match(it) {
			t.Error("multiplicity is not the larger of the two")
		}
	})
	t.Run("EmptySetHoldsNothing", func(t *testing.T) {
		t.Parallel()
		var s Set
		if s.Match(&SMS{Message: Message{Box: Sent, Unit: Millisecond}}) {
			t.Error("an empty set matched")
		}
	})
}

func TestNumber(t *testing.T) {
	t.Parallel()
	t.Run("DoesNotDependOnOrder", rapid.MakeCheck(func(t *rapid.T) {
		mark := rapid.Custom(func(t *rapid.T) Mark {
			return Mark{ID: ID{rapid.ByteRange(0, 2).Draw(t, "id")}, Content: [32]byte{rapid.ByteRange(0, 2).Draw(t, "content")}}
		})
		marks := rapid.SliceOfN(mark, 0, 8).Draw(t, "marks")
		mixed := rapid.Permutation(marks).Draw(t, "mixed")
		type numbered struct {
			Mark
			ordinal uint32
		}
		count := map[numbered]int{}
		for i, n := range Number(marks) {
			count[numbered{marks[i], n}]++
		}
		for i, n := range Number(mixed) {
			count[numbered{mixed[i], n}]--
		}
		seen := map[ID]map[uint32]bool{}
		for i, n := range Number(marks) {
			if seen[marks[i].ID] == nil {
				seen[marks[i].ID] = map[uint32]bool{}
			}
			seen[marks[i].ID][n] = true
		}
		for n, c := range count {
			if c != 0 {
				t.Fatalf("%v is there %+d times more in one order", n, c)
			}
		}
		total := 0
		for _, ordinals := range seen {
			for n := range uint32(len(ordinals)) {
				if !ordinals[n] {
					t.Fatal("ordinals are not 0, 1, 2 …")
				}
			}
			total += len(ordinals)
		}
		if total != len(marks) {
			t.Fatal("an ordinal was given twice")
		}
	}))
}
