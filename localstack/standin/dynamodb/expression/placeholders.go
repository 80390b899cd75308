package expression

import (
	"maps"
	"slices"
	"strings"
)

// maxValues is the most that a request's substitution values may weigh together,
// and maxPlaceholder the longest name of one: page "Quotas in Amazon DynamoDB".
const (
	maxValues      = 2 << 20
	maxPlaceholder = 255
)

// Placeholders are a request's #names and :values, and which of them were used.
type Placeholders struct {
	names  map[string]string
	values map[string]Value
	used   map[string]bool
}

// NewPlaceholders are the names and values of a request; ones that are given and empty are refused.
func NewPlaceholders(names map[string]string, values map[string]Value) (*Placeholders, error) {
	if names != nil && len(names) == 0 {
		return nil, unlawful("ExpressionAttributeNames must not be empty")
	}
	if values != nil && len(values) == 0 {
		return nil, unlawful("ExpressionAttributeValues must not be empty")
	}
	for key := range names {
		if err := checkPlaceholder("ExpressionAttributeNames", "#", key); err != nil {
			return nil, err
		}
	}
	for key := range values {
		if err := checkPlaceholder("ExpressionAttributeValues", ":", key); err != nil {
			return nil, err
		}
	}
	if err := CheckDepth(values); err != nil {
		return nil, err
	}
	if SizeOf(values) > maxValues {
		return nil, unlawful("ExpressionAttributeValues exceeds max size; the limit is %d bytes", maxValues)
	}
	return &Placeholders{names: names, values: values, used: map[string]bool{}}, nil
}

func checkPlaceholder(member, sign, key string) error {
	if len(key) < 2 || len(key) > maxPlaceholder || key[:1] != sign || run(key[1:], isNameByte) < len(key)-1 {
		return unlawful(`%s contains invalid key: Syntax error; key: "%s"`, member, key)
	}
	return nil
}

// Finish refuses what no expression used.
func (ph *Placeholders) Finish(anyExpression bool) error {
	for _, group := range []struct {
		member string
		keys   []string
	}{
		{"ExpressionAttributeNames", slices.Sorted(maps.Keys(ph.names))},
		{"ExpressionAttributeValues", slices.Sorted(maps.Keys(ph.values))},
	} {
		unused := slices.DeleteFunc(group.keys, func(key string) bool { return ph.used[key] })
		if len(unused) > 0 && !anyExpression {
			return unlawful("%s can only be specified when using expressions", group.member)
		}
		if len(unused) > 0 {
			return unlawful("Value provided in %s unused in expressions: keys: {%s}", group.member, strings.Join(unused, ", "))
		}
	}
	return nil
}
