package sample_test

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"zapas/device/android"
	"zapas/device/internal/item"
	"zapas/device/sample"
	"zapas/device/vcard"
)

// content reads a phone's export: how often each item, and each id, is in it.
func content(t *testing.T, p *sample.Phone) (items map[[32]byte]int, ids map[item.ID]int, kinds map[item.Kind]int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "phone.xml")
	if err := os.WriteFile(path, xml(t, p), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := android.Open(path, android.Options{Region: "PL", Own: []string{"+447700900998"}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	items, ids, kinds = map[[32]byte]int{}, map[item.ID]int{}, map[item.Kind]int{}
	for it, err := range e.Items() {
		if err != nil {
			t.Fatal(err)
		}
		b, err := item.Encode(it)
		if err != nil {
			t.Fatal(err)
		}
		items[sha256.Sum256(b)]++
		ids[it.IDs()[0]]++
		kinds[it.Kind()]++
	}
	return items, ids, kinds
}

func xml(t *testing.T, p *sample.Phone) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteXML(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestNew(t *testing.T) {
	t.Parallel()
	size := sample.Demo()
	t.Run("IsTheSameForTheSameSeed", func(t *testing.T) {
		t.Parallel()
		a, b, other := sample.New(1, size), sample.New(1, size), sample.New(2, size)
		a.Day(1)
		b.Day(1)
		if !bytes.Equal(xml(t, a), xml(t, b)) {
			t.Error("two phones of one seed differ")
		}
		if bytes.Equal(xml(t, a), xml(t, other)) {
			t.Error("phones of two seeds are equal")
		}
	})
	t.Run("HasWhatItsSizeSays", func(t *testing.T) {
		t.Parallel()
		items, ids, kinds := content(t, sample.New(1, size))
		if kinds[item.KindSMS] != size.SMS || kinds[item.KindMMS] != size.MMS {
			t.Errorf("%d sms and %d mms, want %d and %d", kinds[item.KindSMS], kinds[item.KindMMS], size.SMS, size.MMS)
		}
		if len(items) == size.SMS+size.MMS || len(ids) == size.SMS+size.MMS {
			t.Error("no two messages are equal; true repeats were wanted")
		}
	})
}

func TestDay(t *testing.T) {
	t.Parallel()
	p := sample.New(3, sample.Demo())
	before, beforeIDs, _ := content(t, p)
	c := p.Day(1)
	after, afterIDs, kinds := content(t, p)
	if c.Touched == 0 || c.Rewritten == 0 || c.Deleted == 0 || c.NewSMS == 0 || c.NewMMS == 0 {
		t.Fatalf("a day without some sort of change: %+v", c)
	}
	if got, want := missing(beforeIDs, afterIDs), c.Deleted+c.Rewritten; got != want {
		t.Errorf("%d ids went, want %d", got, want)
	}
	if got, want := missing(afterIDs, beforeIDs), c.NewSMS+c.NewMMS+c.Rewritten; got != want {
		t.Errorf("%d ids came, want %d", got, want)
	}
	if got, want := missing(before, after), c.Deleted+c.Rewritten+c.Touched; got != want {
		t.Errorf("%d contents went, want %d", got, want)
	}
	if counts := p.Counts(); counts[item.KindSMS] != kinds[item.KindSMS] || counts[item.KindMMS] != kinds[item.KindMMS] {
		t.Errorf("Counts says %v; the export has %v", counts, kinds)
	}
}

// missing counts what is in a and not in b, each as often as it is.
func missing[K comparable](a, b map[K]int) int {
	n := 0
	for k := range maps.Keys(a) {
		n += max(0, a[k]-b[k])
	}
	return n
}

// book reads a phone's contacts: what each is, by its name, and how many have a photo.
func book(t *testing.T, p *sample.Phone) (contacts map[string][32]byte, photos int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "contacts.vcf")
	var b bytes.Buffer
	if err := p.WriteContacts(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := vcard.Open(path, vcard.Options{Region: "PL"})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	contacts = map[string][32]byte{}
	for it, err := range f.Items() {
		if err != nil {
			t.Fatal(err)
		}
		record, err := item.Encode(it)
		if err != nil {
			t.Fatal(err)
		}
		contacts[it.(*item.Contact).FullName()] = sha256.Sum256(record)
		photos += len(it.Blobs())
	}
	return contacts, photos
}

// calls reads a phone's calls: how often each is there.
func calls(t *testing.T, p *sample.Phone) map[item.ID]int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "calls.xml")
	var b bytes.Buffer
	if err := p.WriteCalls(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := android.Open(path, android.Options{Region: "PL"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ids := map[item.ID]int{}
	for it, err := range e.Items() {
		if err != nil {
			t.Fatal(err)
		}
		ids[it.IDs()[0]]++
	}
	return ids
}

func TestContactsAndCalls(t *testing.T) {
	t.Parallel()
	size := sample.Demo()
	p := sample.New(5, size)
	before, photos := book(t, p)
	callsBefore := calls(t, p)
	if len(before) != size.Contacts || photos < size.Contacts/10 || photos > size.Contacts/4 {
		t.Errorf("%d contacts, %d photos", len(before), photos)
	}
	if len(callsBefore) == size.Calls {
		t.Error("no two calls are equal; true repeats were wanted")
	}
	c := p.Day(1)
	after, _ := book(t, p)
	edited := 0
	for name, sum := range after {
		if before[name] != sum {
			edited++
		}
	}
	if edited != 4 || c.Edited != 4 || c.Removed != 2 || len(after) != size.Contacts-2 {
		t.Errorf("%d edited, %d left, %+v", edited, len(after), c)
	}
	callsAfter := calls(t, p)
	if n := missing(callsAfter, callsBefore); n != size.DayCalls || missing(callsBefore, callsAfter) != 0 {
		t.Errorf("%d new calls", n)
	}
	if counts := p.Counts(); counts[item.KindContact] != len(after) || counts[item.KindCall] != size.Calls+size.DayCalls {
		t.Errorf("%v", counts)
	}
}
