package functions_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zapas/infra/golden"
	"zapas/localstack/stack"
	"zapas/localstack/standin/iam"
	"zapas/localstack/story"
)

// rights are those that the template grants to functions, and what the stories made of them.
type rights struct {
	mu      sync.Mutex
	stories int
	granted map[iam.Use]bool
	used    map[iam.Use]bool
}

// add remembers what one story used.
func (r *rights) add(granted, used []iam.Use) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.granted == nil {
		r.granted, r.used = map[iam.Use]bool{}, map[iam.Use]bool{}
	}
	r.stories++
	for _, u := range granted {
		r.granted[u] = true
	}
	for _, u := range used {
		r.used[u] = true
	}
}

// unplayed are rights that no story can use, by action, or by role, statement and action; and why.
var unplayed = map[string]string{
	"logs:CreateLogStream": "Lambda writes what a function prints in its name, and here writes it to a file",
	"logs:PutLogEvents":    "Lambda writes what a function prints in its name, and here writes it to a file",
	"zapas-demo-RoleTriggers Triggers/Timers scheduler:CreateSchedule": "no story loses a schedule: TestMend in shared/profile, TestWatch in functions/internal/triggers",
	"zapas-demo-RoleTriggers Triggers/Timers scheduler:UpdateSchedule": "no story has a schedule drift: likewise",
	"zapas-demo-RoleTriggers Triggers/Timers scheduler:DeleteSchedule": "no story leaves a schedule without a profile: likewise",
	"zapas-demo-RoleTriggers Triggers/PassScheduler iam:PassRole":      "no story loses a schedule: likewise",
	"zapas-demo-RoleTriggers Triggers/Profiles dynamodb:UpdateItem":    "no story saves a profile of which the outbox cannot tell: TestOutboxFaults in shared/profile",
	"zapas-demo-RoleTriggers Triggers/Orders dynamodb:GetItem":         "no story has more overdue phones than are ordered at once: TestFurther in shared/fleet",
	"zapas-demo-RoleTriggers Triggers/Orders dynamodb:PutItem":         "likewise",
	"zapas-demo-RoleTriggers Triggers/Record dynamodb:PutItem":         "likewise",
	"zapas-demo-RoleRestores Restores/List s3:ListBucket":              "no story loses an object: TestMissingNeedsTheList in localstack/deployment",
}

// TestRightsAreNeeded: a function from which a right is taken fails a story, and the log says what was denied to whom.
func TestRightsAreNeeded(t *testing.T) {
	t.Parallel()
	programs := compiled(t)
	for _, c := range []struct{ from, statement, story, role, denied string }{
		{"PolicyProfiles", "Record", "copy_profile", "Profiles", "dynamodb:PutItem"},
		{"PolicyProfiles", "Requests", "copy_profile", "Profiles", "dynamodb:PutItem"},
		{"PolicyDevices", "Codes", "merge_contact", "Devices", "dynamodb:PutItem"},
		{"PolicyUploads", "StoreChunksAndLists", "merge_contact", "Uploads", "s3:PutObject"},
		{"PolicySessions", "Organisation", "merge_contact", "Sessions", "dynamodb:GetItem"},
		{"PolicyRestores", "Vaults", "merge_contact", "Restores", "dynamodb:GetItem"},
		{"PolicyProfiles", "Timers", "tick", "Profiles", "scheduler:UpdateSchedule"},
		{"PolicyProfiles", "PassScheduler", "tick", "Profiles", "iam:PassRole"},
		{"PolicyTriggers", "Announce", "tick", "Triggers", "events:PutEvents"},
		{"PolicyTriggers", "Lists", "overdue_and_recovered", "Triggers", "dynamodb:Query"},
		{"PolicyDevices", "Announce", "events", "Devices", "events:PutEvents"},
		{"PolicySessions", "Announce", "events", "Sessions", "events:PutEvents"},
		{"PolicyUploads", "Announce", "events", "Uploads", "events:PutEvents"},
		{"PolicyScheduler", "Call", "tick", "Scheduler", "lambda:InvokeFunction"},
		// Of a key, its own policy is the one that must allow.
		{"BucketKey", "WriteThroughS3", "merge_contact", "Uploads", "kms:GenerateDataKey"},
	} {
		t.Run(c.from+c.statement, func(t *testing.T) {
			t.Parallel()
			log := filepath.Join(t.TempDir(), "log")
			f, err := os.Create(log)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			file := filepath.Join("testdata", "story", c.story+".txt")
			begins, err := story.Begins(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := stack.Start(stack.Config{Dir: t.TempDir(), Programs: programs, API: "127.0.0.1:0", AWS: "127.0.0.1:0", Log: f, Now: time.Now,
				Begins: begins, Template: without(t, c.from, c.statement)})
			if err != nil {
				t.Fatal(err)
			}
			err = story.Teller{Stack: s, Phone: programs.Phone, Out: io.Discard}.Play(file, filepath.Join(t.TempDir(), "work"))
			said, rerr := os.ReadFile(log)
			if cerr := errors.Join(rerr, s.Close()); cerr != nil {
				t.Error(cerr)
			}
			if err == nil {
				t.Error("the story goes as if nothing were missing")
			}
			line := ""
			for l := range strings.Lines(string(said)) {
				if strings.Contains(l, "denied by IAM") && strings.Contains(l, "Role"+c.role+"/") && strings.Contains(l, "action="+c.denied) {
					line = l
				}
			}
			if line == "" {
				t.Errorf("the log does not say that %s was denied:\n%s", c.denied, said)
			}
		})
	}
}

// without is the golden template without a statement of a role's policy, or of a key's.
func without(t *testing.T, id, sid string) []byte {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal(golden.Template(), &whole); err != nil {
		t.Fatal(err)
	}
	properties := whole["Resources"].(map[string]any)[id].(map[string]any)["Properties"].(map[string]any)
	document, ok := properties["PolicyDocument"].(map[string]any)
	if !ok {
		document = properties["KeyPolicy"].(map[string]any)
	}
	before := document["Statement"].([]any)
	after := slices.DeleteFunc(slices.Clone(before), func(s any) bool { return s.(map[string]any)["Sid"] == sid })
	if len(after) != len(before)-1 {
		t.Fatalf("%s has no statement %s", id, sid)
	}
	document["Statement"] = after
	b, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// check: a right that no story uses is one too many, unless it says here why it is there. It judges only when all stories
// were played.
func (r *rights) check(t *testing.T, stories int) {
	if t.Failed() || r.stories < stories {
		t.Logf("%d of %d stories were played: which rights none needs is not known", r.stories, stories)
		return
	}
	met := map[string]bool{}
	for _, u := range slices.SortedFunc(maps.Keys(r.granted), func(a, b iam.Use) int { return strings.Compare(name(a), name(b)) }) {
		_, byAction := unplayed[u.Action]
		_, byName := unplayed[name(u)]
		met[u.Action], met[name(u)] = true, true
		switch {
		case !r.used[u] && !byAction && !byName:
			t.Errorf("%s is granted, and no story needs it: take it away in infra/policy, or play it", name(u))
		case r.used[u] && (byAction || byName):
			t.Errorf("%s is used: take it off the list of those that cannot be", name(u))
		}
	}
	for u := range unplayed {
		if !met[u] {
			t.Errorf("%s is not granted: take it off the list", u)
		}
	}
}

// name is a right as "role policy/statement action".
func name(u iam.Use) string {
	return u.Principal[strings.LastIndex(u.Principal, "/")+1:] + " " + u.Policy + "/" + u.Statement + " " + u.Action
}
