package profile

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"zapas/shared/fault"
)

// Limits of a profile.
const (
	MaxName         = 128 // characters
	MaxDescription  = 1024
	MaxDeviceGroups = 10_000
	MaxGroupName    = 64
	MaxPriority     = 1000
	maxNamed        = 8 // of the device groups that are not lawful, so many are named
)

// elements in the order in which they are shown and kept.
var elements = []string{"contacts", "messages", "calls"}

// Elements are what a profile may choose, in the order in which they are shown.
func Elements() []string { return slices.Clone(elements) }

// normal fills in what was left out and puts lists into their order.
func (p Profile) normal() Profile {
	p.Name, p.Description = strings.TrimSpace(p.Name), strings.TrimSpace(p.Description)
	if p.Region == "" {
		p.Region = "PL"
	}
	p.Schedule.Cron = strings.Join(strings.Fields(p.Schedule.Cron), " ")
	slices.SortStableFunc(p.Elements, func(a, b string) int { return slices.Index(elements, a) - slices.Index(elements, b) })
	for i, g := range p.DeviceGroups {
		p.DeviceGroups[i] = strings.TrimSpace(g) // as in the names of groups that devices are put into
	}
	slices.Sort(p.DeviceGroups)
	for _, list := range []*[]string{&p.DeviceGroups, &p.Schedule.Days} {
		if len(*list) == 0 {
			*list = nil // as a row reads back
		}
	}
	return p
}

// check names every member that is not lawful.
func (p Profile) check(locations []Location) (f []fault.Field) {
	add := func(pointer, format string, args ...any) {
		f = append(f, fault.Field{Pointer: pointer, Code: "invalid", Detail: fmt.Sprintf(format, args...)})
	}
	if why := text(p.Name, 1, MaxName); why != "" {
		add("/name", "%s", why)
	}
	if why := text(p.Description, 0, MaxDescription); why != "" {
		add("/description", "%s", why)
	}
	if len(p.Elements) == 0 {
		add("/elements", "choose at least one of contacts, messages, calls")
	}
	for i, e := range p.Elements {
		if !slices.Contains(elements, e) {
			add("/elements", "%q is none of contacts, messages, calls", e)
		} else if i > 0 && e == p.Elements[i-1] {
			add("/elements", "%s stands there twice", e)
		}
	}
	if !slices.ContainsFunc(locations, func(l Location) bool { return l.ID == p.Location }) {
		add("/location", "there is no such location; GET /v1/locations lists them")
	}
	before := len(f)
	if len(p.DeviceGroups) > MaxDeviceGroups {
		add("/deviceGroups", "there are %d; at most %d fit", len(p.DeviceGroups), MaxDeviceGroups)
	}
	for i, g := range p.DeviceGroups[:min(len(p.DeviceGroups), MaxDeviceGroups)] {
		if len(f) >= before+maxNamed {
			break
		}
		if why := text(g, 1, MaxGroupName); why != "" {
			add("/deviceGroups", "%s", why)
		} else if i > 0 && g == p.DeviceGroups[i-1] {
			add("/deviceGroups", "%q stands there twice", g)
		}
	}
	if p.Priority < 0 || p.Priority > MaxPriority {
		add("/priority", "it is %d and must be 0 to %d", p.Priority, MaxPriority)
	}
	if len(p.Region) != 2 || strings.Trim(p.Region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		add("/region", "it must be a country in two capital letters, such as PL")
	}
	return slices.Concat(f, p.Schedule.check(), p.checkRules())
}

// text says what is wrong with a text that people read; "" when nothing is.
func text(s string, least, most int) string {
	n := utf8.RuneCountInString(s)
	switch {
	case n < least:
		return "it must not be empty"
	case n > most:
		return fmt.Sprintf("it has %d characters and at most %d fit", n, most)
	case strings.ContainsFunc(s, func(r rune) bool {
		return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError
	}):
		return "it has control characters"
	}
	return ""
}
