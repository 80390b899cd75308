package expression

import (
	"slices"
	"strconv"
	"strings"
)

// Limits of expressions: page "Quotas in Amazon DynamoDB".
const (
	maxExpression = 4096
	maxOperators  = 300
	maxInOperands = 100
)

// Node is a piece of an expression. Its op is "path", "value", a keyword or
// symbol of an operator ("AND", "<="), or the name of a function.
type Node struct {
	op        string
	args      []*Node
	path      path
	value     Value
	bracketed bool // stood in parentheses
}

// parser reads one expression. The first thing that is wrong stays in err and
// turns the rest of the expression into its end, so that no caller need look.
type parser struct {
	member    string // the request's member that holds the expression
	text      string
	tokens    []token
	at        int
	ph        *Placeholders
	operators int
	err       error
}

func newParser(member, text string, ph *Placeholders) *parser {
	p := &parser{member: member, text: text, tokens: lex(text), ph: ph}
	switch {
	case strings.TrimSpace(text) == "":
		p.fail("The expression can not be empty;")
	case len(text) > maxExpression:
		p.fail("Expression size has exceeded the maximum allowed size; expression size: %d", len(text))
	}
	return p
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = unlawful("Invalid "+p.member+": "+format, args...)
		p.at = len(p.tokens) - 1
	}
}

// failed keeps an error that was found outside the parser.
func (p *parser) failed(err error) {
	if err != nil {
		p.fail("%s", err.Error())
	}
}

func (p *parser) syntaxError() {
	first, last := max(p.at-1, 0), min(p.at+1, len(p.tokens)-1)
	p.fail(`Syntax error; token: "%s", near: "%s"`, p.tokens[p.at].text, p.text[p.tokens[first].start:p.tokens[last].end])
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) accept(kind string) bool {
	if p.peek().kind != kind {
		return false
	}
	p.take()
	return true
}

func (p *parser) acceptKeyword(word string) bool {
	if !p.peek().keyword(word) {
		return false
	}
	p.take()
	return true
}

func (p *parser) expect(kind string) {
	if !p.accept(kind) {
		p.syntaxError()
	}
}

// end refuses anything left over.
func (p *parser) end() error {
	if p.err == nil && p.peek().kind != tokenEnd {
		p.syntaxError()
	}
	return p.err
}

func (p *parser) countOperator() {
	if p.operators++; p.operators > maxOperators {
		p.fail("The expression contains too many operators and functions; the limit is %d", maxOperators)
	}
}

// path reads a document path, its #names replaced.
func (p *parser) path() path {
	read := path{{name: p.name()}}
	for p.err == nil {
		switch {
		case p.accept("."):
			read = append(read, step{name: p.name()})
		case p.accept("["):
			read = append(read, step{index: p.index(), inList: true})
			p.expect("]")
		default:
			if len(read) > maxDepth {
				p.fail("The document path has too many nesting elements; nesting level: %d", len(read))
			}
			return read
		}
	}
	return read
}

func (p *parser) name() string {
	switch t := p.peek(); t.kind {
	case tokenWord:
		if reserved(t.text) {
			p.fail("Attribute name is a reserved keyword; reserved keyword: %s", t.text)
			return ""
		}
		return p.take().text
	case tokenName:
		name, ok := p.ph.names[t.text]
		if !ok {
			p.fail("An expression attribute name used in the document path is not defined; attribute name: %s", t.text)
			return ""
		}
		p.ph.used[t.text] = true
		p.take()
		return name
	}
	p.syntaxError()
	return ""
}

func (p *parser) index() int {
	t := p.peek()
	if t.kind != tokenDigits {
		p.syntaxError()
		return 0
	}
	index, err := strconv.ParseInt(t.text, 10, 32)
	if err != nil {
		p.fail("List index is not within the allowable range; index: [%s]", t.text)
		return 0
	}
	p.take()
	return int(index)
}

// operand reads a path, a :value or a call.
func (p *parser) operand() *Node {
	switch t := p.peek(); {
	case t.kind == tokenRef:
		v, ok := p.ph.values[t.text]
		if !ok {
			p.fail("An expression attribute value used in expression is not defined; attribute value: %s", t.text)
		}
		p.ph.used[t.text] = true
		p.take()
		return &Node{op: "value", value: v}
	case t.kind == tokenWord && p.tokens[p.at+1].kind == "(":
		return p.call()
	}
	return &Node{op: "path", path: p.path()}
}

// call reads a function with its operands and checks what can be known of them here.
func (p *parser) call() *Node {
	p.countOperator()
	n := &Node{op: p.take().text}
	p.take()
	for p.err == nil {
		n.args = append(n.args, p.operand())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	if p.err == nil {
		p.checkCall(n)
	}
	return n
}

// function is what is known of a function before it meets an item.
type function struct {
	arguments  int
	update     bool     // belongs to update expressions, else to all others
	condition  bool     // is true or false by itself
	pathFirst  bool     // the first operand must be a path
	last       []string // the types that a literal last operand may have; nil: all
	neverFirst []string // the types that a literal first operand may not have
	within     []string // the functions that may be operands
}

func functionOf(name string) (function, bool) {
	switch name {
	case "attribute_exists", "attribute_not_exists":
		return function{arguments: 1, condition: true, pathFirst: true}, true
	case "attribute_type":
		return function{arguments: 2, condition: true, pathFirst: true, last: []string{"S"}}, true
	case "begins_with":
		return function{arguments: 2, condition: true, last: []string{"S", "B"},
			neverFirst: []string{"N", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"}}, true
	case "contains":
		return function{arguments: 2, condition: true, neverFirst: []string{"N", "BOOL", "NULL", "M"}}, true
	case "size":
		return function{arguments: 1, neverFirst: []string{"N", "BOOL", "NULL"}}, true
	case "if_not_exists":
		return function{arguments: 2, update: true, pathFirst: true, within: []string{"if_not_exists"}}, true
	case "list_append":
		return function{arguments: 2, update: true, last: []string{"L"},
			neverFirst: []string{"S", "N", "B", "BOOL", "NULL", "M", "SS", "NS", "BS"}, within: []string{"if_not_exists"}}, true
	}
	return function{}, false
}

func (p *parser) checkCall(n *Node) {
	f, known := functionOf(n.op)
	switch {
	case !known:
		p.fail("Invalid function name; function: %s", n.op)
		return
	case f.update != (p.member == "UpdateExpression"):
		p.fail("The function is not allowed in this kind of expression; function: %s", n.op)
		return
	case len(n.args) != f.arguments:
		p.fail("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", n.op, len(n.args))
		return
	case f.pathFirst && n.args[0].op != "path":
		p.fail("Operator or function requires a document path; operator or function: %s", n.op)
		return
	}
	for _, arg := range n.args {
		if arg.op != "path" && arg.op != "value" && !slices.Contains(f.within, arg.op) {
			p.fail("The function is not allowed to be used this way in an expression; function: %s", arg.op)
		}
	}
	first, last := n.args[0], n.args[len(n.args)-1]
	if first.op == "value" && slices.Contains(f.neverFirst, first.value.Kind) {
		p.wrongType(n.op, first)
	}
	if last.op == "value" && f.last != nil && !slices.Contains(f.last, last.value.Kind) {
		p.wrongType(n.op, last)
	}
	if n.op == "attribute_type" {
		p.checkTypeName(last)
	}
	if n.op == "contains" {
		p.checkDistinct(n.op, first, last)
	}
}

func (p *parser) wrongType(op string, operand *Node) {
	p.fail("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", op, operand.value.Kind)
}

func (p *parser) checkTypeName(operand *Node) {
	types := []string{"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"}
	if operand.op != "value" || !slices.Contains(types, operand.value.Text) {
		p.fail("Invalid attribute type name found; type: %s, valid types: {%s}", operand.value.Text, strings.Join(types, ","))
	}
}

func (p *parser) checkDistinct(op string, first, other *Node) {
	if first.op == "path" && other.op == "path" && slices.Equal(first.path, other.path) {
		p.fail("The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s", op, first.path)
	}
}
