package profile_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"zapas/shared/fault"
	"zapas/shared/profile"
)

// TestFind: the pages of any query, put together, are what a plain search finds, in the order that was asked for.
func TestFind(t *testing.T) {
	t.Parallel()
	w := open(t, true)
	names := []string{"Żaby", "żaby i ryby", "Alfa", "alfa", "beta", strings.Repeat("ź", profile.MaxName), strings.Repeat("ź", profile.MaxName-1) + "z", "Alfa"}
	var all []profile.Profile
	for i, name := range names {
		p := nightly()
		p.Name = name
		p, err := w.Create(t.Context(), ada, p)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, p); i%2 == 0 {
			w.stack.Clock.Advance(time.Hour) // two of each moment
		}
	}
	w.stack.Clock.Advance(time.Hour)
	p, err := w.Edit(t.Context(), ada, changed(all[2], "Gamma"), 1)
	if err != nil {
		t.Fatal(err)
	}
	all[2] = p
	by := map[string]func(a, b profile.Profile) int{
		"name": func(a, b profile.Profile) int {
			return strings.Compare(strings.ToLower(a.Name)[:min(len(a.Name), 200)], strings.ToLower(b.Name)[:min(len(b.Name), 200)])
		},
		"created": func(a, b profile.Profile) int { return a.CreatedAt.Compare(b.CreatedAt) },
		"updated": func(a, b profile.Profile) int { return a.UpdatedAt.Compare(b.UpdatedAt) },
	}
	for _, sort := range []string{"", "name", "created", "updated", "-name", "-created", "-updated"} {
		for _, part := range []string{"", "ŻABY", "a", "nowhere"} {
			for limit := 1; limit <= len(all)+1; limit += 3 {
				want := slices.DeleteFunc(slices.Clone(all), func(p profile.Profile) bool { return !strings.Contains(strings.ToLower(p.Name), strings.ToLower(part)) })
				order := by[cmp.Or(strings.TrimPrefix(sort, "-"), "created")]
				slices.SortFunc(want, func(a, b profile.Profile) int { return cmp.Or(order(a, b), cmp.Compare(a.ID, b.ID)) })
				if strings.HasPrefix(sort, "-") {
					slices.Reverse(want)
				}
				q := profile.Query{Name: part, Sort: sort, Limit: limit}
				if d := gocmp.Diff(ids(want), ids(w.pages(t, q))); d != "" {
					t.Errorf("%+v finds (+) and not (-):\n%s", q, d)
				}
			}
		}
	}
	for _, q := range []profile.Query{{Sort: "size"}, {Sort: "-"}, {Sort: "--name"}, {Cursor: "!"}, {Cursor: "YQ"}, {Cursor: "YQBi"}} {
		q.Limit = 1
		_, _, err := w.Find(t.Context(), q)
		wantKind(t, err, fault.Invalid)
	}
}

// TestFind_LargePages: profiles with very many device groups come few at a time.
func TestFind_LargePages(t *testing.T) {
	t.Parallel()
	w := open(t, true)
	p := nightly()
	p.DeviceGroups = nil
	for i := range 4000 {
		p.DeviceGroups = append(p.DeviceGroups, fmt.Sprintf("%064d", i))
	}
	for i := range 10 { // each a quarter of a megabyte
		p.Name = fmt.Sprint("P", i)
		if _, err := w.Create(t.Context(), ada, p); err != nil {
			t.Fatal(err)
		}
	}
	page, next, err := w.Find(t.Context(), profile.Query{Limit: 200})
	if err != nil || len(page) != 8 || next == "" {
		t.Errorf("the first page has %d, and goes on at %q, %v", len(page), next, err)
	}
	if all := w.pages(t, profile.Query{Limit: 200}); len(all) != 10 {
		t.Errorf("all pages have %d", len(all))
	}
}

// pages are the profiles of all pages.
func (w *world) pages(t *testing.T, q profile.Query) (all []profile.Profile) {
	t.Helper()
	for range 100 {
		page, next, err := w.Find(t.Context(), q)
		if err != nil || len(page) > q.Limit || len(next) > 512 {
			t.Fatalf("a page of %d goes on at %q, %v", len(page), next, err)
		}
		all = append(all, page...)
		if q.Cursor = next; next == "" {
			return all
		}
	}
	t.Fatal("the pages never end")
	return nil
}

func ids(all []profile.Profile) (out []profile.ID) {
	for _, p := range all {
		out = append(out, p.ID)
	}
	return out
}
