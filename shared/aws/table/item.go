package table

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// item is a row as DynamoDB has it.
type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// encode makes a row of a key and a struct whose tags name the attributes.
func encode(k key, fields any) (item, error) {
	row, err := attributevalue.MarshalMapWithOptions(fields, iso)
	if err != nil {
		return nil, fmt.Errorf("encode a row: %w", err)
	}
	maps.Copy(row, k.attributes())
	return row, nil
}

// member encodes one attribute.
func member(v any) (types.AttributeValue, error) {
	av, err := attributevalue.MarshalWithOptions(v, iso)
	if err != nil {
		return nil, fmt.Errorf("encode an attribute: %w", err)
	}
	return av, nil
}

// decode reads a row into a struct. Attributes that it has no field for are passed over: a newer program wrote them.
func decode(row item, kind string, into any) error {
	if err := attributevalue.UnmarshalMap(row, into); err != nil {
		return fmt.Errorf("a stored %s cannot be read: %w", kind, err)
	}
	return nil
}

// layout is ISO 8601 with milliseconds, whose order as text is the order in time.
const layout = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(layout) }

func iso(o *attributevalue.EncoderOptions) {
	o.OmitEmptyTime = true
	o.EncodeTime = func(t time.Time) (types.AttributeValue, error) { return text(stamp(t)), nil }
}

// each converts the values of a map; none stays none.
func each[K comparable, A, B any](m map[K]A, to func(A) B) map[K]B {
	if len(m) == 0 {
		return nil
	}
	out := make(map[K]B, len(m))
	for k, v := range m {
		out[k] = to(v)
	}
	return out
}

// shardOf spreads ids by their last character, which is as good as random.
func shardOf(id string, shards int) string {
	return strconv.Itoa(int(id[len(id)-1]) % shards)
}
