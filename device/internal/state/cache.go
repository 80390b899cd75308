package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"zapas/device/internal/recall"
)

const (
	cacheFile    = "cache"
	restoredFile = "restored" // a Cache, too
)

// Damaged is a cache that cannot be used. Nothing is lost by it.
type Damaged struct{ Err error }

func (e *Damaged) Error() string {
	return fmt.Sprintf("what this phone remembers of its last backup is damaged (%v); the next backup reads it again", e.Err)
}

func (e *Damaged) Unwrap() error { return e.Err }

// Cache reads what the last snapshot holds; nil when nothing is known of one, *Damaged when it cannot be read. Its items stay in
// their file, and can be had until they are closed, or LetGo.
func (d *Dir) Cache() (*recall.Cache, error) { return d.cache(cacheFile) }

func (d *Dir) cache(file string) (*recall.Cache, error) {
	f, err := os.Open(d.Path(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &Damaged{err}
	}
	info, err := f.Stat()
	var c *recall.Cache
	if err == nil {
		c, err = recall.Decode(f, info.Size(), func() { d.end(f) })
	}
	if err != nil {
		_ = f.Close() // what is wrong with it is known
		return nil, &Damaged{err}
	}
	d.open = append(d.open, f)
	return c, nil
}

// PutCache stores what the last snapshot holds.
func (d *Dir) PutCache(c *recall.Cache) error { return d.stream(c.Encode, cacheFile) }

// DropCache forgets the last snapshot.
func (d *Dir) DropCache() error { return d.removeAll(cacheFile) }

// RestoredCache reads what a snapshot holds that this phone has restored, and on which its next backup may build; nil when
// nothing of that is known, or it cannot be read.
func (d *Dir) RestoredCache() *recall.Cache {
	c, err := d.cache(restoredFile)
	if err != nil {
		return nil // it is read again, from the service
	}
	return c
}

// PutRestoredCache stores it beside the device's own, which stands until the backup that builds on this one is committed.
func (d *Dir) PutRestoredCache(c *recall.Cache) error { return d.stream(c.Encode, restoredFile) }

// DropRestoredCache forgets it.
func (d *Dir) DropRestoredCache() error { return d.removeAll(restoredFile) }
