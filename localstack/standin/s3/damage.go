package s3

import (
	"errors"
	"os"
)

// Keys lists the objects of a bucket with a prefix.
func (s *Server) Keys(bucket, prefix string) ([]string, error) {
	keys, _, _, err := s.store.list(bucket, prefix, "", 1<<31)
	return keys, err
}

// Damage flips a bit amid an object's bytes, as a disk that goes bad does: what the table knows of the object stays.
func (s *Server) Damage(bucket, key string) error {
	rec, f, err := s.store.open(bucket, key)
	if err != nil {
		return err
	}
	path := f.Name()
	if err := f.Close(); err != nil {
		return err
	}
	if rec.Size == 0 {
		return errors.New("an empty object has no byte to damage")
	}
	out, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var b [1]byte
	if _, err = out.ReadAt(b[:], rec.Size/2); err == nil {
		b[0] ^= 0x10
		_, err = out.WriteAt(b[:], rec.Size/2)
	}
	return errors.Join(err, out.Close())
}
