package dynamodb

import (
	"slices"

	"zapas/localstack/standin/dynamodb/expression"
)

// keyRange is the stretch of keys from low up to, not including, high.
type keyRange struct{ low, high []byte }

// keyRange finds the keys that a KeyConditionExpression means: equality on the
// partition key and, at most, one condition on the sort key.
func (k Key) keyRange(n *expression.Node) (keyRange, error) {
	conditions, err := n.KeyConditions()
	if err != nil {
		return keyRange{}, err
	}
	sides := map[string]expression.KeyCondition{}
	for _, c := range conditions {
		if _, twice := sides[c.Name]; twice {
			return keyRange{}, invalid("KeyConditionExpressions must only contain one condition per key")
		}
		sides[c.Name] = c
	}
	partition, ok := sides[k.Partition.Name]
	if !ok {
		return keyRange{}, invalid("Query condition missed key schema element: %s", k.Partition.Name)
	}
	if partition.Op != "=" {
		return keyRange{}, invalid("Query key condition not supported")
	}
	for _, c := range conditions {
		if err := k.checkCondition(c); err != nil {
			return keyRange{}, err
		}
	}
	prefix := appendKey(nil, partition.Values[0])
	sort, ok := sides[k.Sort.Name]
	if !ok {
		return keyRange{prefix, after(prefix)}, nil
	}
	return within(prefix, sort), nil
}

func (k Key) checkCondition(c expression.KeyCondition) error {
	if !k.has(c.Name) {
		return invalid("Query condition missed key schema element: %s", k.Sort.Name)
	}
	attribute := k.Partition
	if c.Name == k.Sort.Name {
		attribute = k.Sort
	}
	for _, v := range c.Values {
		if v.Kind != attribute.Type {
			return invalid("One or more parameter values were invalid: Condition parameter type does not match schema type")
		}
		if c.Op == "begins_with" && v.Text == "" {
			continue
		}
		if err := checkKeyValue(c.Name, v, c.Name == k.Sort.Name); err != nil {
			return err
		}
	}
	return nil
}

// within is the range of a sort key condition in the partition that prefix is.
func within(prefix []byte, c expression.KeyCondition) keyRange {
	if c.Op == "begins_with" {
		low := appendPrefix(slices.Clone(prefix), c.Values[0])
		return keyRange{low, after(low)}
	}
	low := appendKey(slices.Clone(prefix), c.Values[0])
	switch c.Op {
	case "<":
		return keyRange{prefix, low}
	case "<=":
		return keyRange{prefix, after(low)}
	case ">":
		return keyRange{after(low), after(prefix)}
	case ">=":
		return keyRange{low, after(prefix)}
	case "BETWEEN":
		return keyRange{low, after(appendKey(slices.Clone(prefix), c.Values[1]))}
	}
	return keyRange{low, after(low)}
}
