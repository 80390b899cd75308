package s3

import (
	"net/http"
	"slices"
	"testing"
)

func TestDamage(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, t.TempDir())
	if err := s.CreateBucket(testBucket); err != nil {
		t.Fatal(err)
	}
	want(t, s, http.MethodPut, "a/one", "0123456789", 200, "")
	want(t, s, http.MethodPut, "a/two", "0123456789", 200, "")
	want(t, s, http.MethodPut, "empty", "", 200, "")
	if err := s.Damage(testBucket, "a/one"); err != nil {
		t.Fatal(err)
	}
	want(t, s, http.MethodGet, "a/one", "", 200, "01234%6789")
	want(t, s, http.MethodGet, "a/two", "", 200, "0123456789")
	for _, key := range []string{"empty", "none"} {
		if s.Damage(testBucket, key) == nil {
			t.Errorf("%q is damaged", key)
		}
	}
	if keys, err := s.Keys(testBucket, "a/"); err != nil || !slices.Equal(keys, []string{"a/one", "a/two"}) {
		t.Errorf("the keys are %v: %v", keys, err)
	}
}
