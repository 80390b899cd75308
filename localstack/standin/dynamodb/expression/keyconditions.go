package expression

import "slices"

// KeyCondition is one condition of a KeyConditionExpression: a top-level attribute
// compared with given values by =, <, <=, >, >=, BETWEEN or begins_with.
type KeyCondition struct {
	Op     string
	Name   string
	Values []Value
}

// KeyConditions takes a KeyConditionExpression apart into its one or two conditions.
func (n *Node) KeyConditions() ([]KeyCondition, error) {
	if n.op == "AND" {
		left, err := n.args[0].KeyConditions()
		if err != nil {
			return nil, err
		}
		right, err := n.args[1].KeyConditions()
		if len(left)+len(right) > 2 {
			return nil, unlawful("Conditions can be of length 1 or 2 only")
		}
		return append(left, right...), err
	}
	if !slices.Contains([]string{"=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"}, n.op) {
		return nil, unlawful("Invalid operator used in KeyConditionExpression: %s", n.op)
	}
	c := KeyCondition{Op: n.op}
	args := n.args
	if args[0].op == "value" && len(args) == 2 && n.op != "begins_with" {
		args = []*Node{args[1], args[0]}
		c.Op = flipped(n.op)
	}
	if args[0].op != "path" || slices.ContainsFunc(args[1:], func(arg *Node) bool { return arg.op != "value" }) {
		return nil, unlawful("Invalid condition in KeyConditionExpression: %s must compare a key attribute with given values", n.op)
	}
	if len(args[0].path) > 1 {
		return nil, unlawful("KeyConditionExpressions cannot have conditions on nested attributes")
	}
	c.Name = args[0].path[0].name
	for _, arg := range args[1:] {
		c.Values = append(c.Values, arg.value)
	}
	return []KeyCondition{c}, nil
}

func flipped(op string) string {
	switch op {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	}
	return op
}
