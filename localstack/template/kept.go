package template

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"zapas/localstack/standin/dynamodb"
)

// read reads one resource.
func (r *reader) read(d *Deployment, id string) error {
	switch of := r.resources[id].Type; of {
	case "AWS::DynamoDB::Table":
		return r.table(d, id)
	case "AWS::S3::Bucket":
		return r.bucket(d, id)
	case "AWS::S3::BucketPolicy":
		return r.bucketPolicy(id)
	case "AWS::KMS::Key":
		return r.key(d, id)
	case "AWS::IAM::Role":
		return r.role(d, id)
	case "AWS::IAM::Policy":
		return r.policy(id)
	case "AWS::Lambda::Function":
		return r.function(d, id)
	case "AWS::Scheduler::ScheduleGroup":
		return r.named(id, &d.Groups)
	case "AWS::Scheduler::Schedule":
		return r.schedule(d, id)
	case "AWS::SQS::Queue":
		return r.queue(d, id)
	case "AWS::SQS::QueuePolicy":
		return r.queuePolicy(id)
	case "AWS::Events::EventBus":
		return r.named(id, &d.Buses)
	case "AWS::Events::Rule":
		return r.rule(d, id)
	case "AWS::Lambda::Permission":
		return r.permission(id)
	case "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage", "AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route":
		return r.front(d, id)
	default:
		if _, ok := unplayed[of]; !ok {
			return fmt.Errorf("%s: the local stack does not know the type %s: have localstack/template play it, or list it there with the reason why not", id, of)
		}
		return nil
	}
}

func (r *reader) names(id string) (ref, arn string) { return r.physical(id, r.resources[id]) }

type wireTable struct {
	KeySchema              wireKey
	AttributeDefinitions   []struct{ AttributeName, AttributeType string }
	GlobalSecondaryIndexes []struct {
		IndexName  string
		KeySchema  wireKey
		Projection struct {
			ProjectionType   string
			NonKeyAttributes []string
		}
	}
	TimeToLiveSpecification struct {
		AttributeName string
		Enabled       bool
	}
	ResourcePolicy struct{ PolicyDocument jsontext.Value }
}

type wireKey []struct{ AttributeName, KeyType string }

func (r *reader) table(d *Deployment, id string) error {
	var w wireTable
	if err := r.properties(id, &w); err != nil {
		return err
	}
	types := map[string]string{}
	for _, a := range w.AttributeDefinitions {
		types[a.AttributeName] = a.AttributeType
	}
	key := func(k wireKey) (of dynamodb.Key) {
		for _, part := range k {
			a := dynamodb.Attribute{Name: part.AttributeName, Type: types[part.AttributeName]}
			if part.KeyType == "HASH" {
				of.Partition = a
			} else {
				of.Sort = a
			}
		}
		return of
	}
	name, arn := r.names(id)
	t := Table{Table: dynamodb.Table{Name: name, Key: key(w.KeySchema)}, ARN: arn, Policy: w.ResourcePolicy.PolicyDocument}
	for _, x := range w.GlobalSecondaryIndexes {
		t.Indexes = append(t.Indexes, dynamodb.Index{Name: x.IndexName, Key: key(x.KeySchema), Projection: x.Projection.ProjectionType, Include: x.Projection.NonKeyAttributes})
	}
	if w.TimeToLiveSpecification.Enabled {
		t.TTL = w.TimeToLiveSpecification.AttributeName
	}
	d.Tables = append(d.Tables, t)
	return nil
}

type wireBucket struct {
	BucketEncryption struct {
		ServerSideEncryptionConfiguration []struct {
			BucketKeyEnabled              bool
			ServerSideEncryptionByDefault struct{ SSEAlgorithm, KMSMasterKeyID string }
		}
	}
}

func (r *reader) bucket(d *Deployment, id string) error {
	var w wireBucket
	if err := r.properties(id, &w); err != nil {
		return err
	}
	name, arn := r.names(id)
	b := Bucket{Name: name, ARN: arn}
	for _, rule := range w.BucketEncryption.ServerSideEncryptionConfiguration {
		switch how := rule.ServerSideEncryptionByDefault; {
		case how.SSEAlgorithm == "AES256" && how.KMSMasterKeyID == "":
		case how.SSEAlgorithm == "aws:kms" && how.KMSMasterKeyID != "" && rule.BucketKeyEnabled:
			b.Key = how.KMSMasterKeyID
		default:
			return fmt.Errorf("%s: the local stack knows encryption by AES256, or by a key of KMS with a bucket key", id)
		}
	}
	d.Buckets = append(d.Buckets, b)
	return nil
}

func (r *reader) bucketPolicy(id string) error {
	var w struct {
		Bucket         string
		PolicyDocument jsontext.Value
	}
	err := r.properties(id, &w)
	r.bucketPolicies[w.Bucket] = w.PolicyDocument
	return err
}

func (r *reader) key(d *Deployment, id string) error {
	var w struct{ KeyPolicy jsontext.Value }
	if err := r.properties(id, &w); err != nil {
		return err
	}
	if w.KeyPolicy == nil {
		return fmt.Errorf("%s has no KeyPolicy: without one KMS lets the whole account use it; write one", id)
	}
	name, arn := r.names(id)
	d.Keys = append(d.Keys, Key{ID: name, ARN: arn, Policy: w.KeyPolicy})
	return nil
}

func (r *reader) role(d *Deployment, id string) error {
	if err := r.properties(id, &struct{}{}); err != nil { // policies are resources of their own
		return err
	}
	name, arn := r.names(id)
	d.Roles = append(d.Roles, Role{Name: name, ARN: arn})
	return nil
}

func (r *reader) policy(id string) error {
	var w struct {
		PolicyName     string
		Roles          []string
		PolicyDocument jsontext.Value
	}
	err := r.properties(id, &w)
	for _, role := range w.Roles {
		r.rolePolicies[role] = append(r.rolePolicies[role], Policy{Name: w.PolicyName, Document: w.PolicyDocument})
	}
	return err
}

type wireFunction struct {
	Role                         string
	Code                         struct{ S3Bucket, S3Key string }
	Environment                  struct{ Variables map[string]string }
	MemorySize                   int
	Timeout                      int // seconds
	ReservedConcurrentExecutions int
}

func (r *reader) function(d *Deployment, id string) error {
	var w wireFunction
	if err := r.properties(id, &w); err != nil {
		return err
	}
	program, ok := strings.CutSuffix(w.Code.S3Key, ".zip")
	if !ok {
		return fmt.Errorf("%s: the code must be named <program>.zip, as in the golden template, and not %q", id, w.Code.S3Key)
	}
	_, arn := r.names(id)
	d.Functions = append(d.Functions, Function{Program: program, ARN: arn, Role: w.Role, Env: w.Environment.Variables,
		Timeout: time.Duration(w.Timeout) * time.Second, MemoryMB: w.MemorySize, Reserved: w.ReservedConcurrentExecutions})
	return nil
}
