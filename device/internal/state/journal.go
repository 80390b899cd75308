package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"zapas/device/internal/index"
	"zapas/device/internal/recall"
)

// Journal is a backup that is sealed and not yet known to be committed: all that is needed to bring it to its end, byte for
// byte, and no key. Its chunks and the cache that will follow lie beside it.
type Journal struct {
	Session  string          `json:"session"`
	Location string          `json:"location"`
	Chunks   []Spooled       `json:"chunks"`
	Commit   json.RawMessage `json:"commit"` // the request
	Report   json.RawMessage `json:"report"` // what to tell when it is committed
}

// Spooled is a sealed chunk on this device's disk.
type Spooled struct {
	ID     string `json:"id"`
	SHA256 string `json:"sha256"` // base64url
	Size   int64  `json:"size"`
}

const (
	sessionFolder = "session"
	restoreFolder = "restore"
	proofFolder   = "proof"
	rebuildFolder = "rebuild"
	journalFile   = "journal.json"
	doneFile      = "done"
)

// ClearSession removes whatever an unfinished session has left. The journal goes first: without it the rest is nothing.
func (d *Dir) ClearSession() error {
	if err := d.may("remove " + journalFile); err != nil {
		return err
	}
	if info, err := os.Lstat(d.Path(sessionFolder)); err == nil && info.IsDir() { // damaged, it may be anything
		if err := os.RemoveAll(d.Path(sessionFolder, journalFile)); err != nil {
			return unwritten("remove the journal", err)
		}
	}
	return d.removeAll(sessionFolder)
}

// NewSession makes room for the chunks of a session.
func (d *Dir) NewSession() error {
	if err := d.ClearSession(); err != nil {
		return err
	}
	if err := os.Mkdir(d.Path(sessionFolder), 0o700); err != nil {
		return unwritten("make the spool", err)
	}
	return nil
}

// ChunkFile is a chunk being spooled.
type ChunkFile struct {
	d    *Dir
	file *os.File
}

// CreateChunk begins the n-th chunk of the session.
func (d *Dir) CreateChunk(n int) (*ChunkFile, error) {
	if err := d.may("create chunk"); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(d.chunk(n), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, unwritten("spool a chunk", err)
	}
	return &ChunkFile{d: d, file: f}, nil
}

// Write may be cut short by a crash: nothing counts before the journal does.
func (f *ChunkFile) Write(b []byte) (int, error) {
	if err := f.d.may("write chunk"); err != nil {
		return 0, err
	}
	n, err := f.file.Write(b)
	if err != nil {
		err = unwritten("spool a chunk", err)
	}
	return n, err
}

// Finish makes the chunk last.
func (f *ChunkFile) Finish() error {
	err := f.file.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return unwritten("spool a chunk", err)
	}
	return nil
}

// Close lets go of the file; a chunk that was not finished is nothing.
func (f *ChunkFile) Close() error { return f.file.Close() }

// OpenChunk reads the n-th chunk of the session.
func (d *Dir) OpenChunk(n int) (io.ReadCloser, error) {
	f, err := os.Open(d.chunk(n))
	if err != nil {
		return nil, fmt.Errorf("read a spooled chunk: %w", err)
	}
	return f, nil
}

// CheckChunk holds the n-th chunk of the session against the journal.
func (d *Dir) CheckChunk(n int, want Spooled) error {
	f, err := d.OpenChunk(n)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return fmt.Errorf("read a spooled chunk: %w", err)
	}
	if size != want.Size || base64.RawURLEncoding.EncodeToString(h.Sum(nil)) != want.SHA256 {
		return fmt.Errorf("%s has not the bytes that were sealed", d.chunk(n))
	}
	return nil
}

func (d *Dir) chunk(n int) string { return d.Path(sessionFolder, strconv.Itoa(n)+".chunk") }

// PutJournal makes a sealed session last, with the cache that its commit makes valid. Before it returns, the session is
// nothing; after it, the session is brought to its end whatever happens.
func (d *Dir) PutJournal(j Journal, next *recall.Cache) error {
	if err := d.stream(next.Encode, sessionFolder, cacheFile); err != nil {
		return err
	}
	b, err := j.encode()
	if err != nil {
		return fmt.Errorf("encode the journal: %w", err)
	}
	return d.put(b, sessionFolder, journalFile)
}

// DamagedSession is a sealed session that cannot be brought to its end. Nothing is lost by it: what it would have brought is
// still on the phone.
type DamagedSession struct{ Err error }

func (e *DamagedSession) Error() string {
	return fmt.Sprintf("what an earlier run had ready to upload is damaged on this phone (%v); it is given up, and the next backup begins again", e.Err)
}

func (e *DamagedSession) Unwrap() error { return e.Err }

// checked is a journal as it lies on the disk, with the check sum of its bytes.
type checked struct {
	Journal json.RawMessage `json:"journal"`
	SHA256  []byte          `json:"sha256"`
}

func (j *Journal) encode() ([]byte, error) {
	b, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return json.Marshal(checked{b, sum[:]})
}

func decodeJournal(b []byte) (*Journal, error) {
	var c checked
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, errors.New("its journal is not in the form that this app writes")
	}
	if sum := sha256.Sum256(c.Journal); !bytes.Equal(sum[:], c.SHA256) {
		return nil, errors.New("the check sum of its journal is wrong")
	}
	j := new(Journal)
	if err := json.Unmarshal(c.Journal, j); err != nil || j.Session == "" || len(j.Chunks) == 0 || len(j.Commit) == 0 {
		return nil, errors.New("its journal lacks what belongs there")
	}
	return j, nil
}

// Journal reads the session that waits to be brought to its end; nil when none does, *DamagedSession when it cannot be read.
func (d *Dir) Journal() (*Journal, error) {
	b, err := os.ReadFile(d.Path(sessionFolder, journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &DamagedSession{err}
	}
	j, err := decodeJournal(b)
	if err != nil {
		return nil, &DamagedSession{err}
	}
	return j, nil
}

// Uploaded reads which chunks have arrived. The list may lag behind, which costs a repetition, and is never ahead.
func (d *Dir) Uploaded() (map[string]bool, error) {
	out := map[string]bool{}
	b, err := os.ReadFile(d.Path(sessionFolder, doneFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read which chunks have arrived: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if id, whole := strings.CutSuffix(line, "\n"); whole && id != "" {
			out[id] = true
		}
	}
	return out, nil
}

// NoteUploaded notes that a chunk has arrived, behind what a crash or a full disk may have left of another note.
func (d *Dir) NoteUploaded(id string) error {
	if err := d.may("note uploaded"); err != nil {
		return err
	}
	f, err := os.OpenFile(d.Path(sessionFolder, doneFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return unwritten("note that a chunk has arrived", err)
	}
	_, err = f.WriteString("\n" + id + "\n")
	if err == nil {
		err = f.Sync() // the chunk itself may be dropped next: a phone without power must not forget that it has arrived, and miss it
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return unwritten("note that a chunk has arrived", err)
	}
	return nil
}

// ForgetUploaded lets all chunks be uploaded again.
func (d *Dir) ForgetUploaded() error {
	if err := os.Remove(d.Path(sessionFolder, doneFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritten("forget which chunks have arrived", err)
	}
	return nil
}

// Adopt makes the session's cache the device's, after its commit, and removes the session. Dying on any line of it leaves
// the journal, and repeating the commit leads here again.
func (d *Dir) Adopt() error {
	err := d.rename(d.Path(sessionFolder, cacheFile), d.Path(cacheFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.ClearSession()
}

// RestoreFolder makes the folder in which the chunks of a snapshot are gathered.
func (d *Dir) RestoreFolder(snapshot string) (string, error) {
	if _, err := index.Parse(snapshot); err != nil { // it becomes a path
		return "", fmt.Errorf("restore a snapshot: %w", err)
	}
	path := d.Path(restoreFolder, snapshot)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", unwritten("make the spool", err)
	}
	return path, nil
}

// ClearRestores removes what restores have gathered.
func (d *Dir) ClearRestores() error { return d.removeAll(restoreFolder) }

// ProofFolder makes an empty folder in which the chunks of a snapshot are proven.
func (d *Dir) ProofFolder() (string, error) {
	if err := d.ClearProof(); err != nil {
		return "", err
	}
	path := d.Path(proofFolder)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", unwritten("make the spool", err)
	}
	return path, nil
}

// ClearProof removes what a proof has left there.
func (d *Dir) ClearProof() error { return d.removeAll(proofFolder) }

// RebuildFolder makes an empty folder for the records of a snapshot that are read again.
func (d *Dir) RebuildFolder() (string, error) {
	if err := d.ClearRebuild(); err != nil {
		return "", err
	}
	path := d.Path(rebuildFolder)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", unwritten("make the spool", err)
	}
	return path, nil
}

// ClearRebuild removes what has been read again.
func (d *Dir) ClearRebuild() error { return d.removeAll(rebuildFolder) }
