package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"zapas/device/internal/index"
)

// Closed is a chunk of the session that is being sealed, which needs nothing more: all that another run must know to use it,
// and no key.
type Closed struct {
	_          struct{} `cbor:",toarray"`
	Spooled    Spooled
	RecordPart int64
	Mark       index.Mark
	Runs       []index.Run
	Records    []byte // Item.Content of each, one after the other
	Parts      []Part
}

// Part is a blob in a chunk, or a piece of one.
type Part struct {
	_              struct{} `cbor:",toarray"`
	Sum            [32]byte
	Size           int64 // of the blob
	Offset, Length int64
}

const closedFile = "closed"

// Begin makes room for the chunks of a session. Those that an earlier run has closed for this same session are kept, and
// answered in their order; nothing else is: a chunk that was cut short is sealed again, under a salt of its own.
func (d *Dir) Begin(session string) ([]Closed, error) {
	b, err := os.ReadFile(d.Path(sessionFolder, closedFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b = nil // whatever is in its place
	}
	first, rest, ok := cutEntry(b)
	if !ok || string(first) != session {
		if err := d.NewSession(); err != nil {
			return nil, err
		}
		return nil, d.note([]byte(session), true)
	}
	var closed []Closed
	var records []byte // of the chunk that comes next
	for more := rest; ; {
		var entry []byte
		if entry, more, ok = cutEntry(more); !ok || len(entry) == 0 {
			break
		}
		if entry[0] == recordsNoted {
			records = append(records, entry[1:]...)
			continue
		}
		var c Closed
		if cbor.Unmarshal(entry, &c) != nil {
			break
		}
		c.Records = slices.Concat(records, c.Records)
		closed, rest, records = append(closed, c), more, records[:0]
	}
	if err := d.may("cut closed"); err != nil {
		return nil, err
	}
	if err := os.Truncate(d.Path(sessionFolder, closedFile), int64(len(b)-len(rest))); err != nil {
		return nil, unwritten("go on with a session", err)
	}
	return closed, d.sweep(len(closed))
}

// Sealed is how many records the closed chunks of an unfinished session hold.
func (d *Dir) Sealed() (records int64) {
	b, err := os.ReadFile(d.Path(sessionFolder, closedFile))
	if err != nil {
		return 0
	}
	_, rest, ok := cutEntry(b)
	noted := 0 // bytes of the chunk that comes next
	for ok {
		var entry []byte
		if entry, rest, ok = cutEntry(rest); !ok || len(entry) == 0 {
			break
		}
		if entry[0] == recordsNoted {
			noted += len(entry) - 1
			continue
		}
		var c Closed
		if cbor.Unmarshal(entry, &c) != nil {
			break
		}
		records += int64((noted + len(c.Records)) / 16)
		noted = 0
	}
	return records
}

// sweep removes the chunks from the n-th on.
func (d *Dir) sweep(n int) error {
	files, err := os.ReadDir(d.Path(sessionFolder))
	if err != nil {
		return fmt.Errorf("look for spooled chunks: %w", err)
	}
	for _, f := range files {
		name, chunk := strings.CutSuffix(f.Name(), ".chunk")
		if i, err := strconv.Atoi(name); !chunk || err == nil && i < n {
			continue
		}
		if err := os.RemoveAll(d.Path(sessionFolder, f.Name())); err != nil {
			return unwritten("remove a chunk that was cut short", err)
		}
	}
	return nil
}

// NoteClosed notes that the next chunk of the session is closed: from here on it is used, whatever happens.
func (d *Dir) NoteClosed(c Closed) error {
	b, err := cbor.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode what a chunk holds: %w", err)
	}
	return d.note(b, true)
}

// recordsNoted begins an entry of records; no Closed begins so in CBOR.
const recordsNoted = 0xff

// NoteRecords notes some of the Records of the next chunk before it is closed, so that they need not be in memory until then.
// They count with the chunk; what its Closed has of them comes behind.
func (d *Dir) NoteRecords(contents []byte) error {
	return d.note(append([]byte{recordsNoted}, contents...), false)
}

// note adds an entry, of which a crash may leave a part, or nothing of one that need not last.
func (d *Dir) note(entry []byte, last bool) error {
	sum := sha256.Sum256(entry)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(entry)))
	b = append(append(b, entry...), sum[:]...)
	died := d.may("note closed")
	if died != nil {
		b = b[:len(b)/2]
	}
	f, err := os.OpenFile(d.Path(sessionFolder, closedFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return unwritten("note that a chunk is closed", err)
	}
	_, err = f.Write(b)
	if last {
		err = errors.Join(err, f.Sync())
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return unwritten("note that a chunk is closed", err)
	}
	return died
}

// cutEntry takes the first entry off, if it is whole.
func cutEntry(b []byte) (entry, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, b, false
	}
	n := int64(binary.BigEndian.Uint32(b))
	if int64(len(b)) < 4+n+sha256.Size {
		return nil, b, false
	}
	entry, rest = b[4:4+n], b[4+n+sha256.Size:]
	sum := sha256.Sum256(entry)
	return entry, rest, bytes.Equal(sum[:], b[4+n:4+n+sha256.Size])
}

// DropChunk removes the n-th chunk, which has arrived.
func (d *Dir) DropChunk(n int) error {
	if err := d.may("drop chunk"); err != nil {
		return err
	}
	if err := os.Remove(d.chunk(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritten("remove a chunk that has arrived", err)
	}
	return nil
}
