package story

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMoment(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 28, 0, 59, 0, 0, time.UTC)
	for text, shown := range map[string]string{
		"+26h": "2027-03-29T02:59:00Z", "+0s": "2027-03-28T00:59:00Z", "2027-10-31T02:30:00+02:00": "2027-10-31T00:30:00Z",
		"26h": "is no time", "+26": "is no duration", "": "is no time", "tomorrow": "is no time",
	} {
		to, err := readMoment(text, now)
		if err != nil && !strings.Contains(err.Error(), shown) || err == nil && to.UTC().Format(time.RFC3339) != shown {
			t.Errorf("%q is %s, %v", text, to, err)
		}
	}
}

func TestBegins(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"# a story\nstep begin\nbegins 2027-03-27T12:00:00Z\nclock +1h\n": "2027-03-27T12:00:00Z", "as ada\n": "0001-01-01T00:00:00Z", "begins soon\n": "",
	} {
		file := filepath.Join(t.TempDir(), "story.txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if at, err := Begins(file); (err != nil) != (want == "") || err == nil && at.Format(time.RFC3339) != want {
			t.Errorf("%q begins at %s, %v", text, at, err)
		}
	}
	if _, err := Begins(filepath.Join(t.TempDir(), "none.txt")); err == nil {
		t.Error("a story that is not there begins")
	}
}

func TestAtTime(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"checkin": "--clock=26h0m0s checkin", "--json --clock=-27h checkin": "--json --clock=-1h0m0s checkin",
		"--clock=72h checkin": "--clock=98h0m0s checkin", "--clock 72h checkin": "",
	} {
		given := strings.Fields(args)
		got, err := atTime(given, 26*time.Hour)
		if strings.Join(got, " ") != want || (err != nil) != (want == "") || strings.Join(given, " ") != args {
			t.Errorf("%s becomes %v, %v", args, got, err)
		}
	}
	args := []string{"checkin"}
	if got, err := atTime(args, 0); err != nil || !cmp.Equal(got, args) {
		t.Errorf("a clock that was never moved makes it %v, %v", got, err)
	}
}
