package eventbridge

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// pattern matches values of an event (page "Creating Amazon EventBridge event patterns").
type pattern struct {
	fields map[string]pattern // of an object, all of which must match; nil: one of any must
	any    []func(value any) bool
}

// parsePattern refuses what it does not understand: a filter that is passed over would match too much.
func parsePattern(text []byte) (pattern, error) {
	var wire map[string]any
	if err := json.Unmarshal(text, &wire); err != nil {
		return pattern{}, fmt.Errorf("the event pattern is no JSON object: %w", err)
	}
	return parseFields(wire, "")
}

func parseFields(wire map[string]any, at string) (pattern, error) {
	p := pattern{fields: map[string]pattern{}}
	if len(wire) == 0 {
		return p, fmt.Errorf("the event pattern is empty at %q", at)
	}
	for _, name := range slices.Sorted(maps.Keys(wire)) {
		var err error
		place := at + "/" + name
		switch v := wire[name].(type) {
		case map[string]any:
			p.fields[name], err = parseFields(v, place)
		case []any:
			p.fields[name], err = parseAny(v, place)
		default:
			err = fmt.Errorf("the event pattern has neither an object nor a list at %q", place)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

func parseAny(values []any, at string) (p pattern, err error) {
	if len(values) == 0 {
		return p, fmt.Errorf("the event pattern has an empty list at %q", at)
	}
	for _, v := range values {
		filter, isFilter := v.(map[string]any)
		prefix, isPrefix := filter["prefix"].(string)
		_, isList := v.([]any)
		switch {
		case isFilter && (!isPrefix || len(filter) != 1):
			return p, fmt.Errorf("the filter %v at %q is not implemented: use exact values or a prefix", slices.Sorted(maps.Keys(filter)), at)
		case isList:
			return p, fmt.Errorf("the event pattern has a list in a list at %q", at)
		case isFilter:
			p.any = append(p.any, func(value any) bool {
				s, ok := value.(string)
				return ok && strings.HasPrefix(s, prefix)
			})
		default:
			p.any = append(p.any, func(value any) bool { return value == v })
		}
	}
	return p, nil
}

// match says whether a value matches. Of a list in an event, one element is enough.
func (p pattern) match(value any) bool {
	if p.fields != nil {
		object, ok := value.(map[string]any)
		if !ok {
			return false
		}
		for name, field := range p.fields {
			v, there := object[name]
			if !there || !field.match(v) {
				return false
			}
		}
		return true
	}
	if list, ok := value.([]any); ok {
		return slices.ContainsFunc(list, p.match)
	}
	if _, ok := value.(map[string]any); ok {
		return false
	}
	return slices.ContainsFunc(p.any, func(f func(any) bool) bool { return f(value) })
}
