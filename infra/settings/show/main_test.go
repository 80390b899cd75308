package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(file, []byte(`{"tenant": "acme", "region": "eu-west-1", "account": "111122223333", "locations": [{"id": "eu", "name": "F"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{"stack": "zapas-acme", "tenant": "acme", "region": "eu-west-1", "account": "111122223333"} {
		var out bytes.Buffer
		if err := run([]string{"-settings", file, what}, &out); err != nil || out.String() != want+"\n" {
			t.Errorf("%s is %q: %v", what, out.String(), err)
		}
	}
	for _, args := range [][]string{{"-settings", file}, {"-settings", file, "tenants"}, {"-settings", file, "stack", "region"}, {"-settings", file + "x", "stack"}} {
		var out bytes.Buffer
		if err := run(args, &out); err == nil || out.Len() > 0 || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q says %q: %v", args, out.String(), err)
		}
	}
}
