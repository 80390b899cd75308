package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"zapas/device/internal/index"
)

// Lost are chunks that this phone has found missing or damaged where it looked: a backup does not build on what is in them.
type Lost map[index.ID]bool

const (
	lostFile = "lost.json"
	maxLost  = 1 << 20 // bytes of the file, of as many chunks as a snapshot may have
)

// checkedLost are the chunks as they lie on the disk, with the check sum of their bytes.
type checkedLost struct {
	Lost   json.RawMessage `json:"lost"`
	SHA256 []byte          `json:"sha256"`
}

// Lost reads them. A list that is missing or damaged is empty: the next proof finds again what is in it.
func (d *Dir) Lost() Lost {
	in, err := os.Open(d.Path(lostFile))
	if err != nil {
		return nil
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, maxLost+1))
	if err != nil {
		return nil
	}
	l, err := decodeLost(b)
	if err != nil {
		return nil
	}
	return l
}

func decodeLost(b []byte) (Lost, error) {
	if len(b) > maxLost {
		return nil, fmt.Errorf("it is larger than %d bytes", maxLost)
	}
	var c checkedLost
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, errForm
	}
	if sum := sha256.Sum256(c.Lost); !bytes.Equal(sum[:], c.SHA256) {
		return nil, errors.New("its check sum is wrong")
	}
	var names []string
	if err := json.Unmarshal(c.Lost, &names); err != nil {
		return nil, errForm
	}
	l := Lost{}
	for _, name := range names {
		id, err := index.Parse(name)
		if err != nil {
			return nil, err
		}
		l[id] = true
	}
	if len(l) == 0 || len(l) != len(names) || len(l) > index.MaxChunks {
		return nil, errors.New("it says what cannot be")
	}
	return l, nil
}

// PutLost stores them, unless they are there already; none removes the list. Of more than a snapshot may have, it keeps as many.
func (d *Dir) PutLost(l Lost) error {
	if len(l) == 0 {
		if _, err := os.Lstat(d.Path(lostFile)); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return d.removeAll(lostFile)
	}
	names := []string{}
	for id := range l {
		names = append(names, id.String())
	}
	slices.Sort(names)
	b, err := json.Marshal(names[:min(len(names), index.MaxChunks)])
	if err == nil {
		sum := sha256.Sum256(b)
		b, err = json.Marshal(checkedLost{b, sum[:]})
	}
	if err != nil {
		return fmt.Errorf("encode which chunks are lost: %w", err)
	}
	if there, err := os.ReadFile(d.Path(lostFile)); err == nil && bytes.Equal(there, b) {
		return nil
	}
	return d.put(b, lostFile)
}
