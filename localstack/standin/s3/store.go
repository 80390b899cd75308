package s3

import (
	"bytes"
	"crypto/md5" // an ETag is an MD5
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"zapas/localstack/standin/intact"
)

// A store keeps each object's bytes in a file of its own under objects/, named at
// random, and everything else in one table: a bolt bucket per S3 bucket, from key
// to record. An object exists when, and only when, the table says so:
//
//   - before the table names a new file, the file is complete (and on the disk, if
//     sync). If we die before, the file is nobody's, and the next open removes it.
//   - after the table has let go of a file it is removed. If we die before, the
//     next open removes it.
type store struct {
	dir  string
	sync bool
	now  func() time.Time
	log  *slog.Logger
	db   *bolt.DB
	// create makes the file that an upload is written to.
	create func(dir, pattern string) (*os.File, error)
	// shards remembers which folders under objects/ exist.
	shards sync.Map
}

// A record is what the table knows of an object.
type record struct {
	File       string
	Size       int64
	MD5        string // hex
	Modified   time.Time
	Header     map[string]string
	Encryption encryption
}

var (
	errNoBucket = errors.New("no such bucket")
	errNoKey    = errors.New("no such key")
	errNotEmpty = errors.New("the bucket is not empty")
	errCutShort = errors.New("the body ended before its length")
)

// A readError came from the client's body, not from the disk.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

func (s *store) path(file string) string {
	return filepath.Join(s.dir, "objects", file[:2], file)
}

// put stores an object unless check, asked in the transaction that would replace
// what is there, refuses. size is the length that the body must have.
func (s *store) put(bucket, key string, rec record, body io.Reader, size int64, check func(exists bool, md5 string) error) (record, error) {
	var err error
	if rec.File, rec.MD5, err = s.write(body, size); err != nil {
		return record{}, err
	}
	rec.Size, rec.Modified = size, s.now().UTC()
	value, err := json.Marshal(rec)
	if err != nil {
		return record{}, errors.Join(err, os.Remove(s.path(rec.File)))
	}
	var old *record
	refused := false
	err = s.db.Update(func(tx *bolt.Tx) (err error) {
		defer func() { refused = err != nil }()
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return errNoBucket
		}
		if old, err = decode(b.Get([]byte(key))); err != nil {
			return s.damaged(err)
		}
		etag := ""
		if old != nil {
			etag = old.MD5
		}
		if err := check(old != nil, etag); err != nil {
			return err
		}
		return intact.Put(tx, []byte(bucket), []byte(key), value)
	})
	switch {
	case refused:
		s.remove(rec.File)
		return record{}, err
	case err != nil:
		// Whether the table holds the record is open, so the file stays; if it
		// does not, the next open removes it.
		return record{}, s.unstored(err)
	case old != nil:
		s.remove(old.File)
	}
	return rec, nil
}

// write puts a body into a file under objects/ that no record names yet.
func (s *store) write(body io.Reader, size int64) (file, sum string, err error) {
	f, err := s.create(filepath.Join(s.dir, "tmp"), "put-*")
	if err != nil {
		return "", "", s.unstored(err)
	}
	h := md5.New()
	n, err := io.Copy(io.MultiWriter(f, h), markReader{body})
	if err == nil && n != size {
		err = readError{errCutShort}
	}
	if err == nil && s.sync {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		file = rand.Text()
		err = s.moveIn(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what stays is removed at the next open
		return "", "", s.unstored(err)
	}
	return file, hex.EncodeToString(h.Sum(nil)), nil
}

func (s *store) moveIn(from, file string) error {
	shard := filepath.Dir(s.path(file))
	if _, known := s.shards.Load(shard); !known {
		if err := os.MkdirAll(shard, 0o700); err != nil {
			return err
		}
		if err := s.syncDir(filepath.Dir(shard)); err != nil {
			return err
		}
		s.shards.Store(shard, true)
	}
	if err := os.Rename(from, s.path(file)); err != nil {
		return err
	}
	return s.syncDir(shard)
}

func (s *store) syncDir(dir string) error {
	if !s.sync {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// remove deletes a file that the table does not name, or tells the log.
func (s *store) remove(file string) {
	if err := os.Remove(s.path(file)); err != nil {
		s.log.Warn("a deleted object's file stays until the next start", slog.Any("error", err))
	}
}

// head answers an object's record.
func (s *store) head(bucket, key string) (rec *record, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return errNoBucket
		}
		if rec, err = decode(b.Get([]byte(key))); err != nil {
			return s.damaged(err)
		}
		if rec == nil {
			return errNoKey
		}
		return nil
	})
	return rec, err
}

// open answers an object's record and its bytes, as they are together at one moment.
func (s *store) open(bucket, key string) (*record, *os.File, error) {
	var last string
	for {
		rec, err := s.head(bucket, key)
		if err != nil {
			return nil, nil, err
		}
		f, err := os.Open(s.path(rec.File))
		if errors.Is(err, os.ErrNotExist) && rec.File != last {
			last = rec.File // replaced since it was looked up: look again
			continue
		}
		if err != nil {
			return nil, nil, s.damaged(err)
		}
		if info, err := f.Stat(); err != nil || info.Size() != rec.Size {
			return nil, nil, errors.Join(s.damaged(fmt.Errorf("%s has another size than it was stored with", f.Name())), err, f.Close())
		}
		return rec, f, nil
	}
}

// delete removes an object; that there is none is no error.
func (s *store) delete(bucket, key string) error {
	var old *record
	err := s.db.Update(func(tx *bolt.Tx) (err error) {
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return errNoBucket
		}
		if old, err = decode(b.Get([]byte(key))); err != nil {
			return s.damaged(err)
		}
		return intact.Delete(tx, []byte(bucket), []byte(key))
	})
	switch {
	case intact.Full(err):
		return s.unstored(err)
	case err == nil && old != nil:
		s.remove(old.File)
	}
	return err
}

// list answers up to limit objects with the prefix, in the order of their keys'
// bytes, from the first key after the given one, and whether there are more.
func (s *store) list(bucket, prefix, after string, limit int64) (keys []string, recs []*record, more bool, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return errNoBucket
		}
		c := b.Cursor()
		k, v := c.Seek([]byte(max(prefix, after)))
		if after != "" && string(k) == after {
			k, v = c.Next()
		}
		for ; k != nil && bytes.HasPrefix(k, []byte(prefix)); k, v = c.Next() {
			if int64(len(keys)) == limit {
				more = true
				return nil
			}
			rec, err := decode(v)
			if err != nil {
				return s.damaged(err)
			}
			keys, recs = append(keys, string(k)), append(recs, rec)
		}
		return nil
	})
	return keys, recs, more, err
}

func (s *store) createBucket(name string) error {
	err := s.db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte(name))
		return err
	})
	if err != nil {
		return fmt.Errorf("create bucket %q: %w", name, s.unstored(err))
	}
	return nil
}

func (s *store) deleteBucket(name string) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(name))
		switch {
		case b == nil: // another call has removed it
			return nil
		case b.Stats().KeyN > 0:
			return errNotEmpty
		}
		return tx.DeleteBucket([]byte(name))
	})
}

func (s *store) hasBucket(name string) (found bool, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		found = tx.Bucket([]byte(name)) != nil
		return nil
	})
	return found, err
}

func (s *store) close() error { return s.db.Close() }

// decode answers nil for no value. bolt's memory is not kept.
func decode(value []byte) (*record, error) {
	if value == nil {
		return nil, nil
	}
	var rec record
	if err := json.Unmarshal(value, &rec); err != nil {
		return nil, err
	}
	if len(rec.File) < 2 || filepath.Base(rec.File) != rec.File {
		return nil, fmt.Errorf("the file name %q is none of ours", rec.File)
	}
	return &rec, nil
}

// unstored says that nothing was acknowledged; what the client did stays as it is.
func (s *store) unstored(err error) error {
	var client readError
	switch {
	case errors.As(err, &client):
		return err
	case intact.Full(err):
		return fmt.Errorf("the disk that holds %s is full and nothing was stored: free space there and repeat the call: %w", s.dir, err)
	}
	return fmt.Errorf("nothing was stored in %s: %w", s.dir, err)
}

// damaged names what cannot be read and what helps.
func (s *store) damaged(err error) error {
	return fmt.Errorf("the objects in %s are damaged: put the folder back from a copy, or remove the whole data folder to begin anew (make reset): %w", s.dir, err)
}

// markReader marks the errors of the client's body as such.
type markReader struct{ r io.Reader }

func (m markReader) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && err != io.EOF {
		err = readError{err}
	}
	return n, err
}
