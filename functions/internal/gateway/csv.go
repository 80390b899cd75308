package gateway

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// List is an operation that answers a list, as JSON or, to who prefers it (Accept, RFC 9110, 12.5.1), as CSV (RFC 4180)
// with these columns: names of members, and of members in these, such as counts.sms. A cell says what the JSON says, so
// that who may not see a member there sees it nowhere.
func List(op Operation, columns ...string) Operation {
	op.columns = columns
	return op
}

func (o Operation) csv(ctx context.Context, r Request) (reply, error) {
	out, err := o.serve(ctx, r)
	if err != nil || out.status != http.StatusOK {
		return out, err
	}
	items, cursor, err := listed(out.body)
	if err != nil {
		return reply{}, fmt.Errorf("the list of %s cannot be read: %w", r.Route.Operation, err)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	rows := [][]string{o.columns}
	for _, item := range items {
		row := make([]string, len(o.columns))
		for i, column := range o.columns {
			row[i] = inert(cell(item, strings.Split(column, ".")))
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		return reply{}, fmt.Errorf("write CSV: %w", err)
	}
	out.header["Content-Type"], out.body = "text/csv; charset=utf-8; header=present", b.Bytes()
	if cursor != "" {
		out.header["Link"] = "<" + r.after(cursor) + `>; rel="next"`
	}
	return out, nil
}

// after is the address of the next page (RFC 8288).
func (r Request) after(cursor string) string {
	values, err := url.ParseQuery(r.Query)
	if err != nil { // it was read before
		values = url.Values{}
	}
	values.Set("cursor", cursor)
	return r.Path + "?" + values.Encode()
}

// listed are the items of a list's JSON: its one member that is an array, and its cursor.
func listed(body []byte) (items []any, cursor string, err error) {
	var list map[string]any
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, "", err
	}
	for _, v := range list {
		if v, ok := v.([]any); ok {
			items = v
		}
	}
	cursor, _ = list["cursor"].(string)
	return items, cursor, nil
}

// cell is what a member says: several texts one after the other, nothing where there is no such member.
func cell(v any, path []string) string {
	if members, ok := v.(map[string]any); ok && len(path) > 0 {
		return cell(members[path[0]], path[1:])
	}
	if len(path) > 0 {
		return ""
	}
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, cell(one, nil))
		}
		return strings.Join(all, " ")
	}
	return ""
}

// inert keeps a spreadsheet from taking a cell that somebody has named so for a formula (OWASP, CSV Injection).
func inert(s string) string {
	if strings.ContainsAny(firstOf(s), "=+-@\t\r\n＝＋－＠") {
		return "'" + s
	}
	return s
}

func firstOf(s string) string {
	for i := range s {
		if i > 0 {
			return s[:i]
		}
	}
	return s
}

// wantsCSV reports whether the caller prefers CSV to JSON; who likes both alike gets JSON.
func (r Request) wantsCSV() bool {
	return quality(r.accept, "text", "csv") > quality(r.accept, "application", "json")
}

// quality is how much a header Accept likes a media type, by its most exact range for it.
func quality(accept, kind, sub string) float64 {
	best, exact := 0.0, -1
	for part := range strings.SplitSeq(accept, ",") {
		media, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		depth := map[string]int{"*/*": 0, kind + "/*": 1, kind + "/" + sub: 2}
		at, fits := depth[media]
		if !fits || at < exact {
			continue
		}
		q, err := strconv.ParseFloat(parameters["q"], 64)
		if err != nil || q < 0 || q > 1 {
			q = 1
		}
		best, exact = q, at
	}
	return best
}
