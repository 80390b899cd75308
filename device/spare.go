package device

import "runtime/debug"

const (
	// garbage is how much of it, in percent of what is in use, comes together before it is taken away. A phone gives an app
	// little memory; Go's own number would let a phone of six years take half as much again.
	garbage = 40
	goOwn   = 100 // package runtime, GOGC
)

// SpareMemory makes the whole program take garbage away earlier than Go does by itself, at some CPU, unless it has been told
// another number, as by the environment's GOGC. The 64 MiB that a run may take of a phone's memory hold with it: it is for
// whoever starts the program, or is all of its Go code, as an app's library is.
func SpareMemory() {
	if before := debug.SetGCPercent(garbage); before != goOwn {
		debug.SetGCPercent(before)
	}
}
