package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"time"
)

// ready sees to it that somebody answers at the endpoint. Where LocalStack would listen, it starts LocalStack.
func ready(ctx context.Context, endpoint, docker, compose string, out io.Writer) error {
	switch {
	case answers(ctx, endpoint):
		return nil
	case endpoint != here:
		return fmt.Errorf("nobody answers at AWS_ENDPOINT_URL=%s: start what should be there, or unset AWS_ENDPOINT_URL to have LocalStack started", endpoint)
	}
	if err := start(ctx, docker, compose, out); err != nil {
		return err
	}
	if !answers(ctx, endpoint) {
		return fmt.Errorf("LocalStack was started and does not answer at %s: docker compose -f localstack/compose.yaml logs tells why", here)
	}
	return nil
}

// start starts LocalStack; docker is its path, or "" if it is not installed.
func start(ctx context.Context, docker, compose string, out io.Writer) error {
	if docker == "" {
		return fmt.Errorf("nobody answers at %s, and there is no docker to start LocalStack with: install Docker (docs.docker.com/get-started/get-docker) and try again, "+
			"or set AWS_ENDPOINT_URL to where another stand-in for AWS answers", here)
	}
	if err := exec.CommandContext(ctx, docker, "compose", "version").Run(); err != nil {
		return fmt.Errorf("nobody answers at %s, and docker here has no compose to start LocalStack with: install its compose plugin (docs.docker.com/compose/install) and try again: %w", here, err)
	}
	if _, err := fmt.Fprintln(out, "Starting LocalStack; docker compose -f localstack/compose.yaml down ends it"); err != nil {
		return err
	}
	up := exec.CommandContext(ctx, docker, "compose", "-f", compose, "up", "-d", "--wait")
	up.Stdout, up.Stderr = out, out
	if err := up.Run(); err != nil {
		return fmt.Errorf("docker does not start LocalStack: mend what it says above, and try again: %w", err)
	}
	return nil
}

// answers says whether there is an HTTP server, whatever it answers.
func answers(ctx context.Context, endpoint string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/_localstack/health", nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil
}
