package scheduler

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxBody is far above the longest valid request.
const maxBody = 1 << 20

// Operation is what a request asks for, such as "CreateSchedule"; of one that is not here, its method and path.
func Operation(r *http.Request) string {
	if name := strings.TrimPrefix(r.URL.Path, "/schedules/"); name != r.URL.Path && name != "" && !strings.Contains(name, "/") {
		switch r.Method {
		case http.MethodPost:
			return "CreateSchedule"
		case http.MethodPut:
			return "UpdateSchedule"
		case http.MethodGet:
			return "GetSchedule"
		case http.MethodDelete:
			return "DeleteSchedule"
		}
	}
	if r.Method == http.MethodGet && r.URL.Path == "/schedules" {
		return "ListSchedules"
	}
	return r.Method + " " + r.URL.Path
}

// ServeHTTP answers one call, whose signature the caller has verified.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := s.answer(r)
	if err != nil {
		f, ok := errors.AsType[*failure](err)
		if !ok {
			s.cfg.Log.Error("a call of Scheduler failed", slog.Any("error", err))
			f = &failure{http.StatusInternalServerError, "InternalServerException", "An internal error occurred."}
		}
		WriteError(w, f.status, f.code, f.message)
		return
	}
	s.write(w, answer)
}

func (s *Server) answer(r *http.Request) (any, error) {
	name := strings.TrimPrefix(r.URL.Path, "/schedules/")
	query := r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch operation := Operation(r); operation {
	case "CreateSchedule", "UpdateSchedule":
		var in putInput
		if err := decode(operation, http.MaxBytesReader(nil, r.Body, maxBody), &in); err != nil {
			return nil, err
		}
		return s.put(r.Context(), operation, id{orDefault(in.Group), name}, in)
	case "GetSchedule":
		return s.get(r.Context(), id{orDefault(query.Get("groupName")), name})
	case "DeleteSchedule":
		return s.delete(r.Context(), id{orDefault(query.Get("groupName")), name}, query.Get("clientToken"))
	case "ListSchedules":
		return s.list(r.Context(), query)
	default:
		return nil, missing("The operation " + operation)
	}
}

func orDefault(group string) string {
	if group == "" {
		return defaultGroup
	}
	return group
}

type putInput struct {
	definition
	Token string `json:"ClientToken,omitzero"`
	Group string `json:"GroupName,omitzero"`
}

// decode reads a request. A member that is not known answers 501, for it may change what the call means.
func decode(operation string, body io.Reader, into any) error {
	err := json.UnmarshalRead(body, into, json.RejectUnknownMembers(true))
	if errors.Is(err, json.ErrUnknownName) {
		return missing("The operation " + operation + " with a member that is none of its own, or is not heeded,")
	}
	if err != nil {
		return &failure{http.StatusBadRequest, "SerializationException", "The request is not a JSON object of this operation's members."}
	}
	return nil
}

type arnOutput struct {
	ARN string `json:"ScheduleArn"`
}

// put creates or replaces a schedule. One that is replaced keeps the invocations that were begun.
func (s *Server) put(ctx context.Context, operation string, i id, in putInput) (any, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	now := s.cfg.Now().UTC()
	arn := s.arn(i)
	t, err := newToken(operation, arn, in.Token, in.definition, now)
	if err != nil {
		return nil, err
	}
	in.complete()
	if err := in.check(s.cfg); err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, operation, arn); err != nil {
		return nil, err
	}
	if err := s.mayPass(ctx, in.Target.RoleARN); err != nil {
		return nil, err
	}
	if again, err := s.repeated(t); again || err != nil {
		return arnOutput{arn}, err
	}
	there, exists := s.schedules[i]
	one := &schedule{Group: i.group, Name: i.name, definition: in.definition, Created: now, Modified: now}
	switch {
	case !s.groups[i.group]:
		return nil, notFound("Schedule group " + i.group + " does not exist.")
	case exists && operation == "CreateSchedule":
		return nil, conflict("Schedule " + i.name + " already exists.")
	case !exists && operation == "UpdateSchedule":
		return nil, notFound("Schedule " + i.name + " does not exist.")
	case exists:
		one.Created, one.Pending = there.Created, there.Pending
	}
	one.Next = one.begin()
	return arnOutput{arn}, s.save(i, one, t)
}

// Make makes a schedule so, without asking for rights: definition has the members of CreateSchedule, but for names and
// tokens. One that is so already is left alone, with what it has begun.
func (s *Server) Make(group, name string, definition []byte) error {
	var in putInput
	if err := decode("CreateSchedule", bytes.NewReader(definition), &in); err != nil {
		return err
	}
	i := id{orDefault(group), name}
	if err := i.check(); err != nil {
		return err
	}
	in.complete()
	if err := in.check(s.cfg); err != nil {
		return fmt.Errorf("schedule %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.groups[i.group] {
		return fmt.Errorf("schedule %s: there is no group %s: create it first", name, i.group)
	}
	now := s.cfg.Now().UTC()
	one := &schedule{Group: i.group, Name: i.name, definition: in.definition, Created: now, Modified: now}
	if there, ok := s.schedules[i]; ok {
		before, err := sum(there.definition)
		after, failed := sum(in.definition)
		if err := errors.Join(err, failed); err != nil || before == after {
			return err
		}
		one.Created, one.Pending = there.Created, there.Pending
	}
	one.Next = one.begin()
	return s.save(i, one, nil)
}

func (i id) check() error {
	return firstOf(pattern("name", i.name, `[0-9a-zA-Z\-_.]{1,64}`), pattern("groupName", i.group, `[0-9a-zA-Z\-_.]{1,64}`))
}

// find finds a schedule for a caller who may do this with it.
func (s *Server) find(ctx context.Context, operation string, i id) (*schedule, error) {
	if err := i.check(); err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, operation, s.arn(i)); err != nil {
		return nil, err
	}
	if !s.groups[i.group] {
		return nil, notFound("Schedule group " + i.group + " does not exist.")
	}
	one, ok := s.schedules[i]
	if !ok {
		return nil, notFound("Schedule " + i.name + " does not exist.")
	}
	return one, nil
}

func (s *Server) get(ctx context.Context, i id) (any, error) {
	one, err := s.find(ctx, "GetSchedule", i)
	if err != nil {
		return nil, err
	}
	return struct {
		definition
		ARN      string `json:"Arn"`
		Group    string `json:"GroupName"`
		Name     string `json:"Name"`
		Created  epoch  `json:"CreationDate"`
		Modified epoch  `json:"LastModificationDate"`
	}{one.definition, s.arn(i), one.Group, one.Name, epoch{one.Created}, epoch{one.Modified}}, nil
}

func (s *Server) delete(ctx context.Context, i id, clientToken string) (any, error) {
	t, err := newToken("DeleteSchedule", s.arn(i), clientToken, nil, s.cfg.Now().UTC())
	if err != nil {
		return nil, err
	}
	_, missing := s.find(ctx, "DeleteSchedule", i)
	if f, ok := errors.AsType[*failure](missing); ok && f.code == codeNotFound {
		if again, err := s.repeated(t); again || err != nil {
			return struct{}{}, err
		}
	}
	if missing != nil {
		return nil, missing
	}
	return struct{}{}, s.save(i, nil, t)
}

type summary struct {
	ARN      string        `json:"Arn"`
	Group    string        `json:"GroupName"`
	Name     string        `json:"Name"`
	State    string        `json:"State"`
	Created  epoch         `json:"CreationDate"`
	Modified epoch         `json:"LastModificationDate"`
	Target   targetSummary `json:"Target"`
}

type targetSummary struct {
	ARN string `json:"Arn"`
}

// list lists in the order of groups and names; AWS promises none.
func (s *Server) list(ctx context.Context, query url.Values) (any, error) {
	most, after, err := page(query)
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, "ListSchedules", "*"); err != nil {
		return nil, err
	}
	group, prefix, state := query.Get("ScheduleGroup"), query.Get("NamePrefix"), query.Get("State")
	if group != "" && !s.groups[group] {
		return nil, notFound("Schedule group " + group + " does not exist.")
	}
	out := struct {
		Schedules []summary `json:"Schedules"`
		Next      string    `json:"NextToken,omitzero"`
	}{Schedules: []summary{}}
	last := ""
	for _, i := range slices.SortedFunc(maps.Keys(s.schedules), func(a, b id) int { return strings.Compare(a.place(), b.place()) }) {
		one := s.schedules[i]
		if i.place() <= after || group != "" && i.group != group || !strings.HasPrefix(i.name, prefix) || state != "" && one.State != state {
			continue
		}
		if len(out.Schedules) == most {
			out.Next = base64.RawURLEncoding.EncodeToString([]byte(last))
			break
		}
		last = i.place()
		out.Schedules = append(out.Schedules, summary{s.arn(i), i.group, i.name, one.State, epoch{one.Created}, epoch{one.Modified}, targetSummary{one.Target.ARN}})
	}
	return out, nil
}

// place is where in the order of a list a schedule is.
func (i id) place() string { return i.group + "\x00" + i.name }

// page reads how many schedules a list may have, and after which place it begins.
func page(query url.Values) (most int, after string, err error) {
	most = 100
	if text := query.Get("MaxResults"); text != "" {
		if most, err = strconv.Atoi(text); err != nil {
			return 0, "", refuse("MaxResults must be a number.")
		}
	}
	for _, name := range []string{"NamePrefix", "ScheduleGroup"} {
		if value := query.Get(name); query.Has(name) {
			if err := pattern(strings.ToLower(name[:1])+name[1:], value, `[0-9a-zA-Z\-_.]{1,64}`); err != nil {
				return 0, "", err
			}
		}
	}
	if query.Has("State") {
		if err := oneOf("state", query.Get("State"), enabled, disabled); err != nil {
			return 0, "", err
		}
	}
	place, err := base64.RawURLEncoding.DecodeString(query.Get("NextToken"))
	if err != nil || query.Has("NextToken") && !bytes.Contains(place, []byte{0}) {
		return 0, "", refuse("Invalid NextToken.")
	}
	return most, string(place), between("maxResults", &most, 1, 100)
}

func (s *Server) write(w http.ResponseWriter, answer any) {
	var b bytes.Buffer
	if err := json.MarshalWrite(&b, answer); err != nil {
		s.cfg.Log.Error("an answer of Scheduler cannot be encoded", slog.Any("error", err))
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-RequestId", rand.Text())
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(b.Bytes()) // a client that has gone cannot be told
}

// WriteError answers an error in the form of Scheduler.
func WriteError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-ErrorType", code)
	w.Header().Set("X-Amzn-RequestId", rand.Text())
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, map[string]string{"Message": message}) // a client that has gone cannot be told
}

// A failure is an error of the API Reference, pages of the operations and "Common Errors".
type failure struct {
	status        int
	code, message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

const codeNotFound = "ResourceNotFoundException"

func refuse(message string) error {
	return &failure{http.StatusBadRequest, "ValidationException", message}
}

func notFound(message string) error { return &failure{http.StatusNotFound, codeNotFound, message} }

func conflict(message string) error {
	return &failure{http.StatusConflict, "ConflictException", message}
}

func denial(message string) error {
	return &failure{http.StatusForbidden, "AccessDeniedException", message}
}

func missing(what string) error {
	return &failure{http.StatusNotImplemented, "NotImplementedException", fmt.Sprintf("%s is not implemented.", what)}
}
