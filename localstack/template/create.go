package template

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"zapas/localstack/standin"
	"zapas/localstack/standin/iam"
)

// Create makes tables, buckets, keys, queues, groups of schedules and schedules, buses and rules, where they are not there yet. It puts no policy in force.
func (d *Deployment) Create(in *standin.AWS) error {
	for _, t := range d.Tables {
		if err := in.DynamoDB.Create(t.Table); err != nil {
			return err
		}
	}
	var keys []string
	for _, k := range d.Keys {
		keys = append(keys, k.ID)
	}
	if err := in.KMS.Create(keys...); err != nil {
		return err
	}
	for _, b := range d.Buckets {
		if err := in.S3.CreateBucket(b.Name); err != nil {
			return err
		}
		if b.Key != "" {
			in.S3.Encrypt(b.Name, b.Key)
		}
	}
	return d.createTicks(in)
}

// Policies are all of them: of roles, tables, buckets and keys.
func (d *Deployment) Policies() (*iam.Policies, error) {
	p := &iam.Policies{Identity: map[string][]*iam.Document{}, Resource: map[string]*iam.Document{}}
	for _, role := range d.Roles {
		for _, policy := range role.Policies {
			document, err := iam.ParseIdentity(policy.Name, policy.Document)
			if err != nil {
				return nil, fmt.Errorf("role %s: %w", role.Name, err)
			}
			p.Identity[role.ARN] = append(p.Identity[role.ARN], document)
		}
	}
	guard := func(name, arn string, policy jsontext.Value) error {
		if policy == nil {
			return nil
		}
		document, err := iam.ParseResource(name, policy)
		p.Resource[arn] = document
		return err
	}
	for _, t := range d.Tables {
		if err := guard(t.Name, t.ARN, t.Policy); err != nil {
			return nil, err
		}
	}
	for _, b := range d.Buckets {
		if err := guard(b.Name, b.ARN, b.Policy); err != nil {
			return nil, err
		}
	}
	for _, q := range d.Queues {
		if err := guard(q.ARN, q.ARN, q.Policy); err != nil {
			return nil, err
		}
	}
	for _, k := range d.Keys {
		if err := guard(k.ARN, k.ARN, k.Policy); err != nil {
			return nil, err
		}
	}
	return p, nil
}
