package s3

import (
	"crypto/md5" // an ETag is an MD5
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"zapas/localstack/standin/intact"
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
	if err := s.sweep(); err != nil {
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

// openTable opens the table and reads all of it, so that damage is found now and not when an object is asked for.
func (s *store) openTable() (err error) {
	s.db, err = intact.Open(s.table(), s.sync)
	switch {
	case errors.Is(err, intact.ErrInUse):
		return fmt.Errorf("%s is in use by another process: stop it first", s.table())
	case intact.Full(err):
		return s.unstored(err)
	case err != nil:
		return s.damaged(fmt.Errorf("%s: %w", s.table(), err))
	}
	return nil
}

// sweep removes the files that no record names, and refuses records whose file is not what was stored.
func (s *store) sweep() error {
	stored, err := s.recorded()
	if err != nil {
		return err
	}
	orphans, err := filepath.Glob(filepath.Join(s.dir, "tmp", "put-*"))
	if err != nil {
		return s.damaged(err)
	}
	err = filepath.WalkDir(filepath.Join(s.dir, "objects"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rec, named := stored[d.Name()]
		if !named || s.path(d.Name()) != path {
			orphans = append(orphans, path)
			return nil
		}
		delete(stored, d.Name())
		return rec.verify(path)
	})
	if err != nil {
		return s.damaged(err)
	}
	for file := range stored {
		return s.damaged(fmt.Errorf("%s is missing", s.path(file)))
	}
	for _, path := range orphans {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("what an interrupted upload left cannot be removed: %w", err)
		}
	}
	return nil
}

// verify reads an object's file.
func (r *record) verify(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	h := md5.New()
	n, err := io.Copy(h, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if n != r.Size || hex.EncodeToString(h.Sum(nil)) != r.MD5 {
		return fmt.Errorf("%s is not what was stored", path)
	}
	return nil
}

// recorded answers the record of each file that the table names.
func (s *store) recorded() (map[string]*record, error) {
	stored := make(map[string]*record)
	err := s.db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			if intact.Own(name) {
				return nil
			}
			return b.ForEach(func(_, v []byte) error {
				rec, err := decode(v)
				if err != nil {
					return s.damaged(err)
				}
				if rec != nil {
					stored[rec.File] = rec
				}
				return nil
			})
		})
	})
	return stored, err
}
