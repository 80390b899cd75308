package template

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// wireTemplate has the sections that are read. Any other, as Parameters, is refused.
type wireTemplate struct {
	Description string
	Outputs     jsontext.Value // they tell people what was made
	Resources   map[string]resource
}

// resource is one resource. How it is kept, and after which others it is made, makes no difference to what it is.
type resource struct {
	Type                string
	Properties          map[string]any
	DependsOn           any
	DeletionPolicy      string
	UpdateReplacePolicy string
}

// reader is a template that is being read.
type reader struct {
	place     Place
	resources map[string]resource
	met       map[string]bool // texts of place.Instead

	// What is joined when all is read.
	bucketPolicies map[string]jsontext.Value // by the bucket's name
	queuePolicies  map[string]jsontext.Value // by the queue's address
	rolePolicies   map[string][]Policy       // by the role's name
	integrations   map[string]integration
	permissions    []permission
	routes         []wireRoute
	authorizer     string
}

func open(template []byte, at Place) (*reader, error) {
	var wire wireTemplate
	if err := json.Unmarshal(template, &wire, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("the template cannot be read: %w", err)
	}
	return &reader{place: at, resources: wire.Resources, met: map[string]bool{}, bucketPolicies: map[string]jsontext.Value{}, queuePolicies: map[string]jsontext.Value{},
		rolePolicies: map[string][]Policy{}, integrations: map[string]integration{}}, nil
}

// properties decodes what is played of a resource's properties into a struct.
func (r *reader) properties(id string, into any) error {
	of := r.resources[id]
	read := map[string]any{}
	for name, v := range of.Properties {
		if _, silent := unread[of.Type+"/"+name]; silent {
			continue
		}
		resolved, err := r.value(v, "/"+name)
		if err != nil {
			return fmt.Errorf("%s (%s): %w", id, of.Type, err)
		}
		read[name] = resolved
	}
	b, err := json.Marshal(read, json.Deterministic(true))
	if err == nil {
		err = json.Unmarshal(b, into, json.RejectUnknownMembers(true))
	}
	if wrong, ok := errors.AsType[*json.SemanticError](err); ok && errors.Is(err, json.ErrUnknownName) {
		return fmt.Errorf("%s (%s): %s: the local stack does not know this property: have localstack/template play it, or list it there with the reason why not", id, of.Type, wrong.JSONPointer)
	}
	if err != nil {
		return fmt.Errorf("%s (%s) is not as CloudFormation has it: %w", id, of.Type, err)
	}
	return nil
}

// value resolves the functions within a value.
func (r *reader) value(v any, at string) (any, error) {
	switch v := v.(type) {
	case string:
		if instead, ok := r.instead(v); ok {
			return instead, nil
		}
		return v, nil
	case []any:
		all := make([]any, len(v))
		for i := range v {
			one, err := r.value(v[i], fmt.Sprintf("%s/%d", at, i))
			if err != nil {
				return nil, err
			}
			all[i] = one
		}
		return all, nil
	case map[string]any:
		return r.object(v, at)
	}
	return v, nil
}

func (r *reader) object(o map[string]any, at string) (any, error) {
	all := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		text, isFunction, err := written(name, o[name])
		if isFunction && (err != nil || len(o) > 1) {
			return nil, fmt.Errorf("%s/%s: the local stack does not know this function, or this form of it: have localstack/template resolve it", at, name)
		}
		if isFunction {
			return r.text(text, at)
		}
		one, err := r.value(o[name], at+"/"+name)
		if err != nil {
			return nil, err
		}
		all[name] = one
	}
	return all, nil
}

// written is a function as Fn::Sub would have it. A Condition that is a text is a function, and one that is not is a
// policy's.
func written(name string, argument any) (text string, isFunction bool, err error) {
	one, isText := argument.(string)
	list, isList := argument.([]any)
	switch {
	case name == "Ref" && isText:
		return "${" + one + "}", true, nil
	case name == "Fn::Sub" && isText:
		return one, true, nil
	case name == "Fn::GetAtt" && isList && len(list) == 2:
		return fmt.Sprintf("${%v.%v}", list[0], list[1]), true, nil
	case name == "Ref" || strings.HasPrefix(name, "Fn::") || name == "Condition" && isText:
		return "", true, fmt.Errorf("%s is not known", name)
	}
	return "", false, nil
}

// instead is what stands for a text here.
func (r *reader) instead(text string) (string, bool) {
	v, ok := r.place.Instead[text]
	if ok {
		r.met[text] = true
	}
	return v, ok
}

var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// text resolves the names in a text.
func (r *reader) text(text, at string) (string, error) {
	if v, ok := r.instead(text); ok {
		return v, nil
	}
	var failed error
	resolved := reference.ReplaceAllStringFunc(text, func(found string) string {
		v, err := r.name(found[2 : len(found)-1])
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %q: %w", at, text, err)
		}
		return v
	})
	return resolved, failed
}

// name is the value of a pseudo parameter, a resource's Ref, or an attribute of it.
func (r *reader) name(name string) (string, error) {
	switch name {
	case "AWS::AccountId":
		return r.place.Account, nil
	case "AWS::Region":
		return r.place.Region, nil
	case "AWS::Partition":
		return "aws", nil
	case "AWS::URLSuffix":
		return "amazonaws.com", nil
	case "AWS::StackName":
		return r.place.Stack, nil
	}
	id, attribute, _ := strings.Cut(name, ".")
	of, ok := r.resources[id]
	if !ok {
		return "", fmt.Errorf("there is no resource %s", id)
	}
	ref, arn := r.physical(id, of)
	switch {
	case attribute == "" && ref != "":
		return ref, nil
	case attribute == "Arn" && arn != "":
		return arn, nil
	}
	return "", fmt.Errorf("the local stack does not know %s of %s (%s): say what stands for the text there (localstack/stack), or have localstack/template know it", name, id, of.Type)
}

// physical is a resource's Ref and its ARN, as far as others speak of them.
func (r *reader) physical(id string, of resource) (ref, arn string) {
	name, here := r.place.Stack+"-"+id, r.place.Region+":"+r.place.Account+":"
	switch of.Type {
	case "AWS::DynamoDB::Table":
		return name, "arn:aws:dynamodb:" + here + "table/" + name
	case "AWS::S3::Bucket":
		name = strings.ToLower(name)
		return name, "arn:aws:s3:::" + name
	case "AWS::KMS::Key":
		name = keyID(name)
		return name, "arn:aws:kms:" + here + "key/" + name
	case "AWS::IAM::Role":
		return name, "arn:aws:iam::" + r.place.Account + ":role/" + name
	case "AWS::Lambda::Function":
		return name, "arn:aws:lambda:" + here + "function:" + name
	case "AWS::Scheduler::ScheduleGroup", "AWS::Events::EventBus":
		switch given := of.Properties["Name"].(type) {
		case string:
			name = given
		case map[string]any:
			if given["Ref"] == "AWS::StackName" {
				name = r.place.Stack
			}
		}
		if of.Type == "AWS::Events::EventBus" {
			return name, "arn:aws:events:" + here + "event-bus/" + name
		}
		return name, "arn:aws:scheduler:" + here + "schedule-group/" + name
	case "AWS::SQS::Queue":
		arn = "arn:aws:sqs:" + here + name
		return address(arn), arn
	case "AWS::SNS::Topic":
		return "arn:aws:sns:" + here + name, ""
	case "AWS::Logs::LogGroup":
		return name, "arn:aws:logs:" + here + "log-group:" + name + ":*"
	case "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Integration", "AWS::CloudFront::Distribution":
		return id, ""
	}
	return "", ""
}

// keyID is a UUID made of a name (RFC 9562 section 5.8).
func keyID(name string) string {
	b := sha256.Sum256([]byte(name))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
