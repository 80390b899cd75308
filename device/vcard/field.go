package vcard

import (
	"strings"

	"zapas/device/internal/item"
)

// date writes a day as 19960415, or --0415 where the year is not known; Apple writes such a year as one that it then
// says to be none. Whatever else is in a date stays as it is.
func date(s, omit string) string {
	s = strings.TrimSpace(s)
	digits := strings.ReplaceAll(s, "-", "")
	if len(digits) != 8 && len(digits) != 4 || strings.Trim(digits, "0123456789") != "" {
		return s
	}
	switch s {
	case digits[:4] + "-" + digits[4:min(6, len(digits))] + "-" + digits[min(6, len(digits)):], digits:
		if len(digits) != 8 {
			return s
		}
		if omit != "" && digits[:4] == omit {
			return "--" + digits[4:]
		}
		return digits
	case "--" + digits[:2] + "-" + digits[2:]:
		if len(digits) == 4 {
			return "--" + digits
		}
	}
	return s
}

// medium takes a picture, sound or key. Older versions say in TYPE what it is.
func (a *assembly) medium(m *medium) {
	m.Label = a.label(&m.property, "ENCODING", "MEDIATYPE")
	prefix := map[item.MediaKind]string{item.Photo: "image/", item.Logo: "image/", item.Sound: "audio/", item.Key: "application/"}[m.Kind]
	if m.Type == "" {
		m.Type = m.get("MEDIATYPE")
	}
	if m.Type != "" && !strings.Contains(m.Type, "/") {
		m.Type = prefix + m.Type
	}
	var types []string
	for _, t := range m.Types {
		switch {
		case t == "base64":
		case m.Type != "" || isPlace(t):
			types = append(types, t)
		case strings.Contains(t, "/"):
			m.Type = t
		default:
			m.Type = prefix + t
		}
	}
	m.Types = types
	a.c.Media = append(a.c.Media, m.Media)
}

// isPlace knows the types that say nothing of a medium's form.
func isPlace(t string) bool { return t == "home" || t == "work" }

// components reads a structured value. It fails when there are more than there are kinds of.
func components(value string) (out []item.Component, ok bool) {
	for i, part := range split(value, ';') {
		for _, v := range split(part, ',') {
			if v = unescape(v); v == "" {
				continue
			}
			if i >= item.MaxComponent {
				return nil, false
			}
			out = append(out, item.Component{Kind: byte(i + 1), Text: v})
		}
	}
	return out, true
}

// address reads a telephone number. What is dialled behind a pause is no part of it.
func (r *reader) address(raw string) item.Address {
	a, ok := r.addresses[raw]
	if ok {
		return a
	}
	var regions []string
	if r.f.options.Region != "" {
		regions = []string{r.f.options.Region}
	}
	number := raw
	if i := strings.IndexAny(raw, ",;pPwWxX"); i > 0 && strings.ContainsAny(raw[:i], "0123456789") {
		number = raw[:i]
	}
	a = item.ParseAddress(number, regions...)
	a.Raw = raw
	if a.Kind != item.Subscriber && a.Kind != item.ShortCode {
		a = item.ParseAddress(raw, regions...)
	}
	if len(r.addresses) < maxAddresses {
		r.addresses[raw] = a
	}
	return a
}
