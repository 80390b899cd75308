// Command floor knows the least that a backup of an export has to send and to compute: each kind's records as one zstd
// stream and the attachments as they are, sealed by AES-256-GCM. It does not know chunks, indexes, keys, nor any service: it
// is what `make bench` holds the phone against, on the same bytes, in the same run.
package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"zapas/device/android"
	"zapas/device/internal/item"
	"zapas/device/vcard"
)

func main() {
	base := flag.String("base", "", "a folder as it was before: what it holds costs nothing")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "floor [-base FOLDER] FOLDER")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *base, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "floor: "+err.Error())
		os.Exit(1)
	}
}

func run(folder, base string, out io.Writer) error {
	m, err := newMeasure()
	if err != nil {
		return err
	}
	if base != "" {
		if err := each(base, m.know); err != nil {
			return err
		}
	}
	if err := cost(&m.reading, func() error { return each(folder, m.add) }); err != nil {
		return err
	}
	m.reading -= m.compressing + m.sealing
	f, err := m.floor()
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(f)
}

// export is a file of one element.
type export interface {
	Items() iter.Seq2[item.Item, error]
	OpenBlob(b item.Blob) (io.ReadCloser, error)
	Close() error
}

// each goes through the three files of a folder. What cannot be read is no floor.
func each(folder string, f func(item.Item, export) error) error {
	for _, name := range []string{"contacts.vcf", "messages.xml", "calls.xml"} {
		if err := items(filepath.Join(folder, name), f); err != nil {
			return err
		}
	}
	return nil
}

func items(path string, f func(item.Item, export) error) (err error) {
	var e export
	if filepath.Ext(path) == ".vcf" {
		e, err = vcard.Open(path, vcard.Options{})
	} else {
		e, err = android.Open(path, android.Options{})
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	for it, err := range e.Items() {
		if err != nil {
			return err
		}
		if err := f(it, e); err != nil {
			return err
		}
	}
	return nil
}

// sealer is AES-256-GCM, in pieces as large as a chunk's blocks may be.
type sealer struct {
	aead cipher.AEAD
	out  []byte
	last uint64 // the last piece's nonce
}

const piece = 1 << 20

func newSealer() (*sealer, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &sealer{aead: aead, out: make([]byte, 0, piece+64)}, err
}

func (s *sealer) seal(b []byte) {
	var nonce [12]byte
	for len(b) > 0 {
		n := min(piece, len(b))
		s.last++
		for i := range 8 {
			nonce[i] = byte(s.last >> (8 * i))
		}
		s.out = s.aead.Seal(s.out[:0], nonce[:], b[:n], nil)
		b = b[n:]
	}
}

// spent is what this process has computed for so far, in all its threads.
func spent() (time.Duration, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, fmt.Errorf("ask the system for the CPU time spent: %w", err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

// cost adds the CPU time that work takes.
func cost(to *time.Duration, work func() error) error {
	before, err := spent()
	if err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	after, err := spent()
	*to += after - before
	return err
}
