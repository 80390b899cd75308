// Package tour knows what `make run` shows in a data folder: the main job the first time, another day of the same phones
// each time after, which rules were shown, and what to try by hand. It does not know how the stack runs, nor what the
// stories say.
package tour

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"zapas/localstack/story"
)

const (
	mainJob    = "functions/testdata/story/main_job.txt"
	anotherDay = "functions/testdata/story/day/another_day.txt"
	// firstDays is the sample phone's day at the end of the main job.
	firstDays = 2
)

// progress says how far the tour has come in a data folder.
type progress struct {
	API string `json:"api"` // at which address: phones keep it, and it is part of who somebody is
	Day int    `json:"day"` // the last day that was played; 0: the main job has begun
}

// Tour is the tour of one data folder.
type Tour struct {
	dir  string
	done progress
}

// file is where progress is kept.
func (t *Tour) file() string { return filepath.Join(t.dir, "progress.json") }

// In looks how far the tour has come in a data folder, before a stack opens it. What a main job left behind that never
// came to its end is removed, and out is told.
func In(dir string, out io.Writer) (*Tour, error) {
	t := &Tour{dir: dir}
	b, err := os.ReadFile(t.file())
	if errors.Is(err, fs.ErrNotExist) {
		return t, t.begin()
	}
	if err == nil {
		err = json.Unmarshal(b, &t.done)
	}
	if err == nil && (t.done.Day < 0 || t.done.Day > 0 && t.done.API == "") {
		err = errors.New("it names no day or no address")
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: put a copy back, or make reset to begin anew: %w", t.file(), err)
	}
	if t.done.Day > 0 {
		return t, nil
	}
	fmt.Fprintf(out, "The first story was interrupted in %s: what it had stored is removed, and it is played anew.\n", dir)
	for _, part := range []string{"aws", "oidc", "phones", "exports", "work"} {
		if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
			return nil, fmt.Errorf("what the interrupted story left cannot be removed: make reset: %w", err)
		}
	}
	return t, nil
}

// begin marks a new folder. One that holds data, and nothing of how far the tour has come, is not new.
func (t *Tour) begin() error {
	if _, err := os.Stat(filepath.Join(t.dir, "aws")); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s is missing, and the rest of the data is there: put a copy back, or make reset to begin anew", t.file()), err)
	}
	return t.save()
}

// save replaces the file at once, so that a crash leaves the one or the other.
func (t *Tour) save() error {
	b, err := json.Marshal(t.done)
	if err == nil {
		err = os.WriteFile(t.file()+".new", append(b, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(t.file()+".new", t.file())
	}
	if err != nil {
		return fmt.Errorf("how far the story has come cannot be kept in %s: free space there, or make it writable: %w", t.dir, err)
	}
	return nil
}

// Play plays what comes next. root is the project's folder.
func (t *Tour) Play(teller story.Teller, root string) error {
	teller.Data = t.dir
	if t.done.Day == 0 {
		return t.first(teller, root)
	}
	if t.done.API != teller.Stack.URL {
		fmt.Fprintf(teller.Out, "\nThe story was played at %s, and the phones call there: no day is played at %s, where everybody is new.\n",
			t.done.API, teller.Stack.URL)
		return nil
	}
	day := t.done.Day + 1
	teller.Env = map[string]string{"DAY": strconv.Itoa(day)}
	if err := teller.Play(filepath.Join(root, filepath.FromSlash(anotherDay)), t.work()); err != nil {
		return fmt.Errorf("day %d cannot be played on what is kept in %s; make reset begins anew: %w", day, t.dir, err)
	}
	t.done.Day = day
	return t.save()
}

func (t *Tour) work() string { return filepath.Join(t.dir, "work") }

// first plays the main job and tells which rules it has shown.
func (t *Tour) first(teller story.Teller, root string) error {
	var shown []story.Shown
	teller.Shown = func(s story.Shown) { shown = append(shown, s) }
	if err := teller.Play(filepath.Join(root, filepath.FromSlash(mainJob)), t.work()); err != nil {
		return err
	}
	if err := table(teller.Out, shown); err != nil {
		return err
	}
	t.done = progress{API: teller.Stack.URL, Day: firstDays}
	return t.save()
}

// Played reports whether the main job has been played, here and at this address.
func (t *Tour) Played(api string) bool { return t.done.Day > 0 && t.done.API == api }
