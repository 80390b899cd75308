package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"zapas/device/cli/export"
	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/shared/api"
)

type compare struct {
	A    string `arg:"" type:"path" help:"One export, or a folder of them."`
	B    string `arg:"" type:"path" help:"The other."`
	Show bool   `help:"Show what differs. It is content: mind who looks on."`
}

// comparison is what two exports have in common. Two equal messages are two.
type comparison struct {
	Equal bool       `json:"equal"`
	Both  api.Counts `json:"both"`
	OnlyA api.Counts `json:"onlyA"`
	OnlyB api.Counts `json:"onlyB"`
	Bad   int        `json:"bad"` // items of either that cannot be read
	shown []string
}

type fingerprint [16]byte

func (c *compare) Run(t *terminal) error {
	held := map[fingerprint]int{} // in A, and not yet found in B
	r := comparison{Both: api.Counts{}, OnlyA: api.Counts{}, OnlyB: api.Counts{}}
	bad, err := each(c.A, func(f fingerprint, _ item.Item) { held[f]++ })
	if err != nil {
		return err
	}
	r.Bad += bad
	bad, err = each(c.B, func(f fingerprint, it item.Item) {
		if held[f] > 0 {
			held[f]--
			r.Both[ledger.Name(it.Kind())]++
			return
		}
		r.OnlyB[ledger.Name(it.Kind())]++
		r.show(c.B, it)
	})
	if err != nil {
		return err
	}
	r.Bad += bad
	if _, err := each(c.A, func(f fingerprint, it item.Item) {
		if held[f] > 0 {
			held[f]--
			r.OnlyA[ledger.Name(it.Kind())]++
			r.show(c.A, it)
		}
	}); err != nil {
		return err
	}
	r.Equal = len(r.OnlyA)+len(r.OnlyB)+r.Bad == 0
	if err := t.say(r, func(p *page) { p.compare(c, r) }); err != nil {
		return err
	}
	if !r.Equal {
		return errDiffer
	}
	return nil
}

// each goes through the items of an export and answers how many cannot be read.
func each(path string, f func(fingerprint, item.Item)) (bad int, err error) {
	e, err := export.Open("", path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	for it, err := range e.All() {
		if export.Malformed(err) != nil {
			bad++
			continue
		}
		if err != nil {
			return bad, err
		}
		record, err := item.Encode(it)
		if err != nil { // it is too large for a backup, too
			bad++
			continue
		}
		sum := sha256.Sum256(record)
		f(fingerprint(sum[:16]), it)
	}
	return bad, nil
}

const mostShown = 20

func (r *comparison) show(path string, it item.Item) {
	if len(r.shown) == mostShown {
		return
	}
	line := path + ": " + it.Kind().String()
	switch m := it.(type) {
	case *item.Contact:
		line += fmt.Sprintf(" %q", m.FullName())
	case *item.Call:
		line += fmt.Sprintf(" %s %s for %d s", time.UnixMilli(m.Date).UTC().Format(time.RFC3339), m.Address.Raw, m.Duration)
	case *item.SMS:
		line += " " + shown(&m.Message) + fmt.Sprintf(" %q", m.Body)
	case *item.MMS:
		line += " " + shown(&m.Message) + fmt.Sprintf(" %d parts", len(m.Parts))
	}
	r.shown = append(r.shown, line)
}

func shown(m *item.Message) string {
	s := time.UnixMilli(m.Date).UTC().Format(time.RFC3339)
	for _, a := range m.Peers {
		s += " " + a.Raw
	}
	return s
}

func (p *page) compare(c *compare, r comparison) {
	if r.Equal {
		p.title("The same, item by item: %s", counted(r.Both))
		return
	}
	p.title("They differ")
	p.row("in both", counted(r.Both))
	p.row("only in "+c.A, counted(r.OnlyA))
	p.row("only in "+c.B, counted(r.OnlyB))
	if r.Bad > 0 {
		p.row("not readable", plural(int64(r.Bad), "item"))
	}
	if c.Show {
		for _, s := range r.shown {
			p.row("differs", s)
		}
	}
}
