package android

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"

	"zapas/device/internal/item"
)

// Trial is a Writer that writes nothing: it refuses what the Writer would refuse.
type Trial struct {
	path     string
	name     string  // of the root
	existing *Export // nil for a new file
}

// Try opens a file of messages as Create does, and neither makes nor locks anything.
func Try(path string, o Options) (*Trial, error) { return try(path, rootMessages, o) }

// TryCalls is Try for a file of calls.
func TryCalls(path string, o Options) (*Trial, error) { return try(path, rootCalls, o) }

func try(path, root string, o Options) (*Trial, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	existing, err := surveyed(path, root, o)
	if err != nil {
		return nil, err
	}
	return &Trial{path: path, name: root, existing: existing}, nil
}

// Existing reads what is in the file, as Export.Items does.
func (t *Trial) Existing() iter.Seq2[item.Item, error] { return t.existing.items() }

// Refuses answers the error that Put would have for an item whose attachments are as they should be.
func (t *Trial) Refuses(it item.Item) error {
	if err := encode(bufio.NewWriter(io.Discard), t.name, it, leave); err != nil {
		return fmt.Errorf("android: cannot write this %s to %s: %w", it.Kind(), t.path, err)
	}
	return nil
}

// errLeft is of an attachment that a Trial does not read.
var errLeft = errors.New("it is left where it is")

func leave(item.Blob) (io.ReadCloser, error) { return nil, errLeft }

// Close closes the file.
func (t *Trial) Close() error {
	if t.existing == nil {
		return nil
	}
	return t.existing.Close()
}
