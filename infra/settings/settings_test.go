package settings_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zapas/infra/settings"
	"zapas/shared/caller"
)

// least is the shortest file that is taken, and more what a case adds to it.
func with(more string) string {
	return `{"tenant": "acme", "locations": [{"id": "eu", "name": "Frankfurt"}]` + more + `}`
}

// places are so many locations.
func places(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"id": "%d", "name": "%d"}`, i, i))
	}
	return strings.Join(all, ", ")
}

// groups are so many groups of administrators.
func groups(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"%d": "admin"`, i))
	}
	return strings.Join(all, ", ")
}

// TestRefused: what cannot be is refused in one sentence that names the place and the remedy.
func TestRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 25)
	issuer := func(s string) string { return with(`, "issuer": ` + s) }
	for name, test := range map[string]struct{ file, place, remedy string }{
		"Unknown":             {with(`, "tennant": "x"`), "/tennant", "no such setting"},
		"UnknownDeeper":       {with(`, "console": {"hots": "x"}`), "/console/hots", "no such setting"},
		"LetterCase":          {with(`, "Region": "eu-central-1"`), "/Region", "no such setting"},
		"WrongType":           {with(`, "dataEvents": "yes"`), "/dataEvents", "wrong type"},
		"Fraction":            {with(`, "logRetentionDays": 30.5`), "/logRetentionDays", "wrong type"},
		"Twice":               {with(`, "tenant": "b"`), "/tenant", "duplicate"},
		"NotJSON":             {`{"tenant": "acme",}`, "byte", "not JSON"},
		"Trailing":            {with("") + "x", "byte", "not JSON"},
		"Empty":               {"", "byte", "not JSON"},
		"NoTenant":            {`{"locations": [{"id": "eu", "name": "F"}]}`, "/tenant", "a-z"},
		"TenantCase":          {`{"tenant": "Acme", "locations": [{"id": "eu", "name": "F"}]}`, "/tenant", "a-z"},
		"TenantTooLong":       {`{"tenant": "` + long + `", "locations": [{"id": "eu", "name": "F"}]}`, "/tenant", "24"},
		"TenantReserved":      {`{"tenant": "laws", "locations": [{"id": "eu", "name": "F"}]}`, "/tenant", "Cognito reserves"},
		"NoLocation":          {`{"tenant": "acme", "locations": []}`, "/locations", "at least one"},
		"LocationID":          {`{"tenant": "acme", "locations": [{"id": "EU", "name": "F"}]}`, "/locations/0/id", "a-z"},
		"LocationDashes":      {`{"tenant": "acme", "locations": [{"id": "e--u", "name": "F"}]}`, "/locations/0/id", "a-z"},
		"LocationTwice":       {`{"tenant": "acme", "locations": [{"id": "eu", "name": "F"}, {"id": "eu", "name": "G"}]}`, "/locations/1/id", "twice"},
		"LocationNameTwice":   {`{"tenant": "acme", "locations": [{"id": "eu", "name": "F"}, {"id": "us", "name": "F"}]}`, "/locations/1/name", "twice"},
		"LocationNameless":    {`{"tenant": "acme", "locations": [{"id": "eu", "name": ""}]}`, "/locations/0/name", "printable"},
		"LocationNameInjects": {`{"tenant": "acme", "locations": [{"id": "eu", "name": "${VaultKey}"}]}`, "/locations/0/name", "without $"},
		"Region":              {with(`, "region": "eu-centrall-1", "account": "111122223333"`), "/region", "eu-central-1"},
		"RegionAlone":         {with(`, "region": "eu-central-1"`), "/account", "both"},
		"Account":             {with(`, "region": "eu-central-1", "account": "11112222333"`), "/account", "twelve"},
		"Email":               {with(`, "alarmEmail": "ops"`), "/alarmEmail", "address"},
		"Retention":           {with(`, "logRetentionDays": 31`), "/logRetentionDays", "30"},
		"RetentionTooShort":   {with(`, "logRetentionDays": 7`), "/logRetentionDays", "14"},
		"Rate":                {with(`, "throttling": {"rate": 10001}`), "/throttling/rate", "10000"},
		"Burst":               {with(`, "throttling": {"burst": 5001}`), "/throttling/burst", "5000"},
		"Sessions":            {with(`, "throttling": {"sessions": -1}`), "/throttling/sessions", "1000"},
		"Quota":               {with(`, "quotaBytes": 1073741823`), "/quotaBytes", "1 GiB"},
		"HostWithScheme":      {with(`, "console": {"host": "https://a.example", "certificate": "x"}`), "/console/host", "without https"},
		"HostAlone":           {with(`, "console": {"host": "a.example"}`), "/console/certificate", "needs a certificate"},
		"CertificateAway":     {with(`, "console": {"host": "a.example", "certificate": "arn:aws:acm:eu-central-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef"}`), "/console/certificate", "us-east-1"},
		"IssuerPlain":         {issuer(`{"url": "http://a.example", "audience": ["z"], "roles": {"g": "admin"}}`), "/issuer/url", "https"},
		"IssuerQuery":         {issuer(`{"url": "https://a.example?x", "audience": ["z"], "roles": {"g": "admin"}}`), "/issuer/url", "https"},
		"NoAudience":          {issuer(`{"url": "https://a.example", "audience": [], "roles": {"g": "admin"}}`), "/issuer/audience", "at least one"},
		"AudienceComma":       {issuer(`{"url": "https://a.example", "audience": ["a,b"], "roles": {"g": "admin"}}`), "/issuer/audience/0", "comma"},
		"NoRoles":             {issuer(`{"url": "https://a.example", "audience": ["z"], "roles": {}}`), "/issuer/roles", "group"},
		"Locations":           {`{"tenant": "acme", "locations": [` + places(11) + `]}`, "/locations", "ten"},
		"LocationBlank":       {`{"tenant": "acme", "locations": [{"id": "eu", "name": " "}]}`, "/locations/0/name", "printable"},
		"LocationTurned":      {`{"tenant": "acme", "locations": [{"id": "eu", "name": "\u202eF"}]}`, "/locations/0/name", "printable"},
		"EmailInjects":        {with(`, "alarmEmail": "${VaultKey}@a.example"`), "/alarmEmail", "address"},
		"HostTooLong":         {with(`, "console": {"host": "` + strings.Repeat("aaa.", 62) + `abc.de", "certificate": "x"}`), "/console/host", "name such as"},
		"IssuerInjects":       {issuer(`{"url": "https://x.example;script-src/'unsafe-inline'", "audience": ["z"], "roles": {"g": "admin"}}`), "/issuer/url", "such as"},
		"IssuerQuoted":        {issuer(`{"url": "https://'self'*", "audience": ["z"], "roles": {"g": "admin"}}`), "/issuer/url", "such as"},
		"IssuerAnywhere":      {issuer(`{"url": "https://*", "audience": ["z"], "roles": {"g": "admin"}}`), "/issuer/url", "such as"},
		"IssuerHostless":      {issuer(`{"url": "https://:443", "audience": ["z"], "roles": {"g": "admin"}}`), "/issuer/url", "such as"},
		"IssuerHere":          {issuer(`{"url": "https://localhost", "audience": ["z"], "roles": {"g": "admin"}}`), "/issuer/url", "such as"},
		"IssuerDescribed":     {issuer(`{"url": "https://x.example/.well-known/openid-configuration", "audience": ["z"], "roles": {"g": "admin"}}`), "/issuer/url", ".well-known"},
		"Audiences":           {issuer(`{"url": "https://a.example", "audience": [` + strings.Repeat(`"z", `, 50) + `"z"], "roles": {"g": "admin"}}`), "/issuer/audience", "50"},
		"AudienceTooLong":     {issuer(`{"url": "https://a.example", "audience": ["` + strings.Repeat("z", 257) + `"], "roles": {"g": "admin"}}`), "/issuer/audience/0", "256"},
		"ClaimTooLong":        {issuer(`{"url": "https://a.example", "audience": ["z"], "groupsClaim": "` + strings.Repeat("z", 129) + `", "roles": {"g": "admin"}}`), "/issuer/groupsClaim", "128"},
		"GroupTooLong":        {issuer(`{"url": "https://a.example", "audience": ["z"], "roles": {"` + strings.Repeat("z", 129) + `": "admin"}}`), "/issuer/roles/z", "128"},
		"Groups":              {issuer(`{"url": "https://a.example", "audience": ["z"], "roles": {` + groups(51) + `}}`), "/issuer/roles", "50"},
		"NoAdmin":             {issuer(`{"url": "https://a.example", "audience": ["z"], "roles": {"g": "viewer"}}`), "/issuer/roles", "admin"},
		"Role":                {issuer(`{"url": "https://a.example", "audience": ["z"], "roles": {"g": "root"}}`), "/issuer/roles/g", "admin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := settings.Parse([]byte(test.file))
			if err == nil || !strings.Contains(err.Error(), test.place) || !strings.Contains(err.Error(), test.remedy) || strings.Contains(err.Error(), "\n") {
				t.Errorf("it is %v, which does not say %q of %s in one line", err, test.remedy, test.place)
			}
		})
	}
}

// TestLimits: what is just within a limit is taken.
func TestLimits(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"Least":  with(""),
		"Tenant": `{"tenant": "` + strings.Repeat("a", 24) + `", "locations": [{"id": "` + strings.Repeat("b", 32) + `", "name": "` + strings.Repeat("c", 64) + `"}]}`,
		"Places": `{"tenant": "acme", "locations": [` + places(10) + `]}`,
		"Host":   with(`, "console": {"host": "` + strings.Repeat("aaa.", 62) + `ab.de", "certificate": "arn:aws:acm:us-east-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef"}`),
		"Issuer": with(`, "issuer": {"url": "https://a.example:8443/x", "audience": [` + strings.Repeat(`"z", `, 49) + `"` + strings.Repeat("z", 256) + `"], "groupsClaim": "` + strings.Repeat("z", 128) +
			`", "roles": {"` + strings.Repeat("z", 128) + `": "admin", ` + groups(49) + `}}`),
		"Most": with(`, "logRetentionDays": 3653, "throttling": {"rate": 10000, "burst": 5000, "sessions": 1000}, "quotaBytes": 1073741824`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := settings.Parse([]byte(file)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLeftOut(t *testing.T) {
	t.Parallel()
	s, err := settings.Parse([]byte(with(`, "issuer": {"url": "https://a.example", "audience": ["z"], "roles": {"g": "admin"}}`)))
	if err != nil {
		t.Fatal(err)
	}
	if s.LogRetentionDays != 90 || s.Throttling != (settings.Throttling{Rate: 200, Burst: 400}) || s.QuotaBytes != 50<<30 || s.Issuer.GroupsClaim != "groups" {
		t.Errorf("it becomes %+v", s)
	}
	full, err := settings.Parse([]byte(with(`, "throttling": {"rate": 10000}`)))
	if err != nil || full.Throttling.Burst != 5000 {
		t.Errorf("the burst of the highest rate is %d, above what AWS has: %v", full.Throttling.Burst, err)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := settings.Read(filepath.Join(dir, "none.json")); err == nil || !strings.Contains(err.Error(), "-settings") {
		t.Errorf("a file that is not there: %v", err)
	}
	file := filepath.Join(dir, "settings.json")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := settings.Read(file); err == nil || !strings.Contains(err.Error(), file+": /tenant") {
		t.Errorf("it does not name the file and the place: %v", err)
	}
}

// TestRoles: a group can be given every role that the functions know, and no other.
func TestRoles(t *testing.T) {
	t.Parallel()
	var known []string
	for _, r := range caller.Roles() {
		known = append(known, string(r))
	}
	if !slices.Equal(settings.Roles(), known) {
		t.Errorf("the settings have %v, the functions %v", settings.Roles(), known)
	}
}
