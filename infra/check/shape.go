package check

import (
	_ "embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// shapes.txt has the types of resources that there may be, and what their properties may be, written by hand.
//
//go:embed shapes.txt
var shapes string

// shape is what the resources of a type whose ids match must look like.
type shape struct {
	kind, id string
	lines    []property
}

// property is a place in a resource's properties and what may stand there.
type property struct {
	place    string
	optional bool
	values   []string // nil: anything
}

// shapesOf reads shapes.txt, whose head says how it is written.
func shapesOf(page string) (all []shape) {
	for line := range strings.Lines(page) {
		switch line = strings.TrimRight(line, "\n"); {
		case line == "" || strings.HasPrefix(line, "#"):
		case !strings.HasPrefix(line, "  "):
			kind, id, _ := strings.Cut(line, " ")
			all = append(all, shape{kind: kind, id: id})
		default:
			place, value, said := strings.Cut(strings.TrimSpace(line), " = ")
			p := property{place: strings.TrimSuffix(place, "?"), optional: strings.HasSuffix(place, "?")}
			if said {
				p.values = strings.Split(value, " or ")
			}
			last := &all[len(all)-1]
			last.lines = append(last.lines, p)
		}
	}
	return all
}

// fits reports whether a value is what shapes.txt says of it.
func fits(want, got string) bool {
	parts := strings.Split(strings.ReplaceAll(want, "<empty>", ""), "…")
	got, ok := strings.CutPrefix(got, parts[0])
	if len(parts) == 1 || !ok {
		return ok && got == ""
	}
	if got, ok = strings.CutSuffix(got, parts[len(parts)-1]); !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		if _, got, ok = strings.Cut(got, part); !ok {
			return false
		}
	}
	return true
}

// shapesAreListed: every resource is of a type that is listed, and every property of it is listed there with its value.
// What a service learns to do tomorrow is thus refused until somebody has read what it does.
func shapesAreListed(t Template) (wrong []string) {
	all := shapesOf(shapes)
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[id]
		at := slices.IndexFunc(all, func(s shape) bool { return s.kind == r.Type && matches(s.id, id) })
		if at < 0 {
			wrong = append(wrong, fmt.Sprintf("%s is a %s, and none of that name is listed", id, r.Type))
			continue
		}
		wrong = append(wrong, all[at].differences(id, r)...)
	}
	for _, s := range all { // one without a wildcard is needed, unless it depends on the settings
		if id := strings.TrimSuffix(s.id, "?"); id == s.id && !strings.Contains(id, "*") && t.Resources[id].Type != s.kind {
			wrong = append(wrong, id+" is listed, and missing")
		}
	}
	return wrong
}

func matches(pattern, name string) bool {
	ok, err := path.Match(strings.TrimSuffix(pattern, "?"), name)
	return ok && err == nil
}

func (s shape) differences(id string, r Resource) (wrong []string) {
	has := map[string]string{}
	flatten("", r.Properties, has)
	met := make([]bool, len(s.lines))
	// What the * in a section's id stands for, is {*} below it.
	before, after, _ := strings.Cut(s.id, "*")
	self := strings.TrimSuffix(strings.TrimPrefix(id, before), after)
	for _, place := range slices.Sorted(maps.Keys(has)) {
		at := slices.IndexFunc(s.lines, func(p property) bool { return within(p.place, place) })
		if at < 0 {
			wrong = append(wrong, fmt.Sprintf("%s has %s, which is not listed", id, place))
			continue
		}
		met[at] = true
		value := func(want string) bool { return fits(strings.ReplaceAll(want, "{*}", self), has[place]) }
		if v := s.lines[at].values; v != nil && !slices.ContainsFunc(v, value) {
			wrong = append(wrong, fmt.Sprintf("%s: %s is %q", id, place, has[place]))
		}
	}
	for i, p := range s.lines {
		if !met[i] && !p.optional {
			wrong = append(wrong, fmt.Sprintf("%s lacks %s", id, p.place))
		}
	}
	return wrong
}

// within reports whether a place is the one listed, or, where that ends in **, below it.
func within(listed, place string) bool {
	if below, ok := strings.CutSuffix(listed, "**"); ok {
		return strings.HasPrefix(place, below)
	}
	return matches(listed, place)
}

// flatten gives every leaf its path. A list of texts is one leaf.
func flatten(at string, v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		if intrinsic(v) {
			into[at] = text(v)
			return
		}
		for name, below := range v {
			flatten(strings.TrimPrefix(at+"/"+name, "/"), below, into)
		}
		if len(v) == 0 && at != "" {
			into[at] = "{}"
		}
	case []any:
		leaves := make([]string, len(v))
		for i, below := range v {
			if s, m := leaf(below); m {
				leaves[i] = s
				continue
			}
			leaves = nil
			break
		}
		if leaves != nil {
			into[at] = strings.Join(leaves, ", ")
			return
		}
		for i, below := range v {
			flatten(fmt.Sprintf("%s/%d", at, i), below, into)
		}
	default:
		into[at], _ = leaf(v)
	}
}

// leaf is a value that has none below it.
func leaf(v any) (string, bool) {
	switch v := v.(type) {
	case map[string]any:
		return text(v), intrinsic(v)
	case []any:
		return "", false
	case string:
		if strings.Contains(v, "${") { // it only looks like a reference
			return "the text " + v, true
		}
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return fmt.Sprint(v), true
}
