package android

import (
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"

	"zapas/device/android/internal/markup"
	"zapas/device/internal/infile"
	"zapas/device/internal/item"
)

// mms reads the element whose start tag was just entered.
func (r *reader) mms(at markup.Place) (item.Item, error) {
	r.spent = 0
	el := &r.el
	el.reset(at)
	if err := r.attributes(el, nil); err != nil {
		return nil, err
	}
	m := &item.MMS{}
	for len(r.s.Path()) > 1 {
		start, at, err := r.step()
		if err != nil {
			return nil, err
		}
		if !start {
			continue
		}
		switch path := strings.Join(r.s.Path()[2:], "/"); {
		case path == "parts" || path == "addrs":
		case path == "parts/part":
			err = r.part(m, at)
		case path == "addrs/addr":
			err = r.addr(m, at)
		default:
			err = r.pass(at)
		}
		if err != nil {
			return nil, err
		}
	}
	r.header(m)
	if el.bad != "" {
		return nil, &BadItem{Kind: item.KindMMS, Offset: at.Offset, Line: at.Line, Reason: el.bad}
	}
	return m, nil
}

// header takes the attributes of the message itself.
func (r *reader) header(m *item.MMS) {
	el := &r.el
	box := el.need("msg_box")
	if box < int64(item.Inbox) || box > int64(item.Failed) {
		el.spoil("its msg_box is none of 1 to 5")
	}
	m.Message = item.Message{
		Box: item.Box(box), Date: el.need("date"), Unit: item.Second, // the provider keeps seconds, the app adds 000
		Read: el.flag("read"), Seen: el.flag("seen"), Locked: el.flag("locked"), Subject: el.text("sub"),
	}
	const maxSeconds = 1 << 50
	if a := el.find("date_sent"); a != nil {
		sent := el.optional("date_sent")
		if a.used = a.used && sent > -maxSeconds && sent < maxSeconds; a.used {
			m.DateSent = sent * 1000
		}
	}
	m.MessageID, m.TransactionID, m.ContentLocation = el.text("m_id"), el.text("tr_id"), el.text("ct_l")
	m.Type, m.SubjectCharset = el.optional("m_type"), el.optional("sub_cs")
	m.Priority, m.ReadReport, m.DeliveryReport = el.optional("pri"), el.optional("rr"), el.optional("d_rpt")
	m.Peers = r.peers(m, el.text("address"))
	m.Extras = el.extras(extrasMMS)
}

// peers are the participants of the message's thread, which the app writes with ~ between them. Where
// it did not, they follow from the parties: who sent a received message and to whom else it went (a
// single recipient is the owner), or to whom a message was sent.
func (r *reader) peers(m *item.MMS, thread string) []item.Address {
	var peers []item.Address
	for raw := range strings.SplitSeq(thread, "~") {
		if raw != "" {
			peers = append(peers, r.address(raw))
		}
	}
	if len(peers) == 0 {
		var from, to []item.Address
		for _, p := range m.Parties {
			switch p.Role {
			case item.From:
				from = append(from, p.Address)
			case item.To, item.Cc, item.Bcc:
				to = append(to, p.Address)
			}
		}
		switch {
		case m.Box != item.Inbox:
			peers = to
		case len(to) > 1:
			peers = append(from, to...)
		default:
			peers = from
		}
	}
	own := func(a item.Address) bool { return r.e.own[a.Key()] }
	if len(r.e.own) > 0 && slices.ContainsFunc(peers, func(a item.Address) bool { return !own(a) }) {
		peers = slices.DeleteFunc(peers, own)
	}
	return peers
}

func (r *reader) addr(m *item.MMS, at markup.Place) error {
	el := &r.child
	el.reset(at)
	if err := r.attributes(el, nil); err != nil {
		return err
	}
	p := item.Party{Address: r.address(el.text("address")), Charset: el.optional("charset")}
	if role, ok := el.number("type"); ok {
		switch role {
		case 137:
			p.Role = item.From
		case 151:
			p.Role = item.To
		case 130:
			p.Role = item.Cc
		case 129:
			p.Role = item.Bcc
		default:
			el.find("type").used = false
		}
	}
	p.Extras = el.extras(extrasAddr)
	if len(m.Parties) == item.MaxAddresses {
		el.spoil("it has more than %d addresses", item.MaxAddresses)
	} else {
		m.Parties = append(m.Parties, p)
	}
	r.blame(el, "address")
	return nil
}

// blame makes what is wrong with a part or address the message's fault.
func (r *reader) blame(el *element, what string) {
	if el.bad != "" {
		r.el.spoil("in its %s at byte %d: %s", what, el.at.Offset, el.bad)
	}
}

func (r *reader) part(m *item.MMS, at markup.Place) error {
	el := &r.child
	el.reset(at)
	var p item.Part
	var data, text, blank bool // blank: the text is the word for none
	err := r.attributes(el, func(name string, v *markup.Value) (bool, error) {
		switch {
		case name == "data" && !data && !v.Null():
			data = true
			return true, r.data(&p, el, v)
		case name == "text" && !text:
			text, blank = true, v.Null()
			return true, r.text(&p, el, v)
		case name == "text" || name == "data" && data:
			el.spoil("it has the attribute %s twice", name)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	el.text("data") // the word for none
	p.ContentType, p.Seq, p.Charset = el.text("ct"), el.optional("seq"), el.optional("chset")
	p.Name, p.Filename = el.text("name"), el.text("fn")
	p.ContentID, p.Location = el.text("cid"), el.text("cl")
	p.Extras = el.extras(extrasPart)
	if blank && (data || !strings.HasPrefix(p.ContentType, "text/")) {
		p.Text = ""
	}
	if r.spent += len(p.Text); r.spent > item.MaxEncoded {
		el.spoil("it is larger than %d bytes", item.MaxEncoded)
	}
	if len(m.Parts) == item.MaxParts {
		el.spoil("it has more than %d parts", item.MaxParts)
	} else if el.bad == "" {
		m.Parts = append(m.Parts, p)
	}
	r.blame(el, "part")
	return nil
}

// data passes over an attachment, only to learn its size and digest.
func (r *reader) data(p *item.Part, el *element, v *markup.Value) error {
	at := place{base64: true}
	at.offset, at.quote = v.Start()
	if p.Blob != nil {
		el.spoil("it has both data and a long text")
	}
	if w, ok := r.e.known(at.offset); ok {
		quote := at.offset + w.long
		err := v.Skip(io.NewSectionReader(r.e.file, quote, max(0, r.e.size-quote)), w.long, w.high)
		if _, elsewhere := errors.AsType[markup.SyntaxError](err); elsewhere {
			return infile.ErrMoved
		}
		if err != nil {
			return err
		}
		r.blob(p, el, at, w)
		return nil
	}
	begin, mended := r.s.Place(), r.s.Mended()
	r.base64.Reset(v)
	sum := sha256.New()
	size, err := io.Copy(sum, r.base64)
	switch {
	case errors.Is(err, markup.ErrBase64):
		el.spoil("%v", err)
		return v.Drain()
	case err != nil:
		return err
	}
	w := extent{sum: [32]byte(sum.Sum(nil)), size: size}
	if end, now := r.s.Place(), r.s.Mended(); now.Joined == mended.Joined && now.Kept == mended.Kept && now.Replaced == mended.Replaced {
		w.long, w.high = end.Offset-begin.Offset-1, end.Line-begin.Line
	}
	r.blob(p, el, at, w)
	return nil
}

// text takes a part's text; a long one becomes a blob.
func (r *reader) text(p *item.Part, el *element, v *markup.Value) error {
	var at place
	at.offset, at.quote = v.Start()
	n, err := io.ReadFull(v, r.inline)
	if err != nil && !v.Done() {
		return err
	}
	p.Text = string(r.inline[:min(n, item.MaxInlineText)])
	if n > item.MaxInlineText {
		if p.Blob != nil {
			el.spoil("it has both data and a long text")
		}
		sum := sha256.New()
		sum.Write(r.inline)
		rest, err := io.Copy(sum, v)
		if err != nil {
			return err
		}
		p.Text = ""
		r.blob(p, el, at, extent{sum: [32]byte(sum.Sum(nil)), size: int64(n) + rest})
	}
	if v.Bad() != "" {
		el.spoil("text has %s", v.Bad())
	}
	return nil
}

func (r *reader) blob(p *item.Part, el *element, at place, w extent) {
	if el.bad != "" {
		return
	}
	p.Blob = &item.Ref{SHA256: w.sum, Size: w.size}
	r.e.remember(w.sum, at, w)
}
