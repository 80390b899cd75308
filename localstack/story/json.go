package story

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// signIn asks the development issuer for a token, as curl would.
func (t Teller) signIn(ts *testscript.TestScript, user string) string {
	form := url.Values{"grant_type": {"urn:zapas:development"}, "user": {user}}
	r, err := http.NewRequest(http.MethodPost, t.Stack.URL+"/oidc/token", strings.NewReader(form.Encode()))
	ts.Check(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, _, body, err := send(r)
	ts.Check(err)
	if status != http.StatusOK {
		ts.Fatalf("%s cannot sign in: %s", user, body)
	}
	token, err := at(body, "/access_token")
	ts.Check(err)
	return token
}

func (t Teller) keep(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "keep NAME PLACE")
	v, err := in(ts, args[1])
	ts.Check(err)
	ts.Setenv(args[0], v)
}

func (t Teller) expect(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, len(args) == 2, "expect PLACE VALUE")
	v, err := in(ts, args[0])
	switch {
	case neg && err == nil && v == args[1]:
		ts.Fatalf("%s is %q", args[0], v)
	case !neg && err != nil:
		ts.Fatalf("%v", err)
	case !neg && v != args[1]:
		ts.Fatalf("%s is %q and not %q", args[0], v, args[1])
	}
}

func (t Teller) recent(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, len(args) == 1, "recent PLACE")
	v, err := in(ts, args[0])
	ts.Check(err)
	at, err := time.Parse(time.RFC3339, v)
	ts.Check(err)
	if ago := t.Stack.Now().Sub(at); (ago < -time.Minute || ago > 10*time.Minute) != neg {
		ts.Fatalf("%s is %s, which is %s ago", args[0], v, ago)
	}
}

// in reads what stands in a place of what came last.
func in(ts *testscript.TestScript, place string) (string, error) {
	name, ok := strings.CutPrefix(place, "header:")
	if !ok {
		return at([]byte(ts.ReadFile("stdout")), place)
	}
	if v := of(ts).header.Get(name); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("the last answer has no header %s", name)
}

// at reads the value at a JSON pointer, as text.
func at(doc []byte, pointer string) (string, error) {
	var v any
	d := json.NewDecoder(strings.NewReader(string(doc)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return "", fmt.Errorf("the answer is no JSON: %w: %s", err, doc)
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		var next any
		switch in := v.(type) {
		case map[string]any:
			next = in[part]
		case []any:
			if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(in) {
				next = in[i]
			}
		}
		if next == nil {
			return "", fmt.Errorf("there is nothing at %s (%s) in %s", pointer, part, doc)
		}
		v = next
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}
