// Package settings knows which environment variables a function has and what each must be. It does not know what they
// are used for.
package settings

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"zapas/shared/caller"
	"zapas/shared/profile"
)

// Environment hands out settings. A function asks for those that it needs, then whether any of them is wrong: one
// deployment then mends all of them.
type Environment struct {
	variables map[string]string
	wrong     []error
}

// From takes variables in the form of os.Environ.
func From(environ []string) *Environment {
	e := &Environment{variables: map[string]string{}}
	for _, v := range environ {
		name, value, _ := strings.Cut(v, "=")
		e.variables[name] = value
	}
	return e
}

// Err says what is wrong with the settings that were asked for, each in one sentence; nil when nothing is.
func (e *Environment) Err() error { return errors.Join(e.wrong...) }

func (e *Environment) refuse(name, format string, args ...any) {
	e.wrong = append(e.wrong, fmt.Errorf("%s "+format, append([]any{name}, args...)...))
}

// required is a variable that must not be empty.
func (e *Environment) required(name, example string) string {
	if e.variables[name] == "" {
		e.refuse(name, "is not set: set it, such as to %s", example)
	}
	return e.variables[name]
}

var (
	tenant = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	bucket = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	place  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
)

// Tenant is the organisation's id.
func (e *Environment) Tenant() string {
	s := e.required("ZAPAS_TENANT", "acme")
	if s != "" && !tenant.MatchString(s) {
		e.refuse("ZAPAS_TENANT", "is %q: use up to 63 of a-z, 0-9 and -", s)
	}
	return s
}

// Issuer is the OpenID provider, exactly as its tokens name it.
func (e *Environment) Issuer() string {
	s := e.required("ZAPAS_ISSUER", "https://login.acme.example")
	e.isURL("ZAPAS_ISSUER", s)
	return s
}

// API is the address of the API, as phones are told it, without a final slash.
func (e *Environment) API() string {
	s := e.required("ZAPAS_API", "https://backup.acme.example")
	e.isURL("ZAPAS_API", s)
	return strings.TrimSuffix(s, "/")
}

// isURL takes plain http on loopback alone.
func (e *Environment) isURL(name, s string) {
	if s == "" {
		return
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		e.refuse(name, "is %q: it must be a URL that begins with https://", s)
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Clock is what every part of a function reads the time from: the machine's clock, or one that is ahead of it or behind
// where a story of days is played. That is done only where the services of AWS are on this machine. On Lambda nothing is there, so whoever can
// change a deployed function's environment has by that no way to move its clock.
func (e *Environment) Clock() func() time.Time {
	const name, endpoint = "ZAPAS_CLOCK_OFFSET", "AWS_ENDPOINT_URL"
	s := e.variables[name]
	if s == "" {
		return time.Now
	}
	ahead, err := time.ParseDuration(s)
	services, failed := url.Parse(e.variables[endpoint])
	switch {
	case failed != nil || !loopback(services.Hostname()):
		e.refuse(name, "is set, and %s is not on this machine: remove it, for only a local stack moves clocks", endpoint)
	case err != nil:
		e.refuse(name, "is %q: it must be how far the clock is ahead, such as 26h, or behind, such as -26h", s)
	}
	return func() time.Time { return time.Now().Add(ahead) }
}

// Audience are those for whom a token may be issued.
func (e *Environment) Audience() []string {
	var all []string
	for a := range strings.SplitSeq(e.required("ZAPAS_AUDIENCE", "zapas"), ",") {
		if a = strings.TrimSpace(a); a != "" {
			all = append(all, a)
		}
	}
	if len(all) == 0 && e.variables["ZAPAS_AUDIENCE"] != "" {
		e.refuse("ZAPAS_AUDIENCE", "names nobody: name at least one client, separated by commas")
	}
	return all
}

// GroupsClaim is the claim that lists a person's groups.
func (e *Environment) GroupsClaim() string {
	if s := e.variables["ZAPAS_GROUPS_CLAIM"]; s != "" {
		return s
	}
	return "groups"
}

// Roles says which group makes which role.
func (e *Environment) Roles() map[string]caller.Role {
	const name = "ZAPAS_ROLES"
	var roles map[string]caller.Role
	if !e.decode(name, `{"it-admins":"admin"}`, &roles) {
		return nil
	}
	for group, role := range roles {
		if group == "" || !slices.Contains(caller.Roles(), role) {
			e.refuse(name, "makes %q of group %q: the roles are %v", role, group, caller.Roles())
		}
	}
	return roles
}

// Table is the table of vaults, devices and profiles.
func (e *Environment) Table() string { return e.required("ZAPAS_TABLE", "zapas") }

// TableIdentity is the table of people, devices' keys and enrolment codes.
func (e *Environment) TableIdentity() string {
	return e.required("ZAPAS_TABLE_IDENTITY", "zapas-identity")
}

// TableVaultKeys is the table of wrapped keys and consents.
func (e *Environment) TableVaultKeys() string {
	return e.required("ZAPAS_TABLE_VAULTKEYS", "zapas-vaultkeys")
}

// TableAudit is the table of what was done.
func (e *Environment) TableAudit() string { return e.required("ZAPAS_TABLE_AUDIT", "zapas-audit") }

// VaultKey is the ARN of the key that wraps vault keys.
func (e *Environment) VaultKey() string {
	return e.required("ZAPAS_VAULT_KEY", "arn:aws:kms:eu-central-1:111122223333:key/…")
}

// Bus is the name of the event bus.
func (e *Environment) Bus() string { return e.required("ZAPAS_BUS", "zapas") }

// Schedules say where the schedules of profiles are, as whom they call, and where calls go that did not come about.
type Schedules struct {
	Group            string
	Role, DeadLetter string // ARNs
}

// Schedules are those of profiles.
func (e *Environment) Schedules() Schedules {
	return Schedules{Group: e.required("ZAPAS_SCHEDULES", "zapas"),
		Role:       e.arn("ZAPAS_SCHEDULES_ROLE", "arn:aws:iam::111122223333:role/…"),
		DeadLetter: e.arn("ZAPAS_SCHEDULES_DEAD", "arn:aws:sqs:eu-central-1:111122223333:…")}
}

// SchedulesTarget is the ARN of the function that schedules call.
func (e *Environment) SchedulesTarget() string {
	return e.arn("ZAPAS_SCHEDULES_TARGET", "arn:aws:lambda:eu-central-1:111122223333:function:…")
}

func (e *Environment) arn(name, example string) string {
	s := e.required(name, example)
	if s != "" && !strings.HasPrefix(s, "arn:") {
		e.refuse(name, "is %q: it must be an ARN such as %s", s, example)
	}
	return s
}

// Quota is how many bytes a new vault may hold.
func (e *Environment) Quota() int64 {
	s := e.required("ZAPAS_QUOTA", "53687091200")
	n, err := strconv.ParseInt(s, 10, 64)
	if s != "" && (err != nil || n < 1) {
		e.refuse("ZAPAS_QUOTA", "is %q: it must be a number of bytes above 0", s)
	}
	return n
}

// location is a bucket of the deployment.
type location struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Region string `json:"region"`
	Bucket string `json:"bucket"`
}

func (e *Environment) locations() []location {
	const name = "ZAPAS_LOCATIONS"
	var all []location
	if !e.decode(name, `[{"id":"eu","name":"Frankfurt","region":"eu-central-1","bucket":"acme-backup"}]`, &all) {
		return nil
	}
	if len(all) == 0 {
		e.refuse(name, "lists no location: list at least one")
	}
	seen := map[string]bool{}
	for _, l := range all {
		if !place.MatchString(l.ID) || l.Name == "" || l.Region == "" || !bucket.MatchString(l.Bucket) || seen[l.ID] {
			e.refuse(name, "has a location %q that lacks an id of its own (a-z, 0-9, -), a name, a region or a bucket's name: complete it", l.ID)
		}
		seen[l.ID] = true
	}
	return all
}

// Locations are those that profiles may choose.
func (e *Environment) Locations() []profile.Location {
	var all []profile.Location
	for _, l := range e.locations() {
		all = append(all, profile.Location{ID: l.ID, Name: l.Name, Region: l.Region})
	}
	return all
}

// Buckets says which bucket a location is.
func (e *Environment) Buckets() map[string]string {
	buckets := map[string]string{}
	for _, l := range e.locations() {
		buckets[l.ID] = l.Bucket
	}
	return buckets
}

func (e *Environment) decode(name, example string, into any) bool {
	s := e.required(name, example)
	if s == "" {
		return false
	}
	err := json.Unmarshal([]byte(s), into, json.RejectUnknownMembers(true))
	if err != nil {
		e.refuse(name, "cannot be read: it must be JSON such as %s: %w", example, err)
	}
	return err == nil
}
