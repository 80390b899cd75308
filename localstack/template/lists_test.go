package template

import (
	"testing"

	"zapas/infra/golden"
)

// TestListsAreNeeded: what stands on a list of what is not played is in the golden template.
func TestListsAreNeeded(t *testing.T) {
	t.Parallel()
	r, err := open(golden.Template(), Place{})
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, of := range r.resources {
		there[of.Type] = true
		for name := range of.Properties {
			there[of.Type+"/"+name] = true
		}
	}
	for _, list := range []map[string]string{unplayed, unread} {
		for name, why := range list {
			if !there[name] || why == "" {
				t.Errorf("%s is not in the template, or has no reason: remove it from the list, or say why", name)
			}
		}
	}
}
