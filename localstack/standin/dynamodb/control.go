package dynamodb

import (
	"context"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	bolt "go.etcd.io/bbolt"

	"zapas/localstack/standin/dynamodb/expression"
	"zapas/localstack/standin/intact"
)

type createRequest struct {
	TableName              string
	AttributeDefinitions   []struct{ AttributeName, AttributeType string }
	KeySchema              wireKey
	BillingMode            string
	GlobalSecondaryIndexes []struct {
		IndexName  string
		KeySchema  wireKey
		Projection struct {
			ProjectionType   string
			NonKeyAttributes []string
		}
	}
}

type wireKey []struct{ AttributeName, KeyType string }

// key is a key schema with the types that the request defines.
func (r createRequest) key(of wireKey) (k Key) {
	for _, part := range of {
		a := Attribute{Name: part.AttributeName}
		for _, d := range r.AttributeDefinitions {
			if d.AttributeName == a.Name {
				a.Type = d.AttributeType
			}
		}
		if part.KeyType == "HASH" {
			k.Partition = a
		} else {
			k.Sort = a
		}
	}
	return k
}

func (r createRequest) table() Table {
	t := Table{Name: r.TableName, Key: r.key(r.KeySchema)}
	for _, x := range r.GlobalSecondaryIndexes {
		t.Indexes = append(t.Indexes, Index{Name: x.IndexName, Key: r.key(x.KeySchema), Projection: x.Projection.ProjectionType, Include: x.Projection.NonKeyAttributes})
	}
	return t
}

// uses says whether an attribute is part of a key of the table or of an index.
func (t Table) uses(attribute string) bool {
	return t.Key.has(attribute) || slices.ContainsFunc(t.Indexes, func(x Index) bool { return x.Key.has(attribute) })
}

type tableDescription struct {
	TableName, TableArn, TableStatus string
}

func (s *Server) description(table, status string) tableDescription {
	return tableDescription{TableName: table, TableArn: s.arn(table), TableStatus: status}
}

func (s *Server) createTable(ctx context.Context, r createRequest) (any, error) {
	if err := s.authorize(ctx, "CreateTable", r.TableName, nil, expression.Value{}); err != nil {
		return nil, err
	}
	if r.BillingMode != "PAY_PER_REQUEST" {
		f := refuse(typeNotImplemented, "The operation CreateTable with a BillingMode other than PAY_PER_REQUEST is not implemented here")
		f.status = http.StatusNotImplemented
		return nil, f
	}
	t := r.table()
	if err := t.check(); err != nil {
		return nil, invalid("One or more parameter values were invalid: %s", err)
	}
	for _, d := range r.AttributeDefinitions {
		if !t.uses(d.AttributeName) {
			return nil, invalid("One or more parameter values were invalid: Some AttributeDefinitions are not used. AttributeDefinitions: [%s]", d.AttributeName)
		}
	}
	if _, err := s.table(t.Name); err == nil {
		return nil, refuse(typeInUse, "Table already exists: %s", t.Name)
	}
	if err := s.Create(t); err != nil {
		return nil, err
	}
	return struct{ TableDescription tableDescription }{s.description(t.Name, "CREATING")}, nil
}

type namedRequest struct{ TableName string }

func (s *Server) describeTable(ctx context.Context, r namedRequest) (any, error) {
	if err := s.authorize(ctx, "DescribeTable", r.TableName, nil, expression.Value{}); err != nil {
		return nil, err
	}
	t, err := s.table(r.TableName)
	if err != nil {
		return nil, err
	}
	return struct{ Table tableDescription }{s.description(t.Name, "ACTIVE")}, nil
}

type timeToLive struct {
	AttributeName string
	Enabled       bool
}

type ttlRequest struct {
	TableName               string
	TimeToLiveSpecification timeToLive
}

// updateTTL turns TTL on, also for the items that are there.
func (s *Server) updateTTL(ctx context.Context, r ttlRequest) (any, error) {
	if err := s.authorize(ctx, "UpdateTimeToLive", r.TableName, nil, expression.Value{}); err != nil {
		return nil, err
	}
	t, err := s.table(r.TableName)
	switch {
	case err != nil:
		return nil, err
	case !r.TimeToLiveSpecification.Enabled && t.TTL == "":
		return nil, invalid("TimeToLive is already disabled")
	case !r.TimeToLiveSpecification.Enabled:
		f := refuse(typeNotImplemented, "The operation UpdateTimeToLive that disables is not implemented here")
		f.status = http.StatusNotImplemented
		return nil, f
	case t.TTL != "":
		return nil, invalid("TimeToLive is already enabled")
	}
	t.TTL = r.TimeToLiveSpecification.AttributeName
	data, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.db.Update(func(tx *bolt.Tx) error {
		err := tx.Bucket(itemsBucket(t.Name)).ForEach(func(key, data []byte) error {
			it, err := decodeItem(data)
			if end, ok := t.end(it); ok && err == nil {
				err = intact.Put(tx, endsBucket(t.Name), append(end, key...), key)
			}
			return err
		})
		if err != nil {
			return err
		}
		return intact.Put(tx, []byte(tablesBucket), []byte(t.Name), data)
	})
	if err != nil {
		return nil, err
	}
	s.tables[t.Name] = t
	return struct{ TimeToLiveSpecification timeToLive }{r.TimeToLiveSpecification}, nil
}

type policyRequest struct{ ResourceArn, Policy string }

// putPolicy puts a table's policy in force. It does not check that the caller could take it away again.
func (s *Server) putPolicy(ctx context.Context, r policyRequest) (any, error) {
	s.mu.RLock()
	var name string
	for n := range s.tables {
		if s.arn(n) == r.ResourceArn {
			name = n
		}
	}
	s.mu.RUnlock()
	if name == "" {
		return nil, refuse(typeNotFound, "Requested resource not found: %s not found", r.ResourceArn)
	}
	if err := s.authorize(ctx, "PutResourcePolicy", name, nil, expression.Value{}); err != nil {
		return nil, err
	}
	if s.config.Attach == nil {
		f := refuse(typeNotImplemented, "The operation PutResourcePolicy is not implemented here")
		f.status = http.StatusNotImplemented
		return nil, f
	}
	if err := s.config.Attach(r.ResourceArn, []byte(r.Policy)); err != nil {
		return nil, invalid("%s", err)
	}
	return struct{}{}, nil
}

// deleteTable removes a table and its items. Its empty buckets stay: a call that has found the table before it was gone
// finds them empty.
func (s *Server) deleteTable(ctx context.Context, r namedRequest) (any, error) {
	if err := s.authorize(ctx, "DeleteTable", r.TableName, nil, expression.Value{}); err != nil {
		return nil, err
	}
	t, err := s.table(r.TableName)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.db.Update(func(tx *bolt.Tx) error {
		for _, bucket := range t.buckets() {
			if err := intact.Empty(tx, bucket); err != nil {
				return err
			}
		}
		return intact.Delete(tx, []byte(tablesBucket), []byte(t.Name))
	})
	if err == nil && s.config.Attach != nil {
		err = s.config.Attach(s.arn(t.Name), nil)
	}
	if err != nil {
		return nil, err
	}
	delete(s.tables, t.Name)
	return struct{ TableDescription tableDescription }{s.description(t.Name, "DELETING")}, nil
}
