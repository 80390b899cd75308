package intact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"syscall"
	"time"
)

// What a page is, what an element of a leaf may be, and how long a page's header, an element and a bucket's own are. bbolt
// writes them in the machine's byte order.
const (
	branch, leaf, freelist  = 1, 2, 16
	aBucket                 = 1
	header, element, bucket = 16, 16, 16
)

// opened opens the file for bbolt: locked, and looked through, since bbolt believes what it reads. A page that is above
// itself, to name one, makes it descend for ever, and keep all of the way.
func opened(name string, flag int, mode os.FileMode) (*os.File, error) {
	file, err := os.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	if err = lock(file); err == nil {
		err = sound(file)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// lock takes the lock that bbolt takes too; to have it twice is to have it.
func lock(file *os.File) error {
	for end := time.Now().Add(lockWait); ; time.Sleep(lockWait / 50) {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return err
		case time.Now().After(end):
			return ErrInUse
		}
	}
}

// pages are those of a file.
type pages struct {
	file io.ReaderAt
	size uint64 // of one
	met  []bool // those that something has named, by their numbers
}

// sound refuses a file whose pages are not a tree and the list of the free ones, each page being one or the other, once.
// An empty file is one that is not made yet.
func sound(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last, size, err := metas(file)
	if err != nil {
		return err
	}
	end := binary.NativeEndian.Uint64(last[56:])
	if end > uint64(info.Size())/size {
		return fmt.Errorf("%w: it has been cut short", ErrDamaged)
	}
	p := &pages{file, size, make([]bool, end)}
	p.met[0], p.met[1] = true, true
	if err := p.tree(binary.NativeEndian.Uint64(last[32:])); err != nil {
		return err
	}
	if err := p.free(binary.NativeEndian.Uint64(last[48:])); err != nil {
		return err
	}
	for id, met := range p.met {
		if !met {
			return fmt.Errorf("%w: nothing names its page %d", ErrDamaged, id)
		}
	}
	return nil
}

// metas are pages 0 and 1, of which the last written counts; it answers that one and the size of pages. One that is not
// whole is refused: bbolt would pass it over for the other, older one, and the last transaction, which was acknowledged, would
// be gone. (A page has the magic at byte 16, its size at 24, the page of the root at 32 and of the free list at 48, how many
// pages there are at 56, the transaction at 64, and at 72 the FNV-1a sum of all this.)
func metas(file io.ReaderAt) (last [80]byte, size uint64, err error) {
	for n := range uint64(2) {
		var page [80]byte
		if _, err := file.ReadAt(page[:], int64(n*size)); err != nil {
			return last, 0, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		h := fnv.New64a()
		h.Write(page[16:72])
		if binary.NativeEndian.Uint64(page[72:]) != h.Sum64() {
			return last, 0, fmt.Errorf("%w: its meta page %d is invalid", ErrDamaged, n)
		}
		size = uint64(binary.NativeEndian.Uint32(page[24:])) // where the next one is
		if n == 0 || binary.NativeEndian.Uint64(page[64:]) > binary.NativeEndian.Uint64(last[64:]) {
			last = page
		}
	}
	if size < 1024 || binary.NativeEndian.Uint64(last[56:]) < 2 { // bbolt's least
		return last, 0, fmt.Errorf("%w: it has no pages", ErrDamaged)
	}
	return last, size, nil
}

// page reads a page that nothing has named before, with those that it goes on in.
func (p *pages) page(id uint64) ([]byte, error) {
	var head [header]byte
	end := uint64(len(p.met))
	if id >= end {
		return nil, fmt.Errorf("%w: it has no page %d", ErrDamaged, id)
	}
	if _, err := p.file.ReadAt(head[:], int64(id*p.size)); err != nil {
		return nil, err
	}
	more := uint64(binary.NativeEndian.Uint32(head[12:]))
	if binary.NativeEndian.Uint64(head[:]) != id || id+more >= end {
		return nil, fmt.Errorf("%w: its page %d is another", ErrDamaged, id)
	}
	for n := id; n <= id+more; n++ {
		if err := p.meet(n); err != nil {
			return nil, err
		}
	}
	whole := make([]byte, (1+more)*p.size)
	_, err := p.file.ReadAt(whole, int64(id*p.size))
	return whole, err
}

func (p *pages) meet(id uint64) error {
	if id >= uint64(len(p.met)) || p.met[id] {
		return fmt.Errorf("%w: its page %d is named twice, or is not there", ErrDamaged, id)
	}
	p.met[id] = true
	return nil
}

// tree goes through the page and all that is below it.
func (p *pages) tree(id uint64) error {
	page, err := p.page(id)
	if err != nil {
		return err
	}
	switch kind, count := binary.NativeEndian.Uint16(page[8:]), binary.NativeEndian.Uint16(page[10:]); {
	case kind == leaf:
		return p.leaf(page)
	case kind == branch && count > 0:
		return elements(page, func(e []byte) (uint64, uint64) {
			return uint64(binary.NativeEndian.Uint32(e)), uint64(binary.NativeEndian.Uint32(e[4:]))
		}, func(e, _ []byte) error { return p.tree(binary.NativeEndian.Uint64(e[8:])) })
	}
	return fmt.Errorf("%w: its page %d is no part of its tree", ErrDamaged, id)
}

// leaf goes through a page of entries, those below its buckets included. A small bucket is a page within its entry.
func (p *pages) leaf(page []byte) error {
	return elements(page, func(e []byte) (uint64, uint64) {
		return uint64(binary.NativeEndian.Uint32(e[4:])), uint64(binary.NativeEndian.Uint32(e[8:])) + uint64(binary.NativeEndian.Uint32(e[12:]))
	}, func(e, entry []byte) error {
		value := entry[binary.NativeEndian.Uint32(e[8:]):]
		switch flags := binary.NativeEndian.Uint32(e); {
		case flags == 0:
			return nil
		case flags != aBucket || len(value) < bucket:
		case binary.NativeEndian.Uint64(value) != 0:
			return p.tree(binary.NativeEndian.Uint64(value))
		case len(value) >= bucket+header && binary.NativeEndian.Uint16(value[bucket+8:]) == leaf:
			return p.leaf(value[bucket:])
		}
		return fmt.Errorf("%w: an entry is neither a value nor a bucket", ErrDamaged)
	})
}

// elements has each element of a page seen, with what belongs to it: length bytes at its place, counted from its own begin.
func elements(page []byte, belongs func(e []byte) (place, length uint64), see func(e, own []byte) error) error {
	for n := range int(binary.NativeEndian.Uint16(page[10:])) {
		at := header + n*element
		if at+element > len(page) {
			return fmt.Errorf("%w: a page has more elements than fit into it", ErrDamaged)
		}
		e := page[at:]
		place, length := belongs(e)
		if place+length > uint64(len(e)) {
			return fmt.Errorf("%w: an element reaches beyond its page", ErrDamaged)
		}
		if err := see(e, e[place:place+length]); err != nil {
			return err
		}
	}
	return nil
}

// free goes through the list of the free pages. A long one says its length at its begin.
func (p *pages) free(id uint64) error {
	page, err := p.page(id)
	if err != nil {
		return err
	}
	count, list := uint64(binary.NativeEndian.Uint16(page[10:])), page[header:]
	if count == 0xffff {
		count, list = binary.NativeEndian.Uint64(list), list[8:]
	}
	if binary.NativeEndian.Uint16(page[8:]) != freelist || count > uint64(len(list)/8) {
		return fmt.Errorf("%w: its list of free pages is none", ErrDamaged)
	}
	for n := range count {
		if err := p.meet(binary.NativeEndian.Uint64(list[8*n:])); err != nil {
			return err
		}
	}
	return nil
}
