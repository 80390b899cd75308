package dynamodb

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"zapas/localstack/standin/dynamodb/expression"
)

// The error types that are sent, as DynamoDB names them on the wire.
const (
	typeValidation     = "com.amazon.coral.validate#ValidationException"
	typeSerialization  = "com.amazon.coral.service#SerializationException"
	typeUnknown        = "com.amazon.coral.service#UnknownOperationException"
	typeAccessDenied   = "com.amazon.coral.service#AccessDeniedException"
	typePrefix         = "com.amazonaws.dynamodb.v20120810#"
	typeConditional    = typePrefix + "ConditionalCheckFailedException"
	typeNotFound       = typePrefix + "ResourceNotFoundException"
	typeInUse          = typePrefix + "ResourceInUseException"
	typeCancelled      = typePrefix + "TransactionCanceledException"
	typeMismatch       = typePrefix + "IdempotentParameterMismatchException"
	typeNotImplemented = typePrefix + "NotImplementedException"
	typeInternal       = typePrefix + "InternalServerError"
)

// item is an item, a key, or a part of either.
type item = expression.Item

// failure is an error that the caller gets to see.
type failure struct {
	status  int
	kind    string // one of the types above
	message string
	item    item     // of a failed condition, when asked for
	reasons []reason // of a cancelled transaction
}

// reason says of one action of a cancelled transaction why it could not be done.
type reason struct {
	Code    string
	Message string `json:",omitzero"`
	Item    item   `json:",omitzero"`
}

func (f *failure) Error() string { return f.message }

func refuse(kind, format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, kind: kind, message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) *failure {
	return refuse(typeValidation, format, args...)
}

func conditionFailed(found item) *failure {
	f := refuse(typeConditional, "The conditional request failed")
	f.item = found
	return f
}

func cancelled(reasons []reason) *failure {
	codes := make([]string, len(reasons))
	for i, r := range reasons {
		codes[i] = r.Code
	}
	f := refuse(typeCancelled,
		"Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", "))
	f.reasons = reasons
	return f
}

// failureIn finds what the caller may see of an error.
func failureIn(err error) (*failure, bool) {
	var f *failure
	var refused *expression.Refusal
	switch {
	case errors.As(err, &f):
		return f, true
	case errors.As(err, &refused) && refused.Malformed:
		return refuse(typeSerialization, "%s", refused.Message), true
	case refused != nil:
		return invalid("%s", refused.Message), true
	}
	return nil, false
}

func isConditionFailed(err error) bool { return isFailure(err, typeConditional) }
func isCancelled(err error) bool       { return isFailure(err, typeCancelled) }

func isFailure(err error, kind string) bool {
	var f *failure
	return errors.As(err, &f) && f.kind == kind
}

// wireFailure is a failure's body. Only a cancelled transaction writes Message with a capital.
type wireFailure struct {
	Type                string   `json:"__type"`
	Message             string   `json:"message,omitzero"`
	CancelledMessage    string   `json:"Message,omitzero"`
	Item                item     `json:",omitzero"`
	CancellationReasons []reason `json:",omitzero"`
}

func (f *failure) wire() wireFailure {
	if f.reasons != nil {
		return wireFailure{Type: f.kind, CancelledMessage: f.message, CancellationReasons: f.reasons}
	}
	return wireFailure{Type: f.kind, Message: f.message, Item: f.item}
}
