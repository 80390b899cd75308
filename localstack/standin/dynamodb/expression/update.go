package expression

import (
	"slices"
	"strings"
)

// Update is what an UpdateExpression asks for.
type Update struct {
	actions []action
	Paths   *Paths // all paths that are written
}

// action is one thing to do to one path. SET, ADD and DELETE have an operand.
type action struct {
	verb string
	path path
	arg  *Node
}

// ParseUpdate reads an UpdateExpression.
func ParseUpdate(text string, ph *Placeholders) (*Update, error) {
	p := newParser("UpdateExpression", text, ph)
	u := &Update{Paths: &Paths{}}
	seen := map[string]bool{}
	for p.err == nil && p.peek().kind != tokenEnd {
		verb := strings.ToUpper(p.peek().text)
		if !slices.Contains([]string{"SET", "REMOVE", "ADD", "DELETE"}, verb) {
			p.syntaxError()
			break
		}
		if seen[verb] {
			p.fail(`The "%s" section can only be used once in an update expression;`, verb)
			break
		}
		seen[verb] = true
		p.take()
		p.section(u, verb)
	}
	return u, p.end()
}

func (p *parser) section(u *Update, verb string) {
	for p.err == nil {
		a := action{verb: verb, path: p.path()}
		if p.err != nil {
			return
		}
		p.failed(u.Paths.add(a.path))
		p.countOperator()
		switch verb {
		case "SET":
			p.expect("=")
			a.arg = p.setValue()
		case "ADD", "DELETE":
			a.arg = p.change(a)
		}
		u.actions = append(u.actions, a)
		if !p.accept(",") {
			return
		}
	}
}

// setValue reads an operand, or the sum or difference of two.
func (p *parser) setValue() *Node {
	left := p.operand()
	op := p.peek().kind
	if op != "+" && op != "-" {
		return left
	}
	p.take()
	p.countOperator()
	n := &Node{op: op, args: []*Node{left, p.operand()}}
	for _, arg := range n.args {
		if arg.op == "value" && arg.value.Kind != "N" && p.err == nil {
			p.wrongType(op, arg)
		}
		if arg.op == "list_append" {
			p.fail("The function is not allowed to be used this way in an expression; function: %s", arg.op)
		}
	}
	return n
}

// change reads the :value of an ADD or DELETE, which the API reference allows on
// top-level attributes only.
func (p *parser) change(a action) *Node {
	if len(a.path) > 1 {
		p.fail("%s can be used on top-level attributes only; path: %s", a.verb, a.path)
	}
	if p.err == nil && p.peek().kind != tokenRef {
		p.syntaxError()
	}
	if p.err != nil {
		return nil
	}
	n := p.operand()
	if p.err == nil && !n.value.isSet() && (a.verb == "DELETE" || n.value.Kind != "N") {
		p.fail("Incorrect operand type for operator or function; operator: %s, operand type: %s", a.verb, n.value.Kind)
	}
	return n
}

// Apply returns the item after the update. old is nil when there is none yet; key is
// what a new item begins with. All operands are read before anything is written.
func (u *Update) Apply(old, key Item) (Item, error) {
	begin := old
	if old == nil {
		begin = key
	}
	updated := Value{Kind: "M", elements: cloneItem(begin)}
	sets, removals, err := u.plan(old)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		var ok bool
		updated, ok = set.path.change(updated, func(v Value, s step) (Value, bool) { return put(v, s, set.value.clone()) })
		if !ok {
			return nil, badPath()
		}
	}
	for _, gone := range removals {
		updated, _ = gone.change(updated, drop)
	}
	return updated.elements, nil
}

type assignment struct {
	path  path
	value Value
}

// plan turns the actions into assignments and removals, in an order that lets every
// list index mean the list as it was: appended elements in the order of their
// indexes, removed ones from the end.
func (u *Update) plan(old Item) (sets []assignment, removals []path, err error) {
	for _, a := range u.actions {
		_, exists := a.path.in(old)
		switch a.verb {
		case "SET":
			v, err := a.arg.assigned(old)
			if err != nil {
				return nil, nil, err
			}
			sets = append(sets, assignment{a.path, v})
		case "REMOVE":
			if exists {
				removals = append(removals, a.path)
			} else if old != nil && !a.path.hasContainer(old) {
				return nil, nil, badPath()
			}
		default:
			v, remains, err := a.changed(old)
			if err != nil {
				return nil, nil, err
			}
			if remains {
				sets = append(sets, assignment{a.path, v})
			} else if exists {
				removals = append(removals, a.path)
			}
		}
	}
	slices.SortStableFunc(sets, func(a, b assignment) int { return slices.CompareFunc(a.path, b.path, step.order) })
	slices.SortFunc(removals, func(a, b path) int { return slices.CompareFunc(b, a, step.order) })
	return sets, removals, nil
}

// hasContainer says whether the map or list that the path's last step names is there.
func (p path) hasContainer(it Item) bool {
	_, ok := p.change(Value{Kind: "M", elements: it}, func(v Value, s step) (Value, bool) {
		return v, s.inList && v.Kind == "L" || !s.inList && v.Kind == "M"
	})
	return ok
}

func badPath() error {
	return unlawful("The document path provided in the update expression is invalid for update")
}

func badOperand() error {
	return unlawful("An operand in the update expression has an incorrect data type")
}

// assigned is the value that a SET's right side has for an item.
func (n *Node) assigned(it Item) (Value, error) {
	switch n.op {
	case "value":
		return n.value, nil
	case "path":
		v, ok := n.path.in(it)
		if !ok {
			return Value{}, unlawful("The provided expression refers to an attribute that does not exist in the item")
		}
		return v, nil
	case "if_not_exists":
		if v, ok := n.args[0].path.in(it); ok {
			return v, nil
		}
		return n.args[1].assigned(it)
	}
	left, err := n.args[0].assigned(it)
	if err != nil {
		return Value{}, err
	}
	right, err := n.args[1].assigned(it)
	if err != nil {
		return Value{}, err
	}
	switch {
	case n.op == "list_append" && left.Kind == "L" && right.Kind == "L":
		return Value{Kind: "L", list: slices.Concat(left.list, right.list)}, nil
	case (n.op == "+" || n.op == "-") && left.Kind == "N" && right.Kind == "N":
		return sum(left, right, n.op == "-")
	}
	return Value{}, badOperand()
}

func sum(left, right Value, negate bool) (Value, error) {
	a, b := mustNumber(left.Text), mustNumber(right.Text)
	combine := a.plus
	if negate {
		combine = a.minus
	}
	total, err := combine(b)
	return numberValue(total), err
}

// changed is an attribute after ADD or DELETE; false when nothing of it remains.
func (a action) changed(it Item) (Value, bool, error) {
	operand := a.arg.value
	present, ok := a.path.in(it)
	switch {
	case !ok:
		return operand, a.verb == "ADD", nil
	case present.Kind != operand.Kind:
		return Value{}, false, badOperand()
	case operand.Kind == "N":
		total, err := sum(present, operand, false)
		return total, true, err
	}
	result := Value{Kind: present.Kind}
	for _, e := range present.list {
		if a.verb == "ADD" || !operand.holds(e) {
			result.list = append(result.list, e)
		}
	}
	for _, e := range operand.list {
		if a.verb == "ADD" && !present.holds(e) {
			result.list = append(result.list, e)
		}
	}
	return result, len(result.list) > 0, nil
}
