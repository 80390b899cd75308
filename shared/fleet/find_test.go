package fleet_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/fleet"
	"zapas/shared/profile"
)

// crowded is a fleet of some people's devices; the label of each says whose it is and which.
func crowded(t *testing.T) (w *world, p, field profile.Profile) {
	t.Helper()
	w = open(t)
	p = w.nightlyFor(t, nil)
	field = nightly()
	field.ID, field.Name, field.DeviceGroups, field.CreatedAt, field.Since = otherProfile, "Field", []string{"field"}, w.clock.Now(), w.clock.Now()
	if err := w.profiles.Create(t.Context(), field); err != nil {
		t.Fatal(err)
	}
	for i, u := range []fleet.User{{Name: "Anna Nowak", Email: "anna@demo.example"}, {Name: "anna Abc", Email: "x@demo.example"}, {Name: "Żaneta", Email: "anna.z@demo.example"}, {Name: "Piotr", Email: "piotr@demo.example"}} {
		u.ID = caller.UserID(fmt.Sprintf("%026d", i))
		if err := w.People.PutUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			s := fleet.Status{Device: deviceID(10*i + n), Owner: u.ID, Trust: fleet.InUse, Label: fmt.Sprintf("Phone %d%d", i, n), EnrolledAt: w.clock.Now()}
			switch n {
			case 1:
				s.Group, s.Seen.At = "field", w.clock.Now()
			case 2:
				s.Trust = fleet.Retired
			}
			if err := w.statuses.CreateStatus(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if n == 2 {
				if _, err := w.statuses.Note(t.Context(), s.Device, fleet.Change{Trust: new(fleet.Retired)}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return w, p, field
}

// found are the labels of all pages, in order.
func (w *world) found(t *testing.T, find fleet.Find, limit int) (labels string) {
	t.Helper()
	position := ""
	for range 40 {
		page, next, err := w.List(t.Context(), find, position, limit)
		if err != nil || len(page) > limit {
			t.Fatalf("%d are on a page: %v", len(page), err)
		}
		for _, c := range page {
			labels += " " + strings.TrimPrefix(c.Label, "Phone ")
		}
		if next == "" {
			return strings.TrimSpace(labels)
		}
		position = next
	}
	t.Fatal("the list never ends")
	return ""
}

// TestFind: a list has those of which all holds that is asked for, each once, whatever the size of its pages.
func TestFind(t *testing.T) {
	t.Parallel()
	w, p, field := crowded(t)
	for name, c := range map[string]struct {
		find fleet.Find
		want string
	}{
		"All":            {fleet.Find{}, "00 01 10 11 20 21 30 31"},
		"State":          {fleet.Find{State: fleet.NoBackup}, "01 11 21 31"},
		"NoneOfTheState": {fleet.Find{State: fleet.Late}, ""},
		"Profile":        {fleet.Find{Profile: p.ID}, "00 10 20 30"},
		"OtherProfile":   {fleet.Find{Profile: field.ID}, "01 11 21 31"},
		"Group":          {fleet.Find{Group: "field"}, "01 11 21 31"},
		"GroupInFull":    {fleet.Find{Group: "fiel"}, ""},
		"Label":          {fleet.Find{Label: "pHONE 1"}, "10 11"},
		"WholeLabel":     {fleet.Find{Label: "Phone 11"}, "11"},
		"LongerLabel":    {fleet.Find{Label: "Phone 111"}, ""},
		"LabelAndState":  {fleet.Find{Label: "phone 1", State: fleet.Unseen}, "10"},
		"User":           {fleet.Find{User: "ANNA"}, "10 11 00 01 20 21"},
		"UserByName":     {fleet.Find{User: "anna n"}, "00 01"},
		"UserByEmail":    {fleet.Find{User: "piotr@"}, "30 31"},
		"UserBeyondA":    {fleet.Find{User: "ża"}, "20 21"},
		"NoSuchUser":     {fleet.Find{User: "nna"}, ""},
		"UserAndGroup":   {fleet.Find{User: "anna", Group: "field"}, "11 01 21"},
		"UserAndLabel":   {fleet.Find{User: "anna", Label: "Phone 2"}, "20 21"},
	} {
		for limit := 1; limit <= 9; limit++ {
			if got := w.found(t, c.find, limit); got != c.want {
				t.Errorf("%s, in pages of %d: %q, want %q", name, limit, got, c.want)
			}
		}
	}
}

// TestFind_Refused: what cannot be looked for, and where no list has ended.
func TestFind_Refused(t *testing.T) {
	t.Parallel()
	w, _, _ := crowded(t)
	for name, c := range map[string]struct {
		find   fleet.Find
		cursor string
	}{
		"NoState": {fleet.Find{State: "fine"}, ""}, "Retired": {fleet.Find{State: fleet.Over}, ""}, "NoProfile": {fleet.Find{Profile: nowhereElse}, ""}, "NoIDOfAProfile": {fleet.Find{Profile: "x"}, ""},
		"Cursor": {fleet.Find{}, "%"}, "CursorOfFound": {fleet.Find{State: fleet.OK}, "%"}, "CursorOfPeople": {fleet.Find{User: "a"}, "%.."},
		"CursorOfAnotherKind": {fleet.Find{}, "enp6eno"}, "CursorOfNoID": {fleet.Find{}, "enp6CXg"}, "CursorThatIsNoText": {fleet.Find{}, "_wkwMTIzNDU2Nzg5QUJDREVGR0hKS01OUFFSUw"},
		"SpotOfNoPerson": {fleet.Find{User: "a"}, ".x.~"}, "SpotOfNoDevice": {fleet.Find{User: "a"}, "." + string(nowhereElse) + ".x"}, "SpotOfADeviceAlone": {fleet.Find{User: "a"}, ".." + string(nowhereElse)},
		"CursorOfOthers": {fleet.Find{User: "a"}, "YWJj"}, "LongCursor": {fleet.Find{User: "a"}, "a.b.c.d"},
	} {
		_, _, err := w.List(t.Context(), c.find, c.cursor, 10)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid || c.cursor != "" && (len(f.Fields) != 1 || f.Fields[0].Pointer != "cursor" || !strings.Contains(f.Sentence, "leave it out")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, cursor := range []string{"%", "enp6eno", "enp6CXg"} {
		if page, _, err := w.People.Users(t.Context(), cursor, 10); !fault.Is(err, fault.Invalid) {
			t.Errorf("people from %q: %v %v", cursor, page, err)
		}
	}
	// The cursor of one list goes on in another at that place, if it is there.
	_, next, err := w.List(t.Context(), fleet.Find{}, "", 6)
	if err != nil || next == "" {
		t.Fatal(next, err)
	}
	if _, _, err := w.List(t.Context(), fleet.Find{Label: "phone 1"}, next, 10); !fault.Is(err, fault.Invalid) {
		t.Errorf("a place that is not in the list: %v", err)
	}
	for label, want := range map[string]int{"": 2, "phone 3": 2} {
		if page, more, err := w.List(t.Context(), fleet.Find{Label: label}, next, 10); err != nil || more != "" || len(page) != want {
			t.Errorf("%q: %d follow, and %q: %v", label, len(page), more, err)
		}
	}
}

const nowhereElse profile.ID = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"

// TestFind_Bounded: a page of few that are sought among many looks at 499 and says where to go on.
func TestFind_Bounded(t *testing.T) {
	t.Parallel()
	w := open(t)
	w.nightlyFor(t, nil)
	for i := range 501 {
		s := fleet.Status{Device: deviceID(i), Owner: anna.User, Trust: fleet.InUse, Label: fmt.Sprintf("%03d", i), EnrolledAt: w.clock.Now()}
		if i == 499 {
			s.Seen.At = time.UnixMilli(1)
		}
		if err := w.statuses.CreateStatus(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	page, next, err := w.List(t.Context(), fleet.Find{State: fleet.NoBackup}, "", 10)
	if err != nil || len(page) != 0 || next == "" {
		t.Fatalf("%d are found, and %q follows: %v", len(page), next, err)
	}
	page, next, err = w.List(t.Context(), fleet.Find{State: fleet.NoBackup}, next, 10)
	if err != nil || next != "" || !slices.EqualFunc(page, []string{"499"}, func(c fleet.Card, label string) bool { return c.Label == label }) {
		t.Errorf("%d are found, and %q follows: %v", len(page), next, err)
	}
}
