package profile_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"zapas/localstack/standin"
	"zapas/shared/fault"
	"zapas/shared/profile"
)

// TestTwoAtOnce: of what is decided on the same version, exactly one takes effect.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()

	// Whoever has read and has not yet written is overtaken.
	for _, test := range []struct {
		name       string
		slow, fast func(w *world, p profile.Profile) error
		want       fault.Kind // of the slow one; 0: none
		left       []string
	}{
		{"EditByEdit", editing("slow"), editing("fast"), fault.Stale, []string{"fast"}},
		{"EditByDelete", editing("slow"), deleting, fault.NotFound, nil},
		{"DeleteByEdit", deleting, editing("fast"), fault.Stale, []string{"fast"}},
		{"DeleteByDelete", deleting, deleting, 0, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := open(t, true)
			p := w.created(t)
			writes, fast := 0, error(nil)
			w.stack.Strike(func(c standin.Call) standin.Fault {
				if c.Operation != "GetItem" {
					writes++
				}
				if writes == 2 { // the first was the audit record's
					w.stack.Strike(nil)
					fast = test.fast(w, p)
				}
				return standin.None
			})
			slow := test.slow(w, p)
			if writes != 2 || fast != nil {
				t.Fatalf("after %d writes the fast one is answered with %v", writes, fast)
			}
			if test.want != 0 || slow != nil {
				wantKind(t, slow, test.want)
			}
			if got := w.names(t); !slices.Equal(got, test.left) {
				t.Errorf("there are %v", got)
			}
		})
	}

	t.Run("ManyEdits", func(t *testing.T) {
		t.Parallel()
		w := open(t, true)
		p := w.created(t)
		var won, stale atomic.Int64
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				_, err := w.Edit(t.Context(), ada, changed(p, fmt.Sprint("editor ", i)), 1)
				switch {
				case err == nil:
					won.Add(1)
				case fault.Is(err, fault.Stale):
					stale.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 || stale.Load() != 7 {
			t.Errorf("%d won and %d are stale", won.Load(), stale.Load())
		}
	})
}

func editing(name string) func(w *world, p profile.Profile) error {
	return func(w *world, p profile.Profile) error {
		_, err := w.Edit(context.Background(), ada, changed(p, name), p.Version)
		return err
	}
}

func deleting(w *world, p profile.Profile) error {
	return w.Delete(context.Background(), ada, p.ID, p.Version)
}

// TestAuditFirst: what cannot be recorded is not done.
func TestAuditFirst(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(w *world, p profile.Profile) error{
		"Create": func(w *world, _ profile.Profile) error {
			_, err := w.Create(context.Background(), ada, nightly())
			return err
		},
		"Copy": func(w *world, p profile.Profile) error {
			_, err := w.Copy(context.Background(), ada, p.ID, "", "Copy")
			return err
		},
		"Edit":   editing("Edited"),
		"Delete": deleting,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t, true)
			p := w.created(t)
			log := w.Audit.Log.(noting)
			log.Name = "there is no such table"
			w.Audit.Log = log
			wantKind(t, do(w, p), fault.Internal)
			w.wantStored(t, p)
			w.wantRecords(t, "profile.created "+string(p.ID))
		})
	}
}

// TestFaults: whatever befalls one call, before its effect or after, asking again until there is an answer does what was
// asked once.
func TestFaults(t *testing.T) {
	t.Parallel()
	id := profile.ID("01ARZ3NDEKTSV4RRFFQ69G5FAV")
	for name, test := range map[string]struct {
		calls int
		do    func(w *world, p profile.Profile) error
		want  []string // the names that are left
		gone  bool     // an attempt after the effect finds nothing
	}{
		"Create": {2, func(w *world, p profile.Profile) error {
			wish := changed(p, "New")
			wish.ID = id
			got, err := w.Create(context.Background(), ada, wish)
			return same(got, err, id, 1)
		}, []string{"Every night", "New"}, false},
		"Copy": {3, func(w *world, p profile.Profile) error {
			got, err := w.Copy(context.Background(), ada, p.ID, id, "New")
			return same(got, err, id, 1)
		}, []string{"Every night", "New"}, false},
		"Edit": {3, func(w *world, p profile.Profile) error {
			got, err := w.Edit(context.Background(), ada, changed(p, "New"), 1)
			return same(got, err, p.ID, 2)
		}, []string{"New"}, false},
		"Delete": {3, deleting, nil, true},
	} {
		for _, patient := range []bool{false, true} {
			for _, f := range []standin.Fault{standin.Before, standin.After, standin.Throttled} {
				for n := range test.calls {
					t.Run(fmt.Sprintf("%s/%d/%d/%v", name, n, f, patient), func(t *testing.T) {
						t.Parallel()
						w := open(t, patient)
						p := w.created(t)
						calls := 0
						w.stack.Strike(func(standin.Call) standin.Fault {
							if calls++; calls == n+1 {
								return f
							}
							return standin.None
						})
						err := test.do(w, p)
						if fault.Is(err, fault.Unavailable) && !patient {
							if err = test.do(w, p); test.gone && fault.Is(err, fault.NotFound) {
								err = nil
							}
						}
						w.stack.Strike(nil)
						if err != nil || calls < n+1 {
							t.Errorf("after %d calls: %v", calls, err)
						}
						if got := w.names(t); !slices.Equal(got, test.want) {
							t.Errorf("there are %v", got)
						}
					})
				}
			}
		}
	}
}

func same(got profile.Profile, err error, id profile.ID, version int64) error {
	if err == nil && (got.ID != id || got.Version != version || got.Name != "New") {
		return fmt.Errorf("the answer is %v", got)
	}
	return err
}
