package sample

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"zapas/device/internal/item"
)

// person is somebody who writes and is written to, or something that only writes.
type person struct {
	address  item.Address
	language int
	sender   bool // only writes
}

// phrases are beginnings, middles and ends of messages in six languages.
func phrases(language int) [3][]string {
	return [...][3][]string{
		{ // Polish
			{"Cześć", "Hej", "Dzień dobry", "Słuchaj", "Kochanie", "Szefie"},
			{"spóźnię się dziesięć minut", "kup proszę chleb i mleko", "zebranie przełożone na środę", "paczka już jest", "zadzwoń, jak będziesz wolna", "gdzie jesteś?"},
			{"", " 😀", " Dzięki!", "\nDo zobaczenia", " 👍🏽", " ❤️"},
		},
		{ // English
			{"Hi", "Hello", "Morning", "Listen", "Sorry", "By the way"},
			{"running ten minutes late", "could you pick up the keys?", "the meeting moved to Wednesday", "your parcel is with the neighbour", "call me when you are free", "where are you?"},
			{"", " 🙂", " Thanks!", "\nSee you", " 👨‍👩‍👧", " & \"so on\""},
		},
		{ // German
			{"Hallo", "Guten Tag", "Du", "Übrigens", "Grüß dich", "Schatz"},
			{"ich komme zehn Minuten später", "bringst du Brötchen mit?", "der Termin ist jetzt am Mittwoch", "das Paket liegt bei Müllers", "ruf an, wenn es passt", "wo bist du?"},
			{"", " 😅", " Danke!", "\nBis gleich", " 🚲", " <3"},
		},
		{ // Ukrainian
			{"Привіт", "Добрий день", "Слухай", "Вибач", "До речі", "Мамо"},
			{"запізнюся на десять хвилин", "купи, будь ласка, хліб", "нараду перенесли на середу", "посилка вже тут", "подзвони, коли зможеш", "ти де?"},
			{"", " 😊", " Дякую!", "\nДо зустрічі", " 🌻", " 🎉🎉"},
		},
		{ // Arabic
			{"مرحبا", "صباح الخير", "اسمع", "عفوا", "بالمناسبة", "أهلا"},
			{"سأتأخر عشر دقائق", "هل تشتري الخبز؟", "تم تأجيل الاجتماع إلى الأربعاء", "وصل الطرد", "اتصل بي عندما تستطيع", "أين أنت؟"},
			{"", " 🌙", " شكرا!", "\nإلى اللقاء", " ☕", " 🤲"},
		},
		{ // Japanese
			{"こんにちは", "おはよう", "ねえ", "ごめん", "ところで", "了解"},
			{"十分遅れます", "パンを買ってきて", "会議は水曜日になりました", "荷物が届きました", "後で電話して", "今どこ?"},
			{"", " 🍣", " ありがとう!", "\nまたね", " 𠮷", " 🗻"},
		},
	}[language]
}

const languages = 6

// invent makes people, the numbers of most from the range that Ofcom keeps for drama, and senders
// with names and short codes.
func invent(r *rand.Rand, n int) []person {
	people := make([]person, 0, n)
	for i := range n {
		language := r.IntN(languages)
		switch raw := fmt.Sprintf("+447700900%03d", i); {
		case i%16 == 3:
			name := []string{"InfoBank", "Kurier24", "ŻABKA", "My Clinic", "e-Urząd"}[i/16%5]
			people = append(people, person{item.ParseAddress(name), language, true})
		case i%16 == 7:
			people = append(people, person{item.ParseAddress(fmt.Sprintf("7%03d", i), "PL"), language, true})
		case i%16 == 11: // as a person types it
			people = append(people, person{item.ParseAddress(fmt.Sprintf("500 000 %03d", i), "PL"), language, false})
		default:
			people = append(people, person{item.ParseAddress(raw, "PL"), language, false})
		}
	}
	return people
}

func (p *Phone) pick(from []string) string { return from[p.rand.IntN(len(from))] }

func (p *Phone) sentence(language int) string {
	ph := phrases(language)
	if p.rand.IntN(25) == 0 {
		return "ok"
	}
	return p.pick(ph[0]) + ", " + p.pick(ph[1]) + p.pick(ph[2])
}

func (p *Phone) body(who person) string {
	if who.sender {
		return fmt.Sprintf("%s: %06d", p.pick(phrases(who.language)[1]), p.rand.IntN(1_000_000))
	}
	sentences := make([]string, 1+p.rand.IntN(3))
	for i := range sentences {
		sentences[i] = p.sentence(who.language)
	}
	return strings.Join(sentences, " ")
}

// someone is one of the people, the first far more often than the last.
func (p *Phone) someone() person {
	return p.people[int(float64(len(p.people))*p.rand.Float64()*p.rand.Float64())]
}

func (p *Phone) sms(at int64) *item.SMS {
	who := p.someone()
	m := &item.SMS{Body: p.body(who)}
	m.Message = item.Message{
		Date: at, Unit: item.Millisecond, Peers: []item.Address{who.address}, Read: true,
		Extras: item.Extras{"android.sms": {"sub_id": fmt.Sprint(1 + p.rand.IntN(2))}},
	}
	switch chance := p.rand.IntN(1000); {
	case who.sender || chance < 500:
		m.Box, m.DateSent, m.Read = item.Inbox, (at-p.rand.Int64N(9000))/1000*1000, chance >= 20
		m.ServiceCenter = "+447700900999"
	case chance < 503:
		m.Box = item.Draft
	case chance < 510:
		m.Box, m.Delivery, m.ErrorCode = item.Failed, item.DeliveryFailed, 1
	default:
		m.Box, m.Delivery = item.Sent, item.DeliveryNone
		if chance < 700 {
			m.Delivery = item.DeliveryComplete
		} else if chance < 720 {
			m.Delivery = item.DeliveryPending
		}
	}
	return m
}

// owner is the phone's own number, which stands among the parties of an MMS and not among its peers.
func owner() item.Address { return item.ParseAddress("+447700900998") }

func (p *Phone) mms(at int64) *item.MMS {
	peers := []item.Address{p.friend().address}
	if p.rand.IntN(4) == 0 {
		for range 2 {
			if a := p.friend().address; a != peers[0] && a != peers[len(peers)-1] {
				peers = append(peers, a)
			}
		}
	}
	m := &item.MMS{Type: item.SendRequest, Priority: 129, ReadReport: 129, DeliveryReport: 129}
	m.Message = item.Message{
		Box: item.Sent, Date: at, Unit: item.Second, Peers: peers, Read: true, Seen: true,
		Extras: item.Extras{"android.mms": {"ct_t": "application/vnd.wap.multipart.related", "v": "18", "_id": fmt.Sprint(p.made)}},
	}
	party := func(role item.Role, a item.Address) {
		m.Parties = append(m.Parties, item.Party{Role: role, Address: a, Charset: 106})
	}
	if p.rand.IntN(2) == 0 {
		m.Box, m.Type, m.DateSent = item.Inbox, item.Retrieved, at-at%1000-2000
		m.MessageID = fmt.Sprintf("m%08x@mms.example", p.rand.Uint32())
		party(item.From, peers[0])
		party(item.To, owner())
		for _, a := range peers[1:] {
			party(item.To, a)
		}
	} else {
		party(item.From, item.ParseAddress("insert-address-token"))
		for _, a := range peers {
			party(item.To, a)
		}
	}
	m.TransactionID = fmt.Sprintf("T%x", p.made)
	if m.Box == item.Inbox && p.rand.IntN(30) == 0 { // announced and never downloaded
		m.Type, m.MessageID, m.ContentLocation = item.Notification, "", fmt.Sprintf("http://mmsc.example/%x", p.made)
		return m
	}
	m.Parts = p.parts()
	return m
}

// friend is someone who is not only a sender.
func (p *Phone) friend() person {
	for {
		if who := p.someone(); !who.sender {
			return who
		}
	}
}

func (p *Phone) parts() []item.Part {
	name := fmt.Sprintf("image_%d.jpg", p.made)
	smil := `<smil><head><layout/></head><body><par dur="5000ms"><img src="` + name + `"/><text src="text.txt"/></par></body></smil>`
	parts := []item.Part{
		{Seq: -1, ContentType: "application/smil", Name: "smil.xml", ContentID: "<smil>", Location: "smil.xml", Text: smil},
		{ContentType: "image/jpeg", Name: name, ContentID: "<" + name + ">", Location: name, Blob: &item.Ref{}},
	}
	if p.rand.IntN(3) > 0 {
		parts = append(parts, item.Part{ContentType: "text/plain", Charset: 106, Name: "text.txt", Location: "text.txt", Text: p.sentence(p.rand.IntN(languages))})
	}
	return parts
}
