package event_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"zapas/shared/caller"
	"zapas/shared/event"
)

func id(n int) string { return caller.Base32([16]byte{15: byte(n)}) }

var (
	at      = time.Date(2026, 3, 29, 1, 30, 0, 123456789, time.FixedZone("", 3600))
	slot    = time.Date(2026, 3, 29, 2, 0, 0, 0, time.FixedZone("", 3600))
	subject = event.Subject{Tenant: "acme", Device: caller.DeviceID(id(1)), User: caller.UserID(id(2)), Profile: id(3)}
	owner   = event.Subject{Tenant: "acme", User: caller.UserID(id(2))}
	device  = event.Subject{Tenant: "acme", Device: caller.DeviceID(id(1)), User: caller.UserID(id(2))}
	policy  = event.Subject{Tenant: "acme", Profile: id(3)}
)

// all has what every constructor makes, at a time.
func all(at time.Time) []event.Event {
	return []event.Event{
		event.Due(subject, slot), event.Due(policy, slot.Add(time.Hour)),
		event.Requested(subject, id(4), at), event.Committed(subject, id(5), at), event.Committed(device, id(6), at), event.Failed(subject, id(5), at),
		event.Overdue(subject, slot, at), event.Recovered(subject, slot, at), event.Recovered(device, slot.Add(time.Hour), at), event.Shrunk(subject, id(5), at),
		event.Restore(event.RestoreRequested, owner, id(7), at), event.Restore(event.RestoreDone, device, id(7), at),
		event.Restore(event.RestoreFailed, device, id(7), at), event.Restore(event.RestoreCancelled, owner, id(7), at),
		event.Enrolled(device, at), event.Confirmed(device, at), event.Changed(policy, 1, at), event.Changed(policy, 2, at), event.Deleted(policy, at),
	}
}

func schema(t *testing.T, name string) *openapi3.Schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("schema", name))
	if err != nil {
		t.Fatal(err)
	}
	var s openapi3.Schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return &s
}

func valid(s *openapi3.Schema, value map[string]any) error {
	return s.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.EnableFormatValidation())
}

func fields(t *testing.T, e event.Event) (out map[string]any) {
	t.Helper()
	text, err := e.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSchemas: what is told is what the schema of its type and version says, and nothing else is.
func TestSchemas(t *testing.T) {
	t.Parallel()
	told := map[event.Type]bool{}
	for _, e := range all(at) {
		told[e.Type] = true
		s := schema(t, fmt.Sprintf("%s.v%d.json", e.Type, e.Version))
		if err := valid(s, fields(t, e)); err != nil {
			t.Errorf("%s: %v", e.Type, err)
		}
		for _, required := range s.Required {
			f := fields(t, e)
			delete(f, required)
			if valid(s, f) == nil {
				t.Errorf("%s passes without %s", e.Type, required)
			}
		}
		for name, value := range map[string]any{"name": "Anna", "id": "x", "type": "other", "version": 2.0, "time": "yesterday", "tenant": "ACME"} {
			f := fields(t, e)
			f[name] = value
			if valid(s, f) == nil {
				t.Errorf("%s passes with %s = %v", e.Type, name, value)
			}
		}
	}
	both := fields(t, event.Changed(policy, 1, at))
	both["deleted"] = true
	if valid(schema(t, "profile.changed.v1.json"), both) == nil {
		t.Error("a profile passes that has a revision and is deleted")
	}
	files, err := os.ReadDir("schema")
	if err != nil || len(files) != len(event.Types()) {
		t.Errorf("%d schemas of %d types: %v", len(files), len(event.Types()), err)
	}
	for _, typ := range event.Types() {
		if !told[typ] {
			t.Errorf("nothing makes %s", typ)
		}
	}
}

// TestID: the same told again, at another time, has the same id, and nothing else has it.
func TestID(t *testing.T) {
	t.Parallel()
	seen := map[string]event.Event{}
	again := all(at.Add(time.Hour))
	for i, e := range all(at) {
		if again[i].ID != e.ID {
			t.Errorf("%s has another id when it is told again", e.Type)
		}
		if other, ok := seen[e.ID]; ok {
			t.Errorf("%+v and %+v have one id", other, e)
		}
		seen[e.ID] = e
		elsewhere := event.Subject{Tenant: "other", Device: e.Device, User: e.User, Profile: e.Profile}
		if e.Type == event.DeviceEnrolled && event.Enrolled(elsewhere, at).ID == e.ID {
			t.Error("two tenants have one id")
		}
	}
	if got := event.Due(subject, slot); got.ID != event.Due(subject, slot.UTC()).ID || got.ID != event.Due(policy, slot).ID {
		t.Error("the id depends on the zone in which a slot is given, or on a device")
	}
}

// TestJSON fixes the form for those who listen.
func TestJSON(t *testing.T) {
	t.Parallel()
	text, err := event.Overdue(subject, slot, at).JSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"` + event.Overdue(subject, slot, at).ID + `","type":"backup.overdue","version":1,"time":"2026-03-29T00:30:00.123Z","tenant":"acme",` +
		`"device":"00000000000000000000000001","user":"00000000000000000000000002","profile":"00000000000000000000000003","slot":"2026-03-29T01:00:00Z"}`
	if d := cmp.Diff(want, string(text)); d != "" {
		t.Error(d)
	}
	const due = "5PRNBATNNS60HCRDA03DCVMX92"
	if got := event.Due(policy, slot).ID; got != due {
		t.Errorf("the id of an event has become %s, and those who remember ids know it as %s", got, due)
	}
}

// TestPage: the page for those who listen names every type in its table with the members that the schema has, in brackets
// those that may be missing; and its example is an event as the schema says.
func TestPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) == 5 && strings.HasPrefix(cells[1], " `") {
			got[strings.Trim(cells[1], " `")] = cells[3]
		}
	}
	common := strings.Fields("id type version time tenant")
	want := map[string]string{}
	for _, typ := range event.Types() {
		s := schema(t, string(typ)+".v1.json")
		want[string(typ)] = got[string(typ)]
		for member := range s.Properties {
			written := "`" + member + "`"
			if !slices.Contains(s.Required, member) {
				written = "(" + written + ")"
			}
			if !slices.Contains(common, member) && !strings.Contains(got[string(typ)], " "+written) {
				t.Errorf("the row of %s does not have %s", typ, written)
			}
		}
		if n, has := strings.Count(got[string(typ)], "`")/2, len(s.Properties)-len(common); n != has {
			t.Errorf("the row of %s has %d members, want %d", typ, n, has)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the table has not one row for each type:\n%s", d)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	text, _, _ := strings.Cut(rest, "```")
	var example struct {
		Type   string `json:"detail-type"`
		Source string
		Detail map[string]any
	}
	if err := json.Unmarshal([]byte(text), &example); err != nil {
		t.Fatal(err)
	}
	if example.Type != example.Detail["type"] || example.Source != "zapas" {
		t.Errorf("the example is %+v", example)
	}
	if err := valid(schema(t, example.Type+".v1.json"), example.Detail); err != nil {
		t.Error(err)
	}
}

// TestOpaque: no schema has a member for what people can read.
func TestOpaque(t *testing.T) {
	t.Parallel()
	known := strings.Fields("id type version time tenant device user profile slot session order restore revision deleted")
	for _, typ := range event.Types() {
		for member := range schema(t, string(typ)+".v1.json").Properties {
			if !slices.Contains(known, member) {
				t.Errorf("%s has %s", typ, member)
			}
		}
	}
}
