package expression

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// path is a document path such as a.b[0]; its first step is always a name.
type path []step

// step is a member of a map, or an element of a list when inList is true.
type step struct {
	name   string
	index  int
	inList bool
}

// String is the form of DynamoDB's messages: [a, b, [0]].
func (p path) String() string {
	steps := make([]string, len(p))
	for i, s := range p {
		steps[i] = s.name
		if s.inList {
			steps[i] = "[" + strconv.Itoa(s.index) + "]"
		}
	}
	return "[" + strings.Join(steps, ", ") + "]"
}

func (p path) in(it Item) (Value, bool) {
	found, ok := it[p[0].name]
	for _, s := range p[1:] {
		if !ok {
			break
		}
		found, ok = s.in(found)
	}
	return found, ok
}

func (s step) in(v Value) (Value, bool) {
	if s.inList {
		if v.Kind != "L" || s.index >= len(v.list) {
			return Value{}, false
		}
		return v.list[s.index], true
	}
	found, ok := v.elements[s.name]
	return found, ok
}

// order puts elements of one list in the order of their indexes.
func (s step) order(other step) int {
	if s.inList && other.inList {
		return s.index - other.index
	}
	return strings.Compare(s.name, other.name)
}

// change walks to the container of the path's last step and lets last change it.
// It is false when the walk fails, or last says so.
func (p path) change(v Value, last func(Value, step) (Value, bool)) (Value, bool) {
	if len(p) == 1 {
		return last(v, p[0])
	}
	child, ok := p[0].in(v)
	if !ok {
		return v, false
	}
	if child, ok = p[1:].change(child, last); !ok {
		return v, false
	}
	return put(v, p[0], child)
}

// put sets one member or element; past a list's end it appends.
func put(v Value, s step, child Value) (Value, bool) {
	switch {
	case s.inList && v.Kind == "L":
		if s.index < len(v.list) {
			v.list[s.index] = child
		} else {
			v.list = append(v.list, child)
		}
		return v, true
	case !s.inList && v.Kind == "M":
		v.elements[s.name] = child
		return v, true
	}
	return v, false
}

// drop removes one member or element, if it is there.
func drop(v Value, s step) (Value, bool) {
	switch {
	case s.inList && v.Kind == "L":
		if s.index < len(v.list) {
			v.list = slices.Delete(v.list, s.index, s.index+1)
		}
		return v, true
	case !s.inList && v.Kind == "M":
		delete(v.elements, s.name)
		return v, true
	}
	return v, false
}

// Paths is a set of paths no two of which overlap or conflict.
type Paths struct {
	whole    path // the path that ends here, if one does
	branches map[step]*Paths
}

// add takes in one more path, or says how it disagrees with one that is there.
func (t *Paths) add(p path) error {
	at := t
	for i, s := range p {
		if at.whole != nil {
			return overlap("overlap", at.whole, p)
		}
		for other := range at.branches {
			if other.inList != s.inList {
				return overlap("conflict", at.any(), p)
			}
		}
		next := at.branches[s]
		if next == nil {
			next = &Paths{}
			if at.branches == nil {
				at.branches = map[step]*Paths{}
			}
			at.branches[s] = next
		} else if i == len(p)-1 {
			return overlap("overlap", next.any(), p)
		}
		at = next
	}
	at.whole = p
	return nil
}

func overlap(how string, one, two path) error {
	return unlawful("Two document paths %s with each other; must remove or rewrite one of these paths; path one: %s, path two: %s",
		how, one, two)
}

// any is some path of the set, for a message.
func (t *Paths) any() path {
	for t.whole == nil {
		for _, t = range t.branches {
			break
		}
	}
	return t.whole
}

// Names are the top-level attributes of the paths.
func (t *Paths) Names() []string {
	var names []string
	for s := range t.branches {
		names = append(names, s.name)
	}
	slices.Sort(names)
	return names
}

// Pick returns the part of an item that the paths name; chosen list elements move together.
func (t *Paths) Pick(it Item) Item {
	part, ok := t.part(Value{Kind: "M", elements: it})
	if !ok {
		return Item{}
	}
	return part.elements
}

func (t *Paths) part(v Value) (Value, bool) {
	if t.whole != nil {
		return v, true
	}
	part := Value{Kind: v.Kind}
	for _, s := range slices.SortedFunc(maps.Keys(t.branches), step.order) {
		child, ok := s.in(v)
		if ok {
			child, ok = t.branches[s].part(child)
		}
		switch {
		case !ok:
		case s.inList:
			part.list = append(part.list, child)
		default:
			if part.elements == nil {
				part.elements = Item{}
			}
			part.elements[s.name] = child
		}
	}
	return part, part.list != nil || part.elements != nil
}
