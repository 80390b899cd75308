package expression

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ParseCondition reads a condition, filter or key condition.
func ParseCondition(member, text string, ph *Placeholders) (*Node, error) {
	p := newParser(member, text, ph)
	n := p.or()
	return n, p.end()
}

func (p *parser) or() *Node {
	left := p.and()
	for p.acceptKeyword("OR") {
		p.countOperator()
		left = &Node{op: "OR", args: []*Node{left, p.and()}}
	}
	return left
}

func (p *parser) and() *Node {
	left := p.not()
	for p.acceptKeyword("AND") {
		p.countOperator()
		left = &Node{op: "AND", args: []*Node{left, p.not()}}
	}
	return left
}

func (p *parser) not() *Node {
	if p.acceptKeyword("NOT") {
		p.countOperator()
		return &Node{op: "NOT", args: []*Node{p.not()}}
	}
	return p.single()
}

// single reads a condition without AND, OR and NOT, or one in parentheses.
func (p *parser) single() *Node {
	if p.accept("(") {
		n := p.or()
		p.expect(")")
		if n.bracketed {
			p.fail("The expression has redundant parentheses;")
		}
		n.bracketed = true
		return n
	}
	left := p.operand()
	switch t := p.peek(); {
	case p.err != nil:
		return left
	case slices.Contains([]string{"=", "<>", "<", "<=", ">", ">="}, t.kind):
		p.take()
		return p.comparison(&Node{op: t.kind, args: []*Node{left, p.operand()}})
	case p.acceptKeyword("BETWEEN"):
		return p.between(left)
	case p.acceptKeyword("IN"):
		return p.in(left)
	}
	if f, known := functionOf(left.op); !known {
		p.syntaxError()
	} else if !f.condition {
		p.fail("The function is not allowed to be used this way in an expression; function: %s", left.op)
	}
	return left
}

func (p *parser) between(left *Node) *Node {
	low := p.operand()
	if !p.acceptKeyword("AND") {
		p.syntaxError()
	}
	n := p.comparison(&Node{op: "BETWEEN", args: []*Node{left, low, p.operand()}})
	high := n.args[2]
	if p.err != nil || low.op != "value" || high.op != "value" {
		return n
	}
	if order, ok := compare(low.value, high.value); !ok {
		p.fail("The BETWEEN operator requires same data type for lower and upper bounds")
	} else if order > 0 {
		p.fail("The BETWEEN operator requires upper bound to be greater than or equal to lower bound")
	}
	return n
}

func (p *parser) in(left *Node) *Node {
	n := &Node{op: "IN", args: []*Node{left}}
	p.expect("(")
	for p.err == nil {
		n.args = append(n.args, p.operand())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	if len(n.args)-1 > maxInOperands {
		p.fail("Incorrect number of operands for operator or function; operator or function: IN, number of operands: %d", len(n.args)-1)
	}
	return p.comparison(n)
}

// comparison checks the operands of an operator.
func (p *parser) comparison(n *Node) *Node {
	p.countOperator()
	ordered := n.op != "=" && n.op != "<>" && n.op != "IN"
	for i, operand := range n.args {
		if f, known := functionOf(operand.op); known && (f.condition || f.update) {
			p.fail("The function is not allowed to be used this way in an expression; function: %s", operand.op)
		}
		if ordered && operand.op == "value" && !slices.Contains([]string{"S", "N", "B"}, operand.value.Kind) {
			p.wrongType(n.op, operand)
		}
		if i > 0 {
			p.checkDistinct(n.op, n.args[0], operand)
		}
	}
	return n
}

// Names are the top-level attributes that a condition looks at.
func (n *Node) Names() []string {
	var names []string
	if n.op == "path" {
		names = append(names, n.path[0].name)
	}
	for _, arg := range n.args {
		names = append(names, arg.Names()...)
	}
	return names
}

// Holds evaluates a condition on an item; of an item that does not exist, on an empty one.
func (n *Node) Holds(it Item) bool {
	switch n.op {
	case "AND":
		return n.args[0].Holds(it) && n.args[1].Holds(it)
	case "OR":
		return n.args[0].Holds(it) || n.args[1].Holds(it)
	case "NOT":
		return !n.args[0].Holds(it)
	}
	first, found := n.args[0].operand(it)
	switch n.op {
	case "attribute_exists":
		return found
	case "attribute_not_exists":
		return !found
	}
	rest := make([]Value, 0, len(n.args)-1)
	for _, arg := range n.args[1:] {
		v, ok := arg.operand(it)
		if !ok && n.op != "IN" {
			// Nothing is equal to what is not there, hence "<>" holds.
			return n.op == "<>"
		}
		if ok {
			rest = append(rest, v)
		}
	}
	if !found {
		return n.op == "<>"
	}
	return n.test(first, rest)
}

// test applies an operator or function to operands that are there.
func (n *Node) test(first Value, rest []Value) bool {
	switch n.op {
	case "=":
		return equal(first, rest[0])
	case "<>":
		return !equal(first, rest[0])
	case "IN":
		return slices.ContainsFunc(rest, func(v Value) bool { return equal(first, v) })
	case "BETWEEN":
		low, okLow := compare(first, rest[0])
		high, okHigh := compare(first, rest[1])
		return okLow && okHigh && low >= 0 && high <= 0
	case "attribute_type":
		return first.Kind == rest[0].Text
	case "begins_with":
		return first.Kind == rest[0].Kind && (first.Kind == "S" || first.Kind == "B") && strings.HasPrefix(first.Text, rest[0].Text)
	case "contains":
		return contains(first, rest[0])
	}
	order, ok := compare(first, rest[0])
	return ok && ordered(n.op, order)
}

func ordered(op string, order int) bool {
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func contains(whole, part Value) bool {
	if whole.Kind == "S" || whole.Kind == "B" {
		return whole.Kind == part.Kind && strings.Contains(whole.Text, part.Text)
	}
	return whole.holds(part)
}

// operand is the value of a path, a literal or size(); false when there is none.
func (n *Node) operand(it Item) (Value, bool) {
	switch n.op {
	case "value":
		return n.value, true
	case "path":
		return n.path.in(it)
	}
	v, ok := n.args[0].operand(it)
	if !ok {
		return Value{}, false
	}
	length := len(v.list) + len(v.elements)
	switch v.Kind {
	case "S":
		length = utf8.RuneCountInString(v.Text)
	case "B":
		length = len(v.Text)
	case "N", "BOOL", "NULL":
		return Value{}, false
	}
	return Value{Kind: "N", Text: strconv.Itoa(length)}, true
}
