package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// killed is what a first backup costs that goes on after one on the same phone was killed, when nine tenths of its bytes had
// arrived, and how many bytes came twice. whole is how many another phone with the same content has sent.
func (w *world) killed(ctx context.Context, export string, whole int64) (r run, twice int64, err error) {
	if _, err := w.enrol(ctx, "killed"); err != nil {
		return r, 0, err
	}
	before := w.wire.arrived.Load()
	state := filepath.Join(w.dir, "phones", "killed")
	if err := w.kill(ctx, before+whole*9/10, "--state", state, "--json", "backup", "--metered", "--from", export); err != nil {
		return r, 0, err
	}
	if r, err = w.phone(ctx, "killed", "backup", "--metered", "--from", export); err != nil {
		return r, 0, err
	}
	twice = w.wire.arrived.Load() - before
	for _, c := range r.list.Chunks {
		twice -= c.Size
	}
	return r, twice, nil
}

// kill starts a phone, and ends it with SIGKILL when so many bytes have arrived. It returns when the service has noticed.
func (w *world) kill(ctx context.Context, at int64, args ...string) error {
	cmd := exec.CommandContext(ctx, w.programs.Phone, args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("the phone that was to be killed ended by itself: %w", errors.Join(err, ctx.Err()))
		case <-look.C:
		}
		if w.wire.arrived.Load() < at {
			continue
		}
		if err := cmd.Process.Kill(); err != nil {
			return err
		}
		if err := <-ended; err == nil {
			return errors.New("the phone that was to be killed had come to its end")
		}
		for w.wire.open.Load() > 0 && ctx.Err() == nil {
			<-look.C
		}
		return ctx.Err()
	}
}
