//go:build !unix

package state

import "os"

// lock leaves it to the embedder to run one at a time.
func lock(*os.File) error { return nil }

func unlock(*os.File) error { return nil }
