package stack_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zapas/localstack/build"
	"zapas/localstack/stack"
)

// start brings a stack up whose functions are never called.
func start(t *testing.T, dir, api string) (*stack.Stack, error) {
	t.Helper()
	bin := t.TempDir()
	for _, f := range build.Functions {
		if err := os.WriteFile(filepath.Join(bin, f), []byte("#!/bin/false\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return stack.Start(stack.Config{Dir: dir, Programs: build.In(bin), API: api, AWS: "127.0.0.1:0", Log: io.Discard, Now: time.Now})
}

func startAndStop(t *testing.T, dir string) error {
	t.Helper()
	s, err := start(t, dir, "127.0.0.1:0")
	if err == nil {
		err = s.Close()
	}
	return err
}

// TestDataIsWholeOrRefused: a part of the data that has gone is named, and nothing is begun anew over the rest.
func TestDataIsWholeOrRefused(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(dir string) error{
		"dynamodb.db":   func(dir string) error { return os.Truncate(filepath.Join(dir, "aws", "dynamodb.db"), 0) },
		"scheduler.db":  func(dir string) error { return os.Remove(filepath.Join(dir, "aws", "scheduler.db")) },
		"s3/table.db":   func(dir string) error { return os.Remove(filepath.Join(dir, "aws", "s3", "table.db")) },
		"kms/keys.json": func(dir string) error { return os.Remove(filepath.Join(dir, "aws", "kms", "keys.json")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for range 2 {
				if err := startAndStop(t, dir); err != nil {
					t.Fatal(err)
				}
			}
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			if err := startAndStop(t, dir); err == nil || !strings.Contains(err.Error(), filepath.FromSlash(name)) {
				t.Errorf("it starts, or does not name the file: %v", err)
			}
		})
	}
	t.Run("another key", func(t *testing.T) {
		t.Parallel()
		one, two := t.TempDir(), t.TempDir()
		for _, dir := range []string{one, two} {
			if err := startAndStop(t, dir); err != nil {
				t.Fatal(err)
			}
		}
		keys, err := os.ReadFile(filepath.Join(two, "aws", "kms", "keys.json"))
		if err == nil {
			err = os.WriteFile(filepath.Join(one, "aws", "kms", "keys.json"), keys, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := startAndStop(t, one); err == nil || !strings.Contains(err.Error(), "keys.json") {
			t.Errorf("it starts with another key: %v", err)
		}
	})
}

func TestPorts(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	for address, says := range map[string]string{
		taken.Addr().String(): "is taken by another program", "127.0.0.1:abc": "is no port", "127.0.0.1:": "is no port", "127.0.0.1:65536": "is no port",
		"0.0.0.0:0": "loopback only", "192.0.2.1:0": "loopback only", "nowhere": "is no address",
	} {
		if _, err := start(t, t.TempDir(), address); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
