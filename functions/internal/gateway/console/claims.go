package console

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"zapas/shared/caller"
)

// maxText is how much of a name the service keeps, in characters.
const maxText = 256

// text reads a claim that is a string; "" when it is anything else.
func text(v jsontext.Value) string {
	var s string
	if len(v) == 0 || json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

func short(s string) string {
	if letters := []rune(s); len(letters) > maxText {
		return string(letters[:maxText])
	}
	return s
}

// moment reads a claim that is a time (RFC 7519, NumericDate); zero when it is anything else.
func moment(v jsontext.Value) time.Time {
	var seconds float64
	if len(v) == 0 || json.Unmarshal(v, &seconds) != nil || seconds <= 0 || seconds > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// roles are what a person's groups make of him. The claim is an array of names, or one name alone; whatever else it is
// makes nothing of him.
func (v *Verifier) roles(claim jsontext.Value) []caller.Role {
	var groups []string
	if one := text(claim); one != "" {
		groups = []string{one}
	} else if len(claim) == 0 || json.Unmarshal(claim, &groups) != nil {
		return nil
	}
	var roles []caller.Role
	for _, r := range caller.Roles() {
		if slices.ContainsFunc(groups, func(g string) bool { return v.Roles[g] == r }) {
			roles = append(roles, r)
		}
	}
	return roles
}
