// Package template knows what the CloudFormation template of a deployment asks for, as far as a stack on one machine plays
// it: it reads the template, resolves what its parts say of each other, and makes what it says. It does not know what the
// resources are for, nor how the template is made.
//
// It reads what the golden template has: Ref, Fn::GetAtt, Fn::Sub with one text, and AWS's pseudo parameters. Any other
// function, a type of resource on neither of the lists in played.go, and a property that is neither read nor on the list
// there is refused, by the resource's logical id and the place in it. A template without a right is thus never taken for
// one with it.
//
// Physical names are made of the stack's name and the logical id, as CloudFormation makes them, and nothing random, so that
// the same template has the same names everywhere.
package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"zapas/localstack/standin/dynamodb"
)

// Place is where a template is deployed.
type Place struct {
	Account, Region, Stack string
	// Instead says what stands for a text of the template, written as in Fn::Sub ("${UserPoolClient}" is its Ref). It is
	// for what is not played here, and each must be met.
	Instead map[string]string
}

// Deployment is what a template asks for.
type Deployment struct {
	Place     Place
	Tables    []Table
	Buckets   []Bucket
	Keys      []Key
	Roles     []Role
	Functions []Function
	Routes    []Route
	Authorize Authorizer
	Groups    []string // of schedules
	Buses     []string // of events
	Rules     []Rule
	Schedules []Schedule
	Queues    []Queue
}

// Table is a table of DynamoDB.
type Table struct {
	dynamodb.Table
	ARN    string
	Policy jsontext.Value // nil: none
}

// Bucket is a bucket of S3.
type Bucket struct {
	Name, ARN string
	Key       string         // ARN of what encrypts objects, by a bucket key; "": S3's own
	Policy    jsontext.Value // nil: none
}

// Key is a key of KMS.
type Key struct {
	ID, ARN string
	Policy  jsontext.Value
}

// Role is who somebody is to AWS.
type Role struct {
	Name, ARN string
	Policies  []Policy
}

// Policy is what a role may do.
type Policy struct {
	Name     string
	Document jsontext.Value
}

// Function is a function of Lambda.
type Function struct {
	Program  string // which it runs: the name of its archive without ".zip"
	ARN      string
	Role     string // ARN
	Env      map[string]string
	Timeout  time.Duration
	MemoryMB int
	Reserved int // at most so many at once; 0: no limit of its own
}

// Route is a route of the HTTP API.
type Route struct {
	Method, Path string
	Function     string // the program of the function that answers
	JWT          bool   // the authorizer asks for a token
	Timeout      time.Duration
}

// Authorizer is the HTTP API's, which checks tokens.
type Authorizer struct {
	Issuer   string
	Audience []string
}

// Read reads a template.
func Read(template []byte, at Place) (*Deployment, error) {
	r, err := open(template, at)
	if err != nil {
		return nil, err
	}
	d := &Deployment{Place: at}
	for _, id := range slices.Sorted(maps.Keys(r.resources)) {
		if err := r.read(d, id); err != nil {
			return nil, err
		}
	}
	if err := r.join(d); err != nil {
		return nil, err
	}
	for text := range at.Instead {
		if !r.met[text] {
			return nil, fmt.Errorf("the template has no %q, for which something is said to stand: remove it from the list of what stands for what", text)
		}
	}
	return d, nil
}

// Function returns the function that runs a program.
func (d *Deployment) Function(program string) (Function, bool) {
	at := slices.IndexFunc(d.Functions, func(f Function) bool { return f.Program == program })
	if at < 0 {
		return Function{}, false
	}
	return d.Functions[at], true
}

// Named is the program of the function that has a name on AWS.
func (d *Deployment) Named(function string) (program string, ok bool) {
	at := slices.IndexFunc(d.Functions, func(f Function) bool { return strings.HasSuffix(f.ARN, ":function:"+function) })
	if at < 0 {
		return "", false
	}
	return d.Functions[at].Program, true
}
