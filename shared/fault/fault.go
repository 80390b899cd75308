// Package fault knows the kinds in which a request can fail, and the one sentence about it that its caller may read.
// It does not know HTTP, nor what was asked.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what a caller can do about a failure.
type Kind int

const (
	Internal      Kind = iota // ours to mend; the caller learns nothing more
	Invalid                   // the request is wrong: mend it
	Unsigned                  // who asks is not proven
	Forbidden                 // he is known and may not
	NotFound                  // it does not exist, or he may not know that it does
	Conflict                  // the state does not allow it now: read again
	Gone                      // it is over for good: begin again
	Unversioned               // it has to say which version it means to change
	Stale                     // what it means to change is another version by now: read again, then decide again
	TooLarge                  // over a size or a quota
	Unprocessable             // well formed, and cannot be done
	TooMany                   // slower, please
	Unavailable               // try the same again
	Unsupported               // in a form that is not read here
	Lost                      // what was stored is gone or damaged: go on without it; that is ours to mend
)

// Error is a failure with a sentence for its caller. Everything that is not an Error is Internal.
type Error struct {
	Kind     Kind
	Code     string // a stable word for programs, such as "base_gone"
	Sentence string // for people: what is wrong, where, and what to do
	Fields   []Field
	Time     time.Time        // with code "token_time": the time here
	Counter  int64            // with code "stale": the last counter of this device
	Counts   map[string]int64 // of a backup whose list cannot be had: what it holds
	Err      error            // for the log alone
}

// Field is one wrong member of a request.
type Field struct {
	Pointer string // JSON pointer (RFC 6901) into the body, or a parameter's name
	Code    string
	Detail  string
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Sentence, e.Err)
	}
	return e.Code + ": " + e.Sentence
}

func (e *Error) Unwrap() error { return e.Err }

// New makes a failure of a kind; format and args make its sentence.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Sentence: fmt.Sprintf(format, args...)}
}

// Wrap is New with the cause kept for the log.
func Wrap(err error, kind Kind, code, format string, args ...any) *Error {
	e := New(kind, code, format, args...)
	e.Err = err
	return e
}

// Fields is an Invalid failure that names the members; nil when there are none.
func Fields(fields []Field) error {
	if len(fields) == 0 {
		return nil
	}
	e := New(Invalid, "invalid", "%s: %s", fields[0].Pointer, fields[0].Detail)
	if more := len(fields) - 1; more > 0 {
		e.Sentence += fmt.Sprintf(" (and %d more)", more)
	}
	e.Fields = fields
	return e
}

// Cursor is the Invalid failure of a cursor that no page of its list has given.
func Cursor() error {
	return Fields([]Field{{Pointer: "cursor", Code: "invalid",
		Detail: "it is not one that this list has given; leave it out to begin with the first page"}})
}

// KindOf is the kind of err; Internal for what is not an Error.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
