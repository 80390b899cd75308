package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// account is the file that says that everything was created once, and by its fingerprint under which key.
const account = "account"

// parts are the files without which what the others hold cannot be used.
var parts = []string{"dynamodb.db", filepath.Join("s3", "table.db"), filepath.Join("kms", "keys.json"), "scheduler.db"}

// whole refuses a folder of which a part has gone: begun anew it would look empty, and what it held would be lost.
func whole(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, account)); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, p := range parts {
		info, err := os.Stat(filepath.Join(dir, p))
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
			return fmt.Errorf("%s is missing or empty, and the rest of the data is there: put a copy back, or make reset to begin anew", filepath.Join(dir, p))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keep remembers under which key everything is, or refuses another one.
func keep(dir, key string) error {
	path := filepath.Join(dir, account)
	b, err := os.ReadFile(path)
	kept := strings.TrimSpace(string(b))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// A crash leaves the whole file or none.
		if err := os.WriteFile(path+".new", []byte(key+"\n"), 0o600); err != nil {
			return fmt.Errorf("%s cannot be written: free space there, or make it writable: %w", path, err)
		}
		return os.Rename(path+".new", path)
	case err != nil:
		return err
	case kept != key:
		return fmt.Errorf("%s and %s do not name the same key, and without the one under which this data was stored it cannot be read: "+
			"put a copy back of the one that has changed, or make reset to begin anew", path, filepath.Join(dir, "kms", "keys.json"))
	}
	return nil
}
