package vcard

import (
	"iter"

	"zapas/device/internal/item"
)

// Trial is a Writer that writes nothing. It has nothing to refuse: every contact can be written as a card.
type Trial struct{ existing *File }

// Try opens the file as Create does, and neither makes nor locks anything.
func Try(path string, o Options) (*Trial, error) {
	existing, _, err := surveyed(path, o)
	if err != nil {
		return nil, err
	}
	return &Trial{existing}, nil
}

// Existing reads the contacts that are in the file, as File.Items does.
func (t *Trial) Existing() iter.Seq2[item.Item, error] { return t.existing.items() }

// Close closes the file.
func (t *Trial) Close() error {
	if t.existing == nil {
		return nil
	}
	return t.existing.Close()
}
