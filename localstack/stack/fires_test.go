package stack_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"zapas/infra/golden"
	"zapas/localstack/build"
	"zapas/localstack/deployment"
	"zapas/localstack/stack"
)

// heard waits for a word in what is written to it.
type heard struct {
	word string
	mu   sync.Mutex
	all  strings.Builder
	once sync.Once
	done chan struct{}
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all.Write(p)
	if strings.Contains(h.all.String(), h.word) {
		h.once.Do(func() { close(h.done) })
	}
	return len(p), nil
}

// scheduling is the golden template, in which one function may make schedules that call itself.
func scheduling(t *testing.T) []byte {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal(golden.Template(), &whole); err != nil {
		t.Fatal(err)
	}
	policy := whole["Resources"].(map[string]any)["PolicyProfiles"].(map[string]any)["Properties"].(map[string]any)["PolicyDocument"].(map[string]any)
	policy["Statement"] = append(policy["Statement"].([]any), map[string]any{"Sid": "Schedules", "Effect": "Allow", "Resource": "*",
		"Action": []any{"scheduler:CreateSchedule", "iam:PassRole", "lambda:InvokeFunction"}})
	b, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestScheduleFires: a schedule that a function makes starts the program of its target.
func TestScheduleFires(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, f := range build.Functions {
		if err := os.WriteFile(filepath.Join(bin, f), []byte("#!/bin/sh\necho started "+f+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	log := &heard{word: "started profiles", done: make(chan struct{})}
	s, err := stack.Start(stack.Config{Dir: t.TempDir(), Programs: build.In(bin), API: "127.0.0.1:0", AWS: "127.0.0.1:0", Log: log, Now: time.Now, Template: scheduling(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c := scheduler.NewFromConfig(aws.Config{Region: deployment.Region, BaseEndpoint: &s.AWSURL,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAZAPASPROFILES", "local-secret-of-profiles", "")})
	name := strings.TrimSuffix(deployment.Identity, "TableIdentity")
	_, err = c.CreateSchedule(t.Context(), &scheduler.CreateScheduleInput{Name: aws.String("now"), ScheduleExpression: aws.String("rate(1 day)"),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff}, Target: &types.Target{Input: aws.String("{}"),
			Arn:     aws.String("arn:aws:lambda:" + deployment.Region + ":" + deployment.Account + ":function:" + name + "FunctionProfiles"),
			RoleArn: aws.String("arn:aws:iam::" + deployment.Account + ":role/" + name + "RoleProfiles")}})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-log.done:
	case <-time.After(time.Minute):
		log.mu.Lock()
		defer log.mu.Unlock()
		t.Fatalf("the function was not started: %s", log.all.String())
	}
}
