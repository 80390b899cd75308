package match

import (
	"slices"
	"testing"

	"zapas/device/internal/item"
)

func TestCalls(t *testing.T) {
	t.Parallel()
	at := int64(1_700_000_000_000)
	call := func(change func(*item.Call)) *item.Call {
		c := &item.Call{Type: item.Incoming, Date: at, Unit: item.Millisecond, Address: item.ParseAddress("600123456", "PL"), Duration: 10}
		change(c)
		return c
	}
	const hour = 60 * 60 * 1000
	for name, c := range map[string]struct {
		other      *item.Call
		same, near bool
	}{
		"Equal":              {call(func(*item.Call) {}), true, true},
		"LostMilliseconds":   {call(func(c *item.Call) { c.Date += 999 }), true, true},
		"AnsweredElsewhere":  {call(func(c *item.Call) { c.Type = item.AnsweredElsewhere }), true, true},
		"TwoSecondsLonger":   {call(func(c *item.Call) { c.Duration = 12 }), true, true},
		"ThreeLonger":        {call(func(c *item.Call) { c.Duration = 13 }), false, true},
		"NextSecond":         {call(func(c *item.Call) { c.Date += 1000 }), false, true},
		"ThreeSecondsLater":  {call(func(c *item.Call) { c.Date += 3000 }), false, false},
		"OtherZone":          {call(func(c *item.Call) { c.Date -= 5*hour + hour/2 }), false, true},
		"OtherZoneAndLonger": {call(func(c *item.Call) { c.Date, c.Duration = c.Date+hour, 20 }), false, false},
		"AnotherDay":         {call(func(c *item.Call) { c.Date += 24 * hour }), false, false},
		"LostCountry":        {call(func(c *item.Call) { c.Address = item.ParseAddress("0600123456") }), false, false},
		"OtherCountry":       {call(func(c *item.Call) { c.Address = item.ParseAddress("+420600123456") }), false, true},
		"Outgoing":           {call(func(c *item.Call) { c.Type = item.Outgoing }), false, false},
		"Hidden":             {call(func(c *item.Call) { c.Address = item.ParseCaller("", item.Restricted) }), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls Calls
			calls.Add(call(func(*item.Call) {}))
			if same := matched([]item.Item{call(func(*item.Call) {})}, []item.Item{c.other})[0]; same != c.same {
				t.Errorf("same: %v", same)
			}
			if near := calls.Near(c.other); near != c.near {
				t.Errorf("near: %v", near)
			}
		})
	}
	t.Run("TwoInOneSecondAreTwo", func(t *testing.T) {
		t.Parallel()
		lasting := func(d int64) item.Item { return call(func(c *item.Call) { c.Duration = d }) }
		held := []item.Item{call(func(*item.Call) {}), lasting(99)}
		items := []item.Item{lasting(98), call(func(*item.Call) {}), call(func(*item.Call) {})}
		if got := matched(held, items); !slices.Equal(got, []bool{true, true, false}) {
			t.Error("two calls are not two")
		}
	})
}
