package item

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// AddressKind is what sort of address it is. The numbers are stored.
type AddressKind byte

// The kinds of addresses.
const (
	Subscriber   AddressKind = 1 // a telephone number of the E.164 plan
	ShortCode    AddressKind = 2 // dialled within one region only
	Alphanumeric AddressKind = 3 // a sender's name of at most 11 characters (3GPP TS 23.040, 9.1.2.5)
	Email        AddressKind = 4
	Hidden       AddressKind = 5 // withheld, unknown, a payphone
	OtherAddress AddressKind = 6 // SIP, service codes, an empty address
)

// What hides an address, as Android's call log numbers it.
const (
	restricted = "2"
	unknown    = "3"
	payphone   = "4"
)

// Address is an address as the phone had it and what it was found to be.
type Address struct {
	Kind   AddressKind `cbor:"1,keyasint"`
	Raw    string      `cbor:"2,keyasint,omitempty"`
	Value  string      `cbor:"3,keyasint,omitempty"` // subscriber: E.164; short code: its digits; hidden: why
	Region string      `cbor:"4,keyasint,omitempty"` // the region by which a national or short number was read
}

// hiddenForms are what Android and its apps store in place of an address they do not have.
func hiddenForms(raw string) (why string, ok bool) {
	switch raw {
	case "-1", "~", "insert-address-token", "\u02bcUNKNOWN_SENDER!\u02bc":
		return unknown, true
	case "-2":
		return restricted, true
	case "-3":
		return payphone, true
	}
	return "", false
}

// ParseAddress finds out what raw is. A national number is read by the first of the regions (ISO
// 3166 alpha-2, in the order of trust) in which it is possible.
func ParseAddress(raw string, regions ...string) Address {
	if why, ok := hiddenForms(raw); ok {
		return Address{Kind: Hidden, Raw: raw, Value: why}
	}
	trimmed := strings.TrimSpace(raw)
	switch {
	case isEmail(trimmed):
		return Address{Kind: Email, Raw: raw}
	case isDialable(trimmed):
		return parseNumber(raw, trimmed, regions)
	case isAlphanumeric(trimmed):
		return Address{Kind: Alphanumeric, Raw: raw}
	}
	return Address{Kind: OtherAddress, Raw: raw}
}

// parseNumber takes possible for enough: new ranges are "invalid" until metadata knows them.
func parseNumber(raw, number string, regions []string) Address {
	regions = lawful(regions)
	number = strings.Map(dropMarks, number)
	digits := phonenumbers.NormalizeDigitsOnly(number)
	international := strings.ContainsAny(number, "+\uff0b")
	if len(digits) >= 7 {
		if international {
			regions = []string{""}
		}
		for _, region := range regions {
			parsed, err := phonenumbers.Parse(number, region)
			if err == nil && phonenumbers.IsPossibleNumberWithReason(parsed) == phonenumbers.IS_POSSIBLE {
				return Address{Kind: Subscriber, Raw: raw, Value: phonenumbers.Format(parsed, phonenumbers.E164), Region: region}
			}
		}
	}
	if international || len(regions) == 0 || len(digits) > 15 || !allDigits(digits) { // digits of a script that is not known there
		return Address{Kind: OtherAddress, Raw: raw}
	}
	return Address{Kind: ShortCode, Raw: raw, Value: digits, Region: regions[0]}
}

// lawful are the regions that can be stored, in capital letters: Android names a card's country in small ones.
func lawful(regions []string) []string {
	if !slices.ContainsFunc(regions, func(r string) bool { return !isRegion(r) }) {
		return regions
	}
	var out []string
	for _, r := range regions {
		if r = strings.ToUpper(r); isRegion(r) {
			out = append(out, r)
		}
	}
	return out
}

func isRegion(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// dropMarks removes the marks of text direction that come along when a number is copied.
func dropMarks(r rune) rune {
	if r == '\u200e' || r == '\u200f' || r >= '\u202a' && r <= '\u202e' {
		return -1
	}
	return r
}

// isEmail is deliberately coarse: it tells an e-mail address from a telephone number.
func isEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && !strings.ContainsAny(s, " \t:") && !strings.Contains(domain, "@")
}

// isDialable says that there are digits, and nothing beside them but what people put between digits.
func isDialable(s string) bool {
	digits := 0
	for i, r := range s {
		switch {
		case unicode.Is(unicode.Nd, r):
			digits++
		case (r == '+' || r == '\uff0b') && strings.TrimLeft(s[:i], " (\u200e\u202a\u202d") == "":
		case strings.ContainsRune(" -.()/\u00a0\u2010\u2011\u2012\u2013\u2014\u200e\u200f\u202a\u202b\u202c\u202d\u202e", r):
		default:
			return false
		}
	}
	return digits > 0
}

func isAlphanumeric(s string) bool {
	if strings.HasPrefix(s, "sip:") || strings.HasPrefix(s, "sips:") {
		return false
	}
	letters, length := 0, 0
	for _, r := range norm.NFC.String(s) {
		length++
		switch {
		case unicode.IsLetter(r):
			letters++
		case !unicode.IsDigit(r) && !strings.ContainsRune(" !\"#$%&'()*+,-./:;<=>?@_\u00a3\u00a5\u00a7\u20ac", r):
			return false
		}
	}
	return letters > 0 && length <= 11
}

// Key is what two addresses share when they are one: the form in which identity sees an address.
func (a Address) Key() string {
	switch a.Kind {
	case Subscriber:
		return a.Value
	case ShortCode:
		return "s:" + a.Region + ":" + a.Value
	case Alphanumeric:
		return "a:" + norm.NFC.String(cases.Fold().String(strings.TrimSpace(a.Raw)))
	case Email:
		return "m:" + strings.ToLower(strings.TrimSpace(a.Raw))
	case Hidden:
		return "h:" + a.Value
	}
	return "o:" + strings.Join(strings.Fields(a.Raw), "")
}

func (a Address) validate() error {
	if err := texts("address", a.Raw); err != nil {
		return err
	}
	if a.Region != "" && !isRegion(a.Region) {
		return fmt.Errorf("address region %q is not two capital letters", a.Region)
	}
	var lawful bool
	switch a.Kind {
	case Subscriber:
		number, plus := strings.CutPrefix(a.Value, "+")
		lawful = plus && allDigits(number)
	case ShortCode:
		lawful = allDigits(a.Value)
	case Hidden:
		lawful = len(a.Value) == 1 && a.Value >= "2" && a.Value <= "5" && a.Region == ""
	case Alphanumeric, Email, OtherAddress:
		lawful = a.Value == "" && a.Region == ""
	default:
		return fmt.Errorf("address kind %d is none of 1 to 6", a.Kind)
	}
	if !lawful {
		return fmt.Errorf("an address of kind %d cannot have this value and region", a.Kind)
	}
	return nil
}

// allDigits allows more than the 15 digits of E.164: some plans have possible numbers of 17 and a
// country code.
func allDigits(s string) bool {
	return len(s) >= 1 && len(s) <= 20 && strings.Trim(s, "0123456789") == ""
}
