// Package settings knows what an organisation decides before it deploys: settings.json, what each member must be, and what
// holds where one is left out. It does not know what is made of them, nor CDK.
package settings

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Settings are those of one deployment.
type Settings struct {
	Tenant           string     `json:"tenant"`                    // the organisation's id, which stands in every user's id and key: never to be changed
	Region           string     `json:"region,omitzero"`           // "": where AWS's own settings say
	Account          string     `json:"account,omitzero"`          // "": as AWS's own settings say
	Locations        []Location `json:"locations"`                 // buckets that profiles may choose
	Issuer           *Issuer    `json:"issuer,omitzero"`           // nil: a Cognito user pool is made
	Console          Console    `json:"console,omitzero"`          //
	AlarmEmail       string     `json:"alarmEmail,omitzero"`       // "": nobody is told, alarms are seen in CloudWatch only
	LogRetentionDays int        `json:"logRetentionDays,omitzero"` // 0: 90
	DataEvents       bool       `json:"dataEvents,omitzero"`       // CloudTrail records each use of objects and of the two guarded tables: it costs
	Throttling       Throttling `json:"throttling,omitzero"`       //
	QuotaBytes       int64      `json:"quotaBytes,omitzero"`       // what a new vault may hold; 0: 50 GiB
}

// Location is a bucket.
type Location struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Issuer is the organisation's own OpenID provider.
type Issuer struct {
	URL         string            `json:"url"`                  // exactly as its tokens name it
	Audience    []string          `json:"audience"`             // for whom its tokens are
	GroupsClaim string            `json:"groupsClaim,omitzero"` // "": groups
	Roles       map[string]string `json:"roles"`                // group -> role
}

// Console is where people find it.
type Console struct {
	Host        string `json:"host,omitzero"`        // "": CloudFront's own name
	Certificate string `json:"certificate,omitzero"` // ARN in us-east-1, of a host of one's own
}

// Throttling protects the account from its phones.
type Throttling struct {
	Rate     int `json:"rate,omitzero"`     // requests a second; 0: 200
	Burst    int `json:"burst,omitzero"`    // 0: twice the rate, 5000 at most
	Sessions int `json:"sessions,omitzero"` // at most so many at once of the function that can use vault keys; 0: no limit of its own
}

// Read reads a file of settings.
func Read(path string) (Settings, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Settings{}, fmt.Errorf("the settings cannot be read: name a file that is there with -settings: %w", err)
	}
	s, err := Parse(b)
	if err != nil {
		return Settings{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Stack is the name of the deployment's stack, which names of everything begin with.
func (s Settings) Stack() string { return "zapas-" + s.Tenant }

// Parse reads settings and fills in what is left out.
func Parse(b []byte) (Settings, error) {
	var s Settings
	if err := json.Unmarshal(b, &s, json.RejectUnknownMembers(true)); err != nil {
		return Settings{}, unread(err)
	}
	if err := s.check(); err != nil {
		return Settings{}, err
	}
	if s.LogRetentionDays == 0 {
		s.LogRetentionDays = 90
	}
	if s.Throttling.Rate == 0 {
		s.Throttling.Rate = 200
	}
	if s.Throttling.Burst == 0 {
		s.Throttling.Burst = min(2*s.Throttling.Rate, 5_000)
	}
	if s.QuotaBytes == 0 {
		s.QuotaBytes = 50 << 30
	}
	if s.Issuer != nil && s.Issuer.GroupsClaim == "" {
		s.Issuer.GroupsClaim = "groups"
	}
	return s, nil
}

// unread says where a file is not what it must be.
func unread(err error) error {
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok && wrong.JSONPointer != "" {
		if errors.Is(err, json.ErrUnknownName) {
			return fmt.Errorf("%s: there is no such setting: remove it, or mend its name", wrong.JSONPointer)
		}
		return fmt.Errorf("%s: it has the wrong type: see the table in infra/README.md", wrong.JSONPointer)
	}
	if wrong, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("at byte %d, after %q, it is not JSON: mend it there: %w", wrong.ByteOffset, wrong.JSONPointer, wrong.Err)
	}
	return fmt.Errorf("it is not a JSON object of settings: %w", err)
}

var (
	tenant      = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	place       = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	account     = regexp.MustCompile(`^[0-9]{12}$`)
	host        = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`)
	email       = regexp.MustCompile(`^[^@\s"<>]+@([a-z0-9-]+\.)+[a-z]{2,63}$`)
	certificate = regexp.MustCompile(`^arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[0-9a-f-]{36}$`)
	control     = regexp.MustCompile(`[\x00-\x1f\x7f$\\"]`)
)

// retentions are the days that CloudWatch Logs can keep a log (API reference, PutRetentionPolicy), from the shortest in
// which an alarm can still be looked into.
var retentions = []int{14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// regions are those of the partitions aws and aws-eusc that have all services used.
var regions = []string{"af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1",
	"ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1",
	"eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1", "me-south-1", "sa-east-1", "us-east-1", "us-east-2",
	"us-west-1", "us-west-2"}

// Roles are what a group can make of its people.
func Roles() []string { return []string{"admin", "operator", "viewer", "counts-viewer", "auditor"} }

// fact is something that must hold, where it does, and what to do if it does not.
type fact struct {
	holds  bool
	place  string
	remedy string
}

func (s Settings) check() error {
	facts := []fact{
		{tenant.MatchString(s.Tenant) && len(s.Tenant) <= 24, "/tenant", "use up to 24 of a-z, 0-9 and single -"},
		{!reserved(s.Tenant), "/tenant", "Cognito reserves aws, amazon and cognito in the names of its sign-in pages: choose another"},
		{s.Region == "" || slices.Contains(regions, s.Region), "/region", "there is no such region: name one such as eu-central-1"},
		{s.Account == "" || account.MatchString(s.Account), "/account", "it must have twelve digits"},
		{(s.Account == "") == (s.Region == ""), "/account", "set account and region both, or neither"},
		{len(s.Locations) > 0, "/locations", "list at least one"},
		{len(s.Locations) <= 10, "/locations", "list at most ten: functions are told of all of them, and have room for no more"},
		{s.AlarmEmail == "" || email.MatchString(s.AlarmEmail) && !control.MatchString(s.AlarmEmail) && len(s.AlarmEmail) <= 254, "/alarmEmail", "it must be an address such as backup-alarms@acme.example"},
		{s.LogRetentionDays == 0 || slices.Contains(retentions, s.LogRetentionDays), "/logRetentionDays", fmt.Sprintf("CloudWatch can keep logs for one of %v days", retentions)},
		{0 <= s.Throttling.Rate && s.Throttling.Rate <= 10_000, "/throttling/rate", "use 1 to 10000 requests a second"},
		{0 <= s.Throttling.Burst && s.Throttling.Burst <= 5_000, "/throttling/burst", "use 1 to 5000 requests"},
		{0 <= s.Throttling.Sessions && s.Throttling.Sessions <= 1_000, "/throttling/sessions", "use 0 to 1000"},
		{s.QuotaBytes == 0 || s.QuotaBytes >= 1<<30, "/quotaBytes", "use at least 1073741824, which is 1 GiB"},
		{s.Console.Host == "" || isHost(s.Console.Host), "/console/host", "it must be a name such as backup.acme.example, without https://"},
		{(s.Console.Host == "") == (s.Console.Certificate == ""), "/console/certificate", "a host of one's own needs a certificate, and a certificate a host"},
		{s.Console.Certificate == "" || certificate.MatchString(s.Console.Certificate), "/console/certificate", "it must be the ARN of a certificate in us-east-1, where CloudFront looks for it"},
	}
	facts = append(facts, s.locations()...)
	facts = append(facts, s.Issuer.facts()...)
	for _, f := range facts {
		if !f.holds {
			return fmt.Errorf("%s: %s", f.place, f.remedy)
		}
	}
	return nil
}

// isHost asks for a name of at least two parts, of at most 253 characters (RFC 1035, section 2.3.4).
func isHost(s string) bool { return host.MatchString(s) && len(s) <= 253 }

// visible asks that what people read is what is there: no spaces around it, and nothing that turns or hides letters.
func visible(s string) bool {
	return s == strings.TrimSpace(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func reserved(s string) bool {
	return strings.Contains(s, "aws") || strings.Contains(s, "amazon") || strings.Contains(s, "cognito")
}

func (s Settings) locations() (all []fact) {
	ids, names := map[string]bool{}, map[string]bool{}
	for i, l := range s.Locations {
		at := fmt.Sprintf("/locations/%d", i)
		all = append(all,
			fact{place.MatchString(l.ID) && len(l.ID) <= 32, at + "/id", "use up to 32 of a-z, 0-9 and single -"},
			fact{!ids[l.ID], at + "/id", fmt.Sprintf("%q is there twice: give each location an id of its own", l.ID)},
			fact{l.Name != "" && len(l.Name) <= 64 && visible(l.Name) && !control.MatchString(l.Name), at + "/name", `use 1 to 64 bytes of printable text without $, " and \`},
			fact{!names[l.Name], at + "/name", fmt.Sprintf("%q is there twice: nobody could tell them apart", l.Name)})
		ids[l.ID], names[l.Name] = true, true
	}
	return all
}

func (i *Issuer) facts() (all []fact) {
	if i == nil {
		return nil
	}
	u, err := url.Parse(i.URL)
	all = []fact{
		{err == nil && u.Scheme == "https" && isHost(u.Hostname()) && u.User == nil && u.RawQuery == "" && u.Fragment == "" && !control.MatchString(i.URL),
			"/issuer/url", "it must be a URL such as https://login.acme.example, exactly as tokens name it"},
		{!strings.Contains(i.URL, "/.well-known/"), "/issuer/url", "leave /.well-known/ and what follows out: it must be exactly as tokens name it"},
		{len(i.Audience) <= 50, "/issuer/audience", "name at most 50: the API takes no more"},
		{len(i.Audience) > 0, "/issuer/audience", "name at least one client for whom tokens are issued"},
		{len(i.Roles) > 0, "/issuer/roles", `say which group makes which role, such as {"it-admins": "admin"}`},
		{len(i.Roles) <= 50, "/issuer/roles", "list at most 50 groups: functions are told of all of them, and have room for no more"},
		{!control.MatchString(i.GroupsClaim) && len(i.GroupsClaim) <= 128, "/issuer/groupsClaim", "name a claim of the token, such as groups, in up to 128 bytes"},
	}
	for n, a := range i.Audience {
		all = append(all, fact{a != "" && len(a) <= 256 && !strings.ContainsAny(a, ", ") && !control.MatchString(a), fmt.Sprintf("/issuer/audience/%d", n), "it must be a client's id of up to 256 bytes without a comma or space"})
	}
	for _, group := range slices.Sorted(maps.Keys(i.Roles)) {
		short := group[:min(len(group), 128)]
		all = append(all, fact{slices.Contains(Roles(), i.Roles[group]), "/issuer/roles/" + short, fmt.Sprintf("the roles are %v", Roles())},
			fact{group != "" && group == short && !control.MatchString(group), "/issuer/roles/" + short, "name a group in up to 128 bytes of printable text"})
	}
	return append(all, fact{slices.Contains(slices.Collect(maps.Values(i.Roles)), "admin"), "/issuer/roles", "say which group makes an admin: without one nobody could begin"})
}
