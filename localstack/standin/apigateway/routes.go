package apigateway

import (
	"fmt"
	"slices"
	"strings"
)

// route is a Route whose path is cut into segments.
type route struct {
	Route
	key      string // as in "GET /v1/profiles/{id}"
	segments []string
}

// parameter returns the name in a segment such as "{id}", or "".
func parameter(segment string) string {
	if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
		return segment[1 : len(segment)-1]
	}
	return ""
}

func parseRoutes(table []Route) ([]route, error) {
	var routes []route
	shapes := map[string]string{}
	for _, r := range table {
		key := r.Method + " " + r.Path
		switch r.Method {
		case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE":
		default:
			return nil, fmt.Errorf("route %q: its method must be GET, HEAD, POST, PUT, PATCH or DELETE", key)
		}
		if !strings.HasPrefix(r.Path, "/") {
			return nil, fmt.Errorf("route %q: its path must begin with /", key)
		}
		if r.Function == "" {
			return nil, fmt.Errorf("route %q has no function: name one", key)
		}
		segments := strings.Split(r.Path[1:], "/")
		shape := slices.Clone(segments)
		for i, s := range segments {
			name := parameter(s)
			if name != "" {
				shape[i] = "{}"
			}
			if strings.ContainsAny(name, "{}+") || name == "" && strings.ContainsAny(s, "{}") {
				return nil, fmt.Errorf("route %q: segment %q must be literal or one {parameter}", key, s)
			}
		}
		id := r.Method + " /" + strings.Join(shape, "/")
		if other, twice := shapes[id]; twice {
			return nil, fmt.Errorf("route %q takes the same requests as route %q: keep one", key, other)
		}
		shapes[id] = key
		routes = append(routes, route{r, key, segments})
	}
	return routes, nil
}

// match returns the most specific route, the one whose literal segments come first, and its path parameters.
func match(routes []route, method, path string) (*route, map[string]string) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	var best *route
	for i := range routes {
		r := &routes[i]
		if r.Method == method && r.takes(segments) && (best == nil || r.moreSpecific(best)) {
			best = r
		}
	}
	if best == nil {
		return nil, nil
	}
	var parameters map[string]string
	for i, s := range best.segments {
		if name := parameter(s); name != "" {
			if parameters == nil {
				parameters = map[string]string{}
			}
			parameters[name] = segments[i]
		}
	}
	return best, parameters
}

func (r *route) takes(segments []string) bool {
	return slices.EqualFunc(r.segments, segments, func(own, given string) bool {
		return own == given || parameter(own) != "" && given != ""
	})
}

// moreSpecific compares two routes that take the same request.
func (r *route) moreSpecific(than *route) bool {
	for i, s := range r.segments {
		if literal := parameter(s) == ""; literal != (parameter(than.segments[i]) == "") {
			return literal
		}
	}
	return false
}
