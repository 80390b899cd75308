package device

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/shared/api"
	"zapas/shared/vault"
)

// TestBackup_AfterARestore: a phone that has restored a backup of another builds on it, and sends nothing that is in it; and
// so does a phone that restores a backup of that one.
func TestBackup_AfterARestore(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := everything()
	m.mms(9000, noise(9, 300_000))
	p.backUp(t, m)
	m = day(m)
	snapshot := p.backUp(t, m).Snapshot
	for seed := byte(20); seed < 23; seed++ {
		q := enrolled(t, s, seed)
		got := &memory{coverage: m.coverage}
		_, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, all...), got, nil)
		must(t, err)
		r := q.backUp(t, got)
		if r.Base != snapshot || r.Rebuilt != "restored" || r.Objects != 1 || r.BytesUp > 4000 || r.Requests.BytesDown > 40_000 || r.Unchanged {
			t.Errorf("%+v", r)
		}
		for element, l := range r.Ledger {
			if l.Stored != 0 || l.Already != l.Seen {
				t.Errorf("%s: %+v", element, l)
			}
		}
		if again := q.backUp(t, got); !again.Unchanged || again.Requests.Total() != 1 || again.Snapshot != r.Snapshot {
			t.Errorf("again: %+v", again)
		}
		got.items = append(got.items, sms(8000+int(seed), "its own"))
		got.everyContact(func(i int, c *item.Contact) {
			if i == 0 {
				c.Notes = []string{"edited on the new phone"} // its photo is not sent again
			}
		})
		r = q.backUp(t, got)
		if r.Ledger["contacts"].Stored != 1 || r.Ledger["messages"].Stored != 1 || r.BytesUp > 5000 {
			t.Errorf("a day later: %+v", r)
		}
		if v := q.verified(t, VerifyOptions{}); v.Outcome != Proven {
			t.Errorf("%+v", v)
		}
		must(t, q.Device.dir.DropCache())
		if again := q.backUp(t, got); !again.Unchanged || again.Rebuilt != "cache_lost" {
			t.Errorf("having lost its memory: %+v", again)
		}
		m, snapshot = got, r.Snapshot
		into := &memory{coverage: m.coverage}
		restored(t, s, snapshot, into, all...)
		same(t, "restored", into, m)
	}
}

// TestBackup_AfterARestore_NotBuiltOn: a phone with a larger backup of its own goes on with that; one whose profile keeps its
// backups elsewhere, or that could not restore all, begins its own.
func TestBackup_AfterARestore_NotBuiltOn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, why, rebuilt string
		spoil              func(t *testing.T, s *service, q *phone, to *memory)
	}{
		{"Larger", "", "", func(t *testing.T, _ *service, q *phone, to *memory) {
			for i := range 100 {
				to.items = append(to.items, sms(9000+i, "of its own"))
			}
			q.backUp(t, to)
		}},
		{"Elsewhere", "location_changed", "", func(_ *testing.T, s *service, _ *phone, _ *memory) { s.location = "us" }},
		{"NotAll", "first", "", func(_ *testing.T, _ *service, _ *phone, to *memory) { to.refuses = map[string]bool{"message 7": true} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p, q := enrolled(t, s, 1), enrolled(t, s, 2)
			snapshot := p.backUp(t, demo()).Snapshot
			to := new(memory)
			tt.spoil(t, s, q, to)
			_, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, all...), to, nil)
			must(t, err)
			r := q.backUp(t, to)
			if r.Why != tt.why || r.Rebuilt != tt.rebuilt || r.Ledger["messages"].Stored < 60 {
				t.Errorf("%+v", r)
			}
			got := new(memory)
			restored(t, s, r.Snapshot, got)
			same(t, "restored", got, to)
		})
	}
}

// TestBackup_AfterARestore_OfParts: a phone builds on what its restores have brought in full, be it one element after the other. What
// was left out, failed, or was consented to in part it neither builds on nor asks to read: it begins its own.
func TestBackup_AfterARestore_OfParts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		consent [][]string
		chosen  []string
		only    []Only
		fails   bool // one message, which is brought alone in the end
		built   bool
	}{
		{name: "OneAfterTheOther", consent: [][]string{{"contacts"}, {"messages", "calls"}}, built: true},
		{name: "OneAgain", consent: [][]string{{"contacts"}, all, {"contacts"}}, built: true},
		{name: "OneConsentedTo", consent: [][]string{{"contacts"}}},
		{name: "OneTwice", consent: [][]string{{"contacts", "messages"}, {"messages"}}},
		{name: "ChosenOnThePhone", consent: [][]string{all}, chosen: []string{"messages"}},
		{name: "SomeDays", consent: [][]string{all}, only: []Only{{Since: time.UnixMilli(1)}, {Until: time.UnixMilli(1_700_000_000_000)}}},
		{name: "OneConversation", consent: [][]string{all}, only: []Only{{With: []string{"+48600100200"}}}},
		{name: "FailedAndBroughtAlone", consent: [][]string{all}, fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p, q := enrolled(t, s, 1), enrolled(t, s, 2)
			m := everything()
			snapshot := p.backUp(t, m).Snapshot
			got := &memory{coverage: m.coverage}
			if tt.fails {
				got.refuses = map[string]bool{"message 7": true}
			}
			for _, elements := range tt.consent {
				_, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, elements...), got, tt.chosen, tt.only...)
				must(t, err)
			}
			if got.refuses = nil; tt.fails {
				r, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, all...), got, nil, Only{Failed: true})
				if err != nil || r.State != "done" {
					t.Fatalf("%+v %v", r, err)
				}
			}
			asked := len(s.requests)
			r := q.backUp(t, got)
			reads := slices.ContainsFunc(s.requests[asked:], func(name string) bool { return strings.HasSuffix(name, "/base") })
			if (r.Base == snapshot) != tt.built || (r.Rebuilt == "restored") != tt.built || reads != tt.built || !tt.built && (r.Why != "first" || r.Ledger["contacts"].Already != 0) {
				t.Errorf("it reads the base: %v; %+v", reads, r)
			}
			if again := q.backUp(t, got); !again.Unchanged {
				t.Errorf("again: %+v", again)
			}
			into := &memory{coverage: m.coverage}
			restored(t, s, r.Snapshot, into, all...)
			same(t, "restored", into, got)
		})
	}
}

// TestBackup_AfterARestore_Refused: a phone whom the service does not let build on what it has restored, though it knows no reason
// why, makes a backup all the same: whether it hears so before it has read that, or when it begins.
func TestBackup_AfterARestore_Refused(t *testing.T) {
	t.Parallel()
	for _, base := range []bool{false, true} {
		s := newService(t)
		p, q := enrolled(t, s, 1), enrolled(t, s, 2)
		m := everything()
		snapshot := p.backUp(t, m).Snapshot
		got := &memory{coverage: m.coverage}
		_, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, all...), got, nil)
		must(t, err)
		forget := func() {
			for i, c := range s.head.Devices {
				if string(c.Device) == q.id.Device {
					s.head.Devices[i].Brought = vault.ElementsOf("contacts")
				}
			}
		}
		why := "first"
		if base {
			why = "beyond_consent"
			s.fault = func(req *http.Request, after bool) error { // once the base is read again
				if after && req.Method == http.MethodDelete {
					forget()
				}
				return nil
			}
		} else {
			forget()
		}
		r := q.backUp(t, got)
		if r.Base != "" || r.Why != why || r.Ledger["messages"].Already != 0 || r.Ledger["messages"].Stored == 0 {
			t.Errorf("%+v", r)
		}
		s.fault = nil
		into := &memory{coverage: m.coverage}
		restored(t, s, r.Snapshot, into, all...)
		same(t, "restored", into, got)
	}
}

// TestBackup_AfterARestore_KeepsWhatIsNotShown: what a phone has backed up once and does not show any more stays in its backup,
// though it has restored a larger one since.
func TestBackup_AfterARestore_KeepsWhatIsNotShown(t *testing.T) {
	t.Parallel()
	for _, coverage := range []string{Limited, Denied} {
		s := newService(t)
		p, q := enrolled(t, s, 1), enrolled(t, s, 2)
		larger := newYear(30, 20).memory
		snapshot := p.backUp(t, larger).Snapshot
		own := &memory{coverage: map[string]string{"contacts": Full}, items: []item.Item{&item.Contact{UID: "its own", Name: item.Name{Full: "Of this phone"}}}}
		q.backUp(t, own)
		shown := &memory{coverage: map[string]string{"contacts": coverage}}
		_, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, "messages"), shown, nil)
		must(t, err)
		r := q.backUp(t, shown)
		got := &memory{coverage: own.coverage}
		restored(t, s, r.Snapshot, got, all...)
		want := &memory{items: append(own.items, shown.items...)}
		same(t, coverage, got, want)
	}
}

// TestBackup_AfterARestore_OfSome: what a restore has not brought of another phone's backup does not come into this one's, though
// this one does not show all that it has.
func TestBackup_AfterARestore_OfSome(t *testing.T) {
	t.Parallel()
	for _, coverage := range []string{Limited, Denied} {
		s := newService(t)
		p, q := enrolled(t, s, 1), enrolled(t, s, 2)
		snapshot := p.backUp(t, newYear(30, 20).memory).Snapshot
		shown := &memory{coverage: map[string]string{"contacts": coverage}}
		_, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, "messages"), shown, nil)
		must(t, err)
		r := q.backUp(t, shown)
		if r.Counts["contact"] != 0 || r.Counts["sms"] != 20 || r.Rebuilt != "" {
			t.Errorf("%s: %+v", coverage, r)
		}
		if again := q.backUp(t, shown); !again.Unchanged {
			t.Errorf("%s, again: %+v", coverage, again)
		}
	}
}

// TestBackup_AfterARestore_Unreadable: what a phone holds and cannot show now stays in its backup, though it has restored a larger
// one since, and though it was killed in between; and nothing of another phone's backup that was not restored comes into it.
func TestBackup_AfterARestore_Unreadable(t *testing.T) {
	t.Parallel()
	card := func(uid string) *item.Contact { return &item.Contact{UID: uid, Name: item.Name{Full: "Card " + uid}} }
	for _, tt := range []struct {
		name     string
		elements []string // restored
		larger   *item.Contact
		killed   bool // once, before a card cannot be read
		adopts   bool
	}{
		{"OfItsOwn", all, card("of the other"), false, false},
		{"OfItsOwn/Killed", all, card("of the other"), true, false},
		{"InBoth", all, card("its own"), false, true},
		{"InBoth/Killed", all, card("its own"), true, true},
		{"NotRestored", []string{"messages"}, card("of the other"), false, false},
		{"NotRestored/Killed", []string{"messages"}, card("of the other"), true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p, q := enrolled(t, s, 1), enrolled(t, s, 2)
			coverage := map[string]string{"contacts": Full}
			larger := demo()
			larger.coverage, larger.items = coverage, append(larger.items, tt.larger)
			snapshot := p.backUp(t, larger).Snapshot
			own := &memory{coverage: coverage, items: []item.Item{card("its own"), card("another")}}
			q.backUp(t, own)
			_, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, tt.elements...), own, nil)
			must(t, err)
			shown := own.clone()
			if tt.killed {
				shown.items = append(shown.items, sms(5000, "new"))
				s.fault = func(req *http.Request, _ bool) error {
					if req.Method == http.MethodPut {
						return errKilled
					}
					return nil
				}
				if _, err := q.Backup(t.Context(), shown, profileOf(s.location)); err == nil {
					t.Fatal("no error")
				}
				must(t, q.Device.dir.ClearSession()) // what was sealed was damaged, too
				s.fault = nil
				q.restart(t, s)
			}
			want := shown.clone()
			shown.items = slices.DeleteFunc(shown.items, func(it item.Item) bool { c, ok := it.(*item.Contact); return ok && c.UID == "its own" })
			shown.bad = []*Unreadable{{Kind: item.KindContact, Count: 1, Reason: "bad_vcard", Err: errKilled}}
			r := q.backUp(t, shown)
			if (r.Base == snapshot) != tt.adopts || r.Base == "" || (r.Rebuilt == whyRestored) != (tt.adopts && !tt.killed) || r.Failed() != 1 {
				t.Errorf("%+v", r)
			}
			got := &memory{coverage: coverage}
			restored(t, s, r.Snapshot, got, "contacts", "messages")
			same(t, "restored", got, want)
			if v := q.verified(t, VerifyOptions{}); v.Outcome != Proven {
				t.Errorf("%+v", v)
			}
			shown.bad, shown.items = nil, want.items
			if r = q.backUp(t, shown); r.Gone() > 0 || r.Failed() > 0 {
				t.Errorf("readable again: %+v", r)
			}
			if again := q.backUp(t, shown); !again.Unchanged || again.Snapshot != q.status(t).Snapshot {
				t.Errorf("then again: %+v", again)
			}
		})
	}
}

func (p *phone) status(t *testing.T) Status {
	t.Helper()
	st, err := p.Status()
	must(t, err)
	return st
}

// TestBackup_AfterARestore_ListUnreadable: a phone that has a backup of its own does not wait for the list of one that it has
// restored, nor for an object of it that the storage does not give out; one that has none waits.
func TestBackup_AfterARestore_ListUnreadable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		own  bool
		harm func(s *service, snapshot string)
	}{
		{"List", true, func(s *service, snapshot string) { s.unlistedOf = snapshot }},
		{"Object", true, func(s *service, snapshot string) {
			s.refuses = func(key string) int { return map[bool]int{true: 500}[strings.Contains(key, snapshot)] }
		}},
		{"NothingOfItsOwn", false, func(s *service, snapshot string) { s.unlistedOf = snapshot }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			p, q := enrolled(t, s, 1), enrolled(t, s, 2)
			snapshot := p.backUp(t, demo()).Snapshot
			m, own := &memory{items: []item.Item{sms(9000, "its own")}}, ""
			if tt.own {
				own = q.backUp(t, m).Snapshot
			}
			_, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, all...), m, nil)
			must(t, err)
			tt.harm(s, snapshot)
			if !tt.own {
				if _, err := q.Backup(t.Context(), m, profileOf(s.location)); err == nil || !strings.Contains(err.Error(), "cannot read it either is a full one") {
					t.Error(err)
				}
				return
			}
			r := q.backUp(t, m)
			if r.Base != own || r.Rebuilt != "" || r.Ledger["messages"].Stored != 64 || !strings.Contains(r.Note, "not built on") {
				t.Errorf("%+v", r)
			}
			s.unlistedOf, s.refuses = "", nil
			got := new(memory)
			restored(t, s, r.Snapshot, got)
			same(t, "restored", got, m)
		})
	}
}

// TestInFull: an element has come in full though the phone has no place for some of it, and not if some was left out, or if that
// may be among what has too many reasons to be told apart.
func TestInFull(t *testing.T) {
	t.Parallel()
	many := []string{"a", "b", "c", "d", "e", "f", "g"}
	for name, tt := range map[string]struct {
		skipped []string
		failed  int64
		want    bool
	}{
		"Everything":      {nil, 0, true},
		"NoPlace":         {many, 0, true},
		"Failed":          {nil, 1, false},
		"NotChosen":       {[]string{"a", "not_chosen"}, 0, false},
		"TheFailedAlone":  {[]string{"restored_before"}, 0, false},
		"OfSomeAlone":     {[]string{"not_failed"}, 0, false},
		"AmongTooMany":    {append(many, "not_chosen"), 0, false},
		"BeforeAllOthers": {append([]string{"not_chosen"}, many...), 0, false},
	} {
		l := api.RestoreLedger{Failed: tt.failed}
		for _, reason := range tt.skipped {
			ledger.Explain(&l.Reasons, reason, 1)
		}
		if got := inFull(l); got != tt.want {
			t.Errorf("%s: %v of %+v", name, got, l)
		}
	}
}

// TestBackup_AfterARestore_AttachmentUnreadable: a phone does not build on what it has restored where an attachment cannot be read
// that its own last backup holds, and which would be lost by that.
func TestBackup_AfterARestore_AttachmentUnreadable(t *testing.T) {
	t.Parallel()
	for _, changed := range []bool{false, true} { // the message, too
		s := newService(t)
		p, q := enrolled(t, s, 1), enrolled(t, s, 2)
		snapshot := p.backUp(t, demo()).Snapshot
		m, photo := new(memory), noise(9, 300_000)
		m.mms(9000, photo)
		own := q.backUp(t, m).Snapshot
		_, err := q.Restore(t.Context(), s.consent(t, snapshot, q.id.Device, all...), m, nil)
		must(t, err)
		if changed {
			edited := *m.items[0].(*item.MMS)
			edited.Read = true
			m.items[0] = &edited
		}
		want := m.clone()
		delete(m.blobs, sha256.Sum256(photo))
		if r := q.backUp(t, m); r.Base != own || r.Failed() != 0 || r.Rebuilt != "" || !strings.Contains(r.Note, "not built on") {
			t.Errorf("changed: %t: %+v", changed, r)
		}
		got := new(memory)
		restored(t, s, q.status(t).Snapshot, got)
		same(t, "restored", got, want)
		if again := q.backUp(t, m); !again.Unchanged {
			t.Errorf("changed: %t, again: %+v", changed, again)
		}
	}
}
