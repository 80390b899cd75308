package mobile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device/mobile"
)

// phone is an app on a phone of Anna's.
type phone struct {
	*app
	device *mobile.Device
	id     string
	dir    string
}

func enrolled(t *testing.T, s *service, a *app) *phone {
	t.Helper()
	return enrolledWith(t, s, a, nil)
}

func enrolledWith(t *testing.T, s *service, a *app, c mobile.Conditions) *phone {
	t.Helper()
	k, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d, err := mobile.OpenWith(dir, "test 1", k, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	code, err := s.Code("anna")
	if err != nil {
		t.Fatal(err)
	}
	e := mobile.NewEnrolment()
	e.Server, e.Code, e.Platform, e.Model, e.Label = s.URL, code, "android", "Pixel 12", "Phone"
	st, err := d.Enrol(nil, e)
	if err != nil {
		t.Fatal(err)
	}
	if st.State != "active" || st.Device == "" || len(st.Key) == 0 {
		t.Errorf("enrolled as %+v", st)
	}
	t.Cleanup(func() {
		if err := s.retire("anna", st.Device); err != nil {
			t.Error(err)
		}
	})
	return &phone{app: a, device: d, id: st.Device, dir: dir}
}

func (p *phone) checkIn(t *testing.T) *mobile.Card {
	t.Helper()
	c, err := p.device.CheckIn(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p *phone) backUp(t *testing.T, progress mobile.Progress) *mobile.BackupReport {
	t.Helper()
	r, err := p.device.BackUp(mobile.NewRun(progress), p.checkIn(t), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range elements() {
		if l := r.Element(e); l.Seen != l.Stored+l.Already+l.Excluded+l.Failed {
			t.Errorf("of %s, %+v does not balance", e, l)
		}
	}
	return r
}

// waiting is the one restore that waits, once a backup was sent to the phone.
func (p *phone) waiting(t *testing.T, s *service, snapshot string) *mobile.Restore {
	t.Helper()
	if err := s.Send("anna", snapshot, p.id); err != nil {
		t.Fatal(err)
	}
	c := p.checkIn(t)
	if c.RestoreCount() != 1 || c.Restore(0).Snapshot != snapshot || c.Restore(1) != nil || c.Restore(-1) != nil {
		t.Fatalf("%d restores wait, want the one of %s", c.RestoreCount(), snapshot)
	}
	return c.Restore(0)
}

func (p *phone) restore(t *testing.T, r *mobile.Restore, progress mobile.Progress) *mobile.RestoreReport {
	t.Helper()
	out, err := p.device.Restore(mobile.NewRun(progress), r, p, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range elements() {
		if l := out.Element(e); l.Planned != l.Inserted+l.Duplicate+l.Merged+l.Skipped+l.Failed {
			t.Errorf("of %s, %+v does not balance", e, l)
		}
	}
	return out
}

func elements() []string { return []string{mobile.Contacts, mobile.Messages, mobile.Calls} }

// demo is an app with something in every field.
func demo() *app {
	a := &app{files: map[string][]byte{"photo of Ewa": bytes.Repeat([]byte("photo"), 500), "picture": bytes.Repeat([]byte("jpeg"), 9000), "empty": {}}}
	ewa := mobile.NewContact()
	ewa.Key, ewa.UID, ewa.FullName, ewa.Starred = "row 0", "urn:uuid:e1", "dr Ewa Maria Zielińska-Kot", true
	ewa.AddName(mobile.NameFamily, "Zielińska-Kot")
	ewa.AddName(mobile.NameGiven, "Ewa")
	ewa.AddName(mobile.NameMiddle, "Maria")
	ewa.AddName(mobile.NamePrefix, "dr")
	cell := ewa.Add(mobile.FieldPhone, "600 100 200")
	cell.Types, cell.Preferred, cell.Label = "cell,home", 1, "prywatny"
	ewa.Add(mobile.FieldPhone, "22 555 12 34")
	ewa.Add(mobile.FieldEmail, "ewa@mail.example")
	org := ewa.Add(mobile.FieldOrganization, "Zapas")
	org.AddUnit("Warsaw")
	org.AddUnit("Support")
	ewa.Add(mobile.FieldTitle, "Engineer")
	ewa.Add(mobile.FieldRole, "On call")
	home := ewa.Add(mobile.FieldPostal, "")
	home.Types = "home"
	home.AddPart(mobile.PostalCity, "Gdańsk")
	home.AddPart(mobile.PostalStreet, "Długa 1")
	chat := ewa.Add(mobile.FieldOnline, "xmpp:ewa@chat.example")
	chat.Service = "X-CHAT"
	ewa.Add(mobile.FieldLink, "https://ewa.example")
	ewa.Add(mobile.FieldBirthday, "--0415")
	wedding := ewa.Add(mobile.FieldAnniversary, "in the summer of 2001")
	wedding.InWords = true
	ewa.Add(mobile.FieldNote, "allergic to cats")
	ewa.Add(mobile.FieldRelation, "Adam")
	ewa.Add(mobile.FieldNickname, "Ewka")
	ewa.Add(mobile.FieldGroup, "Friends")
	ewa.Add(mobile.FieldLine, "X-SHOE-SIZE:38")
	photo := ewa.Add(mobile.FieldPhoto, "")
	photo.MediaType, photo.Attachment = "image/jpeg", mobile.NewAttachment("photo of Ewa")
	jan := mobile.NewContact()
	jan.Key, jan.FullName = "row 1", "Jan"
	jan.Add(mobile.FieldPhone, "+48600300400")
	a.contacts = []*mobile.Contact{ewa, jan}
	for i := range 40 {
		m := mobile.NewMessage(mobile.KindSMS)
		m.Date, m.Body, m.Read, m.Box = int64(1_700_000_000_000+i*60_000), fmt.Sprintf("message %d 👩🏽‍🚀", i), i%2 == 0, mobile.BoxInbox+i%2
		m.DateSent, m.Delivery, m.ServiceCenter = m.Date-2000, mobile.DeliveryComplete, "+48600000001"
		m.SetExtra("android.sms", "sub_id", "1")
		m.AddPeer("600 100 200")
		a.messages = append(a.messages, m)
	}
	mms := mobile.NewMessage(mobile.KindMMS)
	mms.Date, mms.Unit, mms.Subject, mms.Type, mms.MessageID = 1_700_100_000_000, mobile.UnitSecond, "Hi", 132, "m1"
	mms.AddPeer("600100200")
	mms.AddParty(mobile.RoleFrom, "600100200")
	mms.AddParty(mobile.RoleTo, "+48600000009").Charset = 106
	text := mms.AddPart("text/plain")
	text.Text = "look at this"
	picture := mms.AddPart("image/jpeg")
	picture.Seq, picture.Name, picture.Attachment = 1, "cat.jpg", mobile.NewAttachment("picture")
	mms.AddPart("application/octet-stream").Attachment = mobile.NewAttachment("empty")
	a.messages = append(a.messages, mms)
	for i := range 5 {
		c := mobile.NewCall(mobile.CallIncoming+i%3, "600 100 200")
		c.Date, c.Duration, c.IsNew, c.Features = int64(1_700_000_000_000+i*3_600_000), int64(i), i == 2, 1
		c.SetExtra("android.call", "transcription", "hello")
		a.calls = append(a.calls, c)
	}
	hidden := mobile.NewCall(mobile.CallMissed, "")
	hidden.Date, hidden.Presentation = 1_700_900_000_000, mobile.PresentationRestricted
	a.calls = append(a.calls, hidden)
	return a
}

// dump is all that an app holds, but for its own keys and what the library finds out about numbers.
func (a *app) dump(t *testing.T) (all []string) {
	t.Helper()
	say := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	attached := func(at *mobile.Attachment) string {
		if at == nil {
			return ""
		}
		return fmt.Sprintf("%q", a.files[at.Key])
	}
	for _, c := range a.contacts {
		card := *c
		card.Key = ""
		lines := []string{say(&card)}
		for part := range 7 {
			lines = append(lines, c.Name(part+1))
		}
		for i := range c.Count() {
			v := *c.Value(i)
			file := attached(v.Attachment)
			v.Attachment, v.Number = nil, ""
			line := say(&v) + file + v.Part(mobile.PostalStreet) + v.Part(mobile.PostalCity)
			for u := range v.UnitCount() {
				line += "/" + v.Unit(u)
			}
			lines = append(lines, line)
		}
		slices.Sort(lines[8:]) // the order of fields is the library's
		all = append(all, strings.Join(lines, "\n"))
	}
	for _, m := range a.messages {
		lines := []string{say(m), m.Extra("android.sms", "sub_id")}
		for i := range m.PeerCount() {
			lines = append(lines, m.Peer(i).Raw)
		}
		for i := range m.PartyCount() {
			p := m.Party(i)
			lines = append(lines, fmt.Sprint(p.Role, p.Charset, p.Address.Raw))
		}
		for i := range m.PartCount() {
			p := *m.Part(i)
			file := attached(p.Attachment)
			p.Attachment = nil
			lines = append(lines, say(&p)+file)
		}
		all = append(all, strings.Join(lines, "\n"))
	}
	for _, c := range a.calls {
		line := *c
		line.Address = nil
		all = append(all, say(&line)+c.Address.Raw+c.Extra("android.call", "transcription"))
	}
	slices.Sort(all)
	return all
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	s := serving(t)
	old := enrolled(t, s, demo())
	card := old.checkIn(t)
	if !card.Due || card.Profile != "Every night" || !card.Chooses(mobile.Calls) || card.PollAfter <= 0 || card.RestoreCount() != 0 {
		t.Errorf("the card says %+v", card)
	}
	told := &steps{}
	made := old.backUp(t, told)
	told.check(t, "reading", "sealing", "uploading")
	for e, want := range map[string]int64{mobile.Contacts: 2, mobile.Messages: 41, mobile.Calls: 6} {
		if l := made.Element(e); l.Stored != want || l.Failed != 0 || l.Coverage != mobile.CoverageFull || l.ReasonCount() != 0 {
			t.Errorf("of %s: %+v, want %d stored", e, l, want)
		}
	}
	st, err := old.device.Status()
	if err != nil || st.Snapshot != made.Snapshot || st.Count(mobile.Messages) != 41 || st.Pending {
		t.Errorf("status %+v, %v", st, err)
	}
	if again := old.backUp(t, nil); !again.Unchanged || again.Snapshot != made.Snapshot || again.BytesUp != 0 {
		t.Errorf("the same again: %+v", again)
	}
	told = &steps{}
	proof, err := old.device.Verify(mobile.NewRun(told), 0)
	told.check(t, "downloading")
	if err != nil || proof.Outcome != "proven" || proof.Proven(mobile.Contacts) != 2 || proof.AttachmentsProven != 3 || proof.FailureCount() != 0 {
		t.Errorf("proof %+v, %v", proof, err)
	}

	fresh := enrolled(t, s, &app{})
	r := fresh.waiting(t, s, made.Snapshot)
	told = &steps{}
	plan, err := fresh.device.Plan(mobile.NewRun(told), r, fresh, fresh)
	if err != nil {
		t.Fatal(err)
	}
	told.check(t, "downloading", "reading", "planning")
	if p := plan.Element(mobile.Messages); p.Fresh != 41 || p.Planned != 41 || plan.Failed != 0 || fresh.puts != 0 {
		t.Errorf("the plan says %+v, and %d items were put", p, fresh.puts)
	}
	told = &steps{}
	done := fresh.restore(t, r, told)
	told.check(t, "downloading", "reading", "writing")
	if done.State != "done" || done.Failed != 0 || fresh.finished != 1 {
		t.Errorf("restored %+v, finished %d times", done, fresh.finished)
	}
	if diff := cmp.Diff(old.dump(t), fresh.dump(t)); diff != "" {
		t.Error(diff)
	}
	if n := fresh.messages[0].Peer(0).Number; n != "+48600100200" {
		t.Errorf("a number without a country is %q", n)
	}

	again := fresh.waiting(t, s, made.Snapshot)
	again.Choose(mobile.Calls)
	done = fresh.restore(t, again, nil)
	if c, m := done.Element(mobile.Calls), done.Element(mobile.Messages); c.Duplicate != 6 || m.Skipped != 41 || m.ReasonCount() != 1 || m.Reason(0).Word != "not_chosen" {
		t.Errorf("calls alone, again: %+v, %+v", c, m)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s := serving(t)
	old, fresh := enrolled(t, s, demo()), enrolled(t, s, &app{})
	var run *mobile.Run
	cancelled := func(err error) {
		t.Helper()
		if err == nil || mobile.Code(err.Error()) != mobile.CodeCancelled {
			t.Fatalf("cancelled, it said %v", err)
		}
	}
	card := old.checkIn(t)
	run = mobile.NewRun(&steps{on: func(s step) {
		if s.Work == "uploading" {
			run.Cancel()
		}
	}})
	_, err := old.device.BackUp(run, card, old)
	cancelled(err)
	if st, err := old.device.Status(); err != nil || !st.Pending {
		t.Errorf("status %+v, %v", st, err)
	}
	if !old.checkIn(t).Due {
		t.Error("a backup that was broken off is not due")
	}
	made := old.backUp(t, nil)
	if !made.Resumed || made.Element(mobile.Messages).Stored != 41 {
		t.Errorf("after it: %+v", made)
	}

	r := fresh.waiting(t, s, made.Snapshot)
	run = mobile.NewRun(nil)
	fresh.onPut = func(*mobile.Item) (*mobile.Outcome, error) {
		if fresh.puts == 10 {
			run.Cancel()
		}
		return nil, nil
	}
	_, err = fresh.device.Restore(run, r, fresh, fresh)
	cancelled(err)
	if fresh.puts != 10 || fresh.finished != 0 {
		t.Errorf("%d items were put, and it was finished %d times", fresh.puts, fresh.finished)
	}
	fresh.onPut = nil
	for i, c := range fresh.contacts { // as an app knows them that is started again
		c.Key = fmt.Sprint("row ", i)
	}
	fresh.restore(t, r, nil)
	if diff := cmp.Diff(old.dump(t), fresh.dump(t)); diff != "" {
		t.Error(diff)
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	s := serving(t)
	old := enrolled(t, s, demo())
	old.broken = "no_number"
	old.messages = append(old.messages, nil, mobile.NewMessage("letter"))
	delete(old.files, "picture")
	old.contacts[1].Add("shoe size", "38")
	odd := mobile.NewCall(300, "112")
	old.calls = append(old.calls, odd)
	made := old.backUp(t, nil)
	reasons := func(element string) map[string]int64 {
		out := map[string]int64{}
		l := made.Element(element)
		for i := range l.ReasonCount() {
			out[l.Reason(i).Word] = l.Reason(i).Items
		}
		return out
	}
	for e, want := range map[string]map[string]int64{
		mobile.Contacts: {"not_lawful": 1}, mobile.Messages: {"not_lawful": 2, "attachment_unreadable": 1}, mobile.Calls: {"no_number": 1, "not_lawful": 1},
	} {
		if diff := cmp.Diff(want, reasons(e)); diff != "" {
			t.Errorf("%s: %s", e, diff)
		}
		if l := made.Element(e); l.Coverage != mobile.CoverageLimited {
			t.Errorf("%s that could not all be read are %s", e, l.Coverage)
		}
	}
	if made.Failed != 6 || made.FailureCount() == 0 || made.Failure(0) == "" || made.Failure(99) != "" {
		t.Errorf("%d have failed, and %d are told", made.Failed, made.FailureCount())
	}

	old.onList = func(string) error { return errors.New("the app may not read them") }
	_, err := old.device.BackUp(nil, old.checkIn(t), old)
	if err == nil || mobile.Code(err.Error()) != mobile.CodeApp || !strings.Contains(mobile.Sentence(err.Error()), "may not read them") {
		t.Errorf("an app's own error is %v", err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	s := serving(t)
	old, fresh := enrolled(t, s, demo()), enrolled(t, s, &app{})
	made := old.backUp(t, nil)
	r := fresh.waiting(t, s, made.Snapshot)
	fresh.onPut = func(it *mobile.Item) (*mobile.Outcome, error) {
		switch {
		case it.Kind == mobile.KindMMS:
			return mobile.Refused("No Word!", "there is no room for it"), nil
		case it.Kind == mobile.KindCall && it.Call().Address.Hidden:
			return mobile.NoPlace("no_hidden_calls", "this phone has no place for calls without a number"), nil
		}
		return nil, nil
	}
	done := fresh.restore(t, r, nil)
	m, c := done.Element(mobile.Messages), done.Element(mobile.Calls)
	if m.Failed != 1 || m.Inserted != 40 || m.Reason(0).Word != "other" || c.Skipped != 1 || c.Inserted != 5 || c.Reason(0).Word != "no_hidden_calls" {
		t.Errorf("messages %+v, calls %+v", m, c)
	}
	if f := done.Failure(0); done.FailureCount() != 1 || f.Items != 1 || !strings.Contains(f.Detail, "no room") || done.Failure(1) != nil {
		t.Errorf("told as %+v", f)
	}

	again := fresh.waiting(t, s, made.Snapshot)
	fresh.onPut = func(*mobile.Item) (*mobile.Outcome, error) { return nil, errors.New("the database is closed") }
	_, err := fresh.device.Restore(nil, again, fresh, fresh)
	if err == nil || mobile.Code(err.Error()) != mobile.CodeApp {
		t.Errorf("a sink's own error is %v", err)
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	s := serving(t)
	old := enrolled(t, s, demo())
	made := old.backUp(t, nil)
	mine := mobile.NewContact()
	mine.Key, mine.UID, mine.FullName = "here", "e1", "dr Ewa Maria Zielińska-Kot"
	mine.Add(mobile.FieldPhone, "+48700700700")
	photo := mine.Add(mobile.FieldLogo, "")
	photo.Attachment = mobile.NewAttachment("logo")
	fresh := enrolled(t, s, &app{contacts: []*mobile.Contact{mine}, files: map[string][]byte{"logo": []byte("logo")}})
	done := fresh.restore(t, fresh.waiting(t, s, made.Snapshot), nil)
	if l := done.Element(mobile.Contacts); l.Merged != 1 || l.Inserted != 1 || l.Failed != 0 {
		t.Errorf("contacts: %+v", l)
	}
	merged := fresh.contacts[0]
	var phones, files []string
	for i := range merged.Count() {
		switch v := merged.Value(i); {
		case v.Field == mobile.FieldPhone:
			phones = append(phones, v.Text)
		case v.Attachment != nil:
			files = append(files, fmt.Sprintf("%.5s", fresh.files[v.Attachment.Key]))
		}
	}
	slices.Sort(files)
	if merged.Key != "here" || len(fresh.contacts) != 2 || len(phones) != 3 || !slices.Equal(files, []string{"logo", "photo"}) {
		t.Errorf("%s has become one with %v and %v, of %d", merged.Key, phones, files, len(fresh.contacts))
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	s := serving(t)
	k, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	d, err := mobile.Open(t.TempDir(), "test 1", k)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	p := enrolled(t, s, demo())
	card := p.checkIn(t)
	busy := func() error {
		var inside error
		p.onList = func(string) error {
			_, inside = p.device.Status()
			return nil
		}
		defer func() { p.onList = nil }()
		if _, err := p.device.BackUp(nil, card, p); err != nil {
			return err
		}
		return inside
	}
	over := func() error {
		var kept *mobile.Items
		_, err := p.device.BackUp(nil, card, listing(func(_ string, into *mobile.Items) error {
			kept = into
			return nil
		}))
		if err != nil || kept.AddCall(mobile.NewCall(mobile.CallMissed, "112")) || kept.Unreadable("x", "y") || new(mobile.Items).AddContact(mobile.NewContact()) {
			t.Errorf("what was added when nobody asked was taken: %v", err)
		}
		return nil
	}
	if err := over(); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		call func() error
		want string
	}{
		"NotEnrolled":        {func() error { _, err := d.Status(); return err }, mobile.CodeNotEnrolled},
		"NotEnrolledCheckIn": {func() error { _, err := d.CheckIn(nil, nil); return err }, mobile.CodeNotEnrolled},
		"WrongCode": {func() error {
			_, err := d.Enrol(nil, &mobile.Enrolment{Server: s.URL, Code: "AAAAA-AAAAA", Platform: "ios", Label: "x"})
			return err
		}, "code_unknown"},
		"NoCode":    {func() error { _, err := d.Enrol(nil, nil); return err }, mobile.CodeUsage},
		"NoServer":  {func() error { _, err := d.Enrol(nil, mobile.NewEnrolment()); return err }, mobile.CodeOther},
		"Busy":      {busy, mobile.CodeBusy},
		"NoCard":    {func() error { _, err := p.device.BackUp(nil, nil, p); return err }, mobile.CodeUsage},
		"NoProfile": {func() error { _, err := p.device.BackUp(nil, &mobile.Card{}, p); return err }, mobile.CodeNoProfile},
		"NoRestore": {func() error { _, err := p.device.Plan(nil, nil, p, p); return err }, mobile.CodeUsage},
		"NotOpen":   {func() error { return new(mobile.Device).Close() }, mobile.CodeUsage},
		"TheWrongElement": {func() error {
			_, err := p.device.BackUp(nil, card, listing(func(_ string, into *mobile.Items) error {
				into.AddCall(mobile.NewCall(mobile.CallMissed, "112"))
				return nil
			}))
			return err
		}, mobile.CodeApp},
		"Opened Twice": {func() error { _, err := mobile.Open(p.dir, "test 1", k); return err }, mobile.CodeOther},
	} {
		err := c.call()
		if err == nil || mobile.Code(err.Error()) != c.want || strings.HasPrefix(mobile.Sentence(err.Error()), "[") {
			t.Errorf("%s: %v, want the code %s", name, err, c.want)
		}
	}
	for text, want := range map[string][2]string{
		"[busy] Wait.": {"busy", "Wait."}, "no code": {"other", "no code"}, "": {"other", ""}, "[two words] x": {"other", "[two words] x"}, "[x]": {"other", "[x]"},
	} {
		if code, sentence := mobile.Code(text), mobile.Sentence(text); code != want[0] || sentence != want[1] {
			t.Errorf("%q is %q and %q", text, code, sentence)
		}
	}
}

// listing is an app with nothing but a way to list.
type listing func(element string, into *mobile.Items) error

func (listing) Coverage(string) string                          { return mobile.CoverageFull }
func (l listing) List(element string, into *mobile.Items) error { return l(element, into) }
func (listing) Open(string) (mobile.Reader, error)              { return nil, errors.New("there is none") }
