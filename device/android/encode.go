package android

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"zapas/device/android/internal/markup"
	"zapas/device/internal/item"
)

// Opener gives the bytes of an attachment; the caller closes them.
type Opener func(item.Blob) (io.ReadCloser, error)

// Write writes a whole file with as many messages as count says, for those who know it beforehand.
func Write(w io.Writer, count int, messages iter.Seq[item.Item], open Opener, o Options) error {
	return write(w, rootMessages, count, messages, open, o)
}

// WriteCalls is Write for a file of calls.
func WriteCalls(w io.Writer, count int, calls iter.Seq[item.Item], o Options) error {
	return write(w, rootCalls, count, calls, nil, o)
}

func write(w io.Writer, root string, count int, items iter.Seq[item.Item], open Opener, o Options) error {
	b := bufio.NewWriter(w)
	b.WriteString(prolog)
	b.WriteString(rootTag(root, count, dated(o)) + "\n")
	for it := range items {
		count--
		if err := encode(b, root, it, open); err != nil {
			return fmt.Errorf("android: cannot write a %s: %w", it.Kind(), err)
		}
	}
	if count != 0 {
		return fmt.Errorf("android: the count of items is off by %d", count)
	}
	b.WriteString(rootEnd(root))
	if err := b.Flush(); err != nil {
		return fmt.Errorf("android: cannot write the items: %w", err)
	}
	return nil
}

const (
	prolog       = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n"
	rootMessages = "smses"
	rootCalls    = "calls"
)

// elementOf names the element of a profile that a root is of.
func elementOf(root string) string {
	if root == rootCalls {
		return "calls"
	}
	return "messages"
}

func rootEnd(root string) string { return "</" + root + ">\n" }

// rootTag has the same length for every count, so that it can be written again in its place.
func rootTag(root string, count int, attrs string) string {
	return fmt.Sprintf("<%s %-27s%s>", root, fmt.Sprintf(`count="%d"`, count), attrs)
}

func dated(o Options) string {
	if o.Now == nil {
		return ""
	}
	return fmt.Sprintf(` backup_date="%d"`, o.Now().UnixMilli())
}

// escaped writes a value so that we and any reader of XML get the same text back. Characters that
// XML forbids are written as references, as the app does; only lenient readers take those.
func escaped(s string) string {
	if s == "null" {
		return "&#110;ull" // the word null would mean no value
	}
	plain := func(r rune) bool { return r >= ' ' && r < 0x7f && !strings.ContainsRune(`"&<>'`, r) }
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '"':
			b.WriteString("&quot;")
		case r < ' ' || r == 0x7f || !markup.Lawful(r):
			b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// tag is a start tag under way. What the extras of a source say comes in place of a field where the
// source had something there that no field can express.
type tag struct {
	w      *bufio.Writer
	extras map[string]string
	fixed  map[string]bool // written, whatever the extras say
}

func begin(w *bufio.Writer, name string, extras map[string]string) *tag {
	w.WriteByte('<')
	w.WriteString(name)
	return &tag{w: w, extras: extras, fixed: map[string]bool{}}
}

func (t *tag) raw(name, value string) {
	t.w.WriteByte(' ')
	t.w.WriteString(name)
	t.w.WriteString(`="`)
	t.w.WriteString(value)
	t.w.WriteByte('"')
}

// always writes an attribute that nothing overrides.
func (t *tag) always(name, value string) {
	t.fixed[name] = true
	t.raw(name, escaped(value))
}

func (t *tag) text(name, value string) {
	if _, ok := t.extras[name]; !ok && value != "" {
		t.always(name, value)
	}
}

func (t *tag) number(name string, n int64) {
	if _, ok := t.extras[name]; !ok {
		t.always(name, strconv.FormatInt(n, 10))
	}
}

func (t *tag) optional(name string, n int64) {
	if n != 0 {
		t.number(name, n)
	}
}

func (t *tag) flag(name string, on bool) {
	n := int64(0)
	if on {
		n = 1
	}
	t.number(name, n)
}

// rest writes the extras. A name that is none in XML would spoil the file.
func (t *tag) rest() error {
	for _, name := range slices.Sorted(maps.Keys(t.extras)) {
		if t.fixed[name] {
			continue
		}
		if !markup.IsName(name) {
			return errors.New("one of its extra attributes has a name that is none in XML")
		}
		t.raw(name, escaped(t.extras[name]))
	}
	return nil
}

// restored is the box in which a message is put on a phone: what was still to be sent must not be
// sent again.
func restored(b item.Box) item.Box {
	if b == item.Outbox || b == item.Queued {
		return item.Failed
	}
	return b
}

func encode(w *bufio.Writer, root string, it item.Item, open Opener) error {
	element := elementOf(root)
	if it.Kind().Element() != element {
		return fmt.Errorf("an export of %s cannot hold a %s", element, it.Kind())
	}
	switch m := it.(type) {
	case *item.SMS:
		return encodeSMS(w, m)
	case *item.MMS:
		return encodeMMS(w, m, open)
	case *item.Call:
		return encodeCall(w, m)
	}
	return fmt.Errorf("an export of %s cannot hold a %s", element, it.Kind())
}

func encodeSMS(w *bufio.Writer, m *item.SMS) error {
	if len(m.Peers) > 1 {
		return fmt.Errorf("the format has one address for an sms, not %d", len(m.Peers))
	}
	t := begin(w, "sms", m.Extras[extrasSMS])
	t.number("protocol", m.Protocol)
	t.always("address", join(m.Peers))
	t.always("date", strconv.FormatInt(m.Date, 10))
	t.always("type", strconv.Itoa(int(restored(m.Box))))
	t.text("subject", m.Subject)
	t.always("body", m.Body)
	t.text("service_center", m.ServiceCenter)
	t.flag("read", m.Read)
	t.number("status", map[item.Delivery]int64{
		item.DeliveryNone: -1, item.DeliveryComplete: 0, item.DeliveryPending: 32, item.DeliveryFailed: 64,
	}[m.Delivery])
	t.flag("locked", m.Locked)
	t.number("date_sent", m.DateSent)
	t.optional("error_code", m.ErrorCode)
	if m.Seen {
		t.flag("seen", true)
	}
	if err := t.rest(); err != nil {
		return err
	}
	w.WriteString(" />\n")
	return nil
}

func join(peers []item.Address) string {
	raw := make([]string, len(peers))
	for i, p := range peers {
		raw[i] = p.Raw
	}
	return strings.Join(raw, "~")
}

func encodeMMS(w *bufio.Writer, m *item.MMS, open Opener) error {
	t := begin(w, "mms", m.Extras[extrasMMS])
	t.always("date", strconv.FormatInt(m.Date, 10))
	t.number("date_sent", m.DateSent/1000)
	t.always("msg_box", strconv.Itoa(int(restored(m.Box))))
	t.always("address", join(m.Peers))
	t.flag("read", m.Read)
	t.flag("seen", m.Seen)
	t.flag("locked", m.Locked)
	t.text("m_id", m.MessageID)
	t.text("tr_id", m.TransactionID)
	t.text("ct_l", m.ContentLocation)
	t.text("sub", m.Subject)
	t.optional("m_type", m.Type)
	t.optional("sub_cs", m.SubjectCharset)
	t.optional("pri", m.Priority)
	t.optional("rr", m.ReadReport)
	t.optional("d_rpt", m.DeliveryReport)
	if err := t.rest(); err != nil {
		return err
	}
	w.WriteString(">\n  <parts>\n")
	for i, b := 0, m.Blobs(); i < len(m.Parts); i++ {
		var blob item.Blob
		if m.Parts[i].Blob != nil {
			blob, b = b[0], b[1:]
		}
		if err := encodePart(w, &m.Parts[i], blob, open); err != nil {
			return err
		}
	}
	w.WriteString("  </parts>\n  <addrs>\n")
	for i := range m.Parties {
		if err := encodeAddr(w, &m.Parties[i]); err != nil {
			return err
		}
	}
	w.WriteString("  </addrs>\n</mms>\n")
	return nil
}

func encodeAddr(w *bufio.Writer, p *item.Party) error {
	w.WriteString("    ")
	t := begin(w, "addr", p.Extras[extrasAddr])
	t.always("address", p.Address.Raw)
	roles := map[item.Role]int64{item.From: 137, item.To: 151, item.Cc: 130, item.Bcc: 129}
	if role, ok := roles[p.Role]; ok {
		t.number("type", role)
	}
	t.optional("charset", p.Charset)
	if err := t.rest(); err != nil {
		return err
	}
	w.WriteString(" />\n")
	return nil
}

func encodePart(w *bufio.Writer, p *item.Part, blob item.Blob, open Opener) error {
	w.WriteString("    ")
	t := begin(w, "part", p.Extras[extrasPart])
	t.number("seq", p.Seq)
	t.text("ct", p.ContentType)
	t.text("name", p.Name)
	t.optional("chset", p.Charset)
	t.text("fn", p.Filename)
	t.text("cid", p.ContentID)
	t.text("cl", p.Location)
	if p.Blob == nil || p.Text != "" {
		t.always("text", p.Text)
	}
	if err := t.rest(); err != nil {
		return err
	}
	if p.Blob != nil {
		if err := encodeBlob(t, p, blob, open); err != nil && !errors.Is(err, errLeft) {
			return err
		}
	}
	w.WriteString(" />\n")
	return nil
}

// maxText bounds a text that is held in memory to be written as a text; a longer one is written as
// data, which reads as the same blob.
const maxText = 1 << 20

func encodeBlob(t *tag, p *item.Part, blob item.Blob, open Opener) error {
	r, err := open(blob)
	if err != nil {
		return fmt.Errorf("its attachment cannot be had: %w", err)
	}
	defer r.Close()
	sum := sha256.New()
	in := io.TeeReader(r, sum)
	var size int64
	if strings.HasPrefix(p.ContentType, "text/") && p.Text == "" && blob.Size > item.MaxInlineText && blob.Size <= maxText {
		text, err := io.ReadAll(io.LimitReader(in, maxText+1))
		if err != nil {
			return fmt.Errorf("its attachment cannot be read: %w", err)
		}
		size = int64(len(text))
		if utf8.Valid(text) {
			t.raw("text", escaped(string(text)))
		} else {
			t.raw("data", base64.StdEncoding.EncodeToString(text))
		}
	} else {
		t.w.WriteString(` data="`)
		e := base64.NewEncoder(base64.StdEncoding, t.w)
		if size, err = io.Copy(e, in); err != nil {
			return fmt.Errorf("its attachment cannot be copied: %w", err)
		}
		e.Close()
		t.w.WriteByte('"')
	}
	if size != blob.Size || !bytes.Equal(sum.Sum(nil), blob.SHA256[:]) {
		return fmt.Errorf("its attachment has not the bytes that were promised (SHA-256 %x)", blob.SHA256)
	}
	return nil
}
