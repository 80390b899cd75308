package export

import (
	"errors"
	"iter"
	"os"

	"zapas/device"
	"zapas/device/android"
	"zapas/device/internal/item"
	"zapas/device/internal/outfile"
	"zapas/device/vcard"
)

// tryer is a file that items of one element would be added to.
type tryer interface {
	Existing() iter.Seq2[item.Item, error]
	Close() error
}

// Trial is the files that a restore would add to, by element.
type Trial struct{ files map[string]tryer }

var _ device.Target = Trial{}

// OpenTrial opens the files that are there, and makes none.
func OpenTrial(places map[string]string, o android.Options) (Trial, error) {
	t := Trial{files: map[string]tryer{}}
	for element, path := range places {
		var f tryer
		var err error
		if _, none := os.Lstat(path); none == nil {
			if _, err := outfile.Named(path); err != nil { // a link that leads nowhere, as the restore would find
				return Trial{}, errors.Join(err, t.Close())
			}
		}
		switch element {
		case "contacts":
			f, err = vcard.Try(path, vcard.Options{Region: o.Region})
		case "calls":
			f, err = android.TryCalls(path, o)
		default:
			f, err = android.Try(path, o)
		}
		if err != nil {
			return Trial{}, errors.Join(err, t.Close())
		}
		t.files[element] = f
	}
	return t, nil
}

// Close closes what is open.
func (t Trial) Close() error {
	var errs []error
	for _, f := range t.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

func (Trial) Takes(k item.Kind) bool { return Target{}.Takes(k) }

func (t Trial) Existing() iter.Seq2[item.Item, error] { return existing(t.files) }

func (t Trial) Refuses(it item.Item) error {
	switch f := t.files[it.Kind().Element()].(type) {
	case *vcard.Trial:
		return nil
	case *android.Trial:
		return refused(f.Refuses(it))
	}
	return noFile(it)
}
