package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReady: who answers is taken as he is; else LocalStack is started, or it is said what to do.
func TestReady(t *testing.T) {
	t.Parallel()
	there := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(there.Close)
	if err := ready(t.Context(), there.URL, "", "", io.Discard); err != nil {
		t.Error(err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if err := ready(t.Context(), gone.URL, "docker", "", io.Discard); err == nil || !strings.Contains(err.Error(), "nobody answers at AWS_ENDPOINT_URL="+gone.URL) {
		t.Errorf("another's place is taken: %v", err)
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	if err := start(t.Context(), "", "", io.Discard); err == nil || !strings.Contains(err.Error(), "install Docker") {
		t.Errorf("without docker: %v", err)
	}
	for script, want := range map[string]string{
		"exit 0": "", "test \"$2\" = version": "docker does not start LocalStack", "test \"$2\" != version": "install its compose plugin",
	} {
		docker := filepath.Join(t.TempDir(), "docker")
		if err := os.WriteFile(docker, []byte("#!/bin/sh\necho \"$@\"\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err := start(t.Context(), docker, "compose.yaml", &out)
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("docker that does %s: %v", script, err)
		}
		if !strings.Contains(want, "plugin") && !strings.HasSuffix(out.String(), "\ncompose -f compose.yaml up -d --wait\n") {
			t.Errorf("docker was called as %q", out.String())
		}
	}
}

// TestAWSItself: nothing is made in an account by who has not said in which, and as whom.
func TestAWSItself(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ENDPOINT_URL", "")
	if _, err := account(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "-caller") {
		t.Errorf("nobody calls: %v", err)
	}
	const me = "arn:aws:iam::123456789012:user/me"
	if target, err := account(t.Context(), me); err != nil || target.Caller != me || target.Config.Region != "eu-central-1" {
		t.Errorf("%v %v", target.Caller, err)
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	if _, err := account(t.Context(), me); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("anywhere: %v", err)
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	if _, err := account(t.Context(), me); err == nil || !strings.Contains(err.Error(), "unset it") {
		t.Errorf("a stand-in is taken for AWS: %v", err)
	}
}
