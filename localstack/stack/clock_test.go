package stack_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/google/go-cmp/cmp"

	"zapas/localstack/build"
	"zapas/localstack/deployment"
	"zapas/localstack/stack"
	"zapas/localstack/template"
)

// TestSetClock: what is due on the way is called at its own time, by functions that know it, repeats of what fails among
// them; signatures stay by the machine's clock.
func TestSetClock(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, f := range build.Functions {
		program := "#!/bin/sh\necho ahead by $ZAPAS_CLOCK_OFFSET.\n"
		if f == "triggers" { // the watch calls it besides
			program = "#!/bin/sh\n"
		}
		if err := os.WriteFile(filepath.Join(bin, f), []byte(program), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	machine := time.Now()
	began := machine.Add(-100 * time.Hour)
	log := &heard{word: "never", done: make(chan struct{})}
	s, err := stack.Start(stack.Config{Dir: t.TempDir(), Programs: build.In(bin), API: "127.0.0.1:0", AWS: "127.0.0.1:0", Log: log, Now: func() time.Time { return machine }, Begins: began, Template: scheduling(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c := scheduler.NewFromConfig(as(s, "profiles"))
	if _, err := c.CreateSchedule(t.Context(), daily("soon", began.Add(24*time.Hour).Truncate(time.Second))); err != nil {
		t.Fatal(err)
	}
	// A function that ends at once has failed: Lambda tries again after one minute and after two more.
	day := began.Add(24 * time.Hour).Truncate(time.Second).Sub(machine)
	var want []string
	for _, first := range []time.Duration{day, day + 24*time.Hour} {
		want = append(want, first.String(), (first + time.Minute).String(), (first + 3*time.Minute).String())
	}
	if err := s.SetClock(t.Context(), began.Add(50*time.Hour)); err != nil {
		t.Fatal(err)
	}
	log.mu.Lock()
	var got []string
	for _, m := range regexp.MustCompile(`ahead by (\S*)\.\n`).FindAllStringSubmatch(log.all.String(), -1) {
		got = append(got, m[1])
	}
	log.mu.Unlock()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !s.Now().Equal(began.Add(50*time.Hour)) || s.Ahead() != -50*time.Hour {
		t.Errorf("the clock shows %s", s.Now())
	}
	if _, err := c.CreateSchedule(t.Context(), daily("past", began)); err == nil || !strings.Contains(err.Error(), "StartDate") {
		t.Errorf("what stands in for AWS does not go by the clock: %v", err)
	}
	if err := s.SetClock(t.Context(), began.Add(50*time.Hour-1)); err == nil || !strings.Contains(err.Error(), "cannot be set back") || s.Ahead() != -50*time.Hour {
		t.Errorf("the clock shows %s: %v", s.Now(), err)
	}
	if err := s.SetClock(t.Context(), s.Now()); err != nil {
		t.Error(err)
	}
}

// daily is a schedule that calls a function each day.
func daily(name string, begins time.Time) *scheduler.CreateScheduleInput {
	of := strings.TrimSuffix(deployment.Identity, "TableIdentity")
	return &scheduler.CreateScheduleInput{Name: &name, ScheduleExpression: aws.String("rate(1 day)"), StartDate: &begins,
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff}, Target: &types.Target{Input: aws.String("{}"),
			Arn:     aws.String("arn:aws:lambda:" + deployment.Region + ":" + deployment.Account + ":function:" + of + "FunctionProfiles"),
			RoleArn: aws.String("arn:aws:iam::" + deployment.Account + ":role/" + of + "RoleProfiles")}}
}

// as is how a function calls.
func as(s *stack.Stack, function string) aws.Config {
	return aws.Config{Region: deployment.Region, BaseEndpoint: &s.AWSURL,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAZAPAS"+strings.ToUpper(function), "local-secret-of-"+function, "")}
}

// TestSetClockRemoves: items whose time to live passes on the way are gone, and only those.
func TestSetClockRemoves(t *testing.T) {
	t.Parallel()
	s, err := start(t, t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	rows := dynamodb.NewFromConfig(as(s, "devices"))
	key := func(hours int) map[string]dynamotypes.AttributeValue {
		return map[string]dynamotypes.AttributeValue{"PK": &dynamotypes.AttributeValueMemberS{Value: "F#1"}, "SK": &dynamotypes.AttributeValueMemberS{Value: fmt.Sprint(hours)}}
	}
	for hours := 1; hours <= 2; hours++ {
		item := key(hours)
		item["ttl"] = &dynamotypes.AttributeValueMemberN{Value: strconv.FormatInt(time.Now().Add(time.Duration(hours)*time.Hour).Unix(), 10)}
		if _, err := rows.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(deployment.Table), Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetClock(t.Context(), time.Now().Add(90*time.Minute)); err != nil {
		t.Fatal(err)
	}
	for hours, there := range map[int]bool{1: false, 2: true} {
		got, err := rows.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(deployment.Table), Key: key(hours)})
		if err != nil || (len(got.Item) > 0) != there {
			t.Errorf("of %d hours there is %v, %v", hours, got, err)
		}
	}
}

// TestSetClockElsewhere: other data services have a clock of their own.
func TestSetClockElsewhere(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, f := range build.Functions {
		if err := os.WriteFile(filepath.Join(bin, f), []byte("#!/bin/false\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s, err := stack.Start(stack.Config{Dir: t.TempDir(), Programs: build.In(bin), API: "127.0.0.1:0", Log: io.Discard, Now: time.Now,
		Elsewhere: &stack.Elsewhere{Make: func(api string) (*template.Deployment, error) { return deployment.Read(nil, api) }}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.SetClock(t.Context(), time.Now().Add(time.Hour)), s.Close()); !errors.Is(err, stack.ErrElsewhere) {
		t.Errorf("the failure is %v", err)
	}
}
