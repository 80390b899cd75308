package device

import (
	"os"
	"runtime/debug"
)

// garbage is how much of it, in percent of what is in use, comes together before it is taken away. A phone gives an app
// little memory; Go's own 100 would let a phone of six years take half as much again.
const garbage = 40

// SpareMemory makes the whole program take garbage away earlier than Go does by itself, at some CPU, unless the environment's
// GOGC says otherwise. The 64 MiB that a run may take of a phone's memory hold with it: it is for whoever starts the program, or
// is all of its Go code, as an app's library is.
func SpareMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
}
