package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"zapas/functions/internal/settings"
	"zapas/infra/golden"
	"zapas/shared/caller"
	"zapas/shared/profile"
)

var good = map[string]string{
	"ZAPAS_TENANT": "acme", "ZAPAS_ISSUER": "https://login.acme.example/t", "ZAPAS_AUDIENCE": "console, cli", "ZAPAS_GROUPS_CLAIM": "",
	"ZAPAS_ROLES": `{"it":"admin","desk":"viewer"}`, "ZAPAS_TABLE": "t", "ZAPAS_TABLE_IDENTITY": "i", "ZAPAS_TABLE_VAULTKEYS": "k",
	"ZAPAS_TABLE_AUDIT": "a", "ZAPAS_VAULT_KEY": "arn", "ZAPAS_QUOTA": "1", "ZAPAS_API": "http://127.0.0.1:7420/",
	"ZAPAS_BUS": "bus", "ZAPAS_SCHEDULES": "group", "ZAPAS_SCHEDULES_ROLE": "arn:role", "ZAPAS_SCHEDULES_DEAD": "arn:dead", "ZAPAS_SCHEDULES_TARGET": "arn:target",
	"ZAPAS_LOCATIONS": `[{"id":"eu","name":"Frankfurt","region":"eu-central-1","bucket":"acme-backup"}]`,
}

// all asks for every setting.
type all struct {
	Tenant, Issuer, GroupsClaim, Table, Identity, VaultKeys, Audit, VaultKey, API string
	Audience                                                                      []string
	Roles                                                                         map[string]caller.Role
	Bus, Target                                                                   string
	Schedules                                                                     settings.Schedules
	Quota                                                                         int64
	Locations                                                                     []profile.Location
	Buckets                                                                       map[string]string
}

func read(change map[string]string) (all, error) {
	var environ []string
	for name, value := range good {
		if other, ok := change[name]; ok {
			value = other
		}
		environ = append(environ, name+"="+value)
	}
	e := settings.From(environ)
	a := all{Tenant: e.Tenant(), Issuer: e.Issuer(), GroupsClaim: e.GroupsClaim(), Table: e.Table(), Identity: e.TableIdentity(),
		VaultKeys: e.TableVaultKeys(), Audit: e.TableAudit(), VaultKey: e.VaultKey(), API: e.API(), Audience: e.Audience(),
		Roles: e.Roles(), Quota: e.Quota(), Locations: e.Locations(),
		Bus: e.Bus(), Target: e.SchedulesTarget(), Schedules: e.Schedules()}
	if err := e.Err(); err != nil {
		return a, err
	}
	a.Buckets = e.Buckets()
	return a, e.Err()
}

func TestRead(t *testing.T) {
	t.Parallel()
	got, err := read(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := all{Tenant: "acme", Issuer: "https://login.acme.example/t", GroupsClaim: "groups", Table: "t", Identity: "i", VaultKeys: "k",
		Audit: "a", VaultKey: "arn", API: "http://127.0.0.1:7420", Audience: []string{"console", "cli"},
		Roles: map[string]caller.Role{"it": caller.Admin, "desk": caller.Viewer}, Quota: 1,
		Locations: []profile.Location{{ID: "eu", Name: "Frankfurt", Region: "eu-central-1"}}, Buckets: map[string]string{"eu": "acme-backup"},
		Bus: "bus", Target: "arn:target", Schedules: settings.Schedules{Group: "group", Role: "arn:role", DeadLetter: "arn:dead"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestWrong: each wrong setting is one sentence that begins with the variable's name and has a colon before the remedy.
func TestWrong(t *testing.T) {
	t.Parallel()
	rows := []struct{ name, value string }{
		{"ZAPAS_TENANT", "Acme"}, {"ZAPAS_TENANT", strings.Repeat("a", 64)}, {"ZAPAS_ISSUER", "http://login.acme.example"},
		{"ZAPAS_ISSUER", "login"}, {"ZAPAS_ISSUER", "https://a?b"}, {"ZAPAS_AUDIENCE", " , "}, {"ZAPAS_ROLES", "admin"}, {"ZAPAS_ROLES", `{"it":"root"}`},
		{"ZAPAS_ROLES", `{"":"admin"}`}, {"ZAPAS_QUOTA", "0"}, {"ZAPAS_QUOTA", "-1"}, {"ZAPAS_QUOTA", "5 GB"}, {"ZAPAS_API", "http://10.0.0.1"},
		{"ZAPAS_SCHEDULES_ROLE", "scheduler"}, {"ZAPAS_LOCATIONS", "[]"}, {"ZAPAS_LOCATIONS", `{}`}, {"ZAPAS_LOCATIONS", `[{"id":"eu"}]`}, {"ZAPAS_LOCATIONS", `[{"ID":"eu"}]`},
		{"ZAPAS_LOCATIONS", `[{"id":"eu","name":"F","region":"r","bucket":"abc"},{"id":"eu","name":"F","region":"r","bucket":"abc"}]`},
	}
	for name := range good {
		if name != "ZAPAS_GROUPS_CLAIM" {
			rows = append(rows, struct{ name, value string }{name, ""})
		}
	}
	for _, row := range rows {
		t.Run(row.name+"="+row.value, func(t *testing.T) {
			t.Parallel()
			_, err := read(map[string]string{row.name: row.value})
			if err == nil || !strings.HasPrefix(err.Error(), row.name+" ") || !strings.Contains(err.Error(), ": ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("the failure is %v, want one sentence about %s", err, row.name)
			}
		})
	}
}

// TestClock: it is another than the machine's where the services are on this machine, and nowhere else.
func TestClock(t *testing.T) {
	t.Parallel()
	const here = "http://127.0.0.1:7421"
	for name, row := range map[string]struct {
		offset, endpoint string
		ahead            time.Duration
		wrong            string
	}{
		"NotSet":          {"", here, 0, ""},
		"Deployed":        {"", "", 0, ""},
		"Here":            {"98h30m0.5s", here, 98*time.Hour + 30*time.Minute + 500*time.Millisecond, ""},
		"Behind":          {"-1h", here, -time.Hour, ""},
		"HereByName":      {"1h", "http://localhost:4566", time.Hour, ""},
		"HereOverIPv6":    {"1h", "http://[::1]:4566", time.Hour, ""},
		"NoEndpoint":      {"1h", "", 0, "is not on this machine"},
		"OfAWS":           {"1h", "https://dynamodb.eu-central-1.amazonaws.com", 0, "is not on this machine"},
		"OfAnother":       {"1h", "http://10.0.0.1:7421", 0, "is not on this machine"},
		"LooksLikeHere":   {"1h", "http://localhost.example", 0, "is not on this machine"},
		"UserLooksLikeIt": {"1h", "http://127.0.0.1@10.0.0.1", 0, "is not on this machine"},
		"NoURL":           {"1h", "http://127.0.0.1:%", 0, "is not on this machine"},
		"NoDuration":      {"26", here, 0, "how far the clock is ahead"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := settings.From([]string{"ZAPAS_CLOCK_OFFSET=" + row.offset, "AWS_ENDPOINT_URL=" + row.endpoint})
			now := e.Clock()
			if row.wrong != "" {
				if err := e.Err(); err == nil || !strings.HasPrefix(err.Error(), "ZAPAS_CLOCK_OFFSET is ") || !strings.Contains(err.Error(), row.wrong) {
					t.Errorf("the failure is %v", err)
				}
				return
			}
			if err := e.Err(); err != nil {
				t.Fatal(err)
			}
			before := time.Now()
			got := now()
			if after := time.Now(); got.Before(before.Add(row.ahead)) || got.After(after.Add(row.ahead)) {
				t.Errorf("the clock shows %s and not %s more than %s", got, row.ahead, before)
			}
		})
	}
	if template := string(golden.Template()); strings.Contains(template, "ZAPAS_CLOCK") || !strings.Contains(template, "ZAPAS_TENANT") {
		t.Error("what is deployed has the setting by which clocks are moved, or none at all")
	}
}
