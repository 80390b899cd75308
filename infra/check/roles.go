package check

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// matrix is what each role can do with what is worth reading. What is not in it, no role can. It is written by hand a
// second time, apart from the permissions themselves, so that a change must be meant twice.
var matrix = map[string][]string{
	"RoleProfiles":  {"pass RoleScheduler"},
	"RoleTriggers":  {"pass RoleScheduler"},
	"RoleScheduler": {"call FunctionTriggers"},
	"RoleDevices":   {"read identity", "write identity", "list vaultkeys"},
	"RoleSessions":  {"read identity", "read vaultkeys", "list vaultkeys", "write vaultkeys", "use VaultKey"},
	"RoleUploads":   {"read identity", "read objects", "write objects", "use BucketKey"},
	"RoleRestores":  {"read identity", "read objects", "use BucketKey"},
	"RoleRecovery":  {"read objects", "delete versions", "use BucketKey"},
	"RoleTrail":     {},
}

// powers are what the matrix speaks of: an action of any of these on the resource.
func (t Template) powers() map[string]func(role string) bool {
	on := func(id string, actions ...string) func(string) bool {
		return func(role string) bool {
			return slices.ContainsFunc(actions, func(a string) bool { return t.can(role, a, id) })
		}
	}
	anyLocation := func(actions ...string) func(string) bool {
		return func(role string) bool {
			return slices.ContainsFunc(t.locations(), func(id string) bool { return on(id, actions...)(role) })
		}
	}
	read := []string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Scan", "dynamodb:PartiQLSelect", "dynamodb:ExportTableToPointInTime", "dynamodb:ConditionCheckItem"}
	write := []string{"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"}
	return map[string]func(string) bool{
		"use VaultKey": on("VaultKey", uses...), "use BucketKey": on("BucketKey", uses...),
		"read identity": on("TableIdentity", read...), "write identity": on("TableIdentity", write...),
		"read vaultkeys": on("TableVaultkeys", read...), "list vaultkeys": on("TableVaultkeys", "dynamodb:Query"), "write vaultkeys": on("TableVaultkeys", write...),
		"read objects":  anyLocation("s3:GetObject", "s3:GetObjectVersion"),
		"write objects": anyLocation("s3:PutObject", "s3:DeleteObject", "s3:PutObjectAcl", "s3:RestoreObject"), "delete versions": anyLocation("s3:DeleteObjectVersion"),
		"pass RoleScheduler": on("RoleScheduler", "iam:PassRole"), "call FunctionTriggers": on("FunctionTriggers", "lambda:InvokeFunction"),
		"change policies": func(role string) bool {
			return slices.ContainsFunc(t.may(role), func(s statement) bool {
				return s.covers("iam:PassRole") && !s.passesToScheduler() || slices.ContainsFunc([]string{"kms:PutKeyPolicy", "s3:PutBucketPolicy",
					"dynamodb:PutResourcePolicy", "iam:PutRolePolicy", "sts:AssumeRole", "lambda:UpdateFunctionCode"}, s.covers)
			})
		},
	}
}

// passesToScheduler reports whether a statement allows no more than to give a schedule the role that schedules are for.
func (s statement) passesToScheduler() bool {
	return slices.Equal(s.actions, []string{"iam:PassRole"}) && slices.Equal(s.resources, []string{"${RoleScheduler.Arn}"}) &&
		slices.Equal(s.when["StringEquals"]["iam:PassedToService"], []string{"scheduler.amazonaws.com"})
}

// locations are the buckets of backups.
func (t Template) locations() []string {
	return slices.DeleteFunc(t.of("AWS::S3::Bucket"), func(id string) bool { return !strings.HasPrefix(id, "Location") })
}

// separation: every role can do what the matrix says of it, and nothing else of what the matrix speaks of. No role can use
// the vault key and reach objects.
func separation(t Template) (wrong []string) {
	powers := t.powers()
	for _, role := range slices.Sorted(maps.Keys(matrix)) {
		if t.Resources[role].Type != "AWS::IAM::Role" {
			wrong = append(wrong, role+" is in the matrix, and there is no such role")
		}
	}
	for _, role := range t.of("AWS::IAM::Role") {
		listed, known := matrix[role]
		if !known {
			wrong = append(wrong, role+" is not in the matrix: add it there, with what it can do")
		}
		for _, name := range slices.Sorted(maps.Keys(powers)) {
			if can := powers[name](role); can != slices.Contains(listed, name) {
				wrong = append(wrong, fmt.Sprintf("%s: that it can %s is %v", role, name, can))
			}
		}
		objects := powers["read objects"](role) || powers["write objects"](role) || powers["delete versions"](role)
		if objects && powers["use VaultKey"](role) {
			wrong = append(wrong, role+" has both locks")
		}
		for _, s := range t.may(role) {
			if role == "RoleSessions" && slices.ContainsFunc(s.actions, func(a string) bool { return strings.HasPrefix(a, "s3:") || a == "*" }) {
				wrong = append(wrong, fmt.Sprintf("%s gives %s something of S3", s, role))
			}
			signs := role == "RoleUploads" || role == "RoleRestores"
			if signs && s.touches("TableIdentity") && !reflect.DeepEqual(s.actions, []string{"dynamodb:GetItem"}) {
				wrong = append(wrong, fmt.Sprintf("%s gives %s more of identities than to read one", s, role))
			}
		}
	}
	return wrong
}

// rolesAreWhole: what a role may do is in its one policy, where these checks see it.
func rolesAreWhole(t Template) (wrong []string) {
	for _, id := range t.of("AWS::IAM::Role") {
		p := t.Resources[id].Properties
		if p["ManagedPolicyArns"] != nil || p["Policies"] != nil || p["RoleName"] != nil {
			wrong = append(wrong, id+" has a managed policy, an inline one or a name of its own")
		}
	}
	for _, kind := range []string{"AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy", "AWS::IAM::AccessKey"} {
		for _, id := range t.of(kind) {
			wrong = append(wrong, id+" is a "+kind+", and there is none here")
		}
	}
	return wrong
}

// prefixes are the partitions that there are in each table.
var prefixes = map[string][]string{
	"TableZapas": {"V#*", "F#*", "O#*", "I#*", "J#*", "P", "SETTINGS"}, "TableIdentity": {"D#*", "C#*", "E#*", "U#*"}, "TableVaultkeys": {"V#*"}, "TableAudit": {"A#*"},
}

// rowsAreNarrowed: every right on rows names the partitions that it is for.
func rowsAreNarrowed(t Template) (wrong []string) {
	for _, s := range t.statements("AWS::IAM::Policy") {
		for table, known := range prefixes {
			if !s.touches(table) || !slices.ContainsFunc(s.actions, func(a string) bool { return strings.HasPrefix(a, "dynamodb:") }) {
				continue
			}
			index := !slices.ContainsFunc(s.resources, func(r string) bool { return !strings.HasPrefix(r, "${"+table+".Arn}/index/") })
			if index && reflect.DeepEqual(s.actions, []string{"dynamodb:Query"}) {
				continue
			}
			keys := s.when["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
			if len(keys) == 0 || slices.ContainsFunc(keys, func(k string) bool { return !slices.Contains(known, k) }) || !slices.Equal(s.when["Null"]["dynamodb:LeadingKeys"], []string{"false"}) {
				wrong = append(wrong, fmt.Sprintf("%s is not narrowed to partitions of %s", s, table))
			}
			reader := s.where == "PolicyUploads" || s.where == "PolicyRestores"
			if table == "TableIdentity" && reader && !slices.Equal(keys, []string{"D#*"}) {
				wrong = append(wrong, fmt.Sprintf("%s reaches more of identities than devices", s))
			}
		}
	}
	return wrong
}

// keysAreBound: the vault key serves one binding of app, tenant, user and version, and the bucket key serves through S3
// alone, whoever asks.
func keysAreBound(t Template) (wrong []string) {
	for _, s := range append(t.statements("AWS::IAM::Policy"), t.statements("AWS::KMS::Key")...) {
		if s.deny || !slices.ContainsFunc(uses, s.covers) {
			continue
		}
		if s.where == "VaultKey" || s.touches("VaultKey") && s.where != "BucketKey" {
			equal := s.when["StringEquals"]
			if !slices.Equal(equal["kms:EncryptionContext:app"], []string{"zapas"}) || len(equal["kms:EncryptionContext:tenant"]) != 1 ||
				!slices.Equal(s.when["ForAllValues:StringEquals"]["kms:EncryptionContextKeys"], []string{"app", "tenant", "user", "v"}) ||
				!slices.Equal(s.when["Null"]["kms:EncryptionContext:user"], []string{"false"}) || !slices.Equal(s.when["Null"]["kms:EncryptionContext:v"], []string{"false"}) {
				wrong = append(wrong, fmt.Sprintf("%s does not bind the vault key to app, tenant, user and version", s))
			}
		} else if via := s.when["StringEquals"]["kms:ViaService"]; !slices.Equal(via, []string{"s3.${AWS::Region}.${AWS::URLSuffix}"}) {
			wrong = append(wrong, fmt.Sprintf("%s lets the bucket key be used without S3", s))
		}
	}
	return wrong
}
