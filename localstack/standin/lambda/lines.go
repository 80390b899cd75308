package lambda

import (
	"bytes"
	"io"
	"sync"
)

// maxLine is where a line is cut, in bytes: the most that one log event holds ("CloudWatch Logs quotas").
const maxLine = 256 * 1024

// output is where all functions print.
type output struct {
	mu sync.Mutex
	w  io.Writer
}

// lines passes on what one process prints, line by line, each behind the prefix. It is written to by one goroutine.
// A process never fails because its output cannot be written.
type lines struct {
	out    *output
	prefix string
	rest   []byte // of a line whose end has not come
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		switch {
		case end >= 0 && end <= maxLine:
			l.print(l.rest[:end])
			l.rest = l.rest[end+1:]
		case len(l.rest) > maxLine:
			l.print(l.rest[:maxLine])
			l.rest = l.rest[maxLine:]
		default:
			return len(p), nil
		}
	}
}

// flush prints the last line of a process that ended without ending it.
func (l *lines) flush() {
	if len(l.rest) > 0 {
		l.print(l.rest)
		l.rest = nil
	}
}

func (l *lines) print(line []byte) {
	whole := append(append([]byte(l.prefix), line...), '\n')
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	_, _ = l.out.w.Write(whole) // there is nowhere else to say that it failed
}
