// Package alloctest knows how a test counts what a call allocates. It does not know what is allocated for.
package alloctest

import (
	"runtime"
	"testing"
)

// Within runs f and fails where it has allocated more than most bytes, freed ones included. The whole process is counted:
// nothing may run beside it.
func Within(t testing.TB, most uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > most {
		t.Errorf("it took %d bytes of memory, at most %d are allowed", spent, most)
	}
}
