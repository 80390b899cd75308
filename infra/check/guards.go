package check

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// guard is something that must be denied, and to whom it need not be.
type guard struct {
	actions []string
	but     []string                       // roles; none: to everybody
	when    map[string]map[string][]string // besides who it is
}

func but(roles ...string) []string {
	for i, r := range roles {
		roles[i] = "${Role" + r + ".Arn}"
	}
	return roles
}

// deployer is the role that CloudFormation acts as, by the name that the bootstrap gives it.
const deployer = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-hnb659fds-cfn-exec-role-${AWS::AccountId}-${AWS::Region}"

// guards are what each resource must refuse, whatever a role says: logical id, or the beginning of one, to guards.
func guards() map[string][]guard {
	return map[string][]guard{
		"VaultKey":  {{actions: uses, but: but("Sessions")}},
		"BucketKey": {{actions: uses, but: but("Uploads", "Restores", "Recovery")}},
		"TableIdentity": {
			{actions: []string{"dynamodb:GetItem"}, but: but("Devices", "Sessions", "Uploads", "Restores")},
			{actions: []string{"dynamodb:Query", "dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}, but: but("Devices")},
			sweeping,
		},
		"TableVaultkeys": {
			{actions: []string{"dynamodb:GetItem", "dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}, but: but("Sessions")},
			{actions: []string{"dynamodb:Query"}, but: but("Devices", "Sessions")},
			sweeping,
		},
		"TableAudit": {
			{actions: []string{"dynamodb:PutItem"}, but: but("Profiles", "Devices", "Sessions", "Triggers")},
			{actions: []string{"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"}},
		},
		"Location": {
			{actions: []string{"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes"}, but: but("Uploads", "Restores", "Recovery")},
			{actions: []string{"s3:ListBucket", "s3:ListBucketVersions"}, but: append(but("Uploads", "Restores", "Recovery"), deployer)},
			{actions: []string{"s3:PutObject"}, but: but("Uploads")},
			{actions: []string{"s3:PutObject"}, when: map[string]map[string][]string{"Null": {"s3:if-none-match": {"true"}}}},
			{actions: []string{"s3:GetObject", "s3:PutObject"}, when: map[string]map[string][]string{"NumericGreaterThan": {"s3:signatureAge": {"900000"}}}},
			{actions: []string{"s3:GetObject", "s3:PutObject"}, when: map[string]map[string][]string{"StringEquals": {"s3:authType": {"REST-QUERY-STRING"}}}, but: but("Uploads", "Restores")},
			{actions: []string{"s3:DeleteObject", "s3:PutObjectAcl", "s3:BypassGovernanceRetention"}},
			{actions: []string{"s3:DeleteObjectVersion"}, but: but("Recovery")},
			overTLS,
		},
		"DeadTicks": {
			{actions: []string{"sqs:SendMessage"}, but: but("Scheduler")},
			{actions: []string{"sqs:SendMessage", "sqs:ReceiveMessage"}, when: map[string]map[string][]string{"Bool": {"aws:SecureTransport": {"false"}}}},
		},
		"Console": {overTLS}, "AccessLogs": {overTLS}, "TrailBucket": {overTLS},
	}
}

// uses are the actions by which a key serves somebody.
var uses = []string{"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:CreateGrant"}

// sweeping is what nobody may do with rows.
var sweeping = guard{actions: []string{"dynamodb:Scan", "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PartiQLSelect",
	"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete", "dynamodb:ExportTableToPointInTime"}}

var overTLS = guard{actions: []string{"s3:GetObject", "s3:PutObject", "s3:ListBucket"}, when: map[string]map[string][]string{"Bool": {"aws:SecureTransport": {"false"}}}}

// guarding are the statements of the policy of a resource itself.
func (t Template) guarding(id string) []statement {
	r := t.Resources[id]
	beside := map[string][2]string{"AWS::S3::Bucket": {"AWS::S3::BucketPolicy", "Bucket"}, "AWS::SQS::Queue": {"AWS::SQS::QueuePolicy", "Queues"}}
	kind, ok := beside[r.Type]
	if !ok {
		return statements(id, at(r.Properties, documents[r.Type]...))
	}
	var all []statement
	for _, policy := range t.of(kind[0]) {
		if slices.Equal(texts(t.Resources[policy].Properties[kind[1]]), []string{"${" + id + "}"}) {
			all = append(all, statements(policy, t.Resources[policy].Properties["PolicyDocument"])...)
		}
	}
	return all
}

// guardsStand: each guard is there, refuses everybody but those named, and on no further condition.
func guardsStand(t Template) (wrong []string) {
	all := guards()
	for _, prefix := range slices.Sorted(maps.Keys(all)) {
		ids := []string{prefix}
		if prefix == "Location" {
			if ids = t.locations(); len(ids) == 0 {
				wrong = append(wrong, "there is no bucket of a location")
			}
		}
		for _, id := range ids {
			for _, g := range all[prefix] {
				for _, action := range g.actions {
					if !slices.ContainsFunc(t.guarding(id), func(s statement) bool { return s.refuses(id, action, g) }) {
						wrong = append(wrong, fmt.Sprintf("%s does not refuse %s to all but %v when %v", id, action, g.but, g.when))
					}
				}
			}
		}
	}
	return wrong
}

// refuses reports whether a statement is the guard.
func (s statement) refuses(id, action string, g guard) bool {
	when := map[string]map[string][]string{}
	for operator, keys := range g.when {
		when[operator] = keys
	}
	if len(g.but) > 0 {
		when["ArnNotEquals"] = map[string][]string{"aws:PrincipalArn": g.but}
	}
	within := slices.ContainsFunc(s.resources, func(r string) bool {
		return r == "*" || r == "${"+id+".Arn}/*" || strings.HasPrefix(action, "s3:List") && r == "${"+id+".Arn}"
	})
	return s.deny && slices.Equal(s.who, []string{"*"}) && within && s.covers(action) && reflect.DeepEqual(s.when, when)
}

// manages are the actions on a key that open nothing.
var manages = []string{"kms:DescribeKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags", "kms:PutKeyPolicy",
	"kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription"}

// managedNotUsed: whoever is not a role of this deployment can manage a key at most, and the account itself only through
// its root user, to repair.
func managedNotUsed(t Template) (wrong []string) {
	const root = "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"
	for _, id := range t.of("AWS::KMS::Key") {
		deployer := false
		for _, s := range t.guarding(id) {
			if s.deny || !slices.ContainsFunc(s.who, func(w string) bool { return !strings.HasPrefix(w, "${Role") }) {
				continue
			}
			for _, a := range s.actions {
				if !slices.Contains(manages, a) {
					wrong = append(wrong, fmt.Sprintf("%s lets %v %s", s, s.who, a))
				}
			}
			repair := []string{"kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy"}
			asRoot := reflect.DeepEqual(s.when, map[string]map[string][]string{"ArnEquals": {"aws:PrincipalArn": {root}}})
			if slices.Contains(s.who, root) && (!asRoot || !slices.Equal(s.actions, repair)) {
				wrong = append(wrong, fmt.Sprintf("%s lets the account do more than its root user repair", s))
			}
			deployer = deployer || strings.Contains(s.who[0], ":role/cdk-") && s.covers("kms:PutKeyPolicy")
		}
		if !deployer {
			wrong = append(wrong, id+" could not be changed by the next deployment")
		}
	}
	return wrong
}

// id26 is any id of ours, in the place of a name.
const id26 = "??????????????????????????"

// reviewed are the only wildcards, with reasons: <policy>/<statement> to the action or the end of a resource.
var reviewed = map[string]string{
	"s3:*": "denied, not allowed: over plain HTTP, with an old signature, by a URL of another's", "kms:GenerateDataKey*": "denied, not allowed", "kms:ReEncrypt*": "denied, not allowed",
	"*":                              "in a key's or a table's own policy, where it is the resource itself",
	"/*":                             "all objects of a bucket, in its own policy; of the console's, to CloudFront",
	"/u/*/s/*/c/*":                   "chunks of any user and session: who may have which is decided per request",
	"/u/*/l/*":                       "chunk lists, likewise",
	"/u/*":                           "the recovery role undeletes what anybody lost",
	"/s3/*":                          "S3 names its own log files",
	"/AWSLogs/${AWS::AccountId}/*":   "CloudTrail names its own files",
	"_CloudTrail_${AWS::Region}*":    "CloudTrail names its own log streams",
	"sqs:*":                          "denied, not allowed: over plain HTTP",
	":schedule/${Schedules}/" + id26: "the schedules of profiles, by their ids; in the deployment's own group",
}

// wildcards: there are no others than the reviewed ones, and none of them allows more than its place.
func wildcards(t Template) (wrong []string) {
	for _, s := range t.all() {
		for _, a := range s.actions {
			if strings.ContainsAny(a, "*?") && (!s.deny || reviewed[a] == "") {
				wrong = append(wrong, fmt.Sprintf("%s has the action %s", s, a))
			}
		}
		for _, r := range s.resources {
			// Scheduler lists without a resource (Service Authorization Reference).
			own := s.deny || slices.Equal(s.actions, []string{"scheduler:ListSchedules"}) || t.Resources[s.where].Type == "AWS::KMS::Key"
			if r == "*" && own || !strings.ContainsAny(r, "*?") {
				continue
			}
			end := r
			if i := strings.Index(r, ".Arn}"); i >= 0 {
				end = r[i+len(".Arn}"):] // what follows a bucket
			} else if i := strings.Index(r, "_CloudTrail_"); i >= 0 {
				end = r[i:]
			} else if i := strings.Index(r, ":schedule/"); i >= 0 {
				end = r[i:]
			}
			if r == "*" || reviewed[end] == "" {
				wrong = append(wrong, fmt.Sprintf("%s has the resource %s", s, r))
			}
		}
	}
	return wrong
}

// real are the names of actions that are used, as the service authorization reference has them.
var real = []string{
	"dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:ExportTableToPointInTime",
	"dynamodb:GetItem", "dynamodb:PartiQLDelete", "dynamodb:PartiQLInsert", "dynamodb:PartiQLSelect", "dynamodb:PartiQLUpdate", "dynamodb:PutItem",
	"dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem",
	"kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:EnableKeyRotation", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
	"kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:TagResource",
	"kms:UntagResource", "kms:UpdateKeyDescription",
	"events:PutEvents", "iam:PassRole", "lambda:InvokeFunction",
	"logs:CreateLogStream", "logs:PutLogEvents",
	"s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetBucketAcl", "s3:GetObject", "s3:GetObjectAttributes", "s3:GetObjectVersion",
	"s3:GetObjectVersionAttributes", "s3:ListBucket", "s3:ListBucketVersions", "s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl",
	"scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:ListSchedules", "scheduler:UpdateSchedule",
	"sns:Publish", "sqs:ReceiveMessage", "sqs:SendMessage", "sts:AssumeRole",
}

// actionsAreReal: AWS takes a misspelt action in a role's policy without a word, and grants nothing by it.
func actionsAreReal(t Template) (wrong []string) {
	for _, s := range t.all() {
		for _, a := range s.actions {
			if !slices.ContainsFunc(real, func(r string) bool { return like(a, r) }) {
				wrong = append(wrong, fmt.Sprintf("%s names the action %s, which is not known", s, a))
			}
		}
	}
	return wrong
}

// servicesActForUs: a service that is let in must come for this account. CloudTrail takes a role without saying for whom,
// and a role can only be handed to a service within its own account.
func servicesActForUs(t Template) (wrong []string) {
	for _, s := range t.all() {
		service := slices.ContainsFunc(s.who, func(w string) bool { return strings.HasPrefix(w, "service:") })
		if service && !s.deny && s.where != "RoleTrail" && !slices.Equal(s.when["StringEquals"]["aws:SourceAccount"], []string{"${AWS::AccountId}"}) {
			wrong = append(wrong, fmt.Sprintf("%s lets %v in for anybody", s, s.who))
		}
	}
	for _, id := range t.of("AWS::Lambda::Permission") {
		p := t.Resources[id].Properties
		if text(p["SourceAccount"]) != "${AWS::AccountId}" || !strings.Contains(text(p["SourceArn"]), ":${AWS::AccountId}:${Api}/") || text(p["Principal"]) != "apigateway.amazonaws.com" {
			wrong = append(wrong, id+" lets another than this API call a function")
		}
	}
	return wrong
}
