package mobile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"zapas/device"
	"zapas/device/internal/ledger"
	"zapas/device/internal/remote"
)

// What Code answers, beside the codes of the service's own refusals, such as code_unknown (its problems' "code").
const (
	CodeBusy        = "busy"         // another call is under way
	CodeCancelled   = "cancelled"    // by its Run
	CodeNotEnrolled = "not_enrolled" // show the screen with the code
	CodeNoProfile   = "no_profile"   // the administrator has chosen nothing to back up on this phone
	CodeOffline     = "offline"      // the service or the storage cannot be reached, or broke off: try again later
	CodeAppTooOld   = "app_too_old"  // a newer app has made this backup: after an update, the same call goes on
	CodeMetered     = "metered"      // the network costs by volume, and the profile or the user wants another: the rest waits for that
	CodeStorage     = "storage"      // the storage refused an object
	CodeFolder      = "folder"       // the library's folder cannot be read or written: the phone is full, or it was taken away
	CodeApp         = "app"          // a Source, a Sink or a Signer of the app has failed; the sentence holds its own
	CodeUsage       = "usage"        // an argument is missing or of no use: a mistake in the app
	CodeOther       = "other"        // all else
)

var (
	errBusy       = &coded{CodeBusy, errors.New("this phone is at work with something else; wait until that has ended")}
	errNoLeave    = errors.New("it may not be used")
	errNotOpen    = &coded{CodeUsage, errors.New("a Device is made by open")}
	errNoArgument = &coded{CodeUsage, errors.New("an argument is null that may not be")}
	errNoProfile  = &coded{CodeNoProfile, errors.New("no profile governs this phone: ask the administrator for one")}
)

// coded is an error with a word that an app can switch on.
type coded struct {
	code string
	err  error
}

// Error is the only thing of an error that reaches Kotlin and Swift.
func (c *coded) Error() string { return "[" + c.code + "] " + c.err.Error() }

func (c *coded) Unwrap() error { return c.err }

// inner is an error of the app's own, on its way out through package device.
type inner struct{ err error }

func (i *inner) Error() string { return i.err.Error() }

func (i *inner) Unwrap() error { return i.err }

// app marks an error as the app's.
func app(err error) error {
	if err == nil {
		return nil
	}
	return &inner{err}
}

// told is err as it leaves the package.
func told(err error) error {
	if err == nil {
		return nil
	}
	if c, ok := errors.AsType[*coded](err); ok {
		return c
	}
	return &coded{codeOf(err), err}
}

func codeOf(err error) string {
	switch code := remote.Code(err); {
	case errors.Is(err, context.Canceled):
		return CodeCancelled
	case code != "":
		return code
	case errors.Is(err, device.ErrAppTooOld):
		return CodeAppTooOld
	case errors.Is(err, device.ErrMetered):
		return CodeMetered
	case errors.Is(err, device.ErrNotEnrolled):
		return CodeNotEnrolled
	}
	if _, ok := errors.AsType[*inner](err); ok {
		return CodeApp
	}
	if _, ok := errors.AsType[*remote.Unanswered](err); ok {
		return CodeOffline
	}
	if _, ok := errors.AsType[*remote.Refused](err); ok {
		return CodeStorage
	}
	if ofFolder(err) {
		return CodeFolder
	}
	return CodeOther
}

// ofFolder reports whether the system has refused something that was done to a file.
func ofFolder(err error) bool {
	_, path := errors.AsType[*fs.PathError](err)
	_, link := errors.AsType[*os.LinkError](err)
	return path || link
}

// Code is the stable word of an error's text: what an exception's message or an NSError's localizedDescription begins with.
func Code(text string) string {
	code, _ := split(text)
	return code
}

// Sentence is the rest of an error's text, for people.
func Sentence(text string) string {
	_, sentence := split(text)
	return sentence
}

func split(text string) (code, sentence string) {
	rest, ok := strings.CutPrefix(text, "[")
	word, sentence, closed := strings.Cut(rest, "] ")
	if !ok || !closed || !isWord(word) {
		return CodeOther, text
	}
	return word, sentence
}

// isWord reports whether s can be a code or a reason.
func isWord(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// reason is a reason as ledgers take it: a word of a-z and _, at most 32 characters.
func reason(s string) string {
	if s == "" || len(s) > 32 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "other"
	}
	return s
}

// Outcome is what became of an item that was to be written.
type Outcome struct{ err error }

// Written says that the item is there now, whole.
func Written() *Outcome { return &Outcome{} }

// Refused says that the item cannot be written, and that all others still may. reason is a word of a-z and _, at most 32
// characters, which the service is told; why is a sentence that stays on the phone.
func Refused(reasonWord, why string) *Outcome {
	return &Outcome{&ledger.Unwritable{Reason: reason(reasonWord), Err: errors.New(why)}}
}

// NoPlace says that the platform has no place for such an item, and nothing went wrong. Arguments are as those of Refused.
func NoPlace(reasonWord, why string) *Outcome {
	return &Outcome{&ledger.Unwritable{Reason: reason(reasonWord), Skipped: true, Err: errors.New(why)}}
}
