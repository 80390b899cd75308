package s3

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

func openStore(cfg Config) (*store, error) {
	s := &store{dir: cfg.Dir, sync: cfg.Sync, now: cfg.Now, log: cfg.Log, create: os.CreateTemp}
	for _, sub := range []string{"tmp", "objects"} {
		if err := os.MkdirAll(filepath.Join(s.dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("the object folder cannot be made: %w", err)
		}
	}
	if err := s.checkTableThere(); err != nil {
		return nil, err
	}
	if err := s.openTable(); err != nil {
		return nil, err
	}
	err := s.checkTable()
	if err == nil {
		err = s.sweep()
	}
	if err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

func (s *store) table() string { return filepath.Join(s.dir, "table.db") }

// checkTableThere refuses objects without their table: a new, empty table would
// make all of them nobody's.
func (s *store) checkTableThere() error {
	info, err := os.Stat(s.table())
	if err == nil && info.Size() > 0 {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.damaged(err)
	}
	shards, err := os.ReadDir(filepath.Join(s.dir, "objects"))
	if err != nil {
		return s.damaged(err)
	}
	if len(shards) > 0 {
		return s.damaged(fmt.Errorf("objects/ holds files, but %s is missing or empty", s.table()))
	}
	return nil
}

// openTable opens the table. On a damaged file bolt may panic, or read past the
// end of its map.
func (s *store) openTable() (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = s.damaged(fmt.Errorf("%s: %v", s.table(), p))
		}
	}()
	s.db, err = bolt.Open(s.table(), 0o600, &bolt.Options{Timeout: time.Second, NoSync: !s.sync})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("%s is in use by another process: stop it first", s.table())
	case err != nil:
		return s.damaged(fmt.Errorf("%s: %w", s.table(), err))
	}
	return nil
}

// checkTable reads the whole table, so that damage is found now and not when an
// object is asked for.
func (s *store) checkTable() error {
	return s.db.View(func(tx *bolt.Tx) error {
		info, err := os.Stat(s.table())
		if err != nil {
			return s.damaged(err)
		}
		if info.Size() < tx.Size() {
			return s.damaged(fmt.Errorf("%s is cut short", s.table()))
		}
		for e := range tx.Check() {
			if err == nil { // the rest is drained, or Check would not end
				err = s.damaged(fmt.Errorf("%s: %w", s.table(), e))
			}
		}
		return err
	})
}

// sweep removes the files that no record names, and tells the log of records
// whose file is not what it was.
func (s *store) sweep() error {
	sizes, err := s.recorded()
	if err != nil {
		return err
	}
	tmp, err := filepath.Glob(filepath.Join(s.dir, "tmp", "put-*"))
	if err != nil {
		return s.damaged(err)
	}
	orphans := tmp
	err = filepath.WalkDir(filepath.Join(s.dir, "objects"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		size, named := sizes[d.Name()]
		if !named {
			orphans = append(orphans, path)
		}
		if named && size == info.Size() {
			delete(sizes, d.Name())
		}
		return nil
	})
	if err != nil {
		return s.damaged(err)
	}
	for _, path := range orphans {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("what an interrupted upload left cannot be removed: %w", err)
		}
	}
	if len(sizes) > 0 {
		s.log.Error("objects cannot be read: their files are missing or cut short", slog.String("dir", s.dir), slog.Int("objects", len(sizes)))
	}
	return nil
}

// recorded answers the size of each file that the table names.
func (s *store) recorded() (map[string]int64, error) {
	sizes := make(map[string]int64)
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
			return b.ForEach(func(_, v []byte) error {
				rec, err := decode(v)
				if err != nil {
					return s.damaged(err)
				}
				if rec != nil {
					sizes[rec.File] = rec.Size
				}
				return nil
			})
		})
	})
	return sizes, err
}
