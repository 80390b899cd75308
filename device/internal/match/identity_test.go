package match

import (
	"testing"

	"zapas/device/internal/item"
)

// TestIdentity: one item as two phones or tools have it is one, and two that are not are two.
func TestIdentity(t *testing.T) {
	t.Parallel()
	peer := []item.Address{item.ParseAddress("600123456", "PL")}
	sms := func(change func(*item.SMS)) *item.SMS {
		s := &item.SMS{Message: item.Message{Box: item.Inbox, Date: 1_700_000_005_250, DateSent: 1_700_000_003_000, Unit: item.Millisecond, Peers: peer}, Body: "caf\u00e9"}
		change(s)
		return s
	}
	same := func(*item.SMS) {}
	out := func(b item.Box) *item.SMS { return sms(func(s *item.SMS) { s.Box = b }) }
	photo := item.Part{ContentType: "image/jpeg", Blob: &item.Ref{SHA256: [32]byte{1}, Size: 1}}
	text := item.Part{ContentType: "text/plain", Text: "hi"}
	smil := item.Part{ContentType: "application/smil", Text: "<smil/>"}
	mms := func(change func(*item.MMS)) *item.MMS {
		m := &item.MMS{Message: item.Message{Box: item.Inbox, Date: 1_700_000_005_000, Unit: item.Second, Peers: peer}, Parts: []item.Part{smil, photo, text}}
		change(m)
		return m
	}
	from := []item.Party{{Role: item.From, Address: peer[0]}}
	stub := func(at string) *item.MMS {
		return mms(func(m *item.MMS) { m.Type, m.Parts, m.ContentLocation = item.Notification, nil, at })
	}
	for name, c := range map[string]struct {
		a, b item.Item
		want bool
	}{
		"SpellingOfNumber":      {sms(same), sms(func(s *item.SMS) { s.Peers = []item.Address{item.ParseAddress("+48 600 123 456")} }), true},
		"Composition":           {sms(same), sms(func(s *item.SMS) { s.Body = "cafe\u0301" }), true},
		"StateOfReading":        {sms(same), sms(func(s *item.SMS) { s.Read = true }), true},
		"ArrivalElsewhere":      {sms(same), sms(func(s *item.SMS) { s.Date += 60_000 }), true},
		"LostMilliseconds":      {sms(same), sms(func(s *item.SMS) { s.Date, s.DateSent = 1_700_000_005_000, 0 }), true},
		"LostNetworkTime":       {sms(same), sms(func(s *item.SMS) { s.DateSent = 0 }), true},
		"OtherText":             {sms(same), sms(func(s *item.SMS) { s.Body = "café" + "!" }), false},
		"OtherPeer":             {sms(same), sms(func(s *item.SMS) { s.Peers = []item.Address{item.ParseAddress("Allegro")} }), false},
		"OtherDirection":        {sms(same), out(item.Sent), false},
		"SentAndFailed":         {out(item.Sent), out(item.Failed), true},
		"SentAndDraft":          {out(item.Sent), out(item.Draft), false},
		"TwoThatArrivedAtOnce":  {sms(same), sms(func(s *item.SMS) { s.DateSent += 1000 }), false},
		"OneArrivedAsOtherLeft": {sms(same), sms(func(s *item.SMS) { s.Date, s.DateSent = s.Date+9000, s.Date }), false},
		"OrderOfParts":          {mms(func(*item.MMS) {}), mms(func(m *item.MMS) { m.Parts = []item.Part{text, photo} }), true},
		"NamesOfParts": {mms(func(*item.MMS) {}), mms(func(m *item.MMS) {
			m.Parts = []item.Part{{ContentType: "Image/JPEG; name=x", Name: "x", Blob: photo.Blob}, text}
		}), true},
		"OtherPhoto": {mms(func(*item.MMS) {}), mms(func(m *item.MMS) {
			m.Parts = []item.Part{text, {ContentType: "image/jpeg", Blob: &item.Ref{SHA256: [32]byte{2}, Size: 1}}}
		}), false},
		"MessageIDLost":       {mms(func(m *item.MMS) { m.MessageID = "x" }), mms(func(*item.MMS) {}), true},
		"MessageIDElsewhen":   {mms(func(m *item.MMS) { m.MessageID = "x" }), mms(func(m *item.MMS) { m.MessageID = "x"; m.Date = 0 }), true},
		"MessageIDOtherParts": {mms(func(m *item.MMS) { m.MessageID = "x" }), mms(func(m *item.MMS) { m.MessageID = "x"; m.Parts = nil }), false},
		"MessageIDOtherGroup": {mms(func(m *item.MMS) { m.MessageID, m.Parties = "x", from }), mms(func(m *item.MMS) {
			m.MessageID, m.Parties, m.Peers = "x", from, append([]item.Address{item.ParseAddress("Bob")}, peer...)
		}), false},
		"OwnNumber": {mms(func(m *item.MMS) { m.MessageID, m.Parties = "x", from }), mms(func(m *item.MMS) {
			m.MessageID, m.Parties = "x", append([]item.Party{{Role: item.To, Address: item.ParseAddress("+48600100300")}}, from...)
		}), true},
		"OtherSubject":        {sms(same), sms(func(s *item.SMS) { s.Subject = "x" }), false},
		"OtherMMSSubject":     {mms(func(*item.MMS) {}), mms(func(m *item.MMS) { m.Subject = "x" }), false},
		"Extras":              {sms(same), sms(func(s *item.SMS) { s.Extras = item.Extras{"android.sms": {"a": "b"}} }), true},
		"Announcements":       {stub("u"), stub("u"), true},
		"OtherAnnouncement":   {stub("u"), stub("v"), false},
		"GroupIsNotItsMember": {mms(func(*item.MMS) {}), mms(func(m *item.MMS) { m.Peers = append([]item.Address{item.ParseAddress("Bob")}, peer...) }), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, pair := range [][2]item.Item{{c.a, c.b}, {c.b, c.a}} {
				if got := matched(pair[:1], pair[1:])[0]; got != c.want {
					t.Errorf("match = %v, want %v", got, c.want)
				}
			}
		})
	}
}
