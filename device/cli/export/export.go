// Package export knows how files stand for a phone: which of them is of which element, what in them cannot be read, and how
// what comes back is added to them. It does not know who asks for that, nor how a backup or a restore is made.
package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
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

// names are the files of a folder that stands for a phone, by element.
var names = map[string]string{"contacts": "contacts.vcf", "messages": "messages.xml", "calls": "calls.xml"}

// file is an export that stands for one element of a phone.
type file interface {
	Items() iter.Seq2[item.Item, error]
	OpenBlob(b item.Blob) (io.ReadCloser, error)
	Close() error
}

// Phone is a phone's content: a file for each element that it can show.
type Phone struct {
	elements map[string]string // paths
	files    map[string]file
	access   map[string]string // of the elements of which not all may be seen: limited or denied
}

var _ device.Source = &Phone{}

// Find tells, by what is in them, of which elements the files are; a folder stands for the exports in it.
func Find(paths []string) (*Phone, error) {
	e := &Phone{elements: map[string]string{}, files: map[string]file{}, access: map[string]string{}}
	for _, path := range paths {
		within, err := exportsIn(path)
		if err != nil {
			return nil, err
		}
		for _, p := range within {
			element, err := elementOf(p)
			if err != nil {
				return nil, err
			}
			if other, ok := e.elements[element]; ok {
				return nil, fmt.Errorf("%s and %s are both of %s; a phone has one file of each element", other, p, element)
			}
			e.elements[element] = p
		}
	}
	return e, nil
}

func exportsIn(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open the export: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var out []string
	for _, element := range ledger.Elements() {
		p := filepath.Join(path, names[element])
		if _, err := os.Stat(p); err == nil {
			out = append(out, p)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("open the export: %w", err)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s holds neither %s, %s nor %s", path, names["contacts"], names["messages"], names["calls"])
	}
	return out, nil
}

// elementOf tells what an export is of by its beginning.
func elementOf(path string) (element string, err error) {
	info, err := os.Stat(path) // before it is opened: to open a pipe is to wait for whoever writes to it
	if err != nil {
		return "", fmt.Errorf("open the export: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("open the export: %s is not a regular file; name the file itself", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open the export: %w", err)
	}
	head := make([]byte, 256)
	n, err := io.ReadFull(f, head)
	if err = errors.Join(ignore(err, io.EOF, io.ErrUnexpectedEOF), f.Close()); err != nil {
		return "", fmt.Errorf("read the export %s: %w", path, err)
	}
	head = bytes.ToUpper(bytes.TrimSpace(bytes.TrimPrefix(head[:n], []byte("\xef\xbb\xbf"))))
	if bytes.HasPrefix(head, []byte("BEGIN:VCARD")) || len(head) == 0 && strings.EqualFold(filepath.Ext(path), ".vcf") {
		return "contacts", nil
	}
	e, err := android.Open(path, android.Options{})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if element, err = e.Element(); err == nil {
		return element, nil
	}
	if strings.EqualFold(filepath.Ext(path), ".vcf") {
		return "contacts", cards(path)
	}
	if bad, ok := errors.AsType[*android.BadFile](err); ok && bad.Err == nil {
		return "", fmt.Errorf("%s is neither contacts (a vCard file begins with BEGIN:VCARD) nor messages or calls: %s", path, bad.Reason)
	}
	return "", err
}

// cards checks that there can be any in a file.
func cards(path string) (err error) {
	f, err := vcard.Open(path, vcard.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for _, err := range f.Items() {
		if bad, ok := errors.AsType[*vcard.BadFile](err); ok {
			return bad
		}
		break
	}
	return nil
}

func ignore(err error, harmless ...error) error {
	if slices.Contains(harmless, err) {
		return nil
	}
	return err
}

// Open opens the files. National numbers are read by the region.
func (e *Phone) Open(region string) error {
	for element, path := range e.elements {
		f, err := openFile(element, path, region)
		if err != nil {
			return errors.Join(fmt.Errorf("open the export: %w", err), e.Close())
		}
		e.files[element] = f
	}
	return nil
}

func openFile(element, path, region string) (file, error) {
	if element == "contacts" {
		return vcard.Open(path, vcard.Options{Region: region})
	}
	return android.Open(path, android.Options{Region: region})
}

// Close closes what is open.
func (e *Phone) Close() error {
	var errs []error
	for _, f := range e.files {
		errs = append(errs, f.Close())
	}
	clear(e.files)
	return errors.Join(errs...)
}

// Deny makes the phone one whose user does not permit an element to be seen.
func (e *Phone) Deny(element string) {
	delete(e.elements, element)
	e.access[element] = device.Denied
}

// Limit makes it one that shows only some of an element; false where it has none of it.
func (e *Phone) Limit(element string) bool {
	if e.elements[element] == "" {
		return false
	}
	e.access[element] = device.Limited
	return true
}

// Coverage: of an element without a file nothing is known.
func (e *Phone) Coverage(element string) string {
	if how, ok := e.access[element]; ok {
		return how
	}
	if e.elements[element] != "" {
		return device.Full
	}
	return device.Unavailable
}

// Shown is the coverage of all elements, as check-in is told.
func (e *Phone) Shown() map[string]string {
	out := map[string]string{}
	for _, element := range ledger.Elements() {
		out[element] = e.Coverage(element)
	}
	return out
}

// Items accounts for items that cannot be read, for a file of contacts that is empty, for those behind a place where a file
// breaks off or that it does not hold though it says so (as many as the file itself says that it should hold), and for
// elements that mean nothing to us and may be items all the same.
func (e *Phone) Items() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		for _, element := range ledger.Elements() {
			if f, ok := e.files[element]; ok && !items(f, yield) {
				return
			}
		}
	}
}

// items yields those of one file.
func items(f file, yield func(item.Item, error) bool) bool {
	met, cut := 0, false
	for it, err := range f.Items() {
		_, cut = errors.AsType[*android.BadFile](err)
		if !yield(it, unreadable(f, err, met)) {
			return false
		}
		met++
	}
	var rest []error
	if xml, ok := f.(*android.Export); ok {
		rest = gaps(xml, cut)
	} else if met == 0 { // as a phone's without contacts, and as an export's that has failed
		rest = []error{&device.Blank{Element: "contacts",
			Err: errors.New("the file of contacts is empty, as after an export that failed: none was taken for deleted; export the contacts again")}}
	}
	for _, err := range rest {
		if !yield(nil, err) {
			return false
		}
	}
	return true
}

// All goes through the items of all files, with their errors as they are.
func (e *Phone) All() iter.Seq2[item.Item, error] {
	return func(yield func(item.Item, error) bool) {
		for _, element := range ledger.Elements() {
			if f, ok := e.files[element]; ok {
				for it, err := range f.Items() {
					if !yield(it, err) {
						return
					}
				}
			}
		}
	}
}

// kindOf is the kind by which to account for what is missing in a file.
func kindOf(e *android.Export) item.Kind {
	if element, err := e.Element(); err == nil && element == "calls" {
		return item.KindCall
	}
	return item.KindSMS
}

// gaps are what a reading came to its end without. Of a file that breaks off, unreadable has told already what is missing.
func gaps(e *android.Export, cut bool) (gaps []error) {
	n, kind := e.Notes(), kindOf(e)
	if missing := n.Declared - n.Messages - n.Foreign; missing > 0 && !cut {
		gaps = append(gaps, &device.Unreadable{Kind: kind, Count: int64(missing), Reason: "missing_from_file",
			Err: fmt.Errorf("the file says that it holds %s %s and %s read: export the phone's %[2]s again", grouped(int64(n.Declared)), kind.Element(), were(n.Messages))})
	}
	if n.Unknown > 0 {
		gaps = append(gaps, &device.Unreadable{Kind: kind, Count: int64(n.Unknown), Reason: "unknown_element",
			Err: fmt.Errorf("the element at byte %d (line %d) is none of the format, or not where the format has it", n.Passed.Offset, n.Passed.Line)})
	}
	return gaps
}

func were(n int) string {
	if n == 1 {
		return "1 was"
	}
	return grouped(int64(n)) + " were"
}

// grouped is a number with its digits in threes.
func grouped(n int64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}

// unreadable turns an error of a file, after so many items, into one that the ledger knows. A file of which nothing can
// be read is no phone that has lost everything, but the wrong file.
func unreadable(f file, err error, met int) error {
	if bad := Malformed(err); bad != nil {
		return bad
	}
	if bad, ok := errors.AsType[*vcard.BadFile](err); ok && bad.Err == nil && met > 0 {
		return &device.Unreadable{Kind: item.KindContact, Count: 1, Reason: "file_cut_off", Err: err}
	}
	bad, ok := errors.AsType[*android.BadFile](err)
	if !ok || bad.Err != nil || met == 0 {
		return err
	}
	xml := f.(*android.Export)
	n := xml.Notes()
	lost := max(1, n.Declared-met-n.Foreign)
	return &device.Unreadable{Kind: kindOf(xml), Count: int64(lost), Reason: "file_cut_off", Err: err}
}

// Malformed is an error that costs only its item, as the ledger knows it; nil for any other.
func Malformed(err error) error {
	if bad, ok := errors.AsType[*android.BadItem](err); ok {
		return &device.Unreadable{Kind: bad.Kind, Count: 1, Reason: "malformed", Err: err}
	}
	if _, ok := errors.AsType[*vcard.BadCard](err); ok {
		return &device.Unreadable{Kind: item.KindContact, Count: 1, Reason: "malformed", Err: err}
	}
	return nil
}

// OpenBlob asks the files for it: each knows the blobs of its own items.
func (e *Phone) OpenBlob(b item.Blob) (io.ReadCloser, error) {
	err := errors.New("no export holds the attachment")
	for _, element := range ledger.Elements() {
		if f, ok := e.files[element]; ok {
			var r io.ReadCloser
			if r, err = f.OpenBlob(b); err == nil {
				return r, nil
			}
		}
	}
	return nil, err
}

// Open finds and opens.
func Open(region string, paths ...string) (*Phone, error) {
	e, err := Find(paths)
	if err != nil {
		return nil, err
	}
	return e, e.Open(region)
}
