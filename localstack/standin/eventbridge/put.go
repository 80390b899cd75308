package eventbridge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"zapas/localstack/standin/iam"
)

const (
	maxEntries = 10
	maxSize    = 256 << 10
	timeSize   = 14 // of an entry's time, whatever its digits
)

type putInput struct {
	Entries []entry
}

// entry is one event, in the members of the page PutEventsRequestEntry.
type entry struct {
	Bus        string         `json:"EventBusName"`
	Source     string         `json:"Source"`
	DetailType string         `json:"DetailType"`
	Detail     string         `json:"Detail"`
	Resources  []string       `json:"Resources"`
	Time       jsontext.Value `json:"Time"` // seconds since 1970
}

type putOutput struct {
	Failed  int      `json:"FailedEntryCount"`
	Entries []result `json:"Entries"`
}

type result struct {
	ID      string `json:"EventId,omitzero"`
	Code    string `json:"ErrorCode,omitzero"`
	Message string `json:"ErrorMessage,omitzero"`
}

// event is what rules match and targets get (page "Events in Amazon EventBridge").
type event struct {
	Version    string         `json:"version"`
	ID         string         `json:"id"`
	DetailType string         `json:"detail-type"`
	Source     string         `json:"source"`
	Account    string         `json:"account"`
	Time       string         `json:"time"`
	Region     string         `json:"region"`
	Resources  []string       `json:"resources"`
	Detail     jsontext.Value `json:"detail"`
}

// size is that of the page "Calculating PutEvents event entry size".
func (e entry) size() int {
	n := len(e.Source) + len(e.DetailType) + len(e.Detail)
	for _, r := range e.Resources {
		n += len(r)
	}
	if e.Time != nil {
		n += timeSize
	}
	return n
}

// put takes the entries in order. One that is refused does not keep back the others.
func (s *Server) put(ctx context.Context, in putInput) (any, error) {
	if n := len(in.Entries); n < 1 || n > maxEntries {
		bound := "greater than or equal to 1"
		if n > 0 {
			bound = fmt.Sprintf("less than or equal to %d", maxEntries)
		}
		return nil, refuse("ValidationException", "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length "+bound)
	}
	size := 0
	for _, e := range in.Entries {
		size += e.size()
	}
	if size > maxSize {
		return nil, refuse("ValidationException", "Total size of the entries in the request is over the limit.")
	}
	asked := map[string]bool{}
	for _, e := range in.Entries {
		if arn := s.arn(e.bus(s)); !asked[arn] {
			asked[arn] = true
			if err := s.authorize(ctx, arn); err != nil {
				return nil, err
			}
		}
	}
	var out putOutput
	for _, e := range in.Entries {
		made, err := s.event(e)
		if refusal, ok := errors.AsType[*failure](err); ok {
			out.Failed++
			out.Entries = append(out.Entries, result{Code: refusal.code, Message: refusal.message})
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := s.deliver(ctx, e.bus(s), made); err != nil {
			return nil, err
		}
		out.Entries = append(out.Entries, result{ID: made.ID})
	}
	return out, nil
}

func (s *Server) arn(bus string) string {
	return "arn:aws:events:" + s.cfg.Region + ":" + s.cfg.Account + ":event-bus/" + bus
}

// bus is the name of the entry's bus. That of another account or region stays an ARN, which names none here.
func (e entry) bus(s *Server) string {
	if e.Bus == "" {
		return defaultBus
	}
	return strings.TrimPrefix(e.Bus, s.arn(""))
}

func (s *Server) authorize(ctx context.Context, bus string) error {
	if s.cfg.Authorizer == nil {
		return nil
	}
	err := s.cfg.Authorizer.Authorize(ctx, iam.Request{Action: "events:PutEvents", Resource: bus, Owner: bus})
	if denied, ok := errors.AsType[*iam.Denied](err); ok {
		return refuse("AccessDeniedException", denied.Error())
	}
	return err
}

// event is what an entry says, or why it says nothing (page PutEventsResultEntry).
func (s *Server) event(e entry) (event, error) {
	for _, m := range [][2]string{{"Source", e.Source}, {"DetailType", e.DetailType}, {"Detail", e.Detail}} {
		if m[1] == "" {
			return event{}, refuse("InvalidArgument", "Parameter "+m[0]+" is not valid. Reason: "+m[0]+" is a required argument.")
		}
	}
	detail := jsontext.Value(e.Detail)
	switch _, known := s.busRules(e.bus(s)); {
	case strings.HasPrefix(e.Source, "aws."):
		return event{}, refuse("NotAuthorizedForSourceException", "Not authorized for the source.")
	case !detail.IsValid() || detail.Kind() != '{':
		return event{}, refuse("MalformedDetail", "Detail is malformed.")
	case !known:
		return event{}, refuse("InvalidArgument", "Event bus "+e.Bus+" does not exist.")
	}
	at := s.cfg.Now()
	if e.Time != nil {
		seconds, err := strconv.ParseFloat(string(e.Time), 64)
		if err != nil || seconds < 0 || seconds > 1e11 {
			return event{}, refuse("InvalidArgument", "Parameter Time is not valid.")
		}
		at = time.Unix(int64(seconds), 0)
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return event{}, err
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4: RFC 9562, 5.4
	h := hex.EncodeToString(id)
	return event{Version: "0", ID: strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-"), DetailType: e.DetailType, Source: e.Source,
		Account: s.cfg.Account, Time: at.UTC().Format("2006-01-02T15:04:05Z"), Region: s.cfg.Region, Resources: append([]string{}, e.Resources...), Detail: detail}, nil
}

func (s *Server) busRules(bus string) ([]Rule, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	rules, ok := s.rules[bus]
	return rules, ok
}

func (s *Server) deliver(ctx context.Context, bus string, made event) error {
	text, err := json.Marshal(made)
	if err != nil {
		return err
	}
	var fields any
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	if err := s.Seen.Deliver(ctx, text); err != nil {
		return err
	}
	rules, _ := s.busRules(bus)
	for _, r := range rules {
		if !r.matches.match(fields) {
			continue
		}
		if err := r.Deliver(ctx, text); err != nil {
			s.cfg.Log.ErrorContext(ctx, "an event was not delivered", slog.String("rule", r.Name), slog.String("event", made.ID), slog.Any("error", err))
		}
	}
	return nil
}
