package check

import (
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// allowed.txt has every statement that allows something, written by hand a second time, so that a permission must be
// meant twice.
//
//go:embed allowed.txt
var allowed string

// trusts are who can take each role, likewise.
func trusts() map[string]string {
	all := map[string]string{
		"RoleRecovery":  "deny | * | sts:AssumeRole",
		"RoleTrail":     "service:cloudtrail.amazonaws.com | sts:AssumeRole",
		"RoleScheduler": "service:scheduler.amazonaws.com | sts:AssumeRole | ArnEquals aws:SourceArn ${Schedules.Arn}, StringEquals aws:SourceAccount ${AWS::AccountId}",
	}
	for _, name := range []string{"Profiles", "Devices", "Sessions", "Uploads", "Restores", "Triggers"} {
		all["Role"+name] = "service:lambda.amazonaws.com | sts:AssumeRole | " +
			"ArnLike aws:SourceArn arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}-Function" + name + "-*, StringEquals aws:SourceAccount ${AWS::AccountId}"
	}
	return all
}

// trustIsExact: each role can be taken by whom the table says, and by nobody else. Whoever takes a role has all that the
// role may do, whatever else guards it.
func trustIsExact(t Template) (wrong []string) {
	want := trusts()
	for _, id := range t.of("AWS::IAM::Role") {
		var got []string
		for _, s := range statements(id, t.Resources[id].Properties["AssumeRolePolicyDocument"]) {
			got = append(got, s.line())
		}
		if !slices.Equal(got, []string{want[id]}) {
			wrong = append(wrong, fmt.Sprintf("%s can be taken by %q, want %q", id, got, want[id]))
		}
	}
	return wrong
}

// line is a statement in one line, with all that it says.
func (s statement) line() string {
	var parts []string
	if s.deny {
		parts = append(parts, "deny")
	}
	for _, list := range [][]string{s.who, s.actions, s.resources} {
		if len(list) > 0 {
			parts = append(parts, strings.Join(list, " "))
		}
	}
	var when []string
	for _, operator := range slices.Sorted(maps.Keys(s.when)) {
		for _, key := range slices.Sorted(maps.Keys(s.when[operator])) {
			when = append(when, operator+" "+key+" "+strings.Join(s.when[operator][key], " "))
		}
	}
	if len(when) > 0 {
		parts = append(parts, strings.Join(when, ", "))
	}
	return strings.Join(parts, " | ")
}

var (
	tenantOf   = regexp.MustCompile(`(kms:EncryptionContext:tenant) [a-z0-9-]+`)
	locationOf = regexp.MustCompile(`\$\{Location[A-Za-z0-9]+\.Arn\}`)
	rowsOf     = regexp.MustCompile(`ForAllValues:StringLike dynamodb:LeadingKeys ([^,]*), Null dynamodb:LeadingKeys false`)
)

// general is a line that is the same for every tenant and any number of locations. Rows are what narrows a right to them.
func general(s statement) string {
	var resources []string
	for _, r := range s.resources {
		if r = locationOf.ReplaceAllLiteralString(r, "${Location.Arn}"); !slices.Contains(resources, r) {
			resources = append(resources, r)
		}
	}
	s.resources = resources
	line := tenantOf.ReplaceAllString(s.line(), "$1 <tenant>")
	line = locationOf.ReplaceAllLiteralString(line, "${Location.Arn}") // a condition may list them, too
	for strings.Contains(line, "${Location.Arn} ${Location.Arn}") {
		line = strings.ReplaceAll(line, "${Location.Arn} ${Location.Arn}", "${Location.Arn}")
	}
	return rowsOf.ReplaceAllString(line, "rows $1")
}

// allowedIsListed: what is allowed, to whom, on what and when is what the list says, all of it and no more.
func allowedIsListed(t Template) (wrong []string) {
	listed, met := map[string]bool{}, map[string]int{}
	where := ""
	for line := range strings.Lines(allowed) {
		switch line = strings.TrimRight(line, "\n"); {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "  "):
			listed[where+": "+strings.TrimSpace(line)] = true
		default:
			where = line
		}
	}
	for kind := range documents {
		for _, s := range t.statements(kind) {
			if s.deny || kind == "AWS::IAM::Role" { // what is denied takes nothing away from these checks; trusts have their own
				continue
			}
			line := s.where + ": " + general(s)
			if !listed[line] {
				wrong = append(wrong, fmt.Sprintf("%s is not on the list: %s", s, line))
			}
			met[line]++
		}
	}
	for line := range listed {
		if n := met[line]; n != 1 {
			wrong = append(wrong, fmt.Sprintf("%d statements allow what the list has once: %s", n, line))
		}
	}
	slices.Sort(wrong)
	return wrong
}
