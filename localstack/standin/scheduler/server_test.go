package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin/iam"
)

// asked remembers what it was asked, and denies one action.
type asked struct {
	mu   sync.Mutex
	all  []iam.Request
	deny string
}

func (a *asked) Authorize(_ context.Context, r iam.Request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, r)
	if r.Action == a.deny {
		return &iam.Denied{Request: r, Decision: iam.Decision{Why: "because"}}
	}
	return nil
}

// TestRoundTrip: page GetSchedule: what was given, and the defaults of what was not; after a restart as well.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	s := open(t)
	start, end := s.now.Add(time.Hour), s.now.Add(48*time.Hour)
	s.create(func(in *sdk.CreateScheduleInput) {
		in.StartDate, in.EndDate, in.Description = &start, &end, aws.String("every hour")
		in.FlexibleTimeWindow = &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(1440)}
	})
	made := s.now
	s.now = s.now.Add(time.Minute)
	s.open()
	got, err := s.get()
	if err != nil {
		t.Fatal(err)
	}
	got.ResultMetadata = sdk.GetScheduleOutput{}.ResultMetadata
	in := valid(nil)
	in.Target.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(86400), MaximumRetryAttempts: aws.Int32(185)}
	want := &sdk.GetScheduleOutput{Arn: aws.String("arn:aws:scheduler:eu-central-1:000000000000:schedule/zapas/p1"), Name: in.Name, GroupName: in.GroupName,
		ScheduleExpression: in.ScheduleExpression, ScheduleExpressionTimezone: aws.String("UTC"), StartDate: &start, EndDate: &end, Description: aws.String("every hour"),
		FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: aws.Int32(1440)}, Target: in.Target,
		State: types.ScheduleStateEnabled, ActionAfterCompletion: types.ActionAfterCompletionNone, CreationDate: &made, LastModificationDate: &made}
	if diff := cmp.Diff(fmt.Sprintf("%+v", flat(want)), fmt.Sprintf("%+v", flat(got))); diff != "" {
		t.Error(diff)
	}
}

// flat is an output without pointers.
func flat(o *sdk.GetScheduleOutput) []any {
	return []any{*o.Arn, *o.Name, *o.GroupName, *o.ScheduleExpression, *o.ScheduleExpressionTimezone, *o.StartDate, *o.EndDate, *o.Description,
		o.FlexibleTimeWindow.Mode, *o.FlexibleTimeWindow.MaximumWindowInMinutes, *o.Target.Arn, *o.Target.RoleArn, *o.Target.Input,
		*o.Target.RetryPolicy.MaximumEventAgeInSeconds, *o.Target.RetryPolicy.MaximumRetryAttempts, o.State, o.ActionAfterCompletion, *o.CreationDate, *o.LastModificationDate}
}

// TestRefused: pages CreateSchedule, FlexibleTimeWindow, Target and RetryPolicy, and "Quotas for Amazon EventBridge
// Scheduler".
func TestRefused(t *testing.T) {
	t.Parallel()
	type in = sdk.CreateScheduleInput
	const invalid, missing = "ValidationException", "NotImplementedException"
	for name, c := range map[string]struct {
		change        func(*in)
		code, message string
	}{
		"LongestName":      {func(i *in) { i.Name = aws.String(strings.Repeat("n", 64)) }, "", ""},
		"LongerName":       {func(i *in) { i.Name = aws.String(strings.Repeat("n", 65)) }, invalid, "at 'name' failed to satisfy constraint"},
		"AllOfAName":       {func(i *in) { i.Name = aws.String("aZ0-_.") }, "", ""},
		"OtherName":        {func(i *in) { i.Name = aws.String("a b") }, invalid, "at 'name' failed to satisfy constraint"},
		"UnknownGroup":     {func(i *in) { i.GroupName = aws.String("other") }, "ResourceNotFoundException", "Schedule group other does not exist."},
		"DefaultGroup":     {func(i *in) { i.GroupName = nil }, "", ""},
		"BadGroup":         {func(i *in) { i.GroupName = aws.String("a/b") }, invalid, "at 'groupName'"},
		"FourFields":       {func(i *in) { i.ScheduleExpression = aws.String("cron(0 * * *)") }, invalid, "Invalid Schedule Expression cron(0 * * *)."},
		"LongExpression":   {func(i *in) { i.ScheduleExpression = aws.String(strings.Repeat("c", 257)) }, invalid, "less than or equal to 256"},
		"UnknownZone":      {func(i *in) { i.ScheduleExpressionTimezone = aws.String("Europe/Zapas") }, invalid, "Invalid ScheduleExpressionTimezone Europe/Zapas."},
		"LongZone":         {func(i *in) { i.ScheduleExpressionTimezone = aws.String(strings.Repeat("z", 51)) }, invalid, "less than or equal to 50"},
		"LongDescription":  {func(i *in) { i.Description = aws.String(strings.Repeat("ä", 513)) }, invalid, "less than or equal to 512"},
		"FullDescription":  {func(i *in) { i.Description = aws.String(strings.Repeat("ä", 512)) }, "", ""},
		"State":            {func(i *in) { i.State = "PAUSED" }, invalid, "[ENABLED, DISABLED]"},
		"Completion":       {func(i *in) { i.ActionAfterCompletion = "KEEP" }, invalid, "[NONE, DELETE]"},
		"Mode":             {func(i *in) { i.FlexibleTimeWindow.Mode = "ON" }, invalid, "[OFF, FLEXIBLE]"},
		"OffWithMinutes":   {func(i *in) { i.FlexibleTimeWindow.MaximumWindowInMinutes = aws.Int32(1) }, invalid, "OFF"},
		"FlexibleWithout":  {func(i *in) { i.FlexibleTimeWindow.Mode = "FLEXIBLE" }, invalid, "FLEXIBLE"},
		"WindowOfNothing":  {func(i *in) { i.FlexibleTimeWindow = flexible(0) }, invalid, "greater than or equal to 1"},
		"WindowOfAMinute":  {func(i *in) { i.FlexibleTimeWindow = flexible(1) }, "", ""},
		"LongerWindow":     {func(i *in) { i.FlexibleTimeWindow = flexible(1441) }, invalid, "less than or equal to 1440"},
		"TargetNoARN":      {func(i *in) { i.Target.Arn = aws.String("ticker") }, invalid, "Provided Arn is not in correct format."},
		"TargetQueue":      {func(i *in) { i.Target.Arn = aws.String("arn:aws:sqs:eu-central-1:000000000000:q") }, missing, "Lambda"},
		"TargetElsewhere":  {func(i *in) { i.Target.Arn = aws.String(strings.Replace(function, "central", "west", 1)) }, missing, "region"},
		"RoleNoARN":        {func(i *in) { i.Target.RoleArn = aws.String("ticker") }, invalid, "at 'target.roleArn'"},
		"RoleIsUser":       {func(i *in) { i.Target.RoleArn = aws.String("arn:aws:iam::000000000000:user/u") }, invalid, "at 'target.roleArn'"},
		"InputNoJSON":      {func(i *in) { i.Target.Input = aws.String("{") }, invalid, "JSON"},
		"InputAbsent":      {func(i *in) { i.Target.Input = nil }, missing, "Input"},
		"InputTooLarge":    {func(i *in) { i.Target.Input = aws.String(`"` + strings.Repeat("x", 256<<10-1) + `"`) }, invalid, "256 KB"},
		"InputFull":        {func(i *in) { i.Target.Input = aws.String(`"` + strings.Repeat("x", 256<<10-2) + `"`) }, "", ""},
		"AgeTooShort":      {func(i *in) { i.Target.RetryPolicy = policy(59, 0) }, invalid, "greater than or equal to 60"},
		"AgeShortest":      {func(i *in) { i.Target.RetryPolicy = policy(60, 0) }, "", ""},
		"AgeTooLong":       {func(i *in) { i.Target.RetryPolicy = policy(86401, 0) }, invalid, "less than or equal to 86400"},
		"TooManyAttempts":  {func(i *in) { i.Target.RetryPolicy = policy(60, 186) }, invalid, "less than or equal to 185"},
		"MostAttempts":     {func(i *in) { i.Target.RetryPolicy = policy(86400, 185) }, "", ""},
		"DeadLetterNoARN":  {func(i *in) { i.Target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String("q")} }, invalid, "deadLetterConfig"},
		"EndsBeforeStart":  {func(i *in) { i.StartDate, i.EndDate = day(3), day(2) }, invalid, "EndDate"},
		"EndsAtStart":      {func(i *in) { i.StartDate, i.EndDate = day(2), day(2) }, invalid, "EndDate"},
		"StartsInThePast":  {func(i *in) { i.StartDate = aws.Time(day(1).Add(12*time.Hour - 5*time.Minute - time.Second)) }, invalid, "5 minutes ago"},
		"StartsFiveAgo":    {func(i *in) { i.StartDate = aws.Time(day(1).Add(12*time.Hour - 5*time.Minute)) }, "", ""},
		"OwnKey":           {func(i *in) { i.KmsKeyArn = aws.String("arn:aws:kms:eu-central-1:000000000000:key/k") }, missing, "CreateSchedule"},
		"OtherParameters":  {func(i *in) { i.Target.SqsParameters = &types.SqsParameters{MessageGroupId: aws.String("g")} }, missing, "CreateSchedule"},
		"LongToken":        {func(i *in) { i.ClientToken = aws.String(strings.Repeat("t", 65)) }, invalid, "clientToken"},
		"ImpossibleToFire": {func(i *in) { i.ScheduleExpression = aws.String("cron(0 0 30 2 ? *)") }, invalid, "Invalid Schedule Expression"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			_, err := s.client.CreateSchedule(t.Context(), valid(c.change))
			wantError(t, err, c.code, c.message)
		})
	}
}

func flexible(minutes int32) *types.FlexibleTimeWindow {
	return &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: &minutes}
}

func policy(age, attempts int32) *types.RetryPolicy {
	return &types.RetryPolicy{MaximumEventAgeInSeconds: &age, MaximumRetryAttempts: &attempts}
}

func day(n int) *time.Time { return aws.Time(time.Date(2024, 3, n, 0, 0, 0, 0, time.UTC)) }

func TestRequiredMembers(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, body := range []string{`{}`, `{"ScheduleExpression":"rate(1 day)"}`, `{"ScheduleExpression":"rate(1 day)","FlexibleTimeWindow":{"Mode":"OFF"}}`, `[]`, `{"StartDate":"today"}`, ``} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/schedules/p", strings.NewReader(body)))
		if code := w.Header().Get("X-Amzn-Errortype"); w.Code != http.StatusBadRequest || code != "ValidationException" && code != "SerializationException" {
			t.Errorf("%s: %d %s", body, w.Code, code)
		}
	}
}

// TestErrors: pages of the operations, "Errors": codes and status.
func TestErrors(t *testing.T) {
	t.Parallel()
	s := open(t)
	name, group := aws.String("p1"), aws.String("zapas")
	wantError(t, s.update(valid(nil)), "ResourceNotFoundException", "Schedule p1 does not exist.")
	_, err := s.get()
	wantError(t, err, "ResourceNotFoundException", "Schedule p1 does not exist.")
	_, err = s.client.DeleteSchedule(t.Context(), &sdk.DeleteScheduleInput{Name: name, GroupName: group})
	wantError(t, err, "ResourceNotFoundException", "Schedule p1 does not exist.")
	s.create(nil)
	_, err = s.client.CreateSchedule(t.Context(), valid(nil))
	wantError(t, err, "ConflictException", "Schedule p1 already exists.")
	_, err = s.client.ListSchedules(t.Context(), &sdk.ListSchedulesInput{GroupName: aws.String("other")})
	wantError(t, err, "ResourceNotFoundException", "Schedule group other does not exist.")
	_, err = s.client.ListScheduleGroups(t.Context(), &sdk.ListScheduleGroupsInput{})
	wantError(t, err, "NotImplementedException", "GET /schedule-groups")
	for status, r := range map[int]*http.Request{
		http.StatusNotFound:       httptest.NewRequest(http.MethodGet, "/schedules/none", nil),
		http.StatusNotImplemented: httptest.NewRequest(http.MethodPatch, "/schedules/none", nil),
	} {
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != status {
			t.Errorf("%s: %d, want %d", r.Method, w.Code, status)
		}
	}
}

// TestClientToken: page CreateSchedule, ClientToken: a request that is repeated is one request.
func TestClientToken(t *testing.T) {
	t.Parallel()
	s := open(t)
	tokened := func(change func(*sdk.CreateScheduleInput)) *sdk.CreateScheduleInput {
		in := valid(change)
		in.ClientToken = aws.String("t1")
		return in
	}
	other := func(in *sdk.CreateScheduleInput) { in.ScheduleExpression = aws.String("rate(1 day)") }
	create := func(in *sdk.CreateScheduleInput) error {
		_, err := s.client.CreateSchedule(t.Context(), in)
		return err
	}
	remove := func(token string) error {
		_, err := s.client.DeleteSchedule(t.Context(), &sdk.DeleteScheduleInput{Name: aws.String("p1"), GroupName: aws.String("zapas"), ClientToken: &token})
		return err
	}
	wantError(t, create(tokened(nil)), "", "")
	s.open()
	wantError(t, create(tokened(nil)), "", "")
	wantError(t, create(tokened(other)), "ConflictException", "another request")
	wantError(t, s.update(tokened(other)), "", "")
	wantError(t, s.update(valid(nil)), "", "")
	wantError(t, s.update(tokened(other)), "", "") // comes late, and changes nothing
	if got, err := s.get(); err != nil || *got.ScheduleExpression != "cron(0 * * * ? *)" {
		t.Errorf("%v %v", got, err)
	}
	wantError(t, remove("d1"), "", "")
	wantError(t, remove("d1"), "", "")
	wantError(t, remove("d2"), "ResourceNotFoundException", "")
	s.tick(24*time.Hour + time.Second) // after which tokens are forgotten
	wantError(t, remove("d1"), "ResourceNotFoundException", "")
	wantError(t, create(tokened(other)), "", "")
}

// TestList: page ListSchedules.
func TestList(t *testing.T) {
	t.Parallel()
	s := open(t)
	for i := range 5 {
		s.create(func(in *sdk.CreateScheduleInput) {
			in.Name = aws.String(fmt.Sprint("a", i))
			if i == 3 {
				in.State, in.GroupName = types.ScheduleStateDisabled, nil
			}
		})
	}
	s.create(func(in *sdk.CreateScheduleInput) { in.Name = aws.String("b") })
	for name, c := range map[string]struct {
		in   sdk.ListSchedulesInput
		want string
	}{
		"All":      {sdk.ListSchedulesInput{}, "default/a3 zapas/a0 zapas/a1 zapas/a2 zapas/a4 zapas/b"},
		"Group":    {sdk.ListSchedulesInput{GroupName: aws.String("default")}, "default/a3"},
		"Prefix":   {sdk.ListSchedulesInput{NamePrefix: aws.String("a"), GroupName: aws.String("zapas")}, "zapas/a0 zapas/a1 zapas/a2 zapas/a4"},
		"State":    {sdk.ListSchedulesInput{State: types.ScheduleStateDisabled}, "default/a3"},
		"Pages":    {sdk.ListSchedulesInput{MaxResults: aws.Int32(2), NamePrefix: aws.String("a")}, "default/a3 zapas/a0 | zapas/a1 zapas/a2 | zapas/a4"},
		"FullPage": {sdk.ListSchedulesInput{MaxResults: aws.Int32(6)}, "default/a3 zapas/a0 zapas/a1 zapas/a2 zapas/a4 zapas/b"},
	} {
		var pages []string
		for {
			out, err := s.client.ListSchedules(t.Context(), &c.in)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, one := range out.Schedules {
				names = append(names, strings.TrimPrefix(*one.Arn, "arn:aws:scheduler:eu-central-1:000000000000:schedule/"))
				if *one.Arn != "arn:aws:scheduler:eu-central-1:000000000000:schedule/"+*one.GroupName+"/"+*one.Name || *one.Target.Arn != function || !one.CreationDate.Equal(s.now) {
					t.Errorf("%s: %+v", name, one)
				}
			}
			pages = append(pages, strings.Join(names, " "))
			if c.in.NextToken = out.NextToken; out.NextToken == nil {
				break
			}
		}
		if got := strings.Join(pages, " | "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for _, in := range []sdk.ListSchedulesInput{{MaxResults: aws.Int32(101)}, {MaxResults: aws.Int32(0)}, {NamePrefix: aws.String("a b")}, {State: "x"}, {NextToken: aws.String("x!")}} {
		_, err := s.client.ListSchedules(t.Context(), &in)
		wantError(t, err, "ValidationException", "")
	}
}

// TestAsked: page "Actions, resources, and condition keys for Amazon EventBridge Scheduler".
func TestAsked(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(nil)
	rights := &asked{}
	s.auth = rights
	s.open()
	name, group, arn := aws.String("p1"), aws.String("zapas"), "arn:aws:scheduler:eu-central-1:000000000000:schedule/zapas/p1"
	pass := iam.Request{Action: "iam:PassRole", Resource: role, Owner: role, Keys: iam.Keys{"iam:passedtoservice": {"scheduler.amazonaws.com"}}}
	one := func(action string) iam.Request { return iam.Request{Action: action, Resource: arn, Owner: arn} }
	for action, c := range map[string]struct {
		call func() error
		want []iam.Request
	}{
		"scheduler:CreateSchedule": {func() error {
			_, err := s.client.CreateSchedule(t.Context(), valid(func(in *sdk.CreateScheduleInput) { in.ClientToken = aws.String("t") }))
			return err
		}, []iam.Request{one("scheduler:CreateSchedule"), pass}},
		"scheduler:UpdateSchedule": {func() error { return s.update(valid(nil)) }, []iam.Request{one("scheduler:UpdateSchedule"), pass}},
		"scheduler:GetSchedule":    {func() error { _, err := s.get(); return err }, []iam.Request{one("scheduler:GetSchedule")}},
		"scheduler:ListSchedules": {func() error { _, err := s.client.ListSchedules(t.Context(), &sdk.ListSchedulesInput{}); return err },
			[]iam.Request{{Action: "scheduler:ListSchedules", Resource: "*", Owner: "*"}}},
		"scheduler:DeleteSchedule": {func() error {
			_, err := s.client.DeleteSchedule(t.Context(), &sdk.DeleteScheduleInput{Name: aws.String("none"), GroupName: group})
			return err
		}, []iam.Request{{Action: "scheduler:DeleteSchedule", Resource: arn[:len(arn)-2] + "none", Owner: arn[:len(arn)-2] + "none"}}},
	} {
		rights.all, rights.deny = nil, ""
		_ = c.call() // that a schedule exists, or does not, is not the matter
		if diff := cmp.Diff(c.want, rights.all); diff != "" {
			t.Errorf("%s: %s", action, diff)
		}
		rights.deny = action
		wantError(t, c.call(), "AccessDeniedException", "is not authorized to perform: "+action)
	}
	rights.deny = "iam:PassRole"
	wantError(t, s.update(valid(nil)), "AccessDeniedException", "iam:PassRole")
	if got, err := s.get(); err != nil || *got.Name != *name {
		t.Errorf("%v %v", got, err)
	}
}

// TestDamage: a file that was changed is refused, and not begun anew.
func TestDamage(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.create(nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	broken := []byte(strings.Replace(string(whole), "cron(0 *", "cron(1 *", 1))
	if err := os.WriteFile(s.path, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(s.path); err == nil || !strings.Contains(err.Error(), "is damaged: put a copy of it back") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(s.path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.Server, err = reopen(s.path); err != nil {
		t.Fatal(err)
	}
	if _, err := reopen(s.path); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("got %v", err)
	}
}

// TestMake: a schedule that is there from the beginning fires like any other, and is left alone while it is the same.
func TestMake(t *testing.T) {
	t.Parallel()
	s := open(t)
	definition := func(expression string) []byte {
		return []byte(`{"ScheduleExpression":"` + expression + `","FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":"` + function + `","RoleArn":"` + role + `","Input":"{}"}}`)
	}
	for range 2 {
		if err := s.Make("zapas", "watch", definition("rate(15 minutes)")); err != nil {
			t.Fatal(err)
		}
		s.open()
	}
	want(t, s.tick(0), "ticker {}")
	if err := s.Make("zapas", "watch", definition("rate(15 minutes)")); err != nil {
		t.Fatal(err)
	}
	want(t, s.tick(14*time.Minute))
	want(t, s.tick(time.Minute), "ticker {}")
	if err := s.Make("zapas", "watch", definition("rate(1 hour)")); err != nil {
		t.Fatal(err)
	}
	want(t, s.tick(0), "ticker {}")
	want(t, s.tick(15*time.Minute))
	for _, err := range []error{s.Make("none", "watch", definition("rate(1 hour)")), s.Make("zapas", "a b", definition("rate(1 hour)")),
		s.Make("zapas", "watch", definition("rate(1)")), s.Make("zapas", "watch", []byte(`{"Name":"watch"}`))} {
		if err == nil {
			t.Error("it is made")
		}
	}
}

// TestDeadLetter: what never reached the function goes into the queue, in the name of the schedule's role; what it failed at
// does not.
func TestDeadLetter(t *testing.T) {
	t.Parallel()
	const queue = "arn:aws:sqs:eu-central-1:000000000000:dead"
	for name, c := range map[string]struct {
		ran      bool
		retry    types.RetryPolicy
		attempts string
		why      string
		letters  int
	}{
		"Attempts": {false, types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}, "0", "MaximumRetryAttempts", 1},
		"Age":      {false, types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(60)}, "", "MaximumEventAgeInSeconds", 1},
		"Failed":   {true, types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)}, "", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			may, err := iam.ParseIdentity("Dead", []byte(`{"Version":"2012-10-17","Statement":{"Sid":"S","Effect":"Allow","Action":"sqs:SendMessage","Resource":"`+queue+`"}}`))
			if err != nil {
				t.Fatal(err)
			}
			guard := &iam.Guard{Log: slog.New(slog.DiscardHandler)}
			guard.Enforce(&iam.Policies{Identity: map[string][]*iam.Document{role: {may}}})
			s.queues.Authorizer = guard
			s.queues.Create(queue)
			s.ran, s.err = c.ran, errors.New("it is not there")
			s.create(func(in *sdk.CreateScheduleInput) {
				in.Target.DeadLetterConfig, in.Target.RetryPolicy = &types.DeadLetterConfig{Arn: aws.String(queue)}, &c.retry
			})
			for range 19 {
				s.tick(6 * time.Minute)
			}
			if strings.Count(s.log.String(), "was dropped") != 1 {
				t.Errorf("it was not dropped once: %s", s.log.String())
			}
			got := s.queues.Messages(queue)
			if len(got) != c.letters {
				t.Fatalf("there are %d letters", len(got))
			}
			if c.letters == 0 {
				return
			}
			a := got[0].Attributes
			if got[0].Body != `{"at":"2024-03-01T13:00:00Z"}` && !strings.HasPrefix(got[0].Body, `{"at":"2024-03-01T1`) || a["EXHAUSTED_RETRY_CONDITION"] != c.why || a["TARGET_ARN"] != function ||
				a["ERROR_MESSAGE"] != "it is not there" || c.attempts != "" && a["RETRY_ATTEMPTS"] != c.attempts {
				t.Errorf("%+v", got[0])
			}
		})
	}
}
