package kms_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"zapas/localstack/deployment"
	"zapas/localstack/standin"
	"zapas/localstack/standin/standintest"
	"zapas/shared/aws/kms"
	"zapas/shared/fault"
)

func open(t *testing.T) (*standintest.Stack, kms.Wrapper) {
	t.Helper()
	s := standintest.New(t)
	d, err := deployment.On(s.AWS)
	if err != nil {
		t.Fatal(err)
	}
	return s, kms.New(s.Config(), deployment.VaultKey(d))
}

func binding() map[string]string {
	return map[string]string{"app": "zapas", "tenant": "demo", "user": "U", "v": "1"}
}

// TestWrapper: what is wrapped opens to the same 32 bytes every time, for the same binding and under the same key alone.
func TestWrapper(t *testing.T) {
	t.Parallel()
	s, w := open(t)
	wrapped, err := w.Generate(t.Context(), binding())
	if err != nil {
		t.Fatal(err)
	}
	key, err := w.Unwrap(t.Context(), binding(), wrapped)
	if err != nil || len(key) != 32 || slices.Max(key) == 0 {
		t.Fatalf("the key has %d bytes: %v", len(key), err)
	}
	if again, err := w.Unwrap(t.Context(), binding(), wrapped); err != nil || !slices.Equal(again, key) {
		t.Errorf("it opens to something else the second time: %v", err)
	}
	another, err := w.Generate(t.Context(), binding())
	if err != nil {
		t.Fatal(err)
	}
	if k, err := w.Unwrap(t.Context(), binding(), another); err != nil || slices.Equal(k, key) {
		t.Errorf("two keys are one: %v", err)
	}

	foreign, err := s.KMS.CreateKey("alias/another")
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name string, w kms.Wrapper, binding map[string]string, wrapped []byte) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if key, err := w.Unwrap(t.Context(), binding, wrapped); !fault.Is(err, fault.Internal) || key != nil || !strings.Contains(err.Error(), "unwrap a vault key") {
				t.Errorf("it opens, or fails otherwise: %v", err)
			}
		})
	}
	for name, v := range binding() {
		b := binding()
		b[name] = v + "X"
		refused("Other/"+name, w, b, wrapped)
		b = maps.Clone(b)
		delete(b, name)
		refused("Without/"+name, w, b, wrapped)
	}
	more := binding()
	more["more"] = "X"
	refused("More", w, more, wrapped)
	refused("OtherKey", kms.New(s.Config(), foreign), binding(), wrapped)
	refused("NoSuchKey", kms.New(s.Config(), foreign+"X"), binding(), wrapped)
	for _, at := range []int{0, len(wrapped) / 2, len(wrapped) - 1} {
		tampered := slices.Clone(wrapped)
		tampered[at] ^= 1
		refused("Tampered", w, binding(), tampered)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]standin.Fault{"Before": standin.Before, "After": standin.After, "Throttled": standin.Throttled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, w := open(t)
			wrapped, err := w.Generate(t.Context(), binding())
			if err != nil {
				t.Fatal(err)
			}
			s.Strike(func(standin.Call) standin.Fault { return f })
			if _, err := w.Generate(t.Context(), binding()); !fault.Is(err, fault.Unavailable) {
				t.Errorf("making a key fails otherwise: %v", err)
			}
			if _, err := w.Unwrap(t.Context(), binding(), wrapped); !fault.Is(err, fault.Unavailable) {
				t.Errorf("opening it fails otherwise: %v", err)
			}
		})
	}
}
