package device

import (
	"net/http"
	"slices"
	"testing"
)

// TestBackup_Ordered: what a check-in has ordered, the next session names, be there anything new or not.
func TestBackup_Ordered(t *testing.T) {
	t.Parallel()
	s := newService(t)
	p := enrolled(t, s, 1)
	m := demo()
	checkIn := func(order string) {
		t.Helper()
		s.order, s.named = order, nil
		if _, err := p.CheckIn(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(what string, r Report, unchanged bool, named ...string) {
		t.Helper()
		if r.Unchanged != unchanged || !slices.Equal(s.named, named) {
			t.Errorf("%s: unchanged is %v, and sessions named %q, want %q", what, r.Unchanged, s.named, named)
		}
	}
	expect("without a check-in", p.backUp(t, m), false, "")
	checkIn("FIRST")
	m = day(m)
	expect("something new", p.backUp(t, m), false, "FIRST")
	checkIn("SECOND")
	expect("nothing new", p.backUp(t, m), true, "SECOND")
	checkIn("")
	expect("no order any more", p.backUp(t, m), true, "")

	// A backup that was sealed before anybody ordered one: having brought it to its end, the phone says that there is no more.
	m = day(m)
	s.fault = func(req *http.Request, after bool) error {
		if req.Method == http.MethodPut && !after {
			return errKilled
		}
		return nil
	}
	if _, err := p.Backup(t.Context(), m, profileOf("eu")); err == nil {
		t.Fatal("no error")
	}
	s.fault = nil
	p.restart(t, s)
	checkIn("THIRD")
	r := p.backUp(t, m)
	if !r.Resumed {
		t.Error("it was not resumed")
	}
	expect("resumed", r, false, "THIRD")
}

// TestFingerprint: "abc" of the examples of FIPS 180-4.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	want := "BA78 16BF 8F01 CFEA 4141 40DE 5DAE 2223 B003 61A3 9617 7A9C B410 FF61 F200 15AD"
	if got := fingerprint([]byte("abc")); got != want {
		t.Errorf("it is %s, want %s", got, want)
	}
}
