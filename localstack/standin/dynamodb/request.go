package dynamodb

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"zapas/localstack/standin/dynamodb/expression"
)

// writeFields are what every kind of write has, alone or in a transaction.
type writeFields struct {
	TableName                           string
	Item                                item    `json:",omitzero"` // of a Put only
	Key                                 item    `json:",omitzero"` // of all but a Put
	UpdateExpression                    *string `json:",omitzero"` // of an Update only
	ConditionExpression                 *string
	ExpressionAttributeNames            map[string]string           `json:",omitzero"`
	ExpressionAttributeValues           map[string]expression.Value `json:",omitzero"`
	ReturnValuesOnConditionCheckFailure string
}

// writeRequest is a PutItem, UpdateItem or DeleteItem.
type writeRequest struct {
	writeFields
	ReturnValues                string
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
	Expected                    jsontext.Value
	ConditionalOperator         jsontext.Value
	AttributeUpdates            jsontext.Value // of an UpdateItem
}

type getRequest struct {
	TableName                string
	Key                      item
	ConsistentRead           bool
	ReturnConsumedCapacity   string
	ProjectionExpression     *string
	ExpressionAttributeNames map[string]string
	AttributesToGet          jsontext.Value
}

type queryRequest struct {
	TableName                 string
	IndexName                 *string
	Select                    string
	Limit                     *int
	ConsistentRead            bool
	ScanIndexForward          *bool
	ExclusiveStartKey         item
	ReturnConsumedCapacity    string
	KeyConditionExpression    *string
	FilterExpression          *string
	ProjectionExpression      *string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues map[string]expression.Value
	AttributesToGet           jsontext.Value
	KeyConditions             jsontext.Value
	QueryFilter               jsontext.Value
	ConditionalOperator       jsontext.Value
}

type transactRequest struct {
	TransactItems               []transactAction
	ClientRequestToken          *string
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
}

// transactAction has exactly one of its members.
type transactAction struct {
	ConditionCheck *writeFields `json:",omitzero"`
	Put            *writeFields `json:",omitzero"`
	Update         *writeFields `json:",omitzero"`
	Delete         *writeFields `json:",omitzero"`
}

// one is the action's kind and content.
func (a transactAction) one() (kind string, fields *writeFields) {
	switch {
	case a.ConditionCheck != nil:
		return "ConditionCheck", a.ConditionCheck
	case a.Put != nil:
		return "Put", a.Put
	case a.Update != nil:
		return "Update", a.Update
	}
	return "Delete", a.Delete
}

func (a transactAction) count() int {
	n := 0
	for _, fields := range []*writeFields{a.ConditionCheck, a.Put, a.Update, a.Delete} {
		if fields != nil {
			n++
		}
	}
	return n
}

func (r writeRequest) check(kind string) error {
	if err := checkLegacy(map[string]jsontext.Value{
		"Expected": r.Expected, "ConditionalOperator": r.ConditionalOperator, "AttributeUpdates": r.AttributeUpdates,
	}); err != nil {
		return err
	}
	allowed := []string{"NONE", "ALL_OLD"}
	if kind == "Update" {
		allowed = []string{"NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"}
	}
	if err := oneOf("returnValues", r.ReturnValues, allowed...); err != nil {
		return err
	}
	if err := checkAnswers(r.ReturnConsumedCapacity, r.ReturnItemCollectionMetrics); err != nil {
		return err
	}
	return r.writeFields.check(kind)
}

// check refuses members that the kind of write does not have, and the want of those it needs.
func (f *writeFields) check(kind string) error {
	switch {
	case kind == "Put" && f.Key != nil, kind != "Put" && f.Item != nil, kind != "Update" && f.UpdateExpression != nil:
		return refuse(typeSerialization, "A %s has no such member: Put has Item, Update has Key and UpdateExpression, all others Key", kind)
	case f.TableName == "":
		return missing("tableName")
	case kind == "Put" && f.Item == nil:
		return missing("item")
	case kind != "Put" && f.Key == nil:
		return missing("key")
	}
	return oneOf("returnValuesOnConditionCheckFailure", f.ReturnValuesOnConditionCheckFailure, "NONE", "ALL_OLD")
}

func (r getRequest) check() error {
	if err := checkLegacy(map[string]jsontext.Value{"AttributesToGet": r.AttributesToGet}); err != nil {
		return err
	}
	switch {
	case r.TableName == "":
		return missing("tableName")
	case r.Key == nil:
		return missing("key")
	}
	return checkAnswers(r.ReturnConsumedCapacity, "")
}

func (r queryRequest) check() error {
	if err := checkLegacy(map[string]jsontext.Value{
		"AttributesToGet": r.AttributesToGet, "KeyConditions": r.KeyConditions,
		"QueryFilter": r.QueryFilter, "ConditionalOperator": r.ConditionalOperator,
	}); err != nil {
		return err
	}
	switch {
	case r.TableName == "":
		return missing("tableName")
	case r.Limit != nil && *r.Limit < 1:
		return invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", *r.Limit)
	}
	if err := oneOf("select", r.Select, "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT"); err != nil {
		return err
	}
	return checkAnswers(r.ReturnConsumedCapacity, "")
}

func (r transactRequest) check() error {
	if n := len(r.TransactItems); n < 1 || n > maxActions {
		return invalid("1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length between 1 and %d, inclusive", maxActions)
	}
	if token := r.ClientRequestToken; token != nil && (len(*token) < 1 || len(*token) > 36) {
		return invalid("1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: Member must have length between 1 and 36, inclusive")
	}
	if err := checkAnswers(r.ReturnConsumedCapacity, r.ReturnItemCollectionMetrics); err != nil {
		return err
	}
	for _, a := range r.TransactItems {
		if a.count() != 1 {
			return invalid("TransactItems can only contain one of Check, Put, Update or Delete")
		}
		kind, fields := a.one()
		if err := fields.check(kind); err != nil {
			return err
		}
		if kind == "ConditionCheck" && fields.ConditionExpression == nil {
			return missing("conditionExpression")
		}
		if kind == "Update" && fields.UpdateExpression == nil {
			return missing("updateExpression")
		}
	}
	return nil
}

func checkAnswers(capacity, metrics string) error {
	if err := oneOf("returnConsumedCapacity", capacity, "INDEXES", "TOTAL", "NONE"); err != nil {
		return err
	}
	// Collections are measured for local secondary indexes only, of which there are
	// none: as from DynamoDB, no metrics come back.
	return oneOf("returnItemCollectionMetrics", metrics, "SIZE", "NONE")
}

func missing(member string) error {
	return invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
}

// oneOf refuses a value that is given and is none of those allowed.
func oneOf(member, given string, allowed ...string) error {
	if given == "" || slices.Contains(allowed, given) {
		return nil
	}
	return invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]",
		given, member, strings.Join(allowed, ", "))
}

// checkLegacy refuses the parameters from before expressions.
func checkLegacy(given map[string]jsontext.Value) error {
	var names []string
	for name, v := range given {
		if v != nil && v.Kind() != 'n' {
			names = append(names, name)
		}
	}
	if names == nil {
		return nil
	}
	slices.Sort(names)
	return invalid("Legacy parameters are not implemented here: {%s}. Use expressions instead", strings.Join(names, ", "))
}
