package item

import (
	"errors"
	"testing"
)

func TestContact_Limits(t *testing.T) {
	t.Parallel()
	labelled := func(params int) *Contact {
		return &Contact{Phones: []Phone{{Label: Label{Params: make([]string, params)}, Address: ParseAddress("600123456", "PL")}}}
	}
	for name, c := range map[string]struct{ good, bad *Contact }{
		"Values": {&Contact{Notes: make([]string, MaxValues)}, &Contact{Notes: make([]string, MaxValues+1)}},
		"Types":  {labelled(MaxValues), labelled(MaxValues + 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := Encode(c.good)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Decode(b); err != nil {
				t.Error(err)
			}
			if _, err := Encode(c.bad); !errors.Is(err, ErrTooLarge) {
				t.Errorf("over the limit: %v", err)
			}
		})
	}
}
