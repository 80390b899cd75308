package stack

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// said is how long an error that was told is not told again: whoever waits for a full disk tries often.
const said = 10 * time.Second

// mending tells errors to the person at the terminal beside logging them: on a full disk the log has no room either.
type mending struct {
	slog.Handler
	out  io.Writer
	now  func() time.Time
	last *moment
}

// moment is when something was told last.
type moment struct {
	mu sync.Mutex
	at time.Time
}

func (m *mending) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError && m.due() {
		text := r.Message
		r.Attrs(func(a slog.Attr) bool {
			if err, ok := a.Value.Any().(error); ok {
				text += ": " + err.Error()
			}
			return true
		})
		fmt.Fprintln(m.out, "zapas: "+text)
	}
	return m.Handler.Handle(ctx, r)
}

func (m *mending) due() bool {
	m.last.mu.Lock()
	defer m.last.mu.Unlock()
	now := m.now()
	if now.Sub(m.last.at) < said {
		return false
	}
	m.last.at = now
	return true
}

// WithAttrs and WithGroup keep the terminal.
func (m *mending) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &mending{m.Handler.WithAttrs(attrs), m.out, m.now, m.last}
}

func (m *mending) WithGroup(name string) slog.Handler {
	return &mending{m.Handler.WithGroup(name), m.out, m.now, m.last}
}
