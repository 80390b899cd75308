package intact_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"zapas/localstack/standin/intact"
)

// written makes a file with some pages, put and deleted in several transactions, and answers what it holds.
func written(t *testing.T) (file []byte, held map[string]string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.db")
	db, err := intact.Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	held = map[string]string{}
	for round := range 4 {
		err := db.Update(func(tx *bolt.Tx) error {
			for _, name := range []string{"one", "two"} {
				if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
					return err
				}
				for i := range 60 {
					key, value := fmt.Sprintf("key-%d-%d", i, round%2), fmt.Sprintf("%s %d %s", name, round, strings.Repeat("v", i))
					if err := intact.Put(tx, []byte(name), []byte(key), []byte(value)); err != nil {
						return err
					}
					held[name+" "+key] = value
				}
				gone := fmt.Sprintf("key-%d-%d", round, round%2)
				if err := errors.Join(intact.Delete(tx, []byte(name), []byte(gone)), intact.Delete(tx, []byte(name), []byte("none"))); err != nil {
					return err
				}
				delete(held, name+" "+gone)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if file, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return file, held
}

// read opens a file of this content. One that is refused can be replaced and opened at once.
func read(t *testing.T, content []byte) (map[string]string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := intact.Open(path, false)
	if err != nil {
		if empty := os.Truncate(path, 0); empty != nil {
			t.Fatal(empty)
		}
		if db, err := intact.Open(path, false); err != nil {
			t.Errorf("a file that was refused cannot be begun anew: %v", err)
		} else if err := db.Close(); err != nil {
			t.Error(err)
		}
		return nil, err
	}
	defer db.Close()
	held := map[string]string{}
	return held, db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			if intact.Own(name) {
				return nil
			}
			return b.ForEach(func(k, v []byte) error {
				held[string(name)+" "+string(k)] = string(v)
				return nil
			})
		})
	})
}

// TestOpen/Flipped and its like: a file that is not as it was written is refused, or holds all the same what was written:
// never less, and nothing else.
func TestOpen(t *testing.T) {
	t.Parallel()
	whole, held := written(t)
	same := func(t *testing.T, content []byte, mustBeRefused bool) (refused bool) {
		t.Helper()
		got, err := read(t, content)
		switch {
		case err != nil && !errors.Is(err, intact.ErrDamaged):
			t.Errorf("it is refused, and not as damaged: %v", err)
		case err == nil && mustBeRefused:
			t.Error("it opens")
		case err == nil:
			if diff := cmp.Diff(held, got); diff != "" {
				t.Errorf("it opens with something else (-want +got):\n%s", diff)
			}
		}
		return err != nil
	}
	t.Run("Whole", func(t *testing.T) {
		t.Parallel()
		if got, err := read(t, whole); err != nil || !cmp.Equal(held, got) {
			t.Errorf("%v", err)
		}
	})
	t.Run("Flipped", func(t *testing.T) {
		t.Parallel()
		refused := 0
		for n, at := 0, 0; at < len(whole); n, at = n+1, at+701 {
			content := bytes.Clone(whole)
			content[at] ^= []byte{0x01, 0x80, 0xff}[n%3]
			if same(t, content, false) {
				refused++
			}
		}
		if refused == 0 {
			t.Error("nothing was refused")
		}
	})
	t.Run("Metas", func(t *testing.T) {
		t.Parallel()
		for page := range 2 {
			for at := 16; at < 80; at += 5 {
				content := bytes.Clone(whole)
				content[page*os.Getpagesize()+at] ^= 0x04
				same(t, content, true)
			}
		}
	})
	t.Run("Cut", func(t *testing.T) {
		t.Parallel()
		for size := 1; size < len(whole); size += 1 + len(whole)/20 {
			same(t, whole[:size], false)
		}
		same(t, whole[:len(whole)/2], true)
	})
	t.Run("Headers", func(t *testing.T) { // of each page, and its first element
		t.Parallel()
		for page := 2; page < len(whole)/os.Getpagesize(); page++ {
			for at := range 32 {
				content := bytes.Clone(whole)
				content[page*os.Getpagesize()+at] ^= []byte{0x01, 0x10, 0x80, 0xff}[(page+at)%4]
				same(t, content, false)
			}
		}
	})
	t.Run("Pointers", func(t *testing.T) { // each to each page: to one above it among them
		t.Parallel()
		count := len(whole) / os.Getpagesize()
		refused := 0
		for _, at := range pointers(whole) {
			for to := range count {
				content := bytes.Clone(whole)
				binary.NativeEndian.PutUint64(content[at:], uint64(to))
				if same(t, content, false) {
					refused++
				}
			}
		}
		if refused < 4*(count-1) {
			t.Errorf("only %d were refused: those of three buckets and of a branch to each of %d pages but one should be", refused, count)
		}
	})
	t.Run("Zeroes", func(t *testing.T) {
		t.Parallel()
		for from := 0; from < len(whole); from += os.Getpagesize() {
			content := bytes.Clone(whole)
			clear(content[from : from+os.Getpagesize()])
			same(t, content, false)
		}
	})
}

// pointers are the places of all that says on which page something is: of buckets, and in branch pages. Some are on pages that are free by now.
func pointers(file []byte) (places []int) {
	for _, name := range []string{"one", "two", "\x00sum"} {
		for at := range file {
			if bytes.HasPrefix(file[at:], []byte(name)) && at+len(name)+16 <= len(file) && bytes.Equal(file[at+len(name)+8:at+len(name)+16], make([]byte, 8)) {
				places = append(places, at+len(name))
			}
		}
	}
	for from := 0; from < len(file); from += os.Getpagesize() {
		if binary.NativeEndian.Uint16(file[from+8:]) != 1 { // a branch page
			continue
		}
		for n := range int(binary.NativeEndian.Uint16(file[from+10:])) {
			places = append(places, from+16+16*n+8)
		}
	}
	return places
}

func TestFull(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		&os.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC}: true, syscall.EDQUOT: true, syscall.EFBIG: true,
		errors.New("file resize error: truncate f: file too large"): true, syscall.EIO: false, nil: false,
	} {
		if intact.Full(err) != want {
			t.Errorf("%v: not %v", err, want)
		}
	}
}
