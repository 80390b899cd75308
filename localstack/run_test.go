package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

const serving = "Serving until Ctrl-C"

// TestMakeRun is what a person sees who runs it, tries what it prints, ends it and runs it again.
func TestMakeRun(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	first := p.start(t)
	said := first.until(t, serving)
	for n := 1; n <= 10; n++ {
		if line := regexp.MustCompile(fmt.Sprintf(`(?m)^  R%d +\S.* \.{3,} step \d+: \S.*$`, n)); len(line.FindAllString(said, -1)) != 1 {
			t.Errorf("there is not one line for R%d:\n%s", n, said)
		}
	}
	tryAsPrinted(t, p, said)
	first.stop(t)

	for day := 3; day <= 4; day++ {
		again := p.start(t)
		said = again.until(t, serving)
		again.stop(t)
		if !strings.Contains(said, fmt.Sprintf("Day %d: the phones check in", day)) {
			t.Errorf("day %d is not played:\n%s", day, said)
		}
		if !regexp.MustCompile(`contacts +11\d seen = [1-9]\d* stored \+ 1\d+ already stored`).MatchString(said) || !strings.Contains(said, "uploaded  1 object, ") {
			t.Errorf("day %d is no incremental backup of the same phone:\n%s", day, said)
		}
	}

	elsewhere := place{dir: p.dir, api: port(t), aws: p.aws}.start(t)
	said = elsewhere.until(t, serving)
	elsewhere.stop(t)
	if !strings.Contains(said, "The story was played at "+p.url()) || strings.Contains(said, "Day 5") {
		t.Errorf("at another address it says:\n%s", said)
	}
}

// tryAsPrinted pastes what was printed into bash.
func tryAsPrinted(t *testing.T, p place, said string) {
	t.Helper()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("what make run prints to try needs %s: install it, as by apt-get install %[1]s: %v", tool, err)
		}
	}
	_, block, found := strings.Cut(said, "paste this into bash in another terminal.\n")
	block, _, ended := strings.Cut(block, "\n"+serving)
	if !found || !ended {
		t.Fatalf("there is nothing to try:\n%s", said)
	}
	bash := exec.Command("bash", "-eu")
	bash.Stdin, bash.Dir = strings.NewReader(block), t.TempDir()
	var printed bytes.Buffer
	bash.Stdout, bash.Stderr = &printed, &printed
	err := children.Start(bash)
	if err == nil {
		err = bash.Wait()
	}
	answer := printed.Bytes()
	if err != nil {
		t.Fatalf("%v:\n%s\n%s", err, answer, block)
	}
	for _, want := range []string{
		`"email":"anna@demo.example"`, `"name":"Every night"`, `"label":"New phone"`, `"state":"queued"`, `ordered, for profile "Every night"`,
		`contacts  117 seen = 1 stored \+ 116 already stored`, `"counts":\{"calls":410,"contacts":117,`, `Proven: backup`, `1 restore waits for this phone`, `nothing is written yet`,
		`contacts    117 planned = 1 inserted \+ 116 duplicate`, `(?m)^FN:A New Friend\r?$`, `"state":"done"`, `"title":"Not Found"`,
	} {
		if !regexp.MustCompile(want).Match(answer) {
			t.Errorf("no %s in what bash answers:\n%s", want, answer)
		}
	}
	if strings.Contains(string(answer), "Unauthorized") {
		t.Errorf("a token is not taken:\n%s", answer)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "phones", "old", "key.pem")); err != nil {
		t.Errorf("the phones do not live in the data folder: %v", err)
	}
}

// TestFirstStoryInterrupted: the next run says so and plays it anew, in the same folder.
func TestFirstStoryInterrupted(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	broken := p.start(t)
	broken.until(t, "3. The old phone checks in")
	broken.end(syscall.SIGKILL)

	again := p.start(t)
	said := again.until(t, serving)
	again.stop(t)
	if !strings.Contains(said, "The first story was interrupted in "+p.dir) || !strings.Contains(said, "  R10  ") {
		t.Errorf("it says:\n%s", said)
	}
}

// TestProgressIsWholeOrRefused: without it nobody knows what the folder is in the middle of.
func TestProgressIsWholeOrRefused(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"Empty": "", "CutShort": `{"api":"http://127.0`, "Removed": "-", "NoDay": `{"api":"","day":-1}`, "NoAddress": `{"api":"","day":3}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			if err := os.MkdirAll(filepath.Join(p.dir, "aws"), 0o700); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(p.dir, "progress.json")
			if content != "-" {
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := p.start(t)
			said := r.rest()
			if r.cmd.ProcessState.Success() || !strings.Contains(said, file) || !strings.Contains(said, "make reset") {
				t.Errorf("it ends with %v and says:\n%s", r.cmd.ProcessState, said)
			}
		})
	}
}

// TestBefallsIsUnderstoodOrRefused: what cannot be meant is said in a sentence, and nothing is started.
func TestBefallsIsUnderstoodOrRefused(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"17", "0:die", "-1:full", "x:die", "17:burn", "17:", ":die"} {
		p := newPlace(t)
		r := p.start(t, "-befalls="+value)
		if said := r.rest(); r.cmd.ProcessState.Success() || !strings.Contains(said, "write it as 17:die or 17:full") {
			t.Errorf("-befalls=%s: %v, %s", value, r.cmd.ProcessState, said)
		}
	}
}
