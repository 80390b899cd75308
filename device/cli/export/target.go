package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"zapas/device"
	"zapas/device/android"
	"zapas/device/internal/item"
	"zapas/device/internal/ledger"
	"zapas/device/vcard"
)

// adder is a file that items of one element are added to.
type adder interface {
	Existing() iter.Seq2[item.Item, error]
	Commit() error
	Abort() error
}

// Target is the files that a restore adds to, by element.
type Target struct{ files map[string]adder }

var _ device.Sink = Target{}

// Places tells which file is for which of the elements. A folder has one for each; a file is of what it holds, and a new
// one of what its name says: .vcf is of contacts, calls*.xml of calls, any other .xml of messages.
func Places(paths, wanted []string) (map[string]string, error) {
	out := map[string]string{}
	put := func(element, path string) error {
		if other, ok := out[element]; ok {
			return fmt.Errorf("%s and %s are both for %s; name one", other, path, element)
		}
		out[element] = path
		return nil
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case isFolder(path, info, err):
			for _, element := range wanted {
				if err := put(element, filepath.Join(path, names[element])); err != nil {
					return nil, err
				}
			}
			continue
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("look at the target: %w", err)
		}
		element := "messages"
		switch base := strings.ToLower(filepath.Base(path)); {
		case err == nil && info.Size() > 0:
			if element, err = elementOf(path); err != nil {
				return nil, err
			}
		case strings.HasSuffix(base, ".vcf"):
			element = "contacts"
		case strings.HasPrefix(base, "calls"):
			element = "calls"
		}
		if err := put(element, path); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// isFolder tells by what is there, or by its name if nothing is, that a path is no file.
func isFolder(path string, info fs.FileInfo, err error) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return err == nil && info.IsDir() || errors.Is(err, fs.ErrNotExist) && ext != ".vcf" && ext != ".xml"
}

// MakeFolders makes those of the paths that are folders and not there.
func MakeFolders(paths []string) error {
	for _, path := range paths {
		if info, err := os.Stat(path); isFolder(path, info, err) {
			if err := os.MkdirAll(path, 0o700); err != nil {
				return fmt.Errorf("make the folder: %w", err)
			}
		}
	}
	return nil
}

// OpenTarget begins to write the files, or none.
func OpenTarget(places map[string]string, o android.Options) (Target, error) {
	t := Target{files: map[string]adder{}}
	for element, path := range places {
		var w adder
		var err error
		switch element {
		case "contacts":
			w, err = vcard.Create(path, vcard.Options{Region: o.Region})
		case "calls":
			w, err = android.CreateCalls(path, o)
		default:
			w, err = android.Create(path, o)
		}
		if err != nil {
			return Target{}, errors.Join(err, t.Abort())
		}
		t.files[element] = w
	}
	return t, nil
}

// Abort forgets what was not finished.
func (t Target) Abort() error {
	var errs []error
	for _, f := range t.files {
		errs = append(errs, f.Abort())
	}
	return errors.Join(errs...)
}

// Takes: a phone holds all kinds. An element without a file is refused item by item, with its reason.
func (Target) Takes(item.Kind) bool { return true }

func (t Target) Existing() iter.Seq2[item.Item, error] {
	return existing(t.files)
}

// existing goes through what files hold, in the order of the elements.
func existing[F interface {
	Existing() iter.Seq2[item.Item, error]
}](files map[string]F) iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		for _, element := range ledger.Elements() {
			f, ok := files[element]
			if !ok {
				continue
			}
			for it, err := range f.Existing() {
				if bad := Malformed(err); bad != nil {
					err = bad
				}
				if !yield(it, err) {
					return
				}
			}
		}
	}
}

func (t Target) Insert(it item.Item, open func(item.Blob) (io.ReadCloser, error)) error {
	switch f := t.files[it.Kind().Element()].(type) {
	case *vcard.Writer:
		return refused(f.Put(it.(*item.Contact), open))
	case *android.Writer:
		return refused(f.Put(it, open))
	}
	return noFile(it)
}

func noFile(it item.Item) error {
	return &device.Unwritable{Reason: "no_file", Skipped: true, Err: fmt.Errorf("no file was named for %s", it.Kind().Element())}
}

func (t Target) Merge(at int, c *item.Contact, open func(item.Blob) (io.ReadCloser, error)) (bool, error) {
	w, ok := t.files["contacts"].(*vcard.Writer)
	if !ok {
		return false, errors.New("there is no file of contacts to merge into")
	}
	changed, err := w.Merge(at, c, open)
	return changed, refused(err)
}

// refused tells an item that cannot be written from a disk that cannot.
func refused(err error) error {
	if _, disk := errors.AsType[*fs.PathError](err); err == nil || disk {
		return err
	}
	if errors.Is(err, android.ErrVoicemail) {
		return &device.Unwritable{Reason: "unsupported", Skipped: true, Err: err}
	}
	return &device.Unwritable{Reason: "not_writable", Err: err}
}

func (t Target) Finish() error {
	for _, element := range slices.Sorted(maps.Keys(t.files)) {
		if err := t.files[element].Commit(); err != nil {
			return err
		}
	}
	return nil
}
