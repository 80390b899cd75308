// Package intact knows whether a bbolt file still holds what was written to it, and nothing less, and by which errors a
// full disk shows. It does not know what is kept in the file.
//
// bbolt guards its two meta pages by check sums, and nothing else. So all that is written goes through Put, Delete and Empty,
// which keep a sum over everything in the file. Open looks whether the pages are a tree, reads everything and compares.
package intact

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
)

var (
	// ErrDamaged says that the file is not as it was written.
	ErrDamaged = errors.New("it is not as it was written")
	// ErrInUse says that another process has the file open.
	ErrInUse = errors.New("it is in use by another process")
)

// lockWait is how long Open waits for another process to let go of the file.
const lockWait = time.Second

// sums is the bucket of the sum; no S3 bucket and no other of ours is called so.
const sums = "\x00sum"

var theSum = []byte("sum")

// Own reports whether a bucket is not the user's.
func Own(bucket []byte) bool { return string(bucket) == sums }

// Open opens the file, or makes it, and reads all of it. What is damaged and yet makes bbolt panic is damage all the same.
func Open(path string, sync bool) (db *bolt.DB, err error) {
	var file *os.File
	defer func() {
		what := recover()
		if what == nil {
			return
		}
		err = fmt.Errorf("%w: %v", ErrDamaged, what)
		switch {
		case db != nil:
			err = errors.Join(err, db.Close())
		case file != nil: // bbolt's memory map keeps what is closed locked
			err = errors.Join(err, syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
		}
		db = nil
	}()
	db, err = bolt.Open(path, 0o600, &bolt.Options{NoSync: !sync, FreelistType: bolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			file, err = opened(name, flag, mode)
			return file, err
		}})
	switch {
	case errors.Is(err, ErrInUse) || errors.Is(err, ErrDamaged):
		return nil, err
	case err != nil && !ofSystem(err):
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	case err != nil:
		return nil, err
	}
	if err = db.View(check); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// ofSystem reports whether an error comes from the system and not from what is in the file.
func ofSystem(err error) bool {
	_, path := errors.AsType[*fs.PathError](err)
	_, number := errors.AsType[syscall.Errno](err)
	return path || number || Full(err)
}

// check reads everything, by walking and by looking up.
func check(tx *bolt.Tx) error {
	var sum uint64
	err := tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			if len(k) == 0 || v == nil || !bytes.Equal(b.Get(k), v) {
				return fmt.Errorf("%w: its structure is not sound", ErrDamaged)
			}
			if !Own(name) {
				sum ^= sumOf(name, k, v)
			}
			return nil
		})
	})
	if err == nil && sum != kept(tx) {
		err = fmt.Errorf("%w: what it holds has another sum", ErrDamaged)
	}
	return err
}

// kept is the sum in the file; of a new file it is 0.
func kept(tx *bolt.Tx) uint64 {
	if b := tx.Bucket([]byte(sums)); b != nil {
		if v := b.Get(theSum); len(v) == 8 {
			return binary.BigEndian.Uint64(v)
		}
	}
	return 0
}

// sumOf is one entry's part: a change of any one byte changes it.
func sumOf(bucket, key, value []byte) uint64 {
	h := fnv.New64a()
	for _, part := range [][]byte{bucket, key, value} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write(part)
	}
	return h.Sum64()
}

// Put puts an entry into a bucket that is there.
func Put(tx *bolt.Tx, bucket, key, value []byte) error {
	b := tx.Bucket(bucket)
	change := sumOf(bucket, key, value)
	if old := b.Get(key); old != nil {
		change ^= sumOf(bucket, key, old)
	}
	if err := b.Put(key, value); err != nil {
		return err
	}
	return add(tx, change)
}

// Delete removes an entry from a bucket that is there; none is no error.
func Delete(tx *bolt.Tx, bucket, key []byte) error {
	b := tx.Bucket(bucket)
	old := b.Get(key)
	if old == nil {
		return nil
	}
	change := sumOf(bucket, key, old)
	if err := b.Delete(key); err != nil {
		return err
	}
	return add(tx, change)
}

// Empty removes all entries from a bucket that is there.
func Empty(tx *bolt.Tx, bucket []byte) error {
	var change uint64
	err := tx.Bucket(bucket).ForEach(func(k, v []byte) error {
		change ^= sumOf(bucket, k, v)
		return nil
	})
	if err == nil {
		err = tx.DeleteBucket(bucket)
	}
	if err == nil {
		_, err = tx.CreateBucket(bucket)
	}
	if err != nil {
		return err
	}
	return add(tx, change)
}

func add(tx *bolt.Tx, change uint64) error {
	b, err := tx.CreateBucketIfNotExists([]byte(sums))
	if err != nil {
		return err
	}
	return b.Put(theSum, binary.BigEndian.AppendUint64(nil, kept(tx)^change))
}

// Full reports whether a write failed because the disk, or what one may use of it, is full.
func Full(err error) bool {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) {
			return true
		}
	}
	// bbolt tells a failed growth in words alone.
	return err != nil && strings.Contains(err.Error(), "file resize error")
}
